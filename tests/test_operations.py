"""What the pages for operators and newcomers name exists: settings, commands, files, endpoints, log messages."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.main import create_app
from app.settings import Settings
from tests.test_documents import understand

ROOT = Path(__file__).parent.parent
PAGES = ("docs/operations.md", "docs/architecture.md", "docs/adding-a-vendor.md")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def spans(page: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_settings_that_exist(page: str) -> None:
    named = set(re.findall(r"FILMGATE_([A-Z_]+[A-Z])", text_of(page)))
    assert {name.lower() for name in named} - set(Settings.model_fields) <= {"key", "admin_key"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_links_to_files_that_exist(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", text_of(page))
    assert [link for link in links if "://" not in link and not (ROOT / page).parent.joinpath(link).exists()] == []
    files = [span for span in spans(page) if re.fullmatch(r"(?:app|tests)/[\w/.]+", span) and "acme" not in span]
    assert [name for name in files if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_endpoints_and_commands_that_exist(page: str) -> None:
    paths = create_app(Settings(_env_file=None)).openapi()["paths"]
    named = {span.removeprefix("GET ") for span in spans(page) if re.match(r"(?:GET )?/(?:v1|admin|healthz|readyz)", span)}
    assert named <= set(paths)
    for words in commands(page):
        understand(words)


def commands(page: str) -> Iterator[list[str]]:
    for span in spans(page):
        if span.startswith("filmgate ") and "…" not in span:
            yield [word.replace("N", "4") for word in shlex.split(span)[1:]]


def test_the_messages_to_alert_on_are_written_by_the_program() -> None:
    table = OPERATIONS.partition("| message contains |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    warnings = OPERATIONS.partition("* Warnings that come in numbers")[2].partition("* Money")[0]
    messages = [*re.findall(r"`([^`]+)`", " ".join(rows)), *re.findall(r"`([a-z][a-z ]+[a-z])`", warnings)]
    assert len(messages) > 10
    assert [message for message in messages if message not in SOURCE and message != "resting"] == []


def test_the_figures_are_those_of_the_program() -> None:
    text = re.sub(r"\s+", " ", OPERATIONS)
    assert f"`FILMGATE_DRAIN_SECONDS` ({Settings.model_fields['drain_seconds'].default})" in text
    assert f"`FILMGATE_LINK_HOURS` ({Settings.model_fields['link_hours'].default})" in text
    assert f"`FILMGATE_MAX_BODY_MB` ({Settings.model_fields['max_body_mb'].default} MiB)" in text
    assert f"`FILMGATE_IMAGE_MINUTES` ({Settings.model_fields['image_minutes'].default})" in text
    assert "pool_size=10, max_overflow=10" in SOURCE
    assert "every 5 seconds; dead after 20 of silence" in text
    assert "_BEAT = 5.0" in SOURCE
    assert "SILENT = 20.0" in SOURCE
    assert "PING_SECONDS = 15.0" in SOURCE


def test_the_proxy_lets_through_and_waits_for_what_the_gateway_does() -> None:
    fields = Settings.model_fields
    assert f"client_max_body_size {fields['max_body_mb'].default}m;" in OPERATIONS
    assert f"max_size {fields['max_body_mb'].default}MiB" in OPERATIONS
    patience = [int(seconds) for seconds in re.findall(r"proxy_read_timeout (\d+)s;", OPERATIONS)]
    assert max(patience) > fields["image_minutes"].default * 60


def test_the_architecture_is_one_page() -> None:
    assert len(text_of("docs/architecture.md").splitlines()) < 150
