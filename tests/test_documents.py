"""What is written beside the code (READMEs, locks, container files) agrees with it and with one another."""

import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.core import TyperGroup

from app.adapters.registry import adapters
from app.cli.commands import loaded
from app.cli.models_page import models_page
from app.main import create_app
from app.settings import Settings

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.zh-CN.md")
LOCKS = ("requirements.lock", "requirements-dev.lock")
DEFAULTS_IN_WORDS = (
    *("DATABASE_URL", "ADMIN_KEY", "SECRET_KEY", "PUBLIC_URL", "STORAGE_URL", "ACCEL_PREFIX", "REDIS_URL", "ALLOW_HOSTS"),
    *("RETENTION_DAYS", "METRICS_TOKEN", "OTLP_ENDPOINT"),
)

# in pieces, so that this file does not hold what it looks for
FOREIGN = re.compile(
    r"(?<![\w.~-])/(?:work|opt/pypi[\w-]*)" + r"/|\bpypi" + r"\.org|registry\.npm" + r"js|files\.python" + r"hosted"
)
CODE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Pin:
    """One entry of a lock file."""

    version: str
    hashes: int


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(name: str) -> str:
    return CODE.sub("", text_of(name))


def settings_table(readme: str) -> dict[str, str]:
    """Variable -> the cell with its default."""
    return dict(re.findall(r"^\| `FILMGATE_(\w+)` \| (.+?) \|", text_of(readme), re.MULTILINE))


def code_blocks(readme: str) -> list[tuple[str, list[str]]]:
    """Language and lines of each block, without what is there to be translated: comments, and words beside folders."""
    return [
        (language, [code for line in body.splitlines() if (code := said(language, line))])
        for language, body in CODE.findall(text_of(readme))
    ]


def said(language: str, line: str) -> str:
    return re.sub(r"\s+# .*$", "", line).rstrip() if language else " ".join(re.findall(r"\bapp/\w+", line))


def headings(readme: str) -> list[str]:
    return re.findall(r"^(#+) ", prose(readme), re.MULTILINE)


def filmgate_commands() -> list[list[str]]:
    """Each `filmgate …` of the README as a list of words, without the name."""
    blocks = [line for _, lines in code_blocks("README.md") for line in lines]
    lines = [*blocks, *SPAN.findall(prose("README.md"))]
    return [words[1:] for words in (shlex.split(line) for line in lines if line.startswith("filmgate ")) if len(words) > 1]


def understand(words: list[str]) -> None:
    """Parses a command without running it; raises what the command line would complain of."""
    command, rest = loaded(words[0]), words[1:]
    while isinstance(command, TyperGroup):
        command = command.commands[rest.pop(0)]
    command.make_context("filmgate", rest).close()


def locked(name: str) -> dict[str, Pin]:
    """The pins of a lock file by canonical name; a line that is no pin fails."""
    logical = re.sub(r"#.*$", "", text_of(name), flags=re.MULTILINE).replace("\\\n", " ")
    pins: dict[str, Pin] = {}
    for line in filter(None, map(str.strip, logical.splitlines())):
        found = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?==([\w.+!-]+)(?: ?;[^#]*?)?((?:\s+--hash=sha256:[0-9a-f]{64})*)$", line)
        assert found, f"{name}: {line[:100]}"
        pins[canonicalize_name(found[1])] = Pin(found[2], found[3].count("--hash="))
    return pins


def required() -> Iterator[tuple[str, Requirement]]:
    """Each requirement of pyproject.toml with the lock that must hold it."""
    document = tomllib.loads(text_of("pyproject.toml"))
    extras = document["project"]["optional-dependencies"]
    runtime = [*document["project"]["dependencies"], *extras["build"], *document["build-system"]["requires"]]
    yield from (("requirements.lock", Requirement(line)) for line in runtime)
    yield from (("requirements-dev.lock", Requirement(line)) for line in [*runtime, *extras["dev"]])


def project_files() -> list[Path]:
    """Everything that is tracked or would be; without a repository, everything that is no cache."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
        return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    folders = ("app", "bench", "migrations", "tests", ".ci")
    return [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()] + [
        path for path in ROOT.iterdir() if path.is_file()
    ]


def stages() -> list[list[str]]:
    """The Dockerfile's instructions by stage, continued lines joined."""
    logical = re.sub(r"^#.*\n", "", text_of("Dockerfile"), flags=re.MULTILINE).replace("\\\n", " ")
    found: list[list[str]] = []
    for line in filter(None, map(str.strip, logical.splitlines())):
        if line.startswith("FROM "):
            found.append([])
        found[-1].append(line)
    return found


@pytest.mark.parametrize("readme", READMES)
def test_the_settings_table_lists_exactly_the_settings(readme: str) -> None:
    assert list(settings_table(readme)) == [name.upper() for name in Settings.model_fields]


@pytest.mark.parametrize("readme", READMES)
def test_the_settings_table_gives_the_defaults_in_force(readme: str) -> None:
    table = settings_table(readme)
    shown = {name: cell.strip("`").removeprefix("./") for name, cell in table.items() if name not in DEFAULTS_IN_WORDS}
    assert shown == {name: str(Settings.model_fields[name.lower()].default) for name in shown}


def test_both_readmes_hold_the_same_code() -> None:
    assert code_blocks("README.zh-CN.md") == code_blocks("README.md")


def test_both_readmes_name_the_same_things_and_have_the_same_parts() -> None:
    english, chinese = (set(SPAN.findall(prose(name))) for name in READMES)
    assert chinese == english
    assert headings("README.zh-CN.md") == headings("README.md")


def test_each_readme_leads_to_the_other() -> None:
    assert "(README.zh-CN.md)" in text_of("README.md")
    assert "(README.md)" in text_of("README.zh-CN.md")


@pytest.mark.parametrize("words", filmgate_commands(), ids=" ".join)
def test_the_command_line_understands_what_the_readme_writes(words: list[str]) -> None:
    understand(words)


def test_the_check_of_commands_notices_an_unknown_option() -> None:
    with pytest.raises(Exception, match="No such option"):
        understand(["channels", "add", "ark", "--adapter", "ark", "--models", "*"])


def test_the_readme_names_endpoints_that_exist() -> None:
    known = [re.sub(r"{\w+(:path)?}", "{id}", path) for path in create_app(Settings(_env_file=None)).openapi()["paths"]]
    named = set(re.findall(r"/(?:v1|admin|kling|jimeng|api/v3)/[\w/{}]*|/healthz\b|/readyz\b", text_of("README.md")))
    assert len(named) > 4
    strange = {name for name in named if not any(path == name or (name[-1] == "/" and path.startswith(name)) for path in known)}
    assert strange == set()


def test_the_readme_shows_bodies_and_programs_that_are_valid() -> None:
    bodies = re.findall(r"-d '(.+?)'", text_of("README.md"), re.DOTALL)
    assert [json.loads(body)["model"] for body in bodies] == ["sandbox-image"]
    for language, body in CODE.findall(text_of("README.md")):
        if language == "python":
            compile(body, "README.md", "exec")


def test_the_readme_names_credentials_that_alone_make_a_channel() -> None:
    text = text_of("README.md")
    named = {name for name in re.findall(r"\b([A-Z]+_API_KEY)\b", text) if name.replace("_API_KEY", "_BASE_URL") not in text}
    enough = {variable for adapter in adapters().values() if adapter.default_base_url for variable in adapter.environment.values()}
    assert named
    assert named <= enough


def test_the_documents_name_files_that_exist() -> None:
    pages = ["README.md", *(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))]
    spans = [span for page in pages for span in SPAN.findall(prose(page))]
    named = {span for span in spans if re.fullmatch(r"(?:app|tests)/[\w/.]+", span) and "acme" not in span}
    assert named
    assert {name for name in named if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(lock: str) -> None:
    pins = locked(lock)
    assert len(pins) > 20
    assert {name for name, pin in pins.items() if pin.hashes == 0} == set()
    assert "://" not in text_of(lock)


@pytest.mark.parametrize(("lock", "requirement"), list(required()), ids=lambda value: str(value))
def test_every_requirement_is_locked_at_a_version_that_fits(lock: str, requirement: Requirement) -> None:
    pin = locked(lock).get(canonicalize_name(requirement.name))
    assert pin is not None
    assert requirement.specifier.contains(pin.version, prereleases=True)


def test_both_locks_agree() -> None:
    runtime, development = (locked(name) for name in LOCKS)
    assert {name: development.get(name) for name in runtime} == runtime


def test_no_file_names_a_machine_or_a_package_index() -> None:
    found = {}
    for path in project_files():
        match = FOREIGN.search(path.read_bytes().decode("utf-8", "replace"))
        if match:
            found[str(path.relative_to(ROOT))] = match[0]
    assert found == {}


@pytest.mark.parametrize("planted", ["open('/wor{}k/main')", "https://pypi{}.org/simple", "see https://files.python{}hosted.org"])
def test_a_planted_name_is_noticed(planted: str) -> None:
    assert FOREIGN.search(planted.format(""))


def test_the_image_is_built_in_stages_and_runs_as_nobody_with_a_health_check() -> None:
    last = stages()[-1]
    assert len(stages()) > 1
    assert [line for line in last if line.startswith("USER ")] == ["USER filmgate"]
    assert any(line.startswith("HEALTHCHECK ") and "/readyz" in line for line in last)
    assert any(line.startswith("COPY --from=build ") for line in last)


def test_the_build_context_holds_what_the_image_copies() -> None:
    allowed = {line.removeprefix("!") for line in text_of(".dockerignore").splitlines() if line.startswith("!")}
    copied = {name for line in stages()[0] if line.startswith("COPY ") for name in line.split()[1:-1]}
    assert copied == allowed
    assert {name for name in copied if not (ROOT / name).exists()} == set()


def test_the_compose_file_is_whole() -> None:
    document = yaml.safe_load(text_of("docker-compose.yml"))
    services = document["services"]
    mounts = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())}
    ours = {name for name in services["gateway"]["environment"] if name.startswith("FILMGATE_")}
    assert services["gateway"]["build"] == "."
    assert services["gateway"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["database"]["healthcheck"]["test"]
    assert mounts == set(document["volumes"])
    assert ours <= {f"FILMGATE_{name.upper()}" for name in Settings.model_fields}
    assert ":?" in services["gateway"]["environment"]["FILMGATE_SECRET_KEY"]


@pytest.mark.parametrize(("secret", "accepted"), [("0123456789abcdef", True), ("", False)])
def test_compose_accepts_its_file_only_with_a_secret(secret: str, accepted: bool) -> None:
    command = compose_client()
    if command is None:
        pytest.skip("no `docker compose` client on this machine")
    environment = {**os.environ, "FILMGATE_SECRET_KEY": secret}
    ended = subprocess.run(
        [*command, "--env-file", os.devnull, "config", "--quiet"], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    assert (ended.returncode == 0) is accepted, ended.stderr.decode()


def compose_client() -> list[str] | None:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0:
            return command
    return None


@pytest.mark.parametrize("target", ["run", "test", "lint", "types", "bench"])
def test_the_makefile_has_the_promised_targets(target: str) -> None:
    makefile = text_of("Makefile")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    assert target in phony[1].split()
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_the_page_of_models_says_what_the_data_files_say() -> None:
    assert text_of("docs/models.md") == models_page(), "run: filmgate models document > docs/models.md"
