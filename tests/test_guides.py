"""The guides in docs/ say what the gateway does: what they show is sent, read, run and compared."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.core import TyperGroup

from app.adapters.registry import adapters
from app.cli.commands import loaded
from app.engine.changes import changing
from app.engine.configuration import ADMIN_KEY_SETTING
from app.engine.declared import DeclarationDesk
from app.engine.declared_file import read_declared
from app.engine.guard import Guard
from app.engine.webhook_secrets import new_secret, signed_headers
from app.main import create_app
from app.settings import Settings
from app.store import settings as setting_store
from app.store.keys import hash_key
from tests.api.conftest import SANDBOX, Site, client_of, site_on
from tests.domain.examples import seen
from tests.gateways import KEY_TEXT
from tests.guides import (
    GUIDES,
    ROOT,
    Block,
    Row,
    anchors,
    blocks,
    cells_of,
    commands,
    differences,
    fields,
    links,
    mentioned_commands,
    page,
    rows,
    spans,
)
from tests.integration.gates import TINY, Gate, gate_on
from tests.test_documents import understand

pytestmark = pytest.mark.anyio
ADMIN_TEXT = "fg-admin-guides"
ADDRESS = "http://127.0.0.1:8000"
MADE_BY = {"channel": "/admin/channels", "key": "/admin/keys"}  # what a body in a guide makes, and where it is posted
PATIENCE = 60.0  # seconds for a program of a guide
PAGES = [*(f"docs/{name}.md" for name in GUIDES), "README.md", "README.zh-CN.md"]


@asynccontextmanager
async def admin_of(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """A client that shows the admin key."""
    async with changing(site.gateway.database) as connection:
        await setting_store.put(connection, ADMIN_KEY_SETTING, hash_key(ADMIN_TEXT))
    await site.gateway.configuration.refresh()
    async with client_of(site.app, ADMIN_TEXT) as client:
        yield client


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def marked(language: str, *marks: str) -> list[tuple[str, Block]]:
    """The blocks of all guides that bear one of these marks, with their page."""
    return [(name, block) for name in GUIDES for block in blocks(page(name)) if block.language == language and block.mark in marks]


def claims(head: str) -> list[tuple[str, Row]]:
    return [(name, row) for name in GUIDES for row in rows(page(name), head)]


def named(value: Any) -> str:
    return value.left if isinstance(value, Row) else value.heading if isinstance(value, Block) else str(value)


# --- what is asked


@pytest.mark.parametrize("name", GUIDES)
async def test_every_body_of_a_guide_does_what_is_said_of_it(tmp_path: Path, name: str) -> None:
    async with site_on(tmp_path, channels=(SANDBOX,)) as site, admin_of(site) as admin:
        answer: httpx.Response | None = None
        for block in blocks(page(name)):
            kind, _, path = block.mark.partition(" ")
            if kind in MADE_BY:
                made = await admin.post(MADE_BY[kind], json=block.json())
                assert made.status_code == 201, f"{block.heading}: {made.text}"
            elif kind == "request":
                await checked(answer)
                answer = await admin.post("/admin/explain", json={"path": path, "json": block.json()})
            elif kind in ("becomes", "refused"):
                assert answer is not None
                found = shown(answer) if kind == "becomes" else refusal(answer)
                assert differences(block.json(), found) == [], f"{block.heading}: {answer.text}"
                answer = None
        await checked(answer)


async def checked(answer: httpx.Response | None) -> None:
    """A request of which nothing else is said is accepted."""
    assert answer is None or answer.status_code == 200, answer.text


def shown(answer: httpx.Response) -> dict[str, Any]:
    """What is asked of the model, the codes of the warnings, the call and its price."""
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return {**told["fitted"], **told, "warnings": [warning["code"] for warning in told["warnings"]]}


def refusal(answer: httpx.Response) -> dict[str, Any]:
    return {"status": answer.status_code, **answer.json()["error"]}


@pytest.mark.parametrize(("name", "row"), claims("You write to"), ids=named)
def test_every_row_about_a_request_is_read_as_it_says(name: str, row: Row) -> None:
    read = seen(row.path, {"model": "m", "prompt": "p", **fields(row.left)})
    assert row.right, "a row says what is made of the field"
    assert differences(fields(row.right), read) == []


@pytest.mark.parametrize("name", ["from-sora", "from-new-api", "from-litellm"])
def test_the_guides_for_newcomers_have_such_rows(name: str) -> None:
    assert len(rows(page(name), "You write to")) > 8
    assert len(rows(page(name), "You read from")) > 5


# --- what is answered


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def gate(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gate]:
    async with gate_on(tmp_path_factory.mktemp("gate"), SANDBOX) as running:
        yield running


@pytest.fixture(scope="module")
async def answers(gate: Gate) -> dict[str, Any]:
    """What a finished job looks like, by the path that is asked."""
    job = (await gate.made(**TINY))["id"]
    picture = await gate.created("/v1/images/generations", model="sandbox-image", prompt="p", size="64x64")
    paths = {"GET /v1/videos/{id}": f"/v1/videos/{job}", "GET /v1/video/generations/{id}": f"/v1/video/generations/{job}"}
    found = {shown: (await gate.http.get(path)).json() for shown, path in paths.items()}
    return {**found, "POST /v1/images/generations": picture}


@pytest.mark.parametrize(("name", "row"), claims("You read from"), ids=named)
async def test_every_row_about_an_answer_names_what_is_there(name: str, row: Row, answers: dict[str, Any]) -> None:
    value = answers[row.path]
    for step in row.left.split("."):
        value = value[int(step)] if step.isdigit() else value[step]
    assert not row.right or json.loads(row.right) == value


# --- what is run


@pytest.mark.parametrize(("name", "block"), marked("python", "run"), ids=named)
async def test_a_python_program_of_a_guide_runs(gate: Gate, tmp_path: Path, name: str, block: Block) -> None:
    await ran([sys.executable, "-W", "ignore", "-c", here(block.text, gate)], tmp_path)
    assert made_in(tmp_path)


@pytest.mark.parametrize(("name", "block"), marked("sh", "run"), ids=named)
async def test_a_shell_script_of_a_guide_runs(gate: Gate, tmp_path: Path, name: str, block: Block) -> None:
    if shutil.which("bash") is None or shutil.which("curl") is None:
        pytest.skip("bash or curl is not installed")
    await ran(["bash", "-euo", "pipefail", "-c", here(block.text, gate)], tmp_path)
    assert made_in(tmp_path)


def here(program: str, gate: Gate) -> str:
    """The program, asking this gateway with its key."""
    return program.replace(ADDRESS, gate.url).replace("sk-…", KEY_TEXT)


async def ran(command: Sequence[str], folder: Path) -> None:
    environment = {**os.environ, "FILMGATE_KEY": KEY_TEXT, "no_proxy": "127.0.0.1"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    async with asyncio.timeout(PATIENCE):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


def made_in(folder: Path) -> bool:
    """Whether the program left a picture or a film."""
    starts = [path.read_bytes()[:12] for path in folder.iterdir()]
    return any(start[4:8] == b"ftyp" or start.startswith(b"\x89PNG") for start in starts)


@pytest.mark.parametrize(("name", "block"), marked("python", "verify"), ids=named)
def test_a_verifier_of_a_guide_takes_what_is_signed_and_nothing_else(name: str, block: Block) -> None:
    secret, before, body = new_secret(), new_secret(), json.dumps({"type": "video.completed", "data": {"id": "task_1"}}).encode()
    headers = signed_headers("evt_1", body, (secret, before), datetime.now(UTC))
    program: dict[str, Any] = {}
    exec(compile(block.text.replace("whsec_…", before), block.heading, "exec"), program)

    event = program["verified"](body, headers)

    assert (event["type"] if isinstance(event, dict) else event.type) == "video.completed"
    late = signed_headers("evt_1", body, (secret, before), datetime(2020, 1, 1, tzinfo=UTC))
    other = signed_headers("evt_1", body, (new_secret(),), datetime.now(UTC))
    for forged, shown_headers in ((body + b" ", headers), (body, late), (body, other)):
        with pytest.raises(Exception, match=r"(?i)signature|timestamp|old"):
            program["verified"](forged, shown_headers)


def test_the_guides_show_programs() -> None:
    assert len(marked("python", "run")) >= 2
    assert len(marked("sh", "run")) >= 2
    assert len(marked("python", "verify")) == 3
    assert {block.mark for _, block in marked("json", *MADE_BY)} == set(MADE_BY)


@pytest.mark.parametrize("name", PAGES)
def test_every_python_block_is_python(name: str) -> None:
    for block in blocks(text_of(name)):
        if block.language == "python":
            compile(block.text, f"{name}: {block.heading}", "exec")


# --- what is named


@pytest.mark.parametrize("words", [words for name in GUIDES for words in commands(blocks(page(name)))], ids=" ".join)
def test_the_command_line_understands_what_a_guide_writes(words: list[str]) -> None:
    understand(words)


@pytest.mark.parametrize("words", [words for name in GUIDES for words in mentioned_commands(page(name))], ids=" ".join)
def test_the_command_line_has_the_commands_that_a_guide_mentions(words: list[str]) -> None:
    command, rest = loaded(words[0]), words[1:]
    while isinstance(command, TyperGroup):
        command = command.commands[rest.pop(0)]


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_names_endpoints_that_exist(name: str) -> None:
    known = [re.sub(r"{\w+(:path)?}", "{id}", path) for path in create_app(Settings(_env_file=None)).openapi()["paths"]]
    written = " ".join([*spans(page(name)), *(block.text for block in blocks(page(name)))])
    mentioned = set(re.findall(r"(?<![\w.])/(?:v1|admin|kling|jimeng|api/v3)/[\w/{}-]*", re.sub(r"\$\{?id\}?", "{id}", written)))
    own = {re.sub(r"{\w+}", "{id}", path).rstrip("/") for path in mentioned}
    strangers = {path for path in own if path not in known and not any(one.startswith(f"{path}/") for one in known)}
    assert strangers - set(ELSEWHERE.get(name, ())) == set()


# paths of other gateways, which their users know
ELSEWHERE = {"from-litellm": ("/v1/videos/characters",), "from-sora": ("/v1/videos/characters",)}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_page_leads_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    for file, anchor in links(text_of(name)):
        target = (folder / file).resolve() if file else ROOT / name
        assert target.exists(), f"{name}: {file}"
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), f"{name}: {file}#{anchor}"


def test_the_readme_leads_to_every_guide() -> None:
    for readme in ("README.md", "README.zh-CN.md"):
        assert {f"docs/{name}.md" for name in GUIDES} <= {file for file, _ in links(text_of(readme))}


def test_the_error_codes_of_the_quick_start_exist() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))
    cells = [cells_of(line) for line in page("quick-start").splitlines() if re.match(r"\| [45]\d\d \|", line)]
    named = [word for cell in cells for word in re.findall(r"`(\w+)`", cell[1])]
    assert len(named) > 12
    assert [word for word in named if f'"{word}"' not in code] == []


# --- vendors


def test_there_is_a_section_for_each_adapter_with_a_command_and_a_body() -> None:
    found = blocks(page("vendors"))
    for name in adapters():
        assert f"## {name}\n" in page("vendors")
        bodies = [block.json() for block in found if block.mark == "channel" and block.heading == name]
        lines = commands([block for block in found if block.heading == name])
        assert [body["adapter"] for body in bodies][:1] == [name]
        assert any(words[:2] == ["channels", "add"] and words[words.index("--adapter") + 1] == name for words in lines)


def test_the_table_of_vendors_says_what_the_adapters_say() -> None:
    lines = [cells_of(line) for line in page("vendors").splitlines() if line.startswith("| [")]
    table = {re.findall(r"\[(\w+)\]", cells[0])[0]: [re.findall(r"`([^`]+)`", cell) for cell in cells[1:]] for cells in lines}
    assert set(table) == set(adapters())
    for name, (credential, optional, variables, address) in table.items():
        adapter = adapters()[name]
        assert set(credential) == set(frozenset().union(*adapter.credential_fields)), name
        assert set(optional) == adapter.optional_credential_fields, name
        assert set(variables) == set(adapter.environment.values()), name
        assert address == ([adapter.default_base_url] if adapter.default_base_url else []), name


def test_the_settings_of_a_channel_that_the_page_names_are_read_somewhere() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "app" / "adapters").glob("*.py"))
    settings = re.findall(r"^\| `(\w+)` \|", page("vendors"), re.MULTILINE)
    assert len(settings) > 15
    assert [name for name in settings if not re.search(rf"""["']{name}["']""", code)] == []


# --- files of `filmgate apply`


@pytest.mark.parametrize(("name", "block"), marked("toml", "apply"), ids=named)
async def test_a_file_of_a_guide_can_be_applied(tmp_path: Path, name: str, block: Block) -> None:
    environ = {variable: f"sk-{variable.lower()}-{'0' * 32}" for variable in re.findall(r"\$\{(\w+)\}", block.text)}
    async with site_on(tmp_path, channels=(), keys=()) as site:
        desk = DeclarationDesk(site.gateway.database, site.gateway.vault, Guard(), site.gateway.now)

        changes = await desk.difference(read_declared(block.text, environ))

    assert {change.kind for change in changes} <= {"group", "channel", "key"}
    assert len(changes) == len(re.findall(r"^\[\[", block.text, re.MULTILINE))
