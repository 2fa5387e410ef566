"""Keys: what operators do with them over HTTP."""

from fastapi import Response

from app.api.admin.access import admin_router
from app.api.admin.desks import Before, Keys, Limit
from app.api.admin.key_bodies import KeyBody, KeyPatch
from app.api.admin.money import Money
from app.api.answers import json_answer
from app.api.deps import GatewayDep
from app.engine.guard import Guard
from app.engine.views import page_view, split_page

router = admin_router()


@router.post("/keys", status_code=201)
async def create_key(body: KeyBody, keys: Keys, money: Money, gateway: GatewayDep) -> Response:
    """Makes a key; its text and its webhook secret are in this answer and nowhere else."""
    body.check(Guard(gateway.settings.allow_hosts))
    made = await keys.add(body.key())
    await gateway.configuration.refresh()
    (view,) = await money.keys([made.key])
    shown = {**view, "key": made.text, "webhook_secret": made.webhook_secret}
    return json_answer(shown, 201, {"cache-control": "no-store"})


@router.get("/keys")
async def list_keys(keys: Keys, money: Money, before: Before = None, limit: Limit = 50) -> Response:
    """Every key, the newest first."""
    found, more = split_page(await keys.page(before=before, limit=limit + 1), limit)
    return json_answer(page_view(await money.keys(found), more))


@router.get("/keys/{key_id}")
async def get_key(key_id: str, keys: Keys, money: Money) -> Response:
    """One key."""
    (view,) = await money.keys([await keys.get(key_id)])
    return json_answer(view)


@router.patch("/keys/{key_id}")
async def change_key(key_id: str, body: KeyPatch, keys: Keys, money: Money, gateway: GatewayDep) -> Response:
    """Changes what the body names."""
    body.check(Guard(gateway.settings.allow_hosts))
    changed = await keys.change(key_id, body.on)
    await gateway.configuration.refresh()
    (view,) = await money.keys([changed])
    return json_answer(view)


@router.delete("/keys/{key_id}")
async def revoke_key(key_id: str, keys: Keys, gateway: GatewayDep) -> Response:
    """Ends a key for good; no worker takes it two seconds later."""
    await keys.delete(key_id)
    await gateway.configuration.refresh()
    return json_answer({"id": key_id, "object": "key", "deleted": True})
