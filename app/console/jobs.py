"""Jobs: a gallery and a table of them, and everything about one."""

from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.console.job_cards import cards, key_name, reason_of
from app.console.job_story import compared, results, steps, tries
from app.console.lists import PAGE, Text, chosen, older
from app.console.pages import page
from app.console.viewer import Console, CurrentViewer, Viewer
from app.domain.jobs import JobStatus
from app.domain.requests import Operation
from app.engine.configuration import public_names
from app.engine.gateway import Gateway
from app.engine.job_browser import JobBrowser
from app.engine.job_desk import channel_id
from app.engine.keys import KeyDesk
from app.engine.views import split_page
from app.store.job_pages import WholeJobs

router = APIRouter()
_STATUSES = {status.value: status for status in JobStatus}
_KINDS: dict[str, Operation] = {"video": "video", "image": "image"}
_MOST_CHOICES = 100


@router.get("/jobs")
async def list_jobs(
    request: Request,
    viewer: CurrentViewer,
    gateway: Console,
    view: Text = "",
    status: Text = "",
    kind: Text = "",
    model: Text = "",
    key: Text = "",
    channel: Text = "",
    before: Text = "",
) -> Response:
    """Jobs, the newest first: a client's own, or everybody's for the operator."""
    filters = {"status": status if status in _STATUSES else None, "kind": kind if kind in _KINDS else None, "model": chosen(model)}
    if viewer.admin:
        filters |= {"key": chosen(key), "channel": chosen(channel)}
    wanted = await _wanted(gateway, viewer, filters)
    found, more = split_page(await _browser(gateway).page(wanted, before=chosen(before), limit=PAGE + 1), PAGE)
    view = "table" if view == "table" else "gallery"
    content = {
        "cards": cards(gateway, found, inside=viewer.admin),
        "view": view,
        "views": {name: _address(request, filters, name) for name in ("gallery", "table")},
        "filters": filters,
        "filtered": any(filters.values()),
        "choices": await _choices(gateway, viewer),
        "older": older(request.url.path, {"view": view, **filters}, found[-1].id if more else None),
    }
    return page(request, viewer, "jobs.html", content)


@router.get("/jobs/{job_id}")
async def show_job(request: Request, viewer: CurrentViewer, gateway: Console, job_id: str) -> Response:
    """One job; another key's does not exist."""
    file = await _browser(gateway).one(job_id, None if viewer.key is None else viewer.key.id)
    job, key = file.job, gateway.configuration.key_by_id(file.job.key_id)
    shown, more = tries(file.view["attempts"])
    fields, more_fields = compared(job.asked, job.request)
    content = {
        "job": job,
        "told": file.view,
        "deliveries": file.deliveries,
        "reason": reason_of(job, inside=viewer.admin),
        "results": results(gateway, job),
        "steps": steps(job),
        "fields": fields,
        "more_fields": more_fields,
        "tries": shown,
        "more_tries": more,
        "key_name": key_name(gateway.configuration, job.key_id),
        "key_known": key is not None,
        # the client API cancels and deletes videos alone, and for a key that may still ask
        "steerable": job.op == "video" and job.parent_id is None and key is not None and key.valid(gateway.now()),
    }
    return page(request, viewer, "jobs_one.html", content)


async def _wanted(gateway: Gateway, viewer: Viewer, filters: dict[str, str | None]) -> WholeJobs:
    """The filters as the store takes them; a client's own key is one that cannot be taken off."""
    key, channel = filters.get("key"), filters.get("channel")
    of_key = None if key is None else await _browser(gateway).key_id(key)
    return WholeJobs(
        status=_STATUSES.get(filters["status"] or ""),
        op=_KINDS.get(filters["kind"] or ""),
        model=filters["model"],
        key_id=of_key if viewer.key is None else viewer.key.id,
        channel_id=None if channel is None else channel_id(gateway.configuration, channel),
    )


async def _choices(gateway: Gateway, viewer: Viewer) -> dict[str, list[str]]:
    """Names to choose from in the filters; any other may be written."""
    channels = [one for one in gateway.configuration.channels() if not one.deleted]
    if viewer.key is not None:
        key = viewer.key
        usable = [one for one in channels if one.enabled and one.groups & key.groups]
        return {"model": _few({name for one in usable for name in public_names(one) if key.may_use(name)})}
    keys = await KeyDesk(gateway.database, gateway.vault, gateway.now).page(before=None, limit=_MOST_CHOICES)
    return {
        "model": _few({name for one in channels for name in public_names(one)}),
        "key": _few({key.name for key in keys if key.name}),
        "channel": _few({one.name for one in channels}),
    }


def _few(names: set[str]) -> list[str]:
    return sorted(names)[:_MOST_CHOICES]


def _address(request: Request, filters: dict[str, str | None], view: str) -> str:
    return f"{request.url.path}?{urlencode({'view': view, **{name: text for name, text in filters.items() if text}})}"


def _browser(gateway: Gateway) -> JobBrowser:
    return JobBrowser(gateway.database, gateway.configuration, gateway.now)
