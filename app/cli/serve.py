"""`filmgate serve`: migrates, makes what a first run needs, says how to begin, and serves."""

import os
import signal
import socket
from contextlib import nullcontext
from datetime import UTC, datetime
from types import FrameType
from typing import Annotated

import typer
import uvicorn
from uvicorn.supervisors import Multiprocess

from app import __version__
from app.cli.connections import PatientConnection
from app.cli.console import fail, run
from app.cli.welcome import welcome
from app.engine.first_run import FirstRun, first_run
from app.engine.metric_folder import shared_counters
from app.engine.secret import secrets_of
from app.engine.spans import spans_of
from app.engine.storage import assets_of
from app.settings import Settings
from app.store.database import Database
from app.store.migrate import migrate
from app.store.secrets import Vault

_SLOWEST_START = 60  # seconds that a worker may take until it serves, before it counts as hung
_WAITING = 2048  # connections that the system holds until they are accepted


def serve_command(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for every one of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that share the port and the jobs.")] = 1,
) -> None:
    """Run the gateway. The first start prints a client key and the admin key: keep them."""
    settings, made = run(prepared())
    config = configured(settings, host, port, workers)
    listener = listening(host, port)  # before anything is promised: a port in use ends here
    typer.echo(welcome(_address(host, listener), made))
    with shared_counters(settings.data_dir) if workers > 1 else nullcontext():
        serve(config, listener)


async def prepared() -> tuple[Settings, FirstRun]:
    """The settings, with a database that fits this program and has what a first start makes."""
    settings = Settings()
    assets_of(settings)  # before anything is made: a storage that cannot be used ends here, as do traces that cannot be made
    spans_of(settings.otlp_endpoint, __version__).close()
    vault = Vault(secrets_of(settings))
    await migrate(settings.database)
    database = Database.open(settings.database)
    try:
        return settings, await first_run(database, vault, settings, os.environ, datetime.now(UTC))
    finally:
        await database.close()


def configured(settings: Settings, host: str, port: int, workers: int) -> uvicorn.Config:
    """The server's options; each worker process builds its own application from the environment."""
    return uvicorn.Config(
        "app.main:app_from_environment",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        http=PatientConnection,
        timeout_worker_healthcheck=_SLOWEST_START,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whom to believe about a client's address is TRUSTED_PROXIES' to say
        timeout_graceful_shutdown=round(settings.drain_seconds),
    )


def listening(host: str, port: int) -> socket.socket:
    """A socket on this address; ends the command when it cannot be had."""
    # TCP said outright: asyncio only turns Nagle's delay off (40 ms an answer) for sockets that are known to be that
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_WAITING)  # who comes before the server is up waits instead of being refused
    except OSError as error:
        listener.close()
        fail(f"cannot listen on {host} port {port}: {error.strerror}")
    listener.set_inheritable(True)  # for the worker processes
    return listener


def serve(config: uvicorn.Config, listener: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT; then running requests finish first."""
    if config.workers > 1:
        Multiprocess(config, sockets=[listener]).run()
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)  # the server raises what it was stopped by once more when it is done
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    if not server.started:
        raise typer.Exit(3)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _address(host: str, listener: socket.socket) -> str:
    """Where a browser on this machine finds us."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - shown, not bound
    return f"http://{shown}:{listener.getsockname()[1]}"
