"""`filmgate channels`: where to ask."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from app.cli.console import AsJson, print_json, print_table, run
from app.cli.given import credential_of, decimal_of, models_of
from app.cli.local import channels_of, local_gateway
from app.domain.channels import DEFAULT_GROUP, Channel
from app.engine.probe import Verdict, probe
from app.engine.views import channel_view

app = typer.Typer(no_args_is_help=True, help="Ways in to vendors.")
_PAGE = 1_000
Named = Annotated[str, typer.Argument(help="Its name or id.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    adapter: Annotated[str, typer.Option(help="The vendor's protocol: ark, openai, kling, sandbox, …")],
    credential: Annotated[
        list[str] | None,
        typer.Option(
            help="One credential as field=value, several fields separated by commas; field=@FILE reads a file and "
            "field=- asks, so that no secret ends up in the shell's history. Repeat for more credentials."
        ),
    ] = None,
    base_url: Annotated[str, typer.Option(help="The vendor's address, if not the usual one.")] = "",
    model: Annotated[
        list[str] | None, typer.Option(help="A public name, or public=upstream; repeat for more. All if left out.")
    ] = None,
    group: Annotated[list[str] | None, typer.Option(help="A group that may use it; repeat for more.")] = None,
    priority: Annotated[int, typer.Option(help="Higher goes first.", min=-1_000_000, max=1_000_000)] = 0,
    weight: Annotated[int, typer.Option(help="Its share among channels of one priority.", min=0, max=1_000_000)] = 1,
    max_concurrency: Annotated[
        int | None, typer.Option(help="Open jobs at its vendor, at most; no limit if left out.", min=1, max=1_000_000)
    ] = None,
    keep_results: Annotated[
        bool | None,
        typer.Option(
            "--keep-results/--no-keep-results",
            help="Whether its results are copied to the storage; no holds for every key. If left out, key or gateway says.",
        ),
    ] = None,
    price_ratio: Annotated[str, typer.Option(help="What prices are multiplied by.")] = "1",
    as_json: AsJson = False,
) -> None:
    """Make a channel."""
    wanted = Channel(
        id="",
        name=name,
        adapter=adapter,
        base_url=base_url,
        credentials=tuple(credential_of(text) for text in credential or ()),
        models=models_of(model or ()),
        groups=frozenset(group or (DEFAULT_GROUP,)),
        priority=priority,
        weight=weight,
        max_concurrency=max_concurrency,
        keep_results=keep_results,
        price_ratio=decimal_of("--price-ratio", price_ratio),
    )
    made = run(_add(wanted))
    if as_json:
        print_json(channel_view(made))
    else:
        typer.echo(f"{made.id} ({made.name}) is made; `filmgate channels test {made.name}` tries it.")


@app.command("list")
def list_channels(as_json: AsJson = False) -> None:
    """Show every channel, the newest first; credentials are masked."""
    channels = run(_list())
    if as_json:
        print_json([channel_view(channel) for channel in channels])
        return
    rows = [
        (
            channel.id,
            channel.name,
            channel.adapter,
            channel.base_url,
            "all" if channel.models == "*" else ", ".join(channel.models),
            ", ".join(sorted(channel.groups)),
            "enabled" if channel.enabled else "disabled",
        )
        for channel in channels
    ]
    columns = ("id", "name", "adapter", "base URL", "models", "groups", "state")
    print_table(columns, rows, "There are no channels; `filmgate channels add` makes one.")


@app.command("test")
def try_channels(
    channel: Annotated[list[str] | None, typer.Argument(help="Names or ids; all channels if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make each vendor's cheapest authenticated call; exit code 1 when one fails."""
    tried = run(_test(channel or ()))
    if as_json:
        print_json([{"channel": one.name, "ok": v.ok, "latency_ms": v.latency_ms, "detail": v.detail} for one, v in tried])
    else:
        rows = [(one.name, "ok" if v.ok else "FAILED", f"{v.latency_ms} ms", v.detail) for one, v in tried]
        print_table(("channel", "result", "took", "detail"), rows, "There are no channels.")
    if not all(verdict.ok for _, verdict in tried):
        raise typer.Exit(1)


@app.command()
def disable(channel: Named) -> None:
    """Take a channel away from new jobs until it is enabled again."""
    changed = run(_switch(channel, enabled=False))
    typer.echo(f"{changed.name} is disabled; its running jobs finish.")


@app.command()
def enable(channel: Named) -> None:
    """Give a disabled channel back to new jobs."""
    changed = run(_switch(channel, enabled=True))
    typer.echo(f"{changed.name} is enabled.")


async def _add(wanted: Channel) -> Channel:
    async with local_gateway() as gateway:
        return await channels_of(gateway).add(wanted)


async def _list() -> Sequence[Channel]:
    async with local_gateway() as gateway:
        return await channels_of(gateway).page(before=None, limit=_PAGE)


async def _test(names: Sequence[str]) -> list[tuple[Channel, Verdict]]:
    async with local_gateway() as gateway:
        desk = channels_of(gateway)
        chosen = [await desk.find(name) for name in names] if names else await desk.page(before=None, limit=_PAGE)
        vendors = gateway.submitter.desk.vendors
        verdicts = await asyncio.gather(*(probe(vendors, channel) for channel in chosen))
        return list(zip(chosen, verdicts, strict=True))


async def _switch(name_or_id: str, *, enabled: bool) -> Channel:
    async with local_gateway() as gateway:
        desk = channels_of(gateway)
        found = await desk.find(name_or_id)
        return await desk.change(found.id, lambda channel: replace(channel, enabled=enabled))
