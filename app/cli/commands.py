"""Every command with its line in the list; the module of a command is loaded when it is asked for, which takes up to a second."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

if TYPE_CHECKING:
    from typer._click import Command, Context  # its own name for what it makes of functions


@dataclass(frozen=True, slots=True)
class Entry:
    """A command, or a group of them: where it is, and the first sentence of its help."""

    module: str
    name: str
    help: str
    hidden: bool = False


ENTRIES = {
    "serve": Entry(
        "app.cli.serve", "serve_command", "Run the gateway. The first start prints a client key and the admin key: keep them."
    ),
    "apply": Entry(
        *("app.cli.apply", "apply_command"),
        "Make groups, channels and keys what the file says: all of it or nothing, and a second time nothing at all.",
    ),
    "explain": Entry(
        *("app.cli.explain", "explain_command"),
        "Show the route, the fitted request, the vendor's call and the price; sends, fetches and stores nothing.",
    ),
    "backup": Entry(
        "app.cli.backup", "backup_command", "Write the database and what opens it to one file, while the gateway runs."
    ),
    "restore": Entry(
        *("app.cli.backup", "restore_command"),
        "Put a backup back, with every gateway stopped; an older one is migrated to this version.",
    ),
    "doctor": Entry(
        *("app.cli.doctor", "doctor_command"),
        "Look at the database, folders, storage, clock, settings and every channel; exit code 1 when something is wrong.",
    ),
    "keys": Entry("app.cli.keys", "app", "Keys that clients show to this gateway."),
    "channels": Entry("app.cli.channels", "app", "Ways in to vendors."),
    "models": Entry("app.cli.models", "app", "Models that this gateway offers."),
    "jobs": Entry("app.cli.jobs", "app", "Generations, of all keys."),
    "generate": Entry("app.cli.generate", "app", "Make a picture or a clip with any OpenAI-compatible gateway."),
    "db": Entry("app.cli.database", "app", "The database."),
    "docs": Entry("app.cli.documents", "app", "Pages that are generated.", hidden=True),
}


class Commands(TyperGroup):
    """Shows commands as the table has them, and loads the one that runs."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]  # what Typer gives, passed on
        self.commands = {name: TyperCommand(name, help=entry.help, hidden=entry.hidden) for name, entry in ENTRIES.items()}

    def resolve_command(self, ctx: "Context", args: list[str]) -> "tuple[str | None, Command | None, list[str]]":
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else loaded(name), rest


def loaded(name: str) -> "Command":
    """The command itself."""
    found = getattr(import_module(ENTRIES[name].module), ENTRIES[name].name)
    alone = typer.Typer()
    if isinstance(found, typer.Typer):
        alone.add_typer(found, name=name)
    else:
        alone.command(name)(found)
    return get_group(alone).commands[name]


app = typer.Typer(
    name="filmgate",
    help="Every image and video model behind one OpenAI-compatible base URL.",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _filmgate() -> None:
    """What makes the commands a group; they are in the table."""
