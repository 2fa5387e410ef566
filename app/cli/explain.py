"""`filmgate explain`: what a request would become, without sending anything."""

from typing import Annotated

import typer

from app.cli.console import print_json, run
from app.cli.given import field_of, json_of
from app.cli.local import local_gateway
from app.domain.json import Json, JsonObject
from app.engine.explain import explain
from app.engine.explain_wish import Body, explained_key, explained_wish
from app.engine.explanation_view import explanation_view


def explain_command(
    path: Annotated[str, typer.Argument(help="The client API's path, e.g. /v1/videos.")] = "/v1/videos",
    body: Annotated[str, typer.Option("--body", help="The JSON body, @FILE, or - for standard input.")] = "{}",
    field: Annotated[
        list[str] | None, typer.Option("--field", "-f", help="name=value on top of the body; repeat for more.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Short for -f model=…")] = None,
    prompt: Annotated[str | None, typer.Option(help="Short for -f prompt=…")] = None,
    key: Annotated[str | None, typer.Option(help="The id of the key that asks.")] = None,
    group: Annotated[str | None, typer.Option(help="Ask as a key of this group.")] = None,
    channel: Annotated[str | None, typer.Option(help="Show this channel (name or id) instead of the first choice.")] = None,
) -> None:
    """Show the route, the fitted request, the vendor's call and the price; sends, fetches and stores nothing."""
    fields: dict[str, Json] = {**json_of("--body", body), **dict(field_of("--field", text) for text in field or ())}
    fields.update({name: value for name, value in (("model", model), ("prompt", prompt)) if value is not None})
    print_json(run(_explained(path, fields, key, group, channel)))


async def _explained(path: str, fields: JsonObject, key_id: str | None, group: str | None, channel: str | None) -> dict[str, Json]:
    async with local_gateway() as gateway:
        key = explained_key(gateway, key_id, group)
        wish = await explained_wish(gateway, key, path, Body(fields))
        return explanation_view(await explain(gateway, wish, channel))
