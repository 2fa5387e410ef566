"""`filmgate serve`: migrates, makes what a first run needs, says how to begin, and serves."""

from typing import Annotated

import typer

from app.cli.asked import LAST_PORT, MOST_WORKERS, Asked

_USUAL = Asked()


def serve_command(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for every one of this machine.")] = _USUAL.host,
    port: Annotated[int, typer.Option(min=0, max=LAST_PORT, help="0 takes any free port.")] = _USUAL.port,
    workers: Annotated[int, typer.Option(min=1, max=MOST_WORKERS, help="Processes that share the port and the jobs.")] = (
        _USUAL.workers
    ),
) -> None:
    """Run the gateway. The first start prints a client key and the admin key: keep them."""
    from app.cli.serving import run_server  # so that `serve --help` waits for nothing of it

    run_server(Asked(host, port, workers))
