"""`filmgate keys`: who may ask."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from app.cli.console import AsJson, print_json, print_table, run
from app.cli.local import keys_of, local_gateway
from app.domain.channels import DEFAULT_GROUP, Key
from app.engine.views import key_view

app = typer.Typer(no_args_is_help=True, help="Keys that clients show to this gateway.")
_PAGE = 1_000


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    group: Annotated[list[str] | None, typer.Option(help="A group of channels that it may use; repeat for more.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model that it may use; repeat for more. All if left out.")] = None,
    expires: Annotated[datetime | None, typer.Option(help="When it ends, in UTC.")] = None,
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
    )
    made, text = run(_create(wanted))
    if as_json:
        print_json({**key_view(made), "key": text})
    else:
        typer.echo(text)
        typer.echo(f"{made.id} ({made.name}): keep the key, it is shown this once.", err=True)


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """Show every key, the newest first."""
    keys = run(_list())
    if as_json:
        print_json([key_view(key) for key in keys])
        return
    rows = [
        (key.id, key.name, f"{key.hint}…", ", ".join(sorted(key.groups)), _models(key), _state(key, datetime.now(UTC)))
        for key in keys
    ]
    print_table(
        ("id", "name", "key", "groups", "models", "state"), rows, "There are no keys; `filmgate keys create NAME` makes one."
    )


@app.command()
def revoke(key: Annotated[str, typer.Argument(help="Its id or name.")]) -> None:
    """End a key for good; every worker turns it away within two seconds."""
    ended = run(_revoke(key))
    typer.echo(f"{ended.id} ({ended.name}) is revoked.")


async def _create(wanted: Key) -> tuple[Key, str]:
    async with local_gateway() as gateway:
        return await keys_of(gateway).add(wanted)


async def _list() -> list[Key]:
    async with local_gateway() as gateway:
        return list(await keys_of(gateway).page(before=None, limit=_PAGE))


async def _revoke(name_or_id: str) -> Key:
    async with local_gateway() as gateway:
        desk = keys_of(gateway)
        key = await desk.find(name_or_id)
        await desk.delete(key.id)
        return key


def _models(key: Key) -> str:
    return "all" if key.models is None else ", ".join(sorted(key.models))


def _state(key: Key, now: datetime) -> str:
    if not key.enabled:
        return "disabled"
    if not key.valid(now):
        return "expired"
    return "active" if key.expires_at is None else f"until {key.expires_at:%Y-%m-%d %H:%M} UTC"
