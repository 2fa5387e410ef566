"""Channels: what operators do with them over HTTP."""

from fastapi import Response

from app.api.admin.access import admin_router
from app.api.admin.channel_bodies import ChannelBody, ChannelPatch
from app.api.admin.desks import Before, Channels, Limit
from app.api.answers import json_answer
from app.api.deps import GatewayDep
from app.engine.probe import Verdict, probe, rehearse
from app.engine.views import channel_view, page_view, split_page

router = admin_router()


@router.post("/channels", status_code=201)
async def create_channel(body: ChannelBody, channels: Channels, gateway: GatewayDep) -> Response:
    """Makes a channel."""
    made = await channels.add(body.channel())
    await gateway.configuration.refresh()
    return json_answer(channel_view(made), 201)


@router.post("/channels/test")
async def try_new_channel(body: ChannelBody, gateway: GatewayDep) -> Response:
    """Makes the vendor's cheapest authenticated call with each credential of a channel as it is written; stores nothing."""
    return _verdict(await rehearse(gateway.submitter.desk.vendors, body.channel()))


@router.get("/channels")
async def list_channels(channels: Channels, gateway: GatewayDep, before: Before = None, limit: Limit = 50) -> Response:
    """Every channel, the newest first."""
    found, more = split_page(await channels.page(before=before, limit=limit + 1), limit)
    return json_answer(page_view([channel_view(channel, gateway.health.states(channel)) for channel in found], more))


@router.get("/channels/{channel_id}")
async def get_channel(channel_id: str, channels: Channels, gateway: GatewayDep) -> Response:
    """One channel."""
    found = await channels.get(channel_id)
    return json_answer(channel_view(found, gateway.health.states(found)))


@router.patch("/channels/{channel_id}")
async def change_channel(channel_id: str, body: ChannelPatch, channels: Channels, gateway: GatewayDep) -> Response:
    """Changes what the body names."""
    changed = await channels.change(channel_id, body.on)
    await gateway.health.forgive(channel_id)  # what was wrong may be mended now
    await gateway.configuration.refresh()
    return json_answer(channel_view(changed, gateway.health.states(changed)))


@router.delete("/channels/{channel_id}")
async def delete_channel(channel_id: str, channels: Channels, gateway: GatewayDep) -> Response:
    """Takes a channel away from new jobs; its running ones finish."""
    await channels.delete(channel_id)
    await gateway.configuration.refresh()
    return json_answer({"id": channel_id, "object": "channel", "deleted": True})


@router.post("/channels/{channel_id}/test")
async def try_channel(channel_id: str, channels: Channels, gateway: GatewayDep, body: ChannelPatch | None = None) -> Response:
    """Makes the vendor's cheapest authenticated call with each credential.

    With a body the channel is tried as it would be after that change, and nothing is stored.
    """
    channel, vendors = await channels.get(channel_id), gateway.submitter.desk.vendors
    if body is not None and body.model_fields_set:
        return _verdict(await rehearse(vendors, body.on(channel)))
    verdict = await probe(vendors, channel)
    if verdict.ok:
        await gateway.health.forgive(channel_id)
    await channels.note_test(channel, ok=verdict.ok)
    return _verdict(verdict)


def _verdict(verdict: Verdict) -> Response:
    return json_answer({"ok": verdict.ok, "latency_ms": verdict.latency_ms, "detail": verdict.detail})
