"""What people write on the command line, as values; trouble ends the command with exit code 2."""

import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import typer

from app.cli.console import fail
from app.domain.channels import Credential, ModelMap
from app.domain.json import Json

_NOT_UNDERSTOOD = 2


def pair_of(option: str, text: str) -> tuple[str, str]:
    """`name=value`."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        fail(f"{option} must be name=value.", _NOT_UNDERSTOOD)
    return name.strip(), value


def credential_of(text: str) -> Credential:
    """A credential from `field=value,field=value`; a value may be `@FILE`, or `-` to be asked for it."""
    pairs = [pair_of("--credential", part) for part in text.split(",")]
    return Credential("", {name: _secret(name, value) for name, value in pairs})


def models_of(names: Sequence[str]) -> ModelMap:
    """A channel's models from `public` and `public=upstream`; none means all."""
    if not names:
        return "*"
    pairs = [name.split("=", 1) for name in names]
    return {pair[0].strip(): pair[-1].strip() for pair in pairs}


def decimal_of(option: str, text: str) -> Decimal:
    """A number that is not negative."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or value < 0:
        fail(f"{option} must be a number.", _NOT_UNDERSTOOD)
    return value


def field_of(option: str, text: str) -> tuple[str, Json]:
    """`name=value`, the value as JSON where it is some."""
    name, value = pair_of(option, text)
    try:
        read: Json = json.loads(value)
    except ValueError:
        read = value
    return name, read


def json_of(option: str, text: str) -> Mapping[str, Json]:
    """A JSON object: the text itself, `@FILE`, or `-` for standard input."""
    raw = sys.stdin.read() if text == "-" else _file(option, text[1:]) if text.startswith("@") else text
    try:
        value: Json = json.loads(raw)
    except ValueError:
        value = None
    if not isinstance(value, Mapping):
        fail(f"{option} must be a JSON object, @FILE or -.", _NOT_UNDERSTOOD)
    return value


def _secret(name: str, value: str) -> Json:
    if value == "-":
        answer: str = typer.prompt(name, hide_input=True)
        return answer
    if not value.startswith("@"):
        return value
    text = _file("--credential", value[1:]).strip()
    return dict(json_of("--credential", text)) if text.startswith("{") else text


def _file(option: str, name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{option}: {error}", _NOT_UNDERSTOOD)
