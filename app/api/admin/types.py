"""The kinds of values that admin bodies are made of."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, PlainValidator, StringConstraints

from app.domain.channels import ModelMap
from app.domain.errors import InvalidRequest
from app.domain.normalise.sources import web_address
from app.engine.addresses import network_text

_MOST_MODELS = 10_000


class Strict(BaseModel):
    """A body in which an unknown field is an error: a misspelt limit must not be no limit."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must not hold control characters or broken Unicode")
    return value


Name: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_printable)]
ModelName: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_printable)
]
Url: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000), AfterValidator(_printable)]


def _web_address(value: str) -> str:
    try:
        return web_address(value, "it")
    except InvalidRequest as error:
        raise ValueError("must be an http(s) URL") from error


WebAddress: TypeAlias = Annotated[str, AfterValidator(_web_address)]


def _list(value: object) -> object:
    if not isinstance(value, list | frozenset) or not value:
        raise ValueError("must be a list of at least one name")
    return value


Groups: TypeAlias = Annotated[
    frozenset[Name], Field(min_length=1, max_length=100), BeforeValidator(_list, json_schema_input_type=list[Name])
]
Priority: TypeAlias = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Weight: TypeAlias = Annotated[int, Field(ge=0, le=1_000_000)]
Ratio: TypeAlias = Annotated[Decimal, Field(ge=0, le=1_000_000, max_digits=15, allow_inf_nan=False)]
Limit: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
NetworkText: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(network_text)]
Networks: TypeAlias = Annotated[list[NetworkText], Field(max_length=1_000)]


def _no_flag(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be an amount, as a text or a number")
    return value


Usd: TypeAlias = Annotated[
    Decimal,
    Field(ge=0, le=1_000_000_000, decimal_places=6, allow_inf_nan=False),
    BeforeValidator(_no_flag, json_schema_input_type=Decimal),
]
Objects: TypeAlias = Annotated[list[dict[Name, JsonValue]], Field(max_length=100)]
JsonFields: TypeAlias = dict[ModelName, JsonValue]


def _models(value: object) -> ModelMap:
    if value == "*":
        return "*"
    if isinstance(value, list):
        value = {name: name for name in value if isinstance(name, str)} if all(isinstance(name, str) for name in value) else None
    if not isinstance(value, Mapping) or not 0 < len(value) <= _MOST_MODELS:
        raise ValueError('must be "*", a list of names, or an object of public names and upstream names')
    return {_model(public): _model(upstream) for public, upstream in value.items()}


def _model(name: object) -> str:
    text = name.strip() if isinstance(name, str) else ""
    if not text or len(text) > 200 or not text.isprintable():
        raise ValueError("holds a name that is empty, too long, or not a text")
    return text


Models: TypeAlias = Annotated[ModelMap, PlainValidator(_models, json_schema_input_type=dict[str, str] | list[str] | Literal["*"])]


def _aware(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Moment: TypeAlias = Annotated[datetime, AfterValidator(_aware)]
