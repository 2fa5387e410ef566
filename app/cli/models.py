"""`filmgate models`: what can be asked for."""

from collections import defaultdict
from typing import Annotated

import typer

from app.adapters.registry import catalogue
from app.cli.console import AsJson, print_json, print_table, run
from app.cli.local import local_gateway
from app.cli.models_page import lengths_text, models_page, price_text, words
from app.domain.capabilities import ModelCard
from app.domain.channels import Channel
from app.domain.json import Json
from app.engine.configuration import public_names

_COLUMNS = ("model", "makes", "channels", "modes", "seconds", "resolutions", "price")

app = typer.Typer(no_args_is_help=True, help="Models that this gateway offers.")


@app.command("list")
def list_models(
    group: Annotated[str | None, typer.Option(help="Only what keys of this group may use.")] = None, as_json: AsJson = False
) -> None:
    """Show every model that an enabled channel serves."""
    found = run(_models(group))
    if as_json:
        print_json(found)
        return
    rows = [[", ".join(cell) if isinstance(cell, list) else str(cell or "") for cell in line.values()] for line in found]
    print_table(
        ("model", "makes", "channels", "modes", "seconds", "resolutions", "price"),
        rows,
        "No channel is enabled; `filmgate channels add` makes one.",
    )


@app.command("document")
def document_models() -> None:
    """Write every model of the data files as a Markdown page (docs/models.md)."""
    print(models_page(), end="")


async def _models(group: str | None) -> list[dict[str, Json]]:
    async with local_gateway() as gateway:
        channels = [
            channel
            for channel in gateway.configuration.channels()
            if channel.enabled and not channel.deleted and (group is None or group in channel.groups)
        ]
    serving: dict[str, list[Channel]] = defaultdict(list)
    for channel in channels:
        for name in public_names(channel):
            serving[name].append(channel)
    return [_line(name, serving[name]) for name in sorted(serving)]


def _line(name: str, channels: list[Channel]) -> dict[str, Json]:
    card = next((found for channel in channels if (found := _card(channel, name)) is not None), None)
    return {
        "id": name,
        "op": card.capabilities.op if card else None,
        "channels": sorted(channel.name for channel in channels),
        "modes": sorted(mode.value for mode in (card.capabilities.modes or ()) if card) if card else [],
        "seconds": lengths_text(card.capabilities) if card else "",
        "resolutions": words(card.capabilities.resolutions) if card else "",
        "price": price_text(card) if card else "",
    }


def _card(channel: Channel, name: str) -> ModelCard | None:
    upstream = name if channel.models == "*" else channel.models[name]
    return catalogue(channel.adapter).find(upstream)
