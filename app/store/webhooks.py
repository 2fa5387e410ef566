"""The outbox: what clients are still to be told, what they were told, and how each try went."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Row, RowMapping, bindparam, delete, func, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.webhooks import Webhook, WebhookState, WebhookTry
from app.store.changes import put
from app.store.tables import webhook_tries, webhooks
from app.store.types import Moment

_FIELDS = ("id", "key_id", "job_id", "url", "type", "state", "tries", "created_at", "due", "ended_at")
_WHICH = webhooks.c.id == bindparam("which")
_due = webhooks.c.due <= bindparam("now", type_=Moment)
_INSERT = webhooks.insert()
_INSERT_TRY = webhook_tries.insert()
_GET = select(webhooks).where(_WHICH)
_COUNT = update(webhooks).where(_WHICH).values(tries=webhooks.c.tries + 1).returning(webhooks.c.state, webhooks.c.due)
_LAST = select(func.coalesce(func.max(webhook_tries.c.number), 0)).where(webhook_tries.c.webhook_id == bindparam("which"))
_MOVE = update(webhooks).where(_WHICH)
_REPLAY = update(webhooks).where(_WHICH).values(state=WebhookState.PENDING.value, tries=0, ended_at=None).returning(*webhooks.c)
_OLD = (
    select(webhooks.c.number)
    .where(webhooks.c.due.is_(None), webhooks.c.ended_at < bindparam("before", type_=Moment))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("old")
)
_PURGE = delete(webhooks).where(webhooks.c.number.in_(select(_OLD.c.number))).returning(webhooks.c.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFilter:
    """Which webhooks to list; None means all."""

    key_id: str | None = None
    job_id: str | None = None
    state: WebhookState | None = None


async def insert(connection: AsyncConnection, webhook: Webhook) -> None:
    """Puts a webhook into the outbox; belongs into the transaction that ends its job."""
    row = {name: getattr(webhook, name) for name in _FIELDS}
    await put(connection, _INSERT, row | {"state": webhook.state.value})


async def any_due(connection: AsyncConnection, now: datetime, full: Sequence[str] = ()) -> bool:
    """Whether some webhook is due, those to the origins in `full` left aside."""
    query = select(webhooks.c.number).where(_due, *_aside(full)).limit(1)
    return (await connection.execute(query, {"now": now})).first() is not None


async def claim(
    connection: AsyncConnection, *, now: datetime, until: datetime, limit: int, full: Sequence[str] = ()
) -> list[Webhook]:
    """At most `limit` webhooks that are due, the longest waiting first; nobody else gets them before `until`.

    Those to the origins in `full` (see `Webhook.origin`) are left where they are.
    """
    free = (
        select(webhooks.c.number)
        .where(_due, *_aside(full))
        .order_by(webhooks.c.due, webhooks.c.number)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    query = (
        update(webhooks)
        .where(webhooks.c.number.in_(select(free.c.number)))
        .values(due=bindparam("until", type_=Moment))
        .returning(*webhooks.c)
    )
    rows = (await connection.execute(query, {"now": now, "until": until, "most": limit})).mappings()
    return [_webhook(row) for row in rows]


async def note_try(
    connection: AsyncConnection, claimed: Webhook, tried: WebhookTry, state: WebhookState, due: datetime | None, now: datetime
) -> None:
    """Writes down how a try of a claimed webhook went, and what comes of it: `due` again, or ended in `state`.

    What was delivered is delivered. A failure changes nothing where the webhook meanwhile was claimed anew, replayed or ended.
    """
    held: Row[tuple[str, datetime | None]] | None = (await connection.execute(_COUNT, {"which": claimed.id})).first()
    if held is None:
        return  # forgotten meanwhile
    number = (await connection.execute(_LAST, {"which": claimed.id})).scalar_one() + 1
    row = {"number": number, "at": tried.at, "milliseconds": tried.milliseconds, "status": tried.status, "detail": tried.detail}
    await connection.execute(_INSERT_TRY, {"webhook_id": claimed.id, **row})
    mine = held.state == WebhookState.PENDING.value and held.due == claimed.due
    if mine or state is WebhookState.DELIVERED:
        ended = None if state is WebhookState.PENDING else now
        await connection.execute(_MOVE, {"which": claimed.id, "state": state.value, "due": due, "ended_at": ended})


async def replay(connection: AsyncConnection, webhook_id: str, now: datetime) -> Webhook | None:
    """Has a webhook delivered (again), with every try that a new one has; None when there is no such webhook."""
    row = (await connection.execute(_REPLAY, {"which": webhook_id, "due": now})).mappings().first()
    return None if row is None else _webhook(row)


async def get(connection: AsyncConnection, webhook_id: str) -> Webhook | None:
    """The webhook with this id."""
    row = (await connection.execute(_GET, {"which": webhook_id})).mappings().first()
    return None if row is None else _webhook(row)


async def page(connection: AsyncConnection, wanted: WebhookFilter, *, before: str | None = None, limit: int = 100) -> list[Webhook]:
    """At most `limit` webhooks, the newest first, older than the webhook `before`."""
    state = None if wanted.state is None else wanted.state.value
    named = ((webhooks.c.key_id, wanted.key_id), (webhooks.c.job_id, wanted.job_id), (webhooks.c.state, state))
    query = select(webhooks).where(*(column == value for column, value in named if value is not None))
    if before is not None:
        query = query.where(webhooks.c.number < select(webhooks.c.number).where(webhooks.c.id == before).scalar_subquery())
    rows = (await connection.execute(query.order_by(webhooks.c.number.desc()).limit(limit))).mappings()
    return [_webhook(row) for row in rows]


async def tries_of(connection: AsyncConnection, webhook_ids: Sequence[str]) -> dict[str, list[WebhookTry]]:
    """The tries of each of these webhooks, the first one first."""
    query = select(webhook_tries).where(webhook_tries.c.webhook_id.in_(webhook_ids))
    found: dict[str, list[WebhookTry]] = defaultdict(list)
    for row in await connection.execute(query.order_by(webhook_tries.c.webhook_id, webhook_tries.c.number)):
        tried = WebhookTry(at=row.at, milliseconds=row.milliseconds, status=row.status, detail=row.detail, number=row.number)
        found[row.webhook_id].append(tried)
    return found


async def purge(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Forgets at most `limit` webhooks that ended before this time, with their tries; returns how many."""
    return len((await connection.execute(_PURGE, {"before": before, "most": limit})).all())


def _aside(full: Sequence[str]) -> list[ColumnElement[bool]]:
    return [not_(_leads_to(origin)) for origin in full]


def _leads_to(origin: str) -> ColumnElement[bool]:
    starts = (webhooks.c.url.startswith(f"{origin}{mark}", autoescape=True) for mark in "/?#")
    return or_(webhooks.c.url == origin, *starts)


def _webhook(row: RowMapping) -> Webhook:
    return Webhook(**{name: row[name] for name in _FIELDS if name != "state"}, state=WebhookState(row["state"]))
