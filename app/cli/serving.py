"""The server behind `filmgate serve`: its options, its socket and its processes."""

import gc
import signal
import socket
from contextlib import nullcontext
from types import FrameType
from typing import TYPE_CHECKING

from app.cli.asked import Asked
from app.cli.outcome import fail
from app.cli.preparing import prepared, prepared_elsewhere
from app.cli.welcome import welcome
from app.engine.metric_folder import shared_counters
from app.lean import leave_out_the_servers_command, share_one_heap

if TYPE_CHECKING:
    import uvicorn

_SLOWEST_START = 60  # seconds that a worker may take until it serves, before it counts as hung
_WAITING = 2048  # connections that the system holds until they are accepted


def run_server(asked: Asked) -> None:
    """The whole of `filmgate serve`."""
    gc.disable()  # a start makes much and drops little; `app.serving` turns it on
    share_one_heap()
    made = prepared() if asked.workers == 1 else prepared_elsewhere()
    config = configured(made.drain_seconds, asked.host, asked.port, asked.workers)
    listener = listening(asked.host, asked.port)  # before anything is promised: a port in use ends here
    print(welcome(_address(asked.host, listener), made), flush=True)
    with shared_counters(made.data_dir) if asked.workers > 1 else nullcontext():
        serve(config, listener)


def configured(drain_seconds: float, host: str, port: int, workers: int) -> "uvicorn.Config":
    """The server's options; each worker process builds its own application from the environment."""
    leave_out_the_servers_command()
    import uvicorn  # after that

    from app.cli.connections import PatientConnection

    return uvicorn.Config(
        "app.serving:application",
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
        timeout_graceful_shutdown=round(drain_seconds),
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


def serve(config: "uvicorn.Config", listener: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT; then running requests finish first."""
    if config.workers > 1:
        from uvicorn.supervisors import Multiprocess  # with it come the parts of the standard library that start processes

        Multiprocess(config, sockets=[listener]).run()
        return
    import uvicorn  # by whoever made the options

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)  # the server raises what it was stopped by once more when it is done
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    if not server.started:
        raise SystemExit(3)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _address(host: str, listener: socket.socket) -> str:
    """Where a browser on this machine finds us."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - shown, not bound
    return f"http://{shown}:{listener.getsockname()[1]}"
