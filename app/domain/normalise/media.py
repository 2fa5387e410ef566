"""Collects media from every alias and from typed lists, in the order of normalisation.md §5, each source once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.errors import InvalidRequest
from app.domain.json import Json, JsonObject
from app.domain.media import MediaType, Role
from app.domain.normalise.fields import MEDIA, SOURCE_TASK
from app.domain.normalise.guard import parsed
from app.domain.normalise.media_rows import Draft, MediaRow
from app.domain.normalise.reader import Body, Place
from app.domain.normalise.sources import reference, source
from app.domain.normalise.values import UploadRef, elements, given, mapping, text, truth, wrong_type, wrong_value
from app.domain.replacing import replace
from app.domain.requests import Operation

MOST_MEDIA = 64
_KEYS = {kind: ("url", f"{kind.value}_url", kind.value) for kind in MediaType}
_ID_NAMES = frozenset({"video_id", *SOURCE_TASK.names})  # whose values are ids, not links
_IDS = {"file_id": "file", "id": "task", "task_id": "task"}
_CONTENT_TYPES = {
    **{f"{kind.value}_url": kind for kind in MediaType},
    **{kind.value: kind for kind in MediaType},
    **{f"input_{kind.value}": kind for kind in MediaType},
}
_TEXT_TYPES = frozenset({"text", "input_text"})
_ROLES = {
    (MediaType.IMAGE, "first_frame"): Role.FIRST_FRAME,
    (MediaType.IMAGE, "start_frame"): Role.FIRST_FRAME,
    (MediaType.IMAGE, "last_frame"): Role.LAST_FRAME,
    (MediaType.IMAGE, "end_frame"): Role.LAST_FRAME,
    (MediaType.IMAGE, "tail_frame"): Role.LAST_FRAME,
    (MediaType.VIDEO, "source_video"): Role.SOURCE_VIDEO,
    (MediaType.VIDEO, "source"): Role.SOURCE_VIDEO,
    **{(MediaType(role.value[10:]), role.value): role for role in Role if role.value.startswith("reference_")},
    **{
        (MediaType(role.value[10:]), word): role
        for role in Role
        if role.value.startswith("reference_")
        for word in ("reference", "ref")
    },
}
_NAMES = {op: frozenset({"content"}).union(*(row.outer for row in rows)) for op, rows in MEDIA.items()}
_IMAGE_OP_ROLES = {"image": Role.IMAGE, "mask": Role.MASK}


@dataclass(slots=True)
class Gathered:
    """Everything that a body holds besides scalars: media, and the texts of typed lists by place ("" or "metadata.")."""

    drafts: list[Draft] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)


def gather(body: Body, op: Operation) -> Gathered:
    """All media and texts of a body, sources that repeat joined; raises InvalidRequest naming the client's field."""
    gathered = Gathered()
    if not body.holds(_NAMES[op]):
        return gathered
    reader = _MediaReader(body, op)
    for row in MEDIA[op]:
        if not body.holds(row.outer):
            continue
        for place in body.places:
            for name in row.names:
                if name in place.values:
                    gathered.drafts += reader.field(row, place, name)
    for place in body.places:
        drafts, texts = reader.content(place)
        gathered.drafts += drafts
        gathered.texts[place.prefix] = texts
    gathered.drafts = joined([_as_input(draft) for draft in gathered.drafts] if op == "image" else gathered.drafts)
    if len(gathered.drafts) > MOST_MEDIA:
        raise wrong_value(gathered.drafts[MOST_MEDIA].param, f"is more than the {MOST_MEDIA} media that one request may hold")
    return gathered


def source_task(body: Body) -> list[Draft]:
    """The source that a client names by the id of the task that made it, where no video is given otherwise."""
    reader = _MediaReader(body, "video")
    return [draft for place in body.places for name in SOURCE_TASK.names for draft in reader.field(SOURCE_TASK, place, name)]


def joined(drafts: list[Draft]) -> list[Draft]:
    """Each (type, source) once, at its first position; an explicit role beats none, two different ones both stay."""
    kept: list[Draft] = []
    seen: dict[tuple[MediaType, str], list[int]] = {}
    for draft in drafts:
        places = seen.setdefault((draft.type, draft.src), [])
        if places and kept[places[0]].role is None:
            kept[places[0]] = replace(kept[places[0]], role=draft.role)
        elif not places or (draft.role is not None and all(kept[place].role is not draft.role for place in places)):
            places.append(len(kept))
            kept.append(draft)
    return kept


def _as_input(draft: Draft) -> Draft:
    """In an image operation every picture is an input picture, unless it is the mask."""
    return replace(draft, role=Role.IMAGE) if draft.type is MediaType.IMAGE and draft.role is not Role.MASK else draft


class _MediaReader:
    """Reads media values; what it cannot read is an error at the top level and stays in `vendor` when it is metadata."""

    def __init__(self, body: Body, op: Operation) -> None:
        self._body = body
        self._op = op

    def field(self, row: MediaRow, place: Place, name: str) -> list[Draft]:
        value = place.get(name)
        if value is None or (name == "audio" and truth(value) is not None):
            return []
        try:
            drafts = self._values(value, row.type, place.prefix + name, ids=name in _ID_NAMES)
        except InvalidRequest:
            if place is self._body.top:
                raise
            self._body.ignore(name)
            return []
        place.used.add(name)
        return [replace(draft, role=row.role or draft.role, field=name) for draft in drafts]

    def content(self, place: Place) -> tuple[list[Draft], list[str]]:
        value = place.get("content")
        drafts: list[Draft] = []
        texts: list[str] = []
        if value is None:
            return drafts, texts
        name = place.prefix + "content"
        try:
            for index, item in enumerate(_content_items(value, name)):
                self._content_item(item, f"{name}[{index}]", drafts, texts)
        except InvalidRequest:
            if place is self._body.top:
                raise
            self._body.ignore("content")
            return [], []
        place.used.add("content")
        return drafts, texts

    def _content_item(self, item: Json, name: str, drafts: list[Draft], texts: list[str]) -> None:
        if not given(item):
            return
        item = mapping(item, name)
        kind = _content_kind(item, name)
        if kind is None:
            if given(item.get("text")):
                texts.append(text(item["text"], f"{name}.text"))
            return
        key = next((key for key in (*_KEYS[kind], *_IDS) if given(item.get(key))), None)
        drafts += self._object(item, kind, name, f"{name}.{key}" if key else name)

    def _values(self, value: Json, kind: MediaType, name: str, *, ids: bool) -> list[Draft]:
        if isinstance(value, str) and not isinstance(value, UploadRef) and value.lstrip()[:1] in ("{", "["):
            value = parsed(value, name)
        items = elements(value)
        if items is None:
            return self._value(value, kind, name, ids=ids)
        listed = [self._value(item, kind, f"{name}[{index}]", ids=ids, listed=True) for index, item in enumerate(items)]
        return [draft for drafts in listed for draft in drafts]

    def _value(self, value: Json, kind: MediaType, name: str, *, ids: bool = False, listed: bool = False) -> list[Draft]:
        if not given(value):
            return []
        if isinstance(value, Mapping):
            return self._object(value, kind, name, name, listed=listed)
        if ids and not isinstance(value, UploadRef):
            return [Draft(kind, None, reference("task", value, name), name)]
        if not isinstance(value, str):
            raise wrong_type(name, f"a URL, base64, an object or an uploaded file holding {kind.value}")
        return [Draft(kind, None, source(value, kind, name), name)]

    def _object(self, value: JsonObject, kind: MediaType, name: str, param: str, *, listed: bool = False) -> list[Draft]:
        address = next((key for key in _KEYS[kind] if given(value.get(key))), None)
        usable = ("file_id",) if kind is not MediaType.VIDEO or address else tuple(_IDS)
        identifier = next((key for key in usable if given(value.get(key))), None)
        if address and identifier and not listed:
            raise InvalidRequest(f"`{param}` holds both {address} and file_id.", code="conflicting_parameters", param=param)
        if not address and not identifier and not any(key in value for key in _KEYS[kind]):
            raise wrong_value(param, f"must hold one of {', '.join((*_KEYS[kind], 'file_id'))}")
        role = self._role(value, kind, name)
        drafts: list[Draft] = []
        for key in value:  # both only where a form has lost the border between two list elements
            if key == address:
                drafts += self._value(value[key], kind, param)
            elif key == identifier:
                drafts.append(Draft(kind, None, reference(_IDS[key], value[key], param), param))
        return [replace(draft, role=role or draft.role) for draft in drafts]

    def _role(self, value: JsonObject, kind: MediaType, name: str) -> Role | None:
        if given(value.get("role")):
            written = text(value["role"], f"{name}.role").strip().lower().replace("-", "_")
            role = self._role_of(kind, written)
            if role is None:
                self._body.note("unknown_role", "media", written[:64])
            return role
        tag = value.get("type")  # Kling writes the role of an `image_list` item here
        return self._role_of(kind, tag.strip().lower()) if isinstance(tag, str) and tag not in _CONTENT_TYPES else None

    def _role_of(self, kind: MediaType, written: str) -> Role | None:
        if self._op == "image" and kind is MediaType.IMAGE:
            return _IMAGE_OP_ROLES.get(written) or (Role.IMAGE if (kind, written) in _ROLES else None)
        return _ROLES.get((kind, written))


def _content_items(value: Json, name: str) -> list[Json]:
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        value = parsed(value, name)
    if isinstance(value, Mapping):
        return [value]
    items = elements(value)
    if items is None:
        raise wrong_type(name, "a list of typed items")
    return list(items)


def _content_kind(item: JsonObject, name: str) -> MediaType | None:
    """The media type of a typed item; None for a text."""
    written = item.get("type")
    if given(written):
        tag = text(written, f"{name}.type").strip().lower()
        if tag not in _TEXT_TYPES and tag not in _CONTENT_TYPES:
            raise wrong_value(f"{name}.type", "must be text, image_url, video_url or audio_url")
        return _CONTENT_TYPES.get(tag)
    kind = next((kind for key, kind in _CONTENT_TYPES.items() if key in item), None)
    if kind is None and "text" not in item:
        raise wrong_value(name, "must hold text, image_url, video_url or audio_url")
    return kind
