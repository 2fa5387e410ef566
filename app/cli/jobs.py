"""`filmgate jobs`: what was made, for whom, and where."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from app.cli.console import AsJson, print_json, print_table, run
from app.cli.local import local_gateway
from app.domain.jobs import JobStatus
from app.domain.json import Json
from app.engine.job_desk import JobDesk, JobFilter

app = typer.Typer(no_args_is_help=True, help="Generations, of all keys.")


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
    rows = [
        (
            str(job["id"]),
            str(job["status"]),
            f"{job['progress']} %",
            str(job["model"]),
            _name(job["channel"]),
            _time(job["created_at"]),
        )
        for job in found
    ]
    print_table(("id", "status", "done", "model", "channel", "created (UTC)"), rows, "There are no such jobs.")


@app.command()
def show(job: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """Show one job as JSON: request, route, attempts, outcome."""
    print_json(run(_one(job)))


async def _page(wanted: JobFilter, before: str | None, limit: int) -> Sequence[dict[str, Json]]:
    async with local_gateway() as gateway:
        return await JobDesk(gateway.database, gateway.configuration).page(wanted, before=before, limit=limit)


async def _one(job_id: str) -> dict[str, Json]:
    async with local_gateway() as gateway:
        return await JobDesk(gateway.database, gateway.configuration).one(job_id)


def _name(channel: Json) -> str:
    return str(channel.get("name") or channel.get("id")) if isinstance(channel, Mapping) else ""


def _time(moment: Json) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S}" if isinstance(moment, int) else ""
