"""Credentials as operators may see them again: enough to tell two apart, too little to use."""

from collections.abc import Mapping, Sequence

from app.domain.channels import Credential
from app.domain.errors import InvalidRequest
from app.domain.json import Json, JsonObject

MASK = "****"
_LONG = 16  # characters; of anything shorter even seven would be too many


def mask(value: Json) -> str:
    """First three and last four characters of a long secret, else nothing of it."""
    if isinstance(value, str) and len(value) >= _LONG and "\n" not in value:
        return f"{value[:3]}{MASK}{value[-4:]}"
    return MASK


def masked(credential: Credential) -> dict[str, Json]:
    """A credential for an answer: its id in the clear, every field masked."""
    return {"id": credential.id, **{name: mask(value) for name, value in credential.fields.items()}}


def edited(held: Sequence[Credential], given: Sequence[JsonObject]) -> tuple[Credential, ...]:
    """The credentials that an operator wants: entries with an `id` replace that one, the others are new (their id is empty).

    A field that comes back as it was shown, masked, keeps its value, and so does an entry of nothing but its id: what a GET
    answered can be sent back. Raises InvalidRequest for an id that the channel does not have.
    """
    return tuple(_edited(held, entry) for entry in given)


def _edited(held: Sequence[Credential], entry: JsonObject) -> Credential:
    fields = {name: value for name, value in entry.items() if name != "id"}
    if entry.get("id") is None:
        return Credential("", fields)
    stored = next((one for one in held if one.id == entry["id"]), None)
    if stored is None:
        raise InvalidRequest(f"The channel has no credential {entry['id']!r}.", param="credentials")
    return Credential(stored.id, _kept(fields, stored.fields) if fields else stored.fields)


def _kept(fields: JsonObject, stored: Mapping[str, Json]) -> JsonObject:
    return {name: stored[name] if name in stored and value == mask(stored[name]) else value for name, value in fields.items()}
