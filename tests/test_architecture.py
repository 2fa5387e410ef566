"""The dependency rule of the style page, as a test: arrows point inward."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).parent.parent / "app"

# layer -> what it may import besides itself and the standard library
ALLOWED = {
    "domain": {"pybase64"},
    "adapters": {"app.domain", "cryptography", "pybase64"},
    "store": {"app.domain", "sqlalchemy", "alembic", "aiosqlite", "cryptography", "orjson"},
    "sandbox": {"httpx", "orjson", "av", "PIL"},
    "engine": {
        *("app.domain", "app.adapters", "app.store", "app.settings"),
        *("sqlalchemy", "httpx", "httptools", "aiohappyeyeballs", "orjson", "itsdangerous", "PIL", "av", "limits", "redis"),
        *("obstore", "standardwebhooks", "prometheus_client", "opentelemetry", "pybase64", "pydantic_core"),
    },
    "api": {
        *("app", "app.domain", "app.adapters", "app.store", "app.engine", "app.settings", "app.logs"),
        *("fastapi", "starlette", "pydantic", "orjson", "httpx", "python_multipart", "sqlalchemy"),
        *("mcp", "sse_starlette", "pybase64"),
    },
    "console": {
        *("app", "app.domain", "app.adapters", "app.store", "app.engine", "app.settings", "app.logs"),
        *("fastapi", "starlette", "pydantic", "orjson", "jinja2", "markupsafe", "sqlalchemy"),
    },
    "cli": {
        *("app", "app.domain", "app.adapters", "app.store", "app.engine", "app.settings", "app.main", "app.wiring", "app.logs"),
        *("app.lean", "typer", "rich", "httpx", "uvicorn", "pydantic", "orjson", "sqlalchemy", "click"),
    },
}
FILES = sorted(path for layer in ALLOWED for path in (APP / layer).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def strangers(layer: str, path: Path) -> set[str]:
    """What a file imports that this layer may not."""
    allowed = ALLOWED[layer] | {f"app.{layer}"}
    names = {name for name in imported(path) if name.split(".")[0] not in sys.stdlib_module_names}
    return {name for name in names if name not in allowed and not any(name.startswith(f"{root}.") for root in allowed - {"app"})}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(APP)))
def test_arrows_point_inward(path: Path) -> None:
    assert strangers(path.relative_to(APP).parts[0], path) == set()


def test_a_planted_import_is_caught(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("import json\nfrom app.store.jobs import get\nimport httpx\nfrom app.domain.jobs import Job\n")
    assert strangers("domain", planted) == {"app.store.jobs", "httpx"}
    assert strangers("store", planted) == {"httpx"}


@pytest.mark.parametrize("layer", ["engine"])
def test_only_the_network_edge_imports_an_http_client(layer: str) -> None:
    users = {
        path.name
        for path in (APP / layer).rglob("*.py")
        if any(name.split(".")[0] in ("httpx", "httptools", "aiohappyeyeballs") for name in imported(path))
    }
    ours = {"http_carrier.py", "http_connection.py", "http_pool.py", "unpacking.py"}
    assert users <= {"transport.py", "carriers.py", "outgoing.py", *ours}


def test_domain_and_adapters_read_no_clock_and_roll_no_dice() -> None:
    for layer in ("domain", "adapters"):
        for path in (APP / layer).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            for forbidden in ("datetime.now(", "time.time(", "random.random(", "os.urandom(", "uuid4(", "asyncio"):
                assert forbidden not in text, f"{path}: {forbidden}"
