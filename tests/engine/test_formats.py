"""A client gets the picture format that it asked for, whatever its vendor makes."""

import base64
import io
from pathlib import Path

import httpx
import pytest
from PIL import Image

from app.domain.errors import UpstreamUnreadable
from app.engine.sniff import mime_of
from tests.domain.builders import image
from tests.gateways import KEY, Answer, Script, another, answer, gateway_on, wish

pytestmark = pytest.mark.anyio

ARK = another("ark", adapter="ark", models={"m": "doubao-seedream-4-5-251128"})


def jpeg() -> bytes:
    target = io.BytesIO()
    Image.new("RGBA", (32, 16), (200, 30, 30, 128)).convert("RGB").save(target, "JPEG")
    return target.getvalue()


def makes(data: bytes) -> Script:
    body = {"created": 1, "data": [{"b64_json": base64.b64encode(data).decode()}]}

    def script(request: httpx.Request) -> Answer:
        return answer(body)

    return script


@pytest.mark.parametrize("wanted", ["png", "webp", "jpeg"])
async def test_the_format_that_was_asked_for_is_made(tmp_path: Path, wanted: str) -> None:
    async with gateway_on(tmp_path, makes(jpeg()), channels=(ARK,)) as (gateway, vendor):
        job = await gateway.create_and_wait(wish(image(output_format=wanted)))
        stored = await gateway.job(job.id, KEY.id)
        data = await gateway.results.whole(stored, 0)
    assert mime_of(data) == f"image/{wanted}"
    assert job.outputs[0].data == data
    assert "output_format" not in vendor.bodies[0]
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (32, 16)


async def test_what_is_no_picture_cannot_be_converted(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, makes(b"\xff\xd8\xff broken"), channels=(ARK,)) as (gateway, _):
        with pytest.raises(UpstreamUnreadable):
            await gateway.create_and_wait(wish(image(output_format="png")))
