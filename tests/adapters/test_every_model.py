"""For every model of every adapter: each allowed value of each scalar passes without a word, one outside is adjusted or refused."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.adapters.registry import adapters, catalogue
from app.domain.capabilities import Capabilities, InputRule, ModelCard
from app.domain.errors import InvalidRequest
from app.domain.fit import fit, overlaid
from app.domain.jobs import Job
from app.domain.media import Form, Media, MediaType, Origin, Role
from app.domain.requests import ImageRequest, Mode, Request, VideoRequest, codes
from tests.adapters.stories import NOW, prepared

VIDEO_NEEDS = {
    Mode.I2V: (Role.FIRST_FRAME,),
    Mode.FLF2V: (Role.FIRST_FRAME, Role.LAST_FRAME),
    Mode.R2V: (Role.REFERENCE_IMAGE,),
    Mode.EXTEND: (Role.SOURCE_VIDEO,),
    Mode.EDIT: (Role.SOURCE_VIDEO,),
    Mode.REMIX: (Role.SOURCE_VIDEO,),
    Mode.I2I: (Role.IMAGE,),
}
ALWAYS_NEEDED = {"jimeng_image2image_dream_inpaint": (Role.MASK,)}  # beyond what its mode needs
TYPES = {"image": MediaType.IMAGE, "video": MediaType.VIDEO, "audio": MediaType.AUDIO}


# a clip that the same channel made, with what the vendors that need more than its id left in the facts
MADE_BEFORE = Origin(
    "task_1", "channel_1", "credential_1", "up-1", {"uri": "https://media.example.com/1", "video_id": "v-1", "creation_id": "c-1"}
)


@dataclass(frozen=True, slots=True)
class Case:
    """One model in one mode."""

    adapter: str
    card: ModelCard
    mode: Mode

    def __str__(self) -> str:
        return f"{self.adapter}/{self.card.name}/{self.mode}"


def cases() -> Iterator[Case]:
    for name in sorted(adapters()):
        for card in catalogue(name).cards:
            if not card.by_variant:
                for mode in sorted(card.capabilities.modes or ()):
                    yield Case(name, card, mode)


CASES = list(cases())
pytestmark = pytest.mark.parametrize("case", CASES, ids=str)


def media(case: Case) -> tuple[Media, ...]:
    """The fewest inputs that the mode needs, of roles that the model takes."""
    inputs = case.card.capabilities.inputs
    roles = [role for role in VIDEO_NEEDS.get(case.mode, ()) if inputs is None or role in inputs]
    if case.mode is Mode.R2V and not roles and inputs:
        roles = [role for role in (Role.REFERENCE_VIDEO, Role.REFERENCE_AUDIO) if role in inputs][:1]
    roles += ALWAYS_NEEDED.get(case.card.name, ())
    return tuple(item(role, number, None if inputs is None else inputs.get(role)) for number, role in enumerate(roles))


def item(role: Role, number: int, rule: InputRule | None = None) -> Media:
    kind = next((kind for word, kind in TYPES.items() if word in role.value), MediaType.IMAGE)
    by_id = role is Role.SOURCE_VIDEO and rule is not None and Form.TASK in rule.forms
    src = "task:up-1" if by_id else f"https://media.example.com/{number}.{kind.value}"
    return Media(kind, role, src, param=role.value, origin=MADE_BEFORE if by_id else None)


def asked(case: Case, **values: Any) -> Request:
    common = {"model": case.card.name, "mode": case.mode, "prompt": "a paper boat", "media": media(case), **values}
    return VideoRequest(**common) if case.card.capabilities.op == "video" else ImageRequest(**common)


def able(case: Case, request: Request) -> Capabilities:
    """What the model can do for this request, its overlays applied."""
    return overlaid(case.card.capabilities, request)


def job(case: Case, request: Request) -> Job:
    rules = case.card.capabilities.inputs
    ready = tuple(prepared(one, None if rules is None else rules.get(one.role)) for one in request.media)
    return Job(
        id="task_01jd3b7v9c8x5m2k4q6r8t0w1y",
        key_id="key_1",
        model=case.card.name,
        asked=request,
        request=replace(request, media=ready),
        adapter=case.adapter,
        upstream_model=case.card.by_mode.get(request.mode, case.card.upstream),
        created_at=NOW,
        updated_at=NOW,
        deadline_at=NOW,
    )


def values(case: Case) -> Iterator[dict[str, Any]]:
    """Every allowed value of every scalar, one at a time."""
    yield {}
    found = able(case, asked(case))
    yield from ({"resolution": tier} for tier in found.resolutions or ())
    yield from ({"aspect_ratio": ratio} for ratio in found.aspect_ratios or ())
    yield from ({"quality": quality} for quality in found.qualities or ())
    if case.card.capabilities.op == "video":
        usual = able(case, fit(asked(case), case.card.capabilities).request)  # what holds under the default tier
        yield from ({"duration": length} for length in usual.durations or ())
        yield from ({"fps": rate} for rate in usual.fps or ())
    else:
        yield from ({"output_format": kind} for kind in found.output_formats or ())
        yield from ({"width": width, "height": height} for width, height in found.sizes or ())
    names = {
        "seed": 7,
        "negative_prompt": "rain",
        "watermark": True,
        "generate_audio": True,
        "camera_fixed": True,
        "background": "opaque",
    }
    own = VideoRequest if case.card.capabilities.op == "video" else ImageRequest
    yield from (
        {name: names[name]} for name in sorted((found.scalars or frozenset()) & names.keys() & own.__dataclass_fields__.keys())
    )


def test_every_allowed_value_passes_without_a_word(case: Case) -> None:
    adapter = adapters()[case.adapter]
    for chosen in values(case):
        request = asked(case, **chosen)
        result = fit(request, case.card.capabilities)
        own = [code for code in codes(result.notices) if code.partition(":")[2] in chosen]
        assert own == [], chosen
        call = adapter.build_request(job(case, result.request))
        assert call.method in ("GET", "POST"), chosen


def outside(case: Case) -> Iterator[tuple[str, dict[str, Any]]]:
    """One value that the model lacks for each scalar whose values are known."""
    found = able(case, asked(case))
    if found.resolutions is not None:
        tier = next((one for one in ("360p", "540p", "1440p", "2160p", "480p") if one not in found.resolutions), None)
        if tier and case.card.capabilities.op == "video":
            yield "resolution", {"resolution": tier}
    if found.aspect_ratios is not None and case.card.capabilities.op == "video" and "7:5" not in found.aspect_ratios:
        yield "aspect_ratio", {"aspect_ratio": "7:5"}
    if found.qualities is not None:
        yield "quality", {"quality": "unheard-of"}
    if found.scalars is not None and "seed" not in found.scalars:
        yield "seed", {"seed": 7}
    if case.card.capabilities.op == "video":
        if found.durations is not None:
            yield "duration", {"duration": 3599.5}
        if found.fps is not None:
            yield "fps", {"fps": 119}
    elif found.output_formats is not None and "svg" not in found.output_formats:
        yield "output_format", {"output_format": "svg"}


def test_a_value_outside_is_adjusted_with_a_warning_or_refused(case: Case) -> None:
    for name, chosen in outside(case):
        try:
            result = fit(asked(case, **chosen), case.card.capabilities)
        except InvalidRequest:
            continue
        assert any(code.endswith(f":{name}") for code in codes(result.notices)), chosen


def test_an_input_outside_is_refused_by_its_name(case: Case) -> None:
    inputs = able(case, asked(case)).inputs
    if inputs is None:
        return
    strange = [
        role for role in Role if role not in inputs and (role in (Role.IMAGE, Role.MASK)) == (case.card.capabilities.op == "image")
    ]
    for role in strange[:1]:
        extra = replace(item(role, 9), param="the_clients_own_name")
        request = asked(case, media=(*media(case), extra), named={"mode": "mode"})
        with pytest.raises(InvalidRequest) as refusal:
            fit(request, case.card.capabilities)
        assert refusal.value.param in ("the_clients_own_name", "mode")
