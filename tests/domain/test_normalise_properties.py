"""What holds for every body: it normalises or is refused, and normalising a canonical object changes nothing."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.canonical import as_body, from_json, to_json
from app.domain.errors import InvalidRequest
from app.domain.normalise import fields, normalise
from app.domain.normalise.forms import nested
from app.domain.normalise.media_rows import MediaRow
from app.domain.normalise.reader import Row
from app.domain.requests import Request
from tests.domain.examples import accepted, flattened

ROUTES = st.sampled_from(
    [
        *("/v1/video/generations", "/v1/videos", "/v1/videos/edits", "/v1/videos/extensions", "/v1/videos/{id}/remix"),
        *("/v1/images/generations", "/v1/images/edits", "/jimeng/"),
    ]
)
ROWS = [row for row in vars(fields).values() if isinstance(row, Row | MediaRow)]
NAMES = sorted(
    {name.partition(".")[0] for row in ROWS for name in row.names} | {"mode", "size", "resolution", "req_key", "content"}
)
CODES = {"missing_required_parameter", "invalid_value", "invalid_type", "conflicting_parameters"}

URLS = st.sampled_from(
    [
        "https://img.example.com/a.png",
        "http://img.example.com/b.png",
        "asset://c",
        "data:image/png;base64,iVBORw0KGgo=",
        "/9j/4AAQSkZJRg",
    ]
)
WORDS = st.sampled_from(
    [
        *("", " ", "5", "-1", "auto", "8s", "0", "24", "121", "true", "on", "url", "std", "pro", "hd", "high", "t2v", "i2v", "r2v"),
        *("flf2v", "edit", "turbo", "720p", "2K", "16:9", "7:3", "1280x720", "1000x800", "480x854", "file:///x", "upload:x#0:y"),
        *('{"url": "https://img.example.com/j.png"}', "[", "{", "first_frame", "last_frame", "reference", "mask"),
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-2, 3000), st.floats(), st.text(max_size=8), WORDS, URLS, st.integers())
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["text", "image_url", "video_url", "audio_url", "end_frame", "odd"]),
        "text": st.one_of(st.just("words"), SCALARS),
        "image_url": st.one_of(URLS, st.fixed_dictionaries({"url": URLS}), SCALARS),
        "video_url": st.one_of(URLS, st.fixed_dictionaries({"id": WORDS})),
        "file_id": st.sampled_from(["f-1", ""]),
        "role": st.one_of(WORDS, SCALARS),
    },
)
VALUES = st.recursive(
    st.one_of(SCALARS, ITEMS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=4)), inner)
    ),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=4)), VALUES, max_size=6)
BODIES = st.builds(
    lambda base, body, extra: {**base, **body, **extra},
    st.sampled_from([{}, {"model": "m"}, {"model": "m", "prompt": "p"}]),
    FIELDS,
    st.one_of(st.just({}), st.fixed_dictionaries({"metadata": st.one_of(FIELDS, VALUES, FIELDS.map(json.dumps))})),
)

PLAIN_URLS = st.one_of(
    st.integers(0, 5).map(lambda number: f"https://img.example.com/{number}.png"),
    st.sampled_from(["data:image/png;base64,iVBORw0KGgo=", "asset://a"]),
)
IMAGE_VALUES = st.one_of(PLAIN_URLS, st.lists(PLAIN_URLS, max_size=3), st.fixed_dictionaries({"image_url": PLAIN_URLS}))
PLAIN_SIZES = st.tuples(st.integers(64, 16_384), st.integers(64, 16_384)).map(lambda size: f"{size[0]}x{size[1]}")
GOOD = st.fixed_dictionaries(
    {
        "model": st.just("m"),
        "prompt": st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20).map("p".__add__),
    },
    optional={
        "image": IMAGE_VALUES,
        "images": IMAGE_VALUES,
        "first_frame": PLAIN_URLS,
        "image_tail": PLAIN_URLS,
        "reference_images": IMAGE_VALUES,
        "video_url": st.just("https://vid.example.com/v.mp4"),
        "video_id": st.just("v-1"),
        "audio_url": st.just("https://aud.example.com/a.mp3"),
        "size": st.one_of(PLAIN_SIZES, st.sampled_from(["720p", "4K", "9:16", "auto", "square"])),
        "resolution": st.sampled_from(["480p", "2k", "768p", "1280x720"]),
        "ratio": st.one_of(
            st.sampled_from(["16:9", "adaptive"]), st.tuples(st.integers(1, 99), st.integers(1, 99)).map(lambda r: f"{r[0]}:{r[1]}")
        ),
        "width": st.integers(64, 4096),
        "height": st.integers(64, 4096),
        "seconds": st.one_of(st.integers(1, 60), st.floats(0.1, 60), st.just("auto")),
        "frames": st.integers(1, 5000),
        "fps": st.integers(1, 120),
        "n": st.integers(1, 10),
        "seed": st.integers(-1, 2**62),
        "quality": st.sampled_from(["high", "720p", "standard"]),
        "mode": st.sampled_from(["pro", "turbo", "t2v", "i2v", "r2v", "edit", "remix", "first_last"]),
        "function_mode": st.sampled_from(["dance", "r2v"]),
        "model_name": st.just("v2"),
        "sound": st.sampled_from(["on", "off"]),
        "watermark_info": st.fixed_dictionaries({"enabled": st.booleans()}, optional={"text": st.just("x")}),
        "style": st.just("anime"),
        "metadata": st.dictionaries(
            st.sampled_from(["size", "seed", "image", "mode", "tag", "bgm"]), st.sampled_from(["x", "9:16", 3, False])
        ),
    },
)
MODERATE = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _same_again(route: str, request: Request) -> None:
    again, _ = normalise(route, as_body(request))

    assert to_json(again) == to_json(request)
    assert from_json(json.loads(json.dumps(to_json(request)))) == request


@pytest.mark.parametrize(("name", "route", "request_"), accepted(), ids=lambda value: value if isinstance(value, str) else "")
def test_an_example_normalised_once_more_stays_the_same(name: str, route: str, request_: Request) -> None:
    if any(item.scheme == "upload" for item in request_.media):
        with pytest.raises(InvalidRequest):
            normalise(route, as_body(request_))
    else:
        _same_again(route, request_)


def _outcome(route: str, body: dict[str, Any]) -> Request | InvalidRequest:
    try:
        return normalise(route, body)[0]
    except InvalidRequest as refusal:
        return refusal


def _body(parts: list[tuple[str, str]]) -> dict[str, Any] | InvalidRequest:
    try:
        return nested(parts)
    except InvalidRequest as refusal:
        return refusal


@MODERATE
@given(st.sampled_from(["/v1/videos", "/v1/images/generations", "/v1/videos/edits", "/v1/videos/{id}/remix"]), GOOD)
def test_a_good_request_normalised_once_more_stays_the_same(route: str, body: dict[str, Any]) -> None:
    outcome = _outcome(route, body)

    if isinstance(outcome, InvalidRequest):
        assert outcome.code in CODES
    else:
        _same_again(route, outcome)


@MODERATE
@given(ROUTES, BODIES)
def test_any_body_is_normalised_or_refused(route: str, body: dict[str, Any]) -> None:
    outcome = _outcome(route, body)

    if isinstance(outcome, InvalidRequest):
        assert outcome.code in CODES
        assert outcome.param is None or len(outcome.param) <= 256
    else:
        json.dumps(to_json(outcome), allow_nan=False).encode()
        _same_again(route, outcome)


@MODERATE
@given(ROUTES, BODIES)
def test_any_form_is_normalised_or_refused(route: str, body: dict[str, Any]) -> None:
    form = _body(list(flattened(body)))

    outcome = form if isinstance(form, InvalidRequest) else _outcome(route, form)

    assert isinstance(outcome, Request) or outcome.code in CODES


@MODERATE
@given(st.lists(st.tuples(st.text("ab[]01", max_size=12), st.text(max_size=3)), max_size=8))
def test_any_part_names_keep_every_value_or_are_refused(parts: list[tuple[str, str]]) -> None:
    body = _body(parts)

    if isinstance(body, InvalidRequest):
        assert body.code in CODES
    else:
        assert len([part for value in body.values() for part in flattened(value, "x")]) == len(parts)
