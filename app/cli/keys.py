"""`filmgate keys`: who may ask."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from app.cli.console import AsJson, fail, print_json, print_table, run
from app.cli.given import decimal_of
from app.cli.local import keys_of, local_gateway
from app.domain.channels import DEFAULT_GROUP, BudgetPeriod, Key
from app.domain.errors import InvalidRequest
from app.domain.json import Json
from app.domain.money import MICRO
from app.domain.normalise.sources import web_address
from app.engine.addresses import network_text
from app.engine.callback_urls import check_callback
from app.engine.guard import Guard
from app.engine.keys import MadeKey
from app.engine.money_desk import MoneyDesk
from app.engine.views import key_view

app = typer.Typer(no_args_is_help=True, help="Keys that clients show to this gateway.")
_PAGE = 1_000
_MOST = 1_000_000_000  # dollars of a budget, as over HTTP
_NOT_UNDERSTOOD = 2


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    group: Annotated[list[str] | None, typer.Option(help="A group of channels that it may use; repeat for more.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model that it may use; repeat for more. All if left out.")] = None,
    expires: Annotated[datetime | None, typer.Option(help="When it ends, in UTC.")] = None,
    budget_usd: Annotated[str | None, typer.Option(help="What it may spend in a period, in dollars; no limit if left out.")] = None,
    budget_period: Annotated[
        BudgetPeriod, typer.Option(help="For how long a budget is: for good, or per UTC day or month.")
    ] = "total",
    allow_unpriced: Annotated[
        bool, typer.Option("--allow-unpriced", help="Let it use models without a price although it has a budget.")
    ] = False,
    rpm: Annotated[int | None, typer.Option(help="POSTs a minute, at most.", min=1, max=1_000_000)] = None,
    max_concurrency: Annotated[int | None, typer.Option(help="Open jobs, at most.", min=1, max=1_000_000)] = None,
    allow_ip: Annotated[
        list[str] | None, typer.Option(help="An address or network (CIDR) it may be used from; repeat for more. Any if left out.")
    ] = None,
    store_prompts: Annotated[
        bool, typer.Option("--store-prompts/--no-store-prompts", help="Whether its prompts and media may be written down.")
    ] = True,
    keep_results: Annotated[
        bool | None,
        typer.Option(
            "--keep-results/--no-keep-results",
            help="Whether its results are copied to the storage; as channel and gateway say if left out.",
        ),
    ] = None,
    callback_url: Annotated[
        str | None, typer.Option(help="Who is told when a job ends that names no address of its own; https.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse requests that would have to be adjusted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it; nobody can show it again later."""
    wanted = Key(
        id="",
        name=name,
        hash="",
        groups=frozenset(group or (DEFAULT_GROUP,)),
        models=frozenset(model) if model else None,
        expires_at=None if expires is None else expires.replace(tzinfo=UTC),
        strict=strict,
        allowed_ips=tuple(_network(text) for text in allow_ip or ()),
        rpm=rpm,
        max_concurrency=max_concurrency,
        budget=None if budget_usd is None else _micros(budget_usd),
        budget_period=budget_period,
        allow_unpriced=allow_unpriced,
        store_prompts=store_prompts,
        keep_results=keep_results,
        callback_url=None if callback_url is None else _address(callback_url),
    )
    made = run(_create(wanted))
    if as_json:
        print_json({**key_view(made.key), "key": made.text, "webhook_secret": made.webhook_secret})
    else:
        typer.echo(made.text)
        typer.echo(f"Its webhooks are signed with {made.webhook_secret}", err=True)
        typer.echo(f"{made.key.id} ({made.key.name}): keep the key and this secret, they are shown this once.", err=True)


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """Show every key, the newest first, with what it spent and holds in its budget's period."""
    keys, views = run(_list())
    if as_json:
        print_json(views)
        return
    now = datetime.now(UTC)
    rows = [
        (key.id, key.name, f"{key.hint}…", ", ".join(sorted(key.groups)), _models(key), *_money(view), _state(key, now))
        for key, view in zip(keys, views, strict=True)
    ]
    columns = ("id", "name", "key", "groups", "models", "spent USD", "held USD", "state")
    print_table(columns, rows, "There are no keys; `filmgate keys create NAME` makes one.")


@app.command()
def revoke(key: Annotated[str, typer.Argument(help="Its id or name.")]) -> None:
    """End a key for good; every worker turns it away within two seconds."""
    ended = run(_revoke(key))
    typer.echo(f"{ended.id} ({ended.name}) is revoked.")


async def _create(wanted: Key) -> MadeKey:
    async with local_gateway() as gateway:
        if wanted.callback_url is not None:
            check_callback(wanted.callback_url, Guard(gateway.settings.allow_hosts), "callback_url")
        return await keys_of(gateway).add(wanted)


async def _list() -> tuple[Sequence[Key], list[dict[str, Json]]]:
    async with local_gateway() as gateway:
        keys = await keys_of(gateway).page(before=None, limit=_PAGE)
        return keys, await MoneyDesk(gateway.database, gateway.configuration, gateway.now).keys(keys)


async def _revoke(name_or_id: str) -> Key:
    async with local_gateway() as gateway:
        desk = keys_of(gateway)
        key = await desk.find(name_or_id)
        await desk.delete(key.id)
        return key


def _micros(text: str) -> int:
    amount = decimal_of("--budget-usd", text)
    if amount > _MOST or amount * MICRO % 1:
        fail(f"--budget-usd must be at most {_MOST} and have at most six decimals.", _NOT_UNDERSTOOD)
    return int(amount * MICRO)


def _network(text: str) -> str:
    try:
        return network_text(text)
    except ValueError as error:
        fail(f"--allow-ip {error}.", _NOT_UNDERSTOOD)


def _address(text: str) -> str:
    try:
        return web_address(text, "--callback-url")
    except InvalidRequest as error:
        fail(error.message, _NOT_UNDERSTOOD)


def _models(key: Key) -> str:
    return "all" if key.models is None else ", ".join(sorted(key.models))


def _money(view: Mapping[str, Json]) -> tuple[str, str]:
    return str(view["spent_usd"]), str(view["reserved_usd"])


def _state(key: Key, now: datetime) -> str:
    if not key.enabled:
        return "disabled"
    if not key.valid(now):
        return "expired"
    return "active" if key.expires_at is None else f"until {key.expires_at:%Y-%m-%d %H:%M} UTC"
