"""The `filmgate` command."""

import typer

from app.cli import channels, database, documents, generate, jobs, keys, models
from app.cli.apply import apply_command
from app.cli.backup import backup_command, restore_command
from app.cli.doctor import doctor_command
from app.cli.explain import explain_command
from app.cli.serve import serve_command

app = typer.Typer(
    name="filmgate",
    help="Every image and video model behind one OpenAI-compatible base URL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve_command)
app.add_typer(keys.app, name="keys")
app.add_typer(channels.app, name="channels")
app.add_typer(models.app, name="models")
app.add_typer(jobs.app, name="jobs")
app.command("apply")(apply_command)
app.command("explain")(explain_command)
app.add_typer(generate.app, name="generate")
app.add_typer(database.app, name="db")
app.command("backup")(backup_command)
app.command("restore")(restore_command)
app.command("doctor")(doctor_command)
app.add_typer(documents.app, name="docs", hidden=True)


def main() -> None:
    """The console script."""
    app()
