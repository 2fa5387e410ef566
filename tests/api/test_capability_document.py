"""What a model's capability document lists passes untouched, and everything else is refused or told before any charge."""

import json
import random
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from app.adapters.registry import adapters
from app.api.dialects.models import capabilities_object
from app.domain.channels import Channel
from app.domain.errors import InvalidRequest
from app.domain.media import Role
from app.domain.offers import Offer
from app.domain.requests import ImageRequest, Mode, Request, VideoRequest, codes
from app.engine.plan import Planned, make_plan
from tests.adapters.test_every_model import CASES, Case, asked, item, job, media
from tests.gateways import KEY, another

pytestmark = pytest.mark.parametrize("case", CASES, ids=str)

Document = Mapping[str, Any]
BY_NAME = {str(case): case for case in CASES}
# name in the document -> field of a request
LISTS = {
    "durations": "duration",
    "fps": "fps",
    "resolutions": "resolution",
    "ratios": "aspect_ratio",
    "qualities": "quality",
    "output_formats": "output_format",
}
AFTER_THE_TIER = ("durations", "fps")  # which may depend on the resolution, and so on its default
UNHEARD_OF: Mapping[str, tuple[Any, ...]] = {
    "durations": (*range(1, 31), 60, 3599.5),
    "fps": (8, 12, 16, 24, 25, 30, 48, 50, 60, 119),
    "resolutions": ("240p", "360p", "480p", "540p", "720p", "768p", "1080p", "1440p", "2160p", "4320p"),
    "ratios": ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "3:2", "2:3", "7:5", "32:9"),
    "qualities": ("std", "pro", "high", "unheard-of"),
    "output_formats": ("png", "jpeg", "webp", "svg", "tiff"),
}
SCALARS: Mapping[str, Any] = {"seed": 7, "negative_prompt": "rain", "watermark": True, "generate_audio": True, "camera_fixed": True}
SUBSTITUTED = {"output_formats": ("png", "jpeg", "webp")}  # which the gateway makes itself where the vendor does not


def document(case: Case) -> Document:
    """The document as a client gets it."""
    return _document(str(case))


@cache
def _document(name: str) -> Document:
    card = BY_NAME[name].card
    shown = capabilities_object(Offer(card.name, card, card.capabilities.op, 0, card.price))
    read: Document = json.loads(json.dumps(shown))
    return read


def holding(case: Case, request: Request, *, tier: bool = False) -> dict[str, Any]:
    """What the document says of this request, its rules applied; with `tier` as if its default resolution had been named."""
    said = dict(document(case))
    facts: dict[str, list[str | None]] = {
        "mode": [request.mode.value],
        "media": [one.role.value for one in request.media],
        "resolution": [request.resolution or (said["default_resolution"] if tier else None)],
        "quality": [request.quality],
    }
    for rule in said["rules"]:
        if all(set(facts.get(name, ())) & set(values) for name, values in rule["when"].items()):
            inputs = {**(said["inputs"] or {}), **rule["then"].get("inputs", {})}
            said |= {**rule["then"], "inputs": inputs if said["inputs"] is not None else None}
    return said


def planned(request: Request, case: Case, *, strict: bool = False) -> Planned:
    """What would be sent; raises before anything is stored, charged or sent."""
    models = {case.card.name: case.card.name}
    channel: Channel = another("1", adapter=case.adapter, models=models)
    return make_plan(request, (), KEY, [channel], random.Random(0), strict=strict).choices[0]


def allowed(case: Case) -> Iterator[dict[str, Any]]:
    """Each value that the document lists, one at a time."""
    yield {}
    base = asked(case)
    for name, field in LISTS.items():
        if field in type(base).__dataclass_fields__:
            yield from ({field: value} for value in holding(case, base, tier=name in AFTER_THE_TIER)[name] or ())
    sizes = holding(case, base)["sizes"]
    if isinstance(sizes, list):
        yield from ({"width": int(size.split("x")[0]), "height": int(size.split("x")[1])} for size in sizes)
    scalars = SCALARS.keys() & set(holding(case, base)["scalars"] or ()) & type(base).__dataclass_fields__.keys()
    yield from ({name: SCALARS[name]} for name in sorted(scalars))


def others(case: Case) -> Iterator[tuple[str, dict[str, Any]]]:
    """Values that the document does not list though it lists some (an empty list: has no such thing)."""
    base = asked(case)
    for name, field in LISTS.items():
        listed = holding(case, base)[name]
        if listed is None or field not in type(base).__dataclass_fields__:
            continue
        if isinstance(base, ImageRequest) and name in ("resolutions", "ratios"):
            continue  # of a picture they are words for its size
        unheard = [value for value in UNHEARD_OF[name] if value not in listed and value not in SUBSTITUTED.get(name, ())]
        yield from ((field, {field: value}) for value in unheard)
    scalars = holding(case, base)["scalars"]
    if scalars is not None:
        missing = SCALARS.keys() - set(scalars)
        yield from ((name, {name: SCALARS[name]}) for name in sorted(missing & type(base).__dataclass_fields__.keys()))


def test_capability_document_agrees_with_adapter(case: Case) -> None:
    for chosen in allowed(case):
        choice = planned(asked(case, **chosen), case)
        told = [code for code in codes(choice.notices) if code.partition(":")[2] in chosen]
        assert told == [], chosen
        adapters()[case.adapter].build_request(job(case, choice.request))
    for field, chosen in others(case):
        with pytest.raises(InvalidRequest):
            planned(asked(case, **chosen), case, strict=True)
        try:
            choice = planned(asked(case, **chosen), case)
        except InvalidRequest:
            continue
        assert any(code.endswith(f":{field}") for code in codes(choice.notices)), chosen


def test_a_mode_that_the_document_lacks_is_refused(case: Case) -> None:
    own = VideoRequest if case.card.capabilities.op == "video" else ImageRequest
    possible = {Mode.T2I, Mode.I2I} if own is ImageRequest else set(Mode) - {Mode.T2I, Mode.I2I}
    for mode in sorted(possible - set(map(Mode, document(case)["modes"]))):
        with pytest.raises(InvalidRequest):
            planned(own(model=case.card.name, mode=mode, prompt="a paper boat", media=media(case), named={"mode": "mode"}), case)


def test_an_input_that_the_document_lacks_or_limits_is_refused(case: Case) -> None:
    if document(case)["inputs"] is None:
        return
    given = media(case)
    of_pictures = {Role.IMAGE, Role.MASK}
    for role in set(Role):
        if (role in of_pictures) is not (case.card.capabilities.op == "image"):
            continue
        inputs = holding(case, asked(case, media=(*given, item(role, 99))))["inputs"]
        most = inputs.get(role.value, {"max": 0})["max"]
        more = most + 1 - sum(one.role is role for one in given)
        too_many = (*given, *(item(role, 100 + number) for number in range(more)))
        with pytest.raises(InvalidRequest):  # strict, since frames beside references may become references, which is told
            planned(asked(case, media=too_many, named={"mode": "mode"}), case, strict=True)
