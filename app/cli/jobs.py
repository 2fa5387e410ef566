"""`filmgate jobs`: what was made, for whom, and where."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from app.cli.console import AsJson, fail, print_json, print_table, run, screen
from app.cli.local import local_gateway
from app.domain.jobs import JobStatus
from app.domain.json import Json
from app.engine.gateway import Gateway
from app.engine.job_desk import JobDesk, JobFilter
from app.engine.job_views import job_line
from app.store import jobs as job_store

app = typer.Typer(no_args_is_help=True, help="Generations, of all keys.")
_PAUSE = 1.0  # seconds between two looks at a watched job
_MOST_WATCHED = 1_000
_LEFT = 130  # the exit code of a command that Ctrl-C ended
_WHOLE = ("id", "status", "done")  # columns that a narrow terminal leaves in one piece
_COLUMNS = ("id", "status", "done", "model", "channel", "created (UTC)")
Line: TypeAlias = Mapping[str, Json]
Look: TypeAlias = Callable[[], Awaitable[Sequence[Line]]]
Show: TypeAlias = Callable[[Sequence[Line]], None]
Pause: TypeAlias = Callable[[], Awaitable[None]]


@app.command("list")
def list_jobs(
    status: Annotated[JobStatus | None, typer.Option(help="Only jobs in this state.")] = None,
    key: Annotated[str | None, typer.Option(help="Only jobs of this key id.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only jobs on this channel, by name or id.")] = None,
    model: Annotated[str | None, typer.Option(help="Only jobs of this model.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many to show.")] = 20,
    before: Annotated[str | None, typer.Option(help="Only jobs older than this job id.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show jobs, the newest first."""
    found = run(_page(JobFilter(status, key, channel, model), before, limit))
    if as_json:
        print_json(found)
        return
    print_table(_COLUMNS, [_cells(job) for job in found], "There are no such jobs.")


@app.command()
def show(job: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """Show one job as JSON: request, route, attempts, outcome."""
    print_json(run(_one(job)))


@app.command()
def watch(
    job: Annotated[str | None, typer.Argument(help="Its id; the jobs that are open now if left out.")] = None,
) -> None:
    """Follow one job, or all that are open now, until they end; exit code 1 when one failed."""
    try:
        ended = run(watched(job, lambda: asyncio.sleep(_PAUSE)))
    except KeyboardInterrupt:
        raise typer.Exit(_LEFT) from None
    if job is not None and not ended:
        fail(f"The job {job} was deleted.")
    if not ended:
        typer.echo("There are no open jobs.")
    if any(line["status"] != JobStatus.COMPLETED for line in ended):
        raise typer.Exit(1)


async def watched(job_id: str | None, pause: Pause) -> Sequence[Line]:
    """Shows one job, or all that are open now, until they have ended; returns them as they ended. Raises NotFound."""
    async with local_gateway() as gateway:
        ids = await _open_ids(gateway) if job_id is None else [str((await _desk(gateway).one(job_id))["id"])]

        async def look() -> Sequence[Line]:
            await gateway.configuration.refresh()
            async with gateway.database.read() as connection:
                found = await job_store.get_many(connection, ids)
            return [job_line(job, gateway.configuration.channel(job.channel_id)) for job in found]

        with ExitStack() as stack:
            return await follow(look, shower(screen(), stack), pause)


async def _open_ids(gateway: Gateway) -> list[str]:
    """Those of the jobs that clients made, not of their parts."""
    states = [status for status in JobStatus if not status.final]
    pages = [await _desk(gateway).page(JobFilter(status=status), before=None, limit=_MOST_WATCHED) for status in states]
    return [str(line["id"]) for page in pages for line in page if line["parent_id"] is None]


async def follow(look: Look, show: Show, pause: Pause) -> Sequence[Line]:
    """Shows what `look` finds again and again until all of it has ended; returns that. A job that was deleted is gone."""
    while True:
        found = await look()
        show(found)
        if all(JobStatus(str(line["status"])).final for line in found):
            return found
        await pause()


def shower(console: Console, stack: ExitStack) -> Show:
    """Shows jobs in a table that changes in place, as long as `stack` is open; where nobody looks, as a line for each change."""
    if console.is_terminal:
        live = stack.enter_context(Live(console=console, auto_refresh=False))
        return lambda found: live.update(_table(found), refresh=True)
    shown: dict[str, tuple[str, ...]] = {}

    def show(found: Sequence[Line]) -> None:
        for line in found:
            cells = _changing(line)
            if shown.get(cells[0]) != cells:
                shown[cells[0]] = cells
                typer.echo("  ".join(cell for cell in cells if cell))

    return show


async def _page(wanted: JobFilter, before: str | None, limit: int) -> Sequence[dict[str, Json]]:
    async with local_gateway() as gateway:
        return await _desk(gateway).page(wanted, before=before, limit=limit)


async def _one(job_id: str) -> dict[str, Json]:
    async with local_gateway() as gateway:
        return await _desk(gateway).one(job_id)


def _desk(gateway: Gateway) -> JobDesk:
    return JobDesk(gateway.database, gateway.configuration)


def _table(found: Sequence[Line]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in (*_COLUMNS[:-1], "why"):
        table.add_column(column, overflow="fold", no_wrap=column in _WHOLE)
    for line in found:
        table.add_row(*map(Text, _changing(line)))
    return table


def _changing(line: Line) -> tuple[str, ...]:
    return (*_cells(line)[:-1], _why(line))


def _cells(line: Line) -> tuple[str, ...]:
    return (
        str(line["id"]),
        str(line["status"]),
        f"{line['progress']} %",
        str(line["model"]),
        _name(line["channel"]),
        _time(line["created_at"]),
    )


def _why(line: Line) -> str:
    """Why it failed, in one line that no terminal obeys: vendors wrote it."""
    failure = line["failure"]
    text = f"{failure['code']}: {failure['message']}" if isinstance(failure, Mapping) else ""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _name(channel: Json) -> str:
    return str(channel.get("name") or channel.get("id")) if isinstance(channel, Mapping) else ""


def _time(moment: Json) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S}" if isinstance(moment, int) else ""
