"""A gateway starts quickly and small: what only some gateways or moments need is loaded by those."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.adapters.registry import adapters
from app.lean import share_one_heap

# builds and starts the application in the way of `filmgate serve`, asks it something, and prints what is loaded
SERVING = """
import asyncio, sys
from app.cli import serving
from app.cli.preparing import prepared

async def main(app):
    from httpx import ASGITransport, AsyncClient
    async with app.router.lifespan_context(app), AsyncClient(transport=ASGITransport(app), base_url="http://gate") as client:
        for path in sys.argv[1:]:
            answer = await client.get(path)
            assert answer.status_code in (200, 303), (path, answer.status_code)

prepared()
before = set(sys.modules)
from app.serving import application
asyncio.run(main(application()))
print(*(name for name, module in sys.modules.items() if module is not None))
"""
PAGE_OF_METRICS = {"prometheus_client.exposition", "prometheus_client.multiprocess"}
ONLY_SOME = (
    *("aiohttp", "alembic", "asyncpg", "av", "click.testing", "cryptography", "jinja2", "limits", "mako", "mcp", "numpy"),
    *("obstore", "opentelemetry.sdk", "PIL", "pydantic.v1", "pygments", "redis", "rich", "sqlalchemy.dialects.postgresql"),
    *("sqlalchemy.orm", "statistics", "typer", "app.console.pages", "http.server", *PAGE_OF_METRICS),
    *(f"app.adapters.{name}" for name in adapters() if name != "sandbox"),  # that one's channel comes with a first start
)


def run(folder: Path, *words: str) -> str:
    """What a process of its own prints, whose data folder is `folder`."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("FILMGATE_", "OTEL_", "COV_"))}
    environ |= {"FILMGATE_DATA_DIR": str(folder), "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with all that a first start makes, which loads much that a later one does not need."""
    folder = tmp_path_factory.mktemp("data")
    run(folder, "-c", SERVING)
    return folder


def loaded(folder: Path, *paths: str) -> set[str]:
    """What is loaded in a process that serves and was asked for these paths."""
    return set(run(folder, "-c", SERVING, *paths).split())


def test_a_server_at_rest_has_only_what_every_server_needs(migrated: Path) -> None:
    found = loaded(migrated, "/healthz", "/readyz")
    assert {"sqlalchemy", "fastapi", "app.engine.gateway"} <= found
    assert found & set(ONLY_SOME) == set()


def test_a_page_of_metrics_loads_what_writes_it(migrated: Path) -> None:
    assert loaded(migrated, "/metrics") & set(ONLY_SOME) == {*PAGE_OF_METRICS, "http.server"}


def test_a_start_that_may_have_a_vendors_credential_loads_every_adapter(migrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLC_SECRET_KEY", "")
    assert {f"app.adapters.{name}" for name in adapters()} <= loaded(migrated)


def test_pages_are_loaded_when_somebody_asks_for_one(migrated: Path) -> None:
    found = loaded(migrated, "/console/sign-in", "/docs", "/docs/videos", "/openapi.json")
    assert {"jinja2", "app.console.pages"} <= found
    assert found & set(ONLY_SOME) == {"jinja2", "app.console.pages"}


def test_who_watches_over_workers_has_neither_gateway_nor_database(tmp_path: Path) -> None:
    script = "import sys, app.cli.serving, app.cli.preparing; print(*sys.modules)"
    assert set(run(tmp_path, "-c", script).split()).isdisjoint({"sqlalchemy", "fastapi", "pydantic", "typer", "app.engine.gateway"})


def test_the_list_of_commands_loads_none_of_them(tmp_path: Path) -> None:
    script = "import sys; from app.cli.commands import app; app(['--help'], standalone_mode=False); print(*sys.modules)"
    found = run(tmp_path, "-c", script)
    assert "doctor" in found
    assert set(found.split()).isdisjoint({"sqlalchemy", "httpx", "pydantic", "app.cli.doctor", "app.cli.serving"})


def test_a_lean_process_can_still_have_what_it_left_out(tmp_path: Path) -> None:
    script = (
        "from app.lean import leave_out_the_unused; leave_out_the_unused(); leave_out_the_unused()\n"
        "import sys; from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine\n"
        "import httpx, sqlalchemy.ext.asyncio as package\n"
        "assert 'sqlalchemy.orm' not in sys.modules and 'rich' not in sys.modules\n"
        "from sqlalchemy.ext.asyncio import AsyncSession\n"
        "assert package.AsyncSession is AsyncSession and package.AsyncConnection is AsyncConnection\n"
        "assert not hasattr(package, 'nonsense')\n"
        "from fastapi.openapi.models import OpenAPI\n"
        "import prometheus_client; from prometheus_client import Counter, Summary, generate_latest\n"
        "assert prometheus_client.Counter is Counter and issubclass(Counter, prometheus_client.metrics.MetricWrapperBase)\n"
        "print(OpenAPI(openapi='3.1.0', info={'title': 'x', 'version': '1'}, paths={}).info.title)"
    )
    assert run(tmp_path, "-W", "error", "-c", script) == "x\n"


def test_a_server_has_no_command_line_of_its_library(tmp_path: Path) -> None:
    script = (
        "from app.cli.serving import configured; config = configured(1.0, '127.0.0.1', 0, 1)\n"
        "import sys; assert {'click', 'uvicorn.main', 'uvicorn.supervisors'}.isdisjoint(sys.modules)\n"
        "import uvicorn; assert type(config) is uvicorn.Config and not hasattr(uvicorn, 'nonsense')"
    )
    run(tmp_path, "-W", "error", "-c", script)


@pytest.mark.parametrize("wanted", ["run", "main", "__version__"])
def test_a_lean_server_can_still_have_what_it_left_out(tmp_path: Path, wanted: str) -> None:
    script = (
        "from app.lean import leave_out_the_servers_command as leave; leave(); leave()\n"
        "import uvicorn; config, server = uvicorn.Config, uvicorn.Server\n"
        f"from uvicorn import {wanted} as found\n"
        "assert found and (uvicorn.Config, uvicorn.Server) == (config, server)\n"
        "from uvicorn.supervisors import Multiprocess"
    )
    run(tmp_path, "-W", "error", "-c", script)


@pytest.mark.parametrize("package", ["lacking", "failing"])
def test_a_package_that_is_not_as_expected_is_imported_whole(tmp_path: Path, package: str) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "__init__.py").write_text("import odd.rest\nThing = 1\n")
    (tmp_path / "odd" / "rest.py").write_text("")
    (tmp_path / "odd" / "lacking.py").write_text("")
    (tmp_path / "odd" / "failing.py").write_text("import odd.nothing\n")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        f"from app.lean import _with_parts; _with_parts('odd', {{'Thing': {package!r}}})\n"
        "import odd; print(odd.Thing, 'odd.rest' in sys.modules)"
    )
    assert run(tmp_path, "-c", script) == "1 True\n"


# what a thread allocates shows which arenas there are; malloc_stats(3) writes to standard error
ARENAS = """
import ctypes, os, threading
from app.lean import share_one_heap
share_one_heap()
made, seen = threading.Event(), threading.Event()
def hold():
    kept = bytearray(100_000)
    made.set()
    seen.wait()
thread = threading.Thread(target=hold)
thread.start()
made.wait()
os.dup2(1, 2)
ctypes.CDLL(None).malloc_stats()
seen.set()
thread.join()
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_stats"), reason="another C library than glibc")
@pytest.mark.parametrize(
    ("environ", "arenas"), [({}, 1), ({"MALLOC_ARENA_MAX": "4"}, 2), ({"GLIBC_TUNABLES": "glibc.malloc.arena_max=4"}, 2)]
)
def test_threads_share_one_heap_unless_the_environment_says_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], arenas: int
) -> None:
    for name in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert run(tmp_path, "-c", ARENAS).count("Arena ") == arenas


def test_another_c_library_goes_on_as_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def without_it(name: object) -> object:
        asked.append(name)
        return object()

    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.setattr("app.lean.ctypes.CDLL", without_it)
    share_one_heap()
    assert asked == [None]
