"""What a channel must be before it is stored; every refusal names the operator's own field."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from app.adapters.base import Adapter
from app.adapters.registry import adapters
from app.domain.channels import Channel, Credential
from app.domain.errors import InvalidRequest
from app.domain.json import Json, JsonObject
from app.domain.normalise.guard import check_value
from app.domain.prices import price_from_json
from app.engine.masking import MASK
from app.engine.urls import split

ENVIRONMENT_PREFIX = "env-"  # of the channels that variables make
_OBJECT_FIELDS = frozenset({"service_account"})  # credential fields that are JSON objects; the others are texts
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def checked(channel: Channel) -> Channel:
    """The channel with its base URL in its final form; raises InvalidRequest for the first thing that is wrong."""
    adapter = adapters().get(channel.adapter)
    if adapter is None:
        known = ", ".join(sorted(adapters()))
        raise InvalidRequest(f"There is no adapter {channel.adapter!r}. There are: {known}.", param="adapter")
    for credential in channel.credentials:
        _check_credential(adapter, credential)
    if all(one.retired for one in channel.credentials) and frozenset() not in adapter.credential_fields:
        raise _missing(f"The adapter {adapter.name!r} needs a credential with {_needs(adapter)}.")
    _check_prices(channel.prices)
    _check_json(channel)
    return replace(channel, base_url=_base_url(adapter, channel.base_url))


def check_name(channel: Channel, others: Iterable[Channel]) -> None:
    """Raises InvalidRequest when another channel that is not deleted has the same name."""
    if any(other.name == channel.name and other.id != channel.id and not other.deleted for other in others):
        raise InvalidRequest(f"There is a channel {channel.name!r} already.", code="name_taken", param="name")


def text_fields(fields: JsonObject) -> dict[str, Json]:
    """Credential fields without the blanks that copying adds."""
    return {name: value.strip() if isinstance(value, str) else value for name, value in fields.items()}


def _check_credential(adapter: Adapter, credential: Credential) -> None:
    given = frozenset(credential.fields)
    optional = adapter.optional_credential_fields
    known = frozenset(optional.union(*adapter.credential_fields))
    if unknown := sorted(given - known):
        raise InvalidRequest(
            f"The adapter {adapter.name!r} knows no credential field {unknown[0]!r}; it needs {_needs(adapter)}.",
            code="unknown_parameter",
            param=f"credentials.{unknown[0][:100]}",
        )
    for name, value in credential.fields.items():
        _check_secret(name, value)
    if not any(alternative <= given <= alternative | optional for alternative in adapter.credential_fields):
        raise _missing(f"A credential of the adapter {adapter.name!r} needs {_needs(adapter)}.")


def _check_secret(name: str, value: Json) -> None:
    param = f"credentials.{name}"
    if name in _OBJECT_FIELDS:
        if not isinstance(value, Mapping) or not value:
            raise InvalidRequest(f"{name} must be a JSON object.", code="invalid_type", param=param)
        check_value(value, param)
    elif not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a text.", code="invalid_type", param=param)
    elif not value or not value.isascii() or _CONTROL.search(value):
        raise InvalidRequest(f"{name} is empty, or holds characters that no header can carry.", param=param)
    elif MASK in value:
        raise InvalidRequest(f"{name} is a masked value, not the secret itself.", param=param)


def _needs(adapter: Adapter) -> str:
    ways = [" + ".join(sorted(alternative)) or "nothing" for alternative in adapter.credential_fields]
    optional = f" (optional: {', '.join(sorted(adapter.optional_credential_fields))})" if adapter.optional_credential_fields else ""
    return " or ".join(ways) + optional


def _missing(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="missing_required_parameter", param="credentials")


def _base_url(adapter: Adapter, given: str) -> str:
    url = adapter.base_url(given.strip())
    if not url:
        raise InvalidRequest(f"The adapter {adapter.name!r} needs a base_url.", code="missing_required_parameter", param="base_url")
    if url == adapter.default_base_url:
        return url
    try:
        target = split(url)
    except ValueError as error:
        raise InvalidRequest(f"base_url {error}.", param="base_url") from error
    if target.scheme not in ("http", "https"):
        raise InvalidRequest("base_url must start with https:// or http://.", param="base_url")
    if "?" in url or "#" in url:
        raise InvalidRequest("base_url must end before any '?' or '#'.", param="base_url")
    return url


def _check_prices(prices: JsonObject) -> None:
    for model, price in prices.items():
        try:
            price_from_json(price)
        except ValueError as error:
            raise InvalidRequest(f"The price of {model!r} is not usable: {error}.", param=f"prices.{model[:100]}") from error


def _check_json(channel: Channel) -> None:
    """What a database or a vendor's parser could not carry is refused here, not met later."""
    check_value([dict(channel.prices)], "prices")
    check_value([dict(channel.set_fields)], "overrides")
    check_value([dict(channel.settings)], "settings")
