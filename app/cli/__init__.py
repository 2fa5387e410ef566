"""The `filmgate` command."""

import sys


def main() -> None:
    """The console script; the processes that `serve` starts import it too, and need nothing of what is imported inside."""
    from app.cli.asked import plainly_asked

    asked = plainly_asked(sys.argv[1:])
    if asked is None:
        from app.cli.commands import app

        app()
    else:
        from app.cli.serving import run_server

        run_server(asked)
