"""The reference as a reader without any key sees it."""

import html
import re

import pytest

from app.api.routes import ENDPOINTS, NATIVE
from tests.console.conftest import Rooms

pytestmark = pytest.mark.anyio
TAGS = ("images", "videos", "models", "usage", "webhooks", "files", "health", "ark", "kling", "jimeng", "admin")
LARGEST = 100_000  # bytes of a page


async def test_every_endpoint_is_listed_and_leads_to_its_own_place(rooms: Rooms) -> None:
    page = (await rooms.nobody.get("/docs")).text
    links = re.findall(r'href="/docs/(\w+)#(\w+)"', page)
    names = {endpoint.serve.__name__ for endpoint in (*ENDPOINTS, *NATIVE)}
    assert names <= {name for _, name in links}
    assert {tag for tag, _ in links} == set(TAGS)
    for tag in TAGS:
        section = (await rooms.nobody.get(f"/docs/{tag}")).text
        assert [name for found, name in links if found == tag and f'id="{name}"' not in section] == []


@pytest.mark.parametrize("path", ["", *(f"/{tag}" for tag in TAGS)])
async def test_a_page_is_small_and_brings_nothing_from_elsewhere(path: str, shared_rooms: Rooms) -> None:
    answer = await shared_rooms.nobody.get(f"/docs{path}")
    assert answer.status_code == 200
    assert len(answer.content) < LARGEST
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert [url for url in re.findall(r'(?:src|href)="([^"]+)"', answer.text) if not url.startswith(("/", "#"))] == []
    assert answer.text.count("<h1>") == 1
    ids = re.findall(r' id="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', answer.text)) <= set(ids)


async def test_an_endpoint_shows_its_fields_its_answers_and_an_example_for_this_address(rooms: Rooms) -> None:
    page = html.unescape((await rooms.nobody.get("/docs/videos")).text)
    section = page.partition('id="create_video"')[2].partition("</section>")[0]
    assert "<code>negative_prompt</code>" in section
    assert "The same as a list." in section
    assert 'href="#object-Video"' in section
    assert 'curl "http://gate.test/v1/videos"' in section
    assert '"prompt": "A paper boat on a rainy street"' in section
    assert '"status": "queued"' in section


async def test_who_needs_which_key_is_said(rooms: Rooms) -> None:
    admin, health, models = [(await rooms.nobody.get(f"/docs/{tag}")).text for tag in ("admin", "health", "models")]
    assert "Needs the admin key." in admin
    assert "Needs no key." in health
    assert "Needs" not in models


async def test_a_search_works_without_a_script(rooms: Rooms) -> None:
    page = (await rooms.nobody.get("/docs", params={"text": "LEDGER job_id"})).text
    left = re.findall(r'<li data-words="[^"]+"><a href="/docs/\w+#(\w+)"', page)
    assert left == ["list_ledger"]
    assert 'id="videos" hidden' in page
    assert "No endpoint fits." not in visible(page)


async def test_a_search_that_finds_nothing_says_so_and_shows_its_text_as_text(rooms: Rooms) -> None:
    hostile = '"><img src=x onerror=alert(1)>'
    page = (await rooms.nobody.get("/docs", params={"text": hostile})).text
    assert "<img" not in page
    assert "No endpoint fits." in visible(page)


def visible(page: str) -> str:
    return page.partition('role="status"')[2].partition(">")[2].partition("<")[0]


async def test_the_frame_speaks_the_readers_language_and_can_be_asked_for_another(rooms: Rooms) -> None:
    chinese = (await rooms.nobody.get("/docs", headers={"accept-language": "zh-CN"})).text
    assert 'lang="zh-CN"' in chinese
    assert "全部接口" in chinese
    assert "Starts a video job" in chinese
    chosen = await rooms.nobody.get("/console/language/zh", params={"next": "/docs/videos"})
    assert chosen.headers["location"] == "/docs/videos"
    assert "请求体字段" in (await rooms.nobody.get("/docs/videos")).text


@pytest.mark.parametrize("next_page", ["/docsuit", "//evil.example/docs", "https://evil.example/docs"])
async def test_only_the_reference_itself_is_led_back_to(next_page: str, rooms: Rooms) -> None:
    answer = await rooms.nobody.get("/console/language/en", params={"next": next_page})
    assert answer.headers["location"] == "/console/"


async def test_a_part_that_there_is_not_is_a_page_too(rooms: Rooms) -> None:
    answer = await rooms.nobody.get("/docs/nothing")
    assert answer.status_code == 404
    assert "<h1>404</h1>" in answer.text


async def test_every_sentence_of_the_frame_is_translated(rooms: Rooms) -> None:
    english = (await rooms.nobody.get("/docs/videos", headers={"accept-language": "en"})).text
    chinese = (await rooms.nobody.get("/docs/videos", headers={"accept-language": "zh"})).text
    told = [set(re.findall(r"<(?:h3|th scope=\"col\"|h2|summary)>([^<]+)<", page)) for page in (english, chinese)]
    same = told[0] & told[1]
    assert len(told[0]) > 5
    assert same <= {"Video", "Generation", "VideoList", "DeletedVideo", "Error"}
