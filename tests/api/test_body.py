"""Every way to write a body, and every way to get it wrong."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.api.conftest import IMAGE, VIDEO, Site, error_of, site_on
from tests.api.vendor import PIXEL

pytestmark = pytest.mark.anyio
JSON = json.dumps(VIDEO).encode()
DEEP = b'{"model": "m", "prompt": "p", "metadata": ' + b"[" * 5000 + b"]" * 5000 + b"}"
FORM = "multipart/form-data; boundary=cut"


def part(name: str, value: str) -> bytes:
    """One text part of a form."""
    return f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "application/json",
        "application/json; charset=UTF-8",
        "APPLICATION/JSON",
        "application/vnd.api+json",
        "application/x-www-form-urlencoded",  # what curl -d says of JSON
    ],
)
async def test_json_is_read_under_these_names(site: Site, kind: str | None) -> None:
    answer = await site.client.post("/v1/videos", content=JSON, headers={"content-type": kind} if kind else {})
    assert answer.status_code == 200, answer.text


async def test_a_urlencoded_form_is_read_in_any_script(site: Site) -> None:
    body = urlencode({**VIDEO, "prompt": "纸船 & сын"}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await site.client.post("/v1/videos", content=body, headers=headers)
    assert answer.json()["prompt"] == "纸船 & сын"


async def test_bracket_names_of_a_form_rebuild_objects(site: Site) -> None:
    parts = [(name, (None, value)) for name, value in VIDEO.items()]
    parts += [("metadata[seed]", (None, "7")), ("images[]", (None, "https://example.com/a.png"))]
    answer = await site.client.post("/v1/videos", files=parts)
    assert answer.status_code == 200, answer.text
    assert site.vendor.bodies[-1]["seed"] == 7
    assert site.vendor.bodies[-1]["input_reference"] is not None


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b""),
        ("application/json", b"  \n"),
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("application/json", b"null"),
        ("application/json", b'"text"'),
        ("application/json", b'{"model": "m", "prompt": NaN}'),
        ("application/json", b'{"model": "m", "prompt": "\xff"}'),
        ("application/json", b'{"model": "m", "prompt": "\\ud800"}'),
        ("application/json", b'{"model": "m", "prompt": "a\\u0000b"}'),
        ("application/json", DEEP),
        ("application/x-www-form-urlencoded", b"prompt=%ff"),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % number for number in range(2000))),
        ("multipart/form-data", b"--cut--"),
        (FORM, b"nothing like a form"),
        (FORM, b"--cut\r\nContent-Disposition: form-data\r\n\r\nx\r\n--cut--\r\n"),
        (FORM, b"".join(part(f"a{number}", "1") for number in range(2000)) + b"--cut--\r\n"),
    ],
)
async def test_what_is_not_what_it_says_is_a_400(shared_site: Site, kind: str, body: bytes) -> None:
    answer = await shared_site.client.post("/v1/videos", content=body, headers={"content-type": kind})
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "invalid_value"
    assert shared_site.vendor.requests == []


@pytest.mark.parametrize("kind", ["text/plain", "text/xml", "garbage", "application/json; charset=utf-16", "image/png"])
async def test_another_content_type_is_a_415(shared_site: Site, kind: str) -> None:
    answer = await shared_site.client.post("/v1/videos", content=JSON, headers={"content-type": kind})
    assert answer.status_code == 415
    assert error_of(answer)["code"] == "unsupported_media_type"


async def test_two_content_types_are_a_415(site: Site) -> None:
    headers = [("content-type", "application/json"), ("content-type", "text/plain")]
    answer = await site.client.post("/v1/videos", content=JSON, headers=headers)
    assert answer.status_code == 415
    assert error_of(answer)["code"] == "unsupported_media_type"


async def test_a_compressed_body_is_a_415(site: Site) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    assert (await site.client.post("/v1/videos", content=JSON, headers=headers)).status_code == 415


async def test_a_body_over_the_limit_is_a_413_as_announced(tmp_path: Path) -> None:
    async with site_on(tmp_path, max_body_mb=1) as site:
        answer = await site.client.post("/v1/videos", json={**VIDEO, "image": "A" * 1_100_000})
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "body_too_large"


@pytest.mark.parametrize("kind", ["application/json", FORM, "application/x-www-form-urlencoded"])
async def test_a_body_over_the_limit_is_a_413_as_it_comes(tmp_path: Path, kind: str) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        yield part("image", "")[:-2]
        for _ in range(100):
            read += 100_000
            yield b"A" * 100_000

    async with site_on(tmp_path, max_body_mb=1) as site:
        answer = await site.client.post("/v1/videos", content=endless(), headers={"content-type": kind})
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "body_too_large"
    assert read < 1_500_000


async def test_a_key_is_asked_for_before_a_body_is_measured(tmp_path: Path) -> None:
    async with site_on(tmp_path, max_body_mb=1) as site:
        answer = await site.client.post("/v1/videos", content=b"A" * 1_100_000, headers={"authorization": "Bearer sk-x"})
    assert answer.status_code == 401


async def test_a_big_file_arrives_whole(site: Site) -> None:
    clip = b"\x00\x00\x00\x18ftypmp42" + bytes(3_000_000)
    files = {"video": ("../../etc/clip.mp4", clip, "video/mp4")}
    answer = await site.client.post("/v1/videos", data={"model": "m", "prompt": "p"}, files=files)
    assert answer.status_code == 200, answer.text
    assert clip in site.vendor.bodies[-1]
    assert b"../" not in site.vendor.bodies[-1][:2000]


async def test_a_text_that_looks_like_an_upload_is_none(site: Site) -> None:
    files = [("image", ("boat.png", PIXEL, "image/png"))]
    answer = await site.client.post("/v1/images/edits", data={**IMAGE, "mask": "upload:image#0:boat.png"}, files=files)
    assert answer.status_code == 400
    assert error_of(answer)["param"] == "mask"


async def test_a_large_inline_picture_is_read_off_the_loop_and_still_checked(site: Site) -> None:
    answer = await site.client.post("/v1/videos", json={**VIDEO, "image": "A" * 400_000})
    assert answer.status_code == 400
    assert error_of(answer)["param"] == "image"
