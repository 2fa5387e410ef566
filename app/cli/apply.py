"""`filmgate apply`: groups, channels and keys as a file declares them."""

import json
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.cli.console import AsJson, fail, print_json, print_table, run
from app.cli.local import local_gateway
from app.domain.json import Json
from app.engine.declared import Applied, DeclarationDesk
from app.engine.declared_file import read_declared
from app.engine.declared_steps import Action, Change
from app.engine.guard import Guard

_SIGNS: Mapping[Action, tuple[str, str]] = {"create": ("+", "green"), "update": ("~", "yellow"), "delete": ("-", "red")}
_DONE: Mapping[Action, str] = {"create": "made", "update": "changed", "delete": "deleted"}


def apply_command(
    file: Annotated[Path, typer.Argument(help="A TOML file of [[groups]], [[channels]] and [[keys]]; - for standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference and write nothing.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete the channels and keys that a file made earlier and this one does not name.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make groups, channels and keys what the file says: all of it or nothing, and a second time nothing at all.

    They are matched by name; what the file leaves out stays as it is. ${NAME} in a text is the environment variable NAME.
    """
    applied = run(_applied(_text(file), dry_run=dry_run, prune=prune))
    if as_json:
        keys: list[Json] = [{"name": key.name, "key": key.text} for key in applied.keys]
        print_json({"dry_run": dry_run, "changes": [asdict(change) for change in applied.changes], "keys": keys})
        return
    for change in applied.changes:
        _print_change(change)
    typer.echo(_summary(applied.changes, dry_run))
    if applied.keys:
        print_table(("name", "key"), [(key.name, key.text) for key in applied.keys], "")
        typer.echo("Keep the keys, they are shown this once.", err=True)


async def _applied(text: str, *, dry_run: bool, prune: bool) -> Applied:
    declared = read_declared(text, os.environ)
    async with local_gateway() as gateway:
        guard = Guard(gateway.settings.allow_hosts)
        desk = DeclarationDesk(gateway.database, gateway.vault, guard, gateway.now)
        if dry_run:
            return Applied(await desk.difference(declared, prune=prune))
        return await desk.apply(declared, prune=prune)


def _text(file: Path) -> str:
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file}: {error}")


def _print_change(change: Change) -> None:
    sign, colour = _SIGNS[change.action]
    typer.echo(f"{typer.style(sign, fg=colour)} {change.kind} {typer.style(change.name, bold=True)}")
    for name, sides in change.fields.items():
        if isinstance(sides, Mapping):
            before, after = _shown(name, sides.get("from")), _shown(name, sides.get("to"))
            moved = after if change.action == "create" else f"{before} -> {after}"
            typer.echo(f"    {name}: {moved}")


def _shown(name: str, value: Json) -> str:
    if value is None:
        return "none"
    if name == "expires_at" and isinstance(value, int):
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=dict)


def _summary(changes: Sequence[Change], dry_run: bool) -> str:
    if not changes:
        return "There is nothing to change."
    counted = Counter(change.action for change in changes)
    words = ", ".join(f"{counted[action]} {'to be ' if dry_run else ''}{done}" for action, done in _DONE.items() if counted[action])
    return f"{words}; nothing is written." if dry_run else f"{words}."
