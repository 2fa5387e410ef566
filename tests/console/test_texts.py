"""Both languages say everything, and the pages bring nothing with them that the policy forbids."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader
from jinja2.ext import extract_from_ast

from app.console import pages
from app.console.texts import preferred, table, translated

CONSOLE = Path(pages.__file__).parent
TEMPLATES = sorted(path.name for path in (CONSOLE / "templates").glob("*.html"))
_PARSER = Environment(
    loader=FileSystemLoader(CONSOLE / "templates"), extensions=["jinja2.ext.i18n", "jinja2.ext.do"], autoescape=True
)


def sentences(template: str) -> set[str]:
    """Every text of a template that is to be translated."""
    source = (CONSOLE / "templates" / template).read_text(encoding="utf-8")
    found: set[str] = set()
    for _, _, words in extract_from_ast(_PARSER.parse(source), ("_", "gettext", "ngettext")):
        found |= {words} if isinstance(words, str) else {word for word in words or () if isinstance(word, str)}
    return found


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_sentence_of_a_page_has_its_chinese(template: str) -> None:
    assert sorted(sentences(template) - set(table("zh"))) == []


def test_the_extraction_finds_sentences() -> None:
    assert "Sign in" in sentences("sign_in.html")
    assert len(set().union(*map(sentences, TEMPLATES))) > 300


def test_the_chinese_keeps_the_places_of_values() -> None:
    places = re.compile(r"%\((\w+)\)s")
    wrong = {text for text, said in table("zh").items() if sorted(places.findall(text)) != sorted(places.findall(said))}
    assert wrong == set()


def test_a_sentence_without_a_translation_stays_english() -> None:
    assert translated("a sentence that no page has", "zh") == "a sentence that no page has"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("", "en"), ("zh-TW", "zh"), ("en;q=0.1, zh;q=0.9", "zh"), ("fr", "en"), ("zh;q=x, en;q=0.5", "zh"), (";;,,q=", "en")],
)
def test_the_browsers_order_decides(accepted: str, language: str) -> None:
    assert preferred(accepted) == language


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_holds_nothing_that_the_policy_forbids(template: str) -> None:
    source = (CONSOLE / "templates" / template).read_text(encoding="utf-8")
    assert re.findall(r"\sstyle=|\son[a-z]+=|javascript:|\|\s*safe\b", source) == []
    assert [
        script for script in re.findall(r"<script[^>]*>", source) if "src=" not in script and "application/json" not in script
    ] == []


@pytest.mark.parametrize("script", sorted((CONSOLE / "static").glob("*.js")), ids=lambda path: path.name)
def test_a_script_writes_no_foreign_text_as_html(script: Path) -> None:
    source = script.read_text(encoding="utf-8")
    assert re.findall(r"(?:inner|outer)HTML\s*[+]?=(?!=)|insertAdjacentHTML|document\.write|\beval\(|new Function", source) == []
