"""Vendors that take links or bytes, but not both in one request."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.capabilities import InputRule
from app.domain.media import Form, Media, MediaType, Role
from app.domain.requests import Mode, VideoRequest
from app.engine.assets import FolderAssets
from app.engine.fetch import Fetcher
from app.engine.guard import Guard
from app.engine.links import Links
from app.engine.media import MediaDesk, prepare
from tests.engine.test_sniff import png_header
from tests.servers import Receive, Scope, Send, serve

pytestmark = pytest.mark.anyio

PNG = png_header(8, 8)
FILE = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
EITHER = InputRule(1, (Form.URL, Form.BASE64), alike=True)
RULES = {Role.FIRST_FRAME: EITHER, Role.LAST_FRAME: EITHER, Role.REFERENCE_IMAGE: InputRule(1, (Form.URL,))}


class Site:
    """Serves one picture and counts."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"image/png")]})
        await send({"type": "http.response.body", "body": PNG})


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[MediaDesk]:
    fetcher = Fetcher(Guard(("127.0.0.1",)))
    yield MediaDesk(fetcher, Links(["a secret"], "", 3600), FolderAssets(tmp_path))
    await fetcher.aclose()


async def forms(desk: MediaDesk, *items: tuple[Role, str]) -> list[Form | None]:
    media = tuple(Media(MediaType.IMAGE, role, src, role.value) for role, src in items)
    request = VideoRequest(model="m", mode=Mode.FLF2V, prompt="p", media=media)
    return [item.form for item in (await prepare(request, RULES, {}, desk)).media]


async def test_a_link_beside_a_file_is_fetched(desk: MediaDesk) -> None:
    site = Site()
    async with serve(site) as url:
        found = await forms(desk, (Role.FIRST_FRAME, f"{url}/a.png"), (Role.LAST_FRAME, FILE))

    assert found == [Form.BASE64, Form.BASE64]
    assert site.asked == 1


async def test_links_alone_are_left_to_the_vendor(desk: MediaDesk) -> None:
    site = Site()
    async with serve(site) as url:
        found = await forms(desk, (Role.FIRST_FRAME, f"{url}/a.png"), (Role.LAST_FRAME, f"{url}/b.png"))

    assert found == [Form.URL, Form.URL]
    assert site.asked == 0


async def test_a_link_of_another_kind_stays_one(desk: MediaDesk) -> None:
    async with serve(Site()) as url:
        items = (Role.FIRST_FRAME, f"{url}/a.png"), (Role.REFERENCE_IMAGE, f"{url}/b.png"), (Role.LAST_FRAME, FILE)
        found = await forms(desk, *items)

    assert found == [Form.BASE64, Form.URL, Form.BASE64]
