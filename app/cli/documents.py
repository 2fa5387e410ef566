"""`filmgate docs`, for whoever works on Filmgate itself: writes the pages that are generated."""

import typer

from app.cli.api_page import api_page
from app.engine.reference import reference_of
from app.main import create_app
from app.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Pages that are generated.")


@app.command("api")
def write_api_page() -> None:
    """Write the API reference as a Markdown page (docs/api.md)."""
    print(api_page(reference_of(create_app(Settings(_env_file=None)).openapi())), end="")
