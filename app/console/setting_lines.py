"""Settings as operators see them: what is in force, what it means and where it comes from; never a secret."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from app.engine.redaction import MASK, redact
from app.settings import Settings

Origin: TypeAlias = Literal["environment", "file", "default"]


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One setting. `value` is the one in force and `default` the one without any, as text, None where there is none."""

    variable: str
    about: str
    value: str | None
    default: str | None
    secret: bool
    origin: Origin


def setting_lines(settings: Settings, environment: Mapping[str, str]) -> list[SettingLine]:
    """Every setting, in the order of their declaration; what is set and not in the environment comes from the `.env` file."""
    held = {name.upper() for name, value in environment.items() if value}
    return [_line(settings, name, field, held) for name, field in type(settings).model_fields.items()]


def without_password(url: str) -> str:
    """An address without what stands before its last @, and without secrets in its query."""
    scheme, mark, rest = url.partition("://")
    return redact(f"{scheme}{mark}{MASK}@{rest.rpartition('@')[2]}" if mark and "@" in rest else url)


def _line(settings: Settings, name: str, field: FieldInfo, held: set[str]) -> SettingLine:
    variable = f"{settings.model_config.get('env_prefix', '')}{name}".upper()
    given = name in settings.model_fields_set
    value = getattr(settings, name)
    if name == "database_url":
        value = settings.database  # a file in the data folder where none is named
    return SettingLine(
        variable=variable,
        about=field.description or "",
        value=_text(value),
        default=_text(field.get_default()),
        secret="SecretStr" in str(field.annotation),
        origin="default" if not given else "environment" if variable in held else "file",
    )


def _text(value: object) -> str | None:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else None
    if isinstance(value, tuple):
        value = ", ".join(map(str, value))
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else without_password(str(value))
