"""What the stories of `newapi` cannot say: a request that goes through it to another Filmgate arrives as it was."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters._fields import data_uri
from app.adapters.base import Call
from app.adapters.registry import adapters, catalogue
from app.domain.canonical import from_json, to_json
from app.domain.fit import fit
from app.domain.media import Form, Media, MediaType, Role
from app.domain.normalise import normalise
from app.domain.requests import ImageRequest, Mode, Request, codes
from tests.domain.builders import image, job, picture, video
from tests.domain.examples import accepted

PNG = b"\x89PNG\r\n\x1a\n"
BYTES = {MediaType.IMAGE: PNG, MediaType.VIDEO: b"\0\0\0\x18ftypmp42", MediaType.AUDIO: b"ID3\x04"}
MIMES = {MediaType.IMAGE: "image/png", MediaType.VIDEO: "video/mp4", MediaType.AUDIO: "audio/mpeg"}
# ours to answer for, not the next gateway's
OURS = ("model", "callback_url", "client_task_id", "stream", "partial_images")


def prepared(request: Request) -> Request:
    """The request as the engine hands it to an adapter whose card leaves the form of media open."""
    return replace(request, media=tuple(brought(item) for item in request.media))


def brought(item: Media) -> Media:
    if item.scheme in ("http", "https"):
        return replace(item, form=Form.URL)
    if item.scheme == "data":
        head, _, text = item.src.partition(",")
        return replace(item, form=Form.DATA_URI, mime=head[5:].partition(";")[0], data=base64.b64decode(text))
    if item.scheme == "upload":
        return replace(item, form=Form.UPLOAD, mime=MIMES[item.type], data=BYTES[item.type])
    return replace(item, form=Form.VERBATIM)


def call_for(request: Request, adapter: str = "newapi", **settings: Any) -> Call:
    opened = catalogue(adapter).open_card(request.op)
    fitted = fit(request, opened.capabilities)
    assert codes(fitted.notices) == ()
    return adapters()[adapter].build_request(
        job(request=prepared(fitted.request), asked=request, upstream_model=request.model, settings=settings)
    )


def meaning(request: Request) -> Mapping[str, Any]:
    """What both gateways must agree on. Across types the order of media says nothing, within a type it does."""
    sources = [replace(item, src=data_uri(item) if item.data else item.src) for item in prepared(request).media]
    found = to_json(replace(request, media=tuple(sorted(sources, key=lambda item: (item.type, frame_order(item))))))
    if request.op == "image" and request.aspect_ratio == "auto":
        found["aspect_ratio"] = None  # what every picture route does when nothing is said
    return {name: value for name, value in found.items() if name not in OURS}


def frame_order(item: Media) -> int:
    return {Role.FIRST_FRAME: 0, Role.LAST_FRAME: 1}.get(item.role, 2)


def carried(request: Request) -> bool:
    """Not a remix (whose source stands in the path), no id of a file of the vendor's, no parts of a multipart body."""
    inline = isinstance(request, ImageRequest) and any(item.scheme in ("data", "upload") for item in request.media)
    return request.mode is not Mode.REMIX and not inline and all(item.scheme != "file" for item in request.media)


CARRIED = {name: request for name, _, request in accepted() if carried(request)}


@pytest.mark.parametrize("name", CARRIED)
def test_every_example_arrives_at_the_next_gateway_as_it_was(name: str) -> None:
    call = call_for(CARRIED[name])
    assert call.json is not None
    arrived, notices = normalise(call.path, call.json)
    assert meaning(arrived) == meaning(CARRIED[name])
    assert not any("conflict" in code or "override" in code or "guessed" in code for code in codes(notices))


@pytest.mark.parametrize("name", [name for name, request in CARRIED.items() if request.op == "video"])
def test_through_openais_shape_media_and_mode_arrive_as_they_were(name: str) -> None:
    call = call_for(CARRIED[name], "openai", video_body="json")
    assert call.json is not None
    arrived, wanted = meaning(normalise(call.path, call.json)[0]), meaning(CARRIED[name])
    assert (arrived["mode"], arrived["media"]) == (wanted["mode"], wanted["media"])
    assert arrived["duration"] == wanted["duration"]
    assert wanted["width"] in (None, arrived["width"])


def test_nearly_all_examples_are_carried() -> None:
    assert len(CARRIED) > 80


@pytest.mark.parametrize("route", ["videos", "generations"])
def test_all_roles_and_scalars_at_once_arrive_on_either_route(route: str) -> None:
    request = from_json(EVERYTHING)
    call = call_for(request, route=route)
    assert call.json is not None
    arrived, notices = normalise(call.path, call.json)
    assert meaning(arrived) == meaning(request)
    assert notices == ()


EVERYTHING: dict[str, Any] = {
    "op": "video",
    "model": "m",
    "mode": "r2v",
    "model_variant": "m-2",
    "prompt": "p",
    "negative_prompt": "blur",
    "width": 1280,
    "height": 720,
    "resolution": "720p",
    "aspect_ratio": "16:9",
    "duration": 5,
    "frames": 121,
    "fps": 24,
    "n": 2,
    "seed": 0,
    "quality": "pro",
    "generate_audio": True,
    "watermark": False,
    "camera_fixed": True,
    "user": "u-1",
    "media": [
        {"type": "image", "role": "first_frame", "src": "https://img.example.com/a.png"},
        {"type": "image", "role": "last_frame", "src": "data:image/png;base64,iVBORw0KGgo="},
        {"type": "image", "role": "reference_image", "src": "https://img.example.com/c.png"},
        {"type": "image", "role": "reference_image", "src": "asset://d"},
        {"type": "video", "role": "reference_video", "src": "https://vid.example.com/m.mp4"},
        {"type": "audio", "role": "reference_audio", "src": "https://aud.example.com/s.mp3"},
    ],
    "vendor": {"cfg_scale": 0.4, "payload": {"x": [1, None]}},
}
SOURCES = st.sampled_from([f"https://img.example.com/{letter}.png" for letter in "abcde"] + ["asset://f"])
ROLES = st.sampled_from([Role.FIRST_FRAME, Role.LAST_FRAME, Role.REFERENCE_IMAGE])


@given(st.lists(st.tuples(ROLES, SOURCES), max_size=5, unique_by=lambda pair: pair[1]))
@settings(max_examples=60, deadline=None)
def test_pictures_keep_their_roles_in_any_mixture(pairs: list[tuple[Role, str]]) -> None:
    pairs = [pair for index, pair in enumerate(pairs) if pair[0] is Role.REFERENCE_IMAGE or pair[0] not in dict(pairs[:index])]
    media = tuple(picture(role, "image", src) for role, src in pairs)
    request = video(media=media, mode=inferred({item.role for item in media}))
    call = call_for(request)
    assert call.json is not None
    arrived, _ = normalise(call.path, call.json)
    assert meaning(arrived) == meaning(request)


def inferred(roles: set[Role]) -> Mode:
    if {Role.FIRST_FRAME, Role.LAST_FRAME} <= roles:
        return Mode.FLF2V
    if roles & {Role.FIRST_FRAME, Role.LAST_FRAME}:
        return Mode.I2V
    return Mode.R2V if roles else Mode.T2V


def test_a_remix_arrives_with_its_source_in_the_path() -> None:
    source = Media(MediaType.VIDEO, Role.SOURCE_VIDEO, "task:task_7", form=Form.VERBATIM)
    call = call_for(video(mode=Mode.REMIX, media=(source,), seed=3))
    assert (call.path, call.json) == ("/v1/videos/task_7/remix", {"prompt": "a paper boat", "seed": 3, "metadata": {"seed": 3}})


def test_the_base_url_has_no_default_and_may_end_in_v1() -> None:
    adapter = adapters()["newapi"]
    assert adapter.default_base_url == ""
    assert adapter.base_url("https://relay.example.com/v1/") == "https://relay.example.com"


def test_pictures_stream_and_videos_do_not() -> None:
    adapter = adapters()["newapi"]
    call = adapter.build_stream(job(request=image(partial_images=2), upstream_model="seedream-x"))
    assert call is not None
    assert call.json == {"model": "seedream-x", "prompt": "a paper boat", "stream": True, "partial_images": 2}
    assert adapter.build_stream(job()) is None
    assert adapter.build_stream(job(request=image(), settings={"stream": False})) is None
