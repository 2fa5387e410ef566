"""Other gateways, in the versions that the tables name, each in a folder of its own: installed once, started like ours.

    python -m bench.peers       installs what is missing; `make bench-peers` does it before it measures

LiteLLM comes by pip and Portkey by npm, from whatever registries these are set up for; nginx is taken where it is on PATH.
"""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.gateway import IMAGE_MODEL, VIDEO_MODEL
from bench.processes import RESULTS, Server, running

LITELLM, PORTKEY, NGINX = "LiteLLM", "Portkey", "nginx"
VERSIONS = {LITELLM: "1.106.2", PORTKEY: "1.15.2"}

_FOLDER = RESULTS / "peers"
_LITELLM = ".litellm"  # a folder with a dot: type checkers and linters do not look into it
_KEY = "sk-bench-0001"
_PATIENCE = 180.0  # seconds; LiteLLM loads long
# priced, for LiteLLM logs a failed look-up of the price with each answer of an unknown model
_PRICED = {"image_generation": "openai/dall-e-3", "video_generation": "openai/sora-2"}
_MODELS = (*(f"{IMAGE_MODEL}{kind}" for kind in ("", "-2mb", "-4mb", "-slow")), VIDEO_MODEL)


@dataclass(frozen=True, slots=True)
class Peer:
    """One that runs, and what a client has to say to it."""

    server: Server
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Start:
    """How one is started: its address is given to it, for not all say theirs; `ready` is a path that answers once it serves."""

    command: Sequence[str]
    base: str
    ready: str
    headers: Mapping[str, str]
    environment: Mapping[str, str]


class Missing(RuntimeError):
    """What is needed for an installation is not there; the message says what."""


def install() -> None:
    """Installs LiteLLM and Portkey where these versions are not there yet; raises Missing, or RuntimeError with what failed."""
    python = _FOLDER / _LITELLM / "bin" / "python"
    if _lacks(LITELLM):
        _run([sys.executable, "-m", "venv", "--clear", str(_FOLDER / _LITELLM)])
        _run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"litellm[proxy]=={VERSIONS[LITELLM]}"]
        )
        _note(LITELLM)
    if _lacks(PORTKEY):
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            raise Missing("Portkey needs Node: node and npm have to be on PATH.")
        folder = str(_FOLDER / "portkey")
        package = f"@portkey-ai/gateway@{VERSIONS[PORTKEY]}"
        _run([npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, package])
        _note(PORTKEY)


def versions() -> dict[str, str]:
    """Of those that can be started here."""
    found = {name: version for name, version in VERSIONS.items() if not _lacks(name)}
    nginx = shutil.which("nginx")
    if nginx:
        said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=False).stderr
        found[NGINX] = said.strip().rpartition("/")[2]
    return found


def starts(upstream: str, folder: Path) -> dict[str, Start]:
    """How each of them is started in front of this vendor; files that they need are written to `folder`."""
    found = {LITELLM: _litellm(upstream, folder), PORTKEY: _portkey(upstream)}
    nginx = shutil.which("nginx")
    return found | ({NGINX: _nginx(nginx, upstream, folder)} if nginx else {})


@contextmanager
def running_peers(upstream: str, core: int, folder: Path) -> Iterator[dict[str, Peer]]:
    """All of them, one process each."""
    with ExitStack() as stack:
        found = starts(upstream, folder)
        yield {name: Peer(stack.enter_context(started(name, start, core, folder)), start.headers) for name, start in found.items()}


@contextmanager
def started(name: str, start: Start, core: int, folder: Path) -> Iterator[Server]:
    """One of them, as soon as it serves."""
    with running(
        name,
        start.command,
        core=core,
        folder=folder,
        environment=start.environment,
        started_in=folder,
        base=start.base,
        ready=start.ready,
        patience=_PATIENCE,
    ) as server:
        yield server


def _litellm(upstream: str, folder: Path) -> Start:
    """One worker, no database, a master key, and nothing logged but errors."""
    config = folder / "litellm.yaml"
    models = [_deployment(model, upstream) for model in _MODELS]
    settings = {"master_key": _KEY, "disable_spend_logs": True}
    config.write_text(json.dumps({"model_list": models, "general_settings": settings, "litellm_settings": {"telemetry": False}}))
    port = _free_port()
    command = [str(_FOLDER / _LITELLM / "bin" / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    return Start(
        [*command, "--num_workers", "1", "--telemetry", "False"],
        f"http://127.0.0.1:{port}",
        "/health/liveliness",
        {"authorization": f"Bearer {_KEY}"},
        {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )


def _deployment(model: str, upstream: str) -> dict[str, object]:
    mode = "video_generation" if model == VIDEO_MODEL else "image_generation"
    return {
        "model_name": model,
        "litellm_params": {"model": f"openai/{model}", "api_base": f"{upstream}/v1", "api_key": "canary"},
        "model_info": {"mode": mode, "base_model": _PRICED[mode]},
    }


def _portkey(upstream: str) -> Start:
    """As it comes: it has neither keys nor rows."""
    port = _free_port()
    script = _FOLDER / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    headers = {
        "authorization": "Bearer canary",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"{upstream}/v1",
    }
    command = [shutil.which("node") or "node", str(script), f"--port={port}", "--headless"]
    return Start(command, f"http://127.0.0.1:{port}", "/", headers, {"NODE_ENV": "production"})


def _nginx(program: str, upstream: str, folder: Path) -> Start:
    """A reverse proxy that does nothing else: what a proxy costs at least."""
    port = _free_port()
    config = folder / "nginx.conf"
    config.write_text(
        f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 10000000; client_body_temp_path {folder}/nginx-b;
  proxy_temp_path {folder}/nginx-p;
  fastcgi_temp_path {folder}/nginx-f; uwsgi_temp_path {folder}/nginx-u; scgi_temp_path {folder}/nginx-s;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffers 64 64k; proxy_read_timeout 600s; proxy_max_temp_file_size 0;
  upstream vendor {{ server {upstream.removeprefix("http://")}; keepalive 1024; }}
  server {{ listen 127.0.0.1:{port} backlog=4096; location = /ready {{ return 204; }} location / {{ proxy_pass http://vendor; }} }}
}}
"""
    )
    return Start([program, "-p", str(folder), "-c", str(config)], f"http://127.0.0.1:{port}", "/ready", {}, {})


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _lacks(name: str) -> bool:
    noted = _FOLDER / f"{name}.version"
    return not noted.exists() or noted.read_text() != VERSIONS[name]


def _note(name: str) -> None:
    (_FOLDER / f"{name}.version").write_text(VERSIONS[name])


def _run(command: Sequence[str]) -> None:
    print(" ".join(command), file=sys.stderr, flush=True)
    _FOLDER.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")


if __name__ == "__main__":
    install()
