import asyncio
import base64
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.capabilities import InputRule
from app.domain.errors import InputRefused
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
MP4 = b"\0\0\0\x18ftypisom\0\0\2\0" + bytes(50)
MP3 = b"ID3\4\0\0\0\0\0\0" + bytes(50)
PUBLIC = "https://gate.example.com"


class Site:
    def __init__(self, files: Mapping[str, tuple[bytes, str]]) -> None:
        self.files = files
        self.asked: list[str] = []
        self.together = 0
        self.most_together = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        await asyncio.sleep(0.005)
        self.together -= 1
        body, mime = self.files[scope["path"]]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", mime.encode())]})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    opened = Fetcher(Guard(("127.0.0.1",)))
    yield opened
    await opened.aclose()


@pytest.fixture
def desk(tmp_path: Path, fetcher: Fetcher) -> MediaDesk:
    return MediaDesk(fetcher, Links(["a secret"], PUBLIC, 3600), FolderAssets(tmp_path))


@pytest.fixture
def private_desk(tmp_path: Path, fetcher: Fetcher) -> MediaDesk:
    return MediaDesk(fetcher, Links(["a secret"], "", 3600), FolderAssets(tmp_path))


def medium(src: str, type_: MediaType = MediaType.IMAGE, role: Role = Role.FIRST_FRAME) -> Media:
    return Media(type_, role, src, param="input_reference")


def data_uri(data: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def asking(*media: Media) -> VideoRequest:
    return VideoRequest(model="m", mode=Mode.I2V, media=media)


def taking(*forms: Form, mimes: frozenset[str] = frozenset(), max_bytes: int | None = None) -> dict[Role, InputRule]:
    return dict.fromkeys(Role, InputRule(4, forms, mimes, max_bytes))


async def brought(
    media: Media, rules: Mapping[Role, InputRule] | None, desk: MediaDesk, uploads: Mapping[str, bytes] | None = None
) -> Media:
    return (await prepare(asking(media), rules, uploads or {}, desk)).media[0]


async def refusal(
    media: Media, rules: Mapping[Role, InputRule] | None, desk: MediaDesk, uploads: Mapping[str, bytes] | None = None
) -> str:
    with pytest.raises(InputRefused) as refused:
        await brought(media, rules, desk, uploads)
    assert refused.value.param == "input_reference"
    return refused.value.message


async def test_a_url_goes_through_as_it_is_where_the_vendor_fetches(desk: MediaDesk) -> None:
    url = "https://cdn.example.com/cat.webp?sig=a%2Bb"
    found = await brought(medium(url), taking(Form.URL, Form.DATA_URI), desk)
    assert (found.src, found.form, found.mime, found.data) == (url, Form.URL, "image/webp", None)


@pytest.mark.parametrize("url", ["http://10.0.0.1/a.png", "http://0x7f.1/a.png", "http://localhost.metadata.google.internal@x/"])
async def test_a_private_url_is_refused_even_where_the_vendor_would_fetch(desk: MediaDesk, url: str) -> None:
    assert "The URL" in await refusal(medium(url), taking(Form.URL), desk)


@pytest.mark.parametrize("form", [Form.DATA_URI, Form.BASE64, Form.UPLOAD])
async def test_a_url_is_fetched_where_the_vendor_wants_bytes(desk: MediaDesk, form: Form) -> None:
    async with serve(Site({"/a": (PNG, "application/octet-stream")})) as base:
        found = await brought(medium(f"{base}/a"), taking(form), desk)
    assert (found.form, found.mime, found.data) == (form, "image/png", PNG)


async def test_several_media_are_fetched_at_the_same_time_and_stay_in_order(desk: MediaDesk) -> None:
    site = Site({f"/{n}": (png_header(n + 1, 1), "image/png") for n in range(6)})
    async with serve(site) as base:
        media = tuple(medium(f"{base}/{n}") for n in range(6))
        request = await prepare(asking(*media), taking(Form.BASE64), {}, desk)
    assert [item.data for item in request.media] == [png_header(n + 1, 1) for n in range(6)]
    assert 1 < site.most_together <= 4


async def test_the_first_refusal_in_order_is_the_one_that_is_told(desk: MediaDesk) -> None:
    async with serve(Site({"/page": (b"<html>", "text/html")})) as base:
        first = Media(MediaType.IMAGE, Role.FIRST_FRAME, f"{base}/page", param="image[0]")
        second = Media(MediaType.IMAGE, Role.LAST_FRAME, "data:,", param="image[1]")
        with pytest.raises(InputRefused) as refused:
            await prepare(asking(first, second), taking(Form.BASE64), {}, desk)
    assert refused.value.param == "image[0]"


async def test_a_page_is_not_taken_for_a_picture(desk: MediaDesk) -> None:
    async with serve(Site({"/a.png": (b"<html>sign in", "text/html")})) as base:
        assert await refusal(medium(f"{base}/a.png"), taking(Form.BASE64), desk) == "This is not an image file, but text/html."


async def test_a_lying_type_is_corrected_by_the_bytes(desk: MediaDesk) -> None:
    found = await brought(medium(data_uri(PNG, "image/jpeg")), taking(Form.DATA_URI), desk)
    assert (found.mime, found.data, found.src) == ("image/png", PNG, "data:image/png")


async def test_bytes_that_nobody_knows_keep_their_declared_type(desk: MediaDesk) -> None:
    found = await brought(medium(data_uri(b"strange", "image/jpg")), taking(Form.DATA_URI), desk)
    assert found.mime == "image/jpeg"


@pytest.mark.parametrize(
    ("data", "declared", "type_"),
    [(MP4, "image/png", MediaType.IMAGE), (PNG, "video/mp4", MediaType.VIDEO), (b"??", "", MediaType.AUDIO)],
)
async def test_another_kind_of_file_is_refused(desk: MediaDesk, data: bytes, declared: str, type_: MediaType) -> None:
    assert "This is not a" in await refusal(medium(data_uri(data, declared), type_), taking(Form.DATA_URI), desk)


async def test_sound_in_a_film_container_is_sound(desk: MediaDesk) -> None:
    found = await brought(medium(data_uri(MP4), MediaType.AUDIO, Role.REFERENCE_AUDIO), taking(Form.BASE64), desk)
    assert found.mime == "audio/mp4"


async def test_an_upload_is_handed_over_as_bytes(desk: MediaDesk) -> None:
    src = "upload:image[]#0:cat.png"
    found = await brought(medium(src), taking(Form.URL, Form.UPLOAD), desk, {src: PNG})
    assert (found.src, found.form, found.data) == (src, Form.UPLOAD, PNG)


async def test_an_upload_that_is_missing_is_refused(desk: MediaDesk) -> None:
    assert "missing" in await refusal(medium("upload:image#0:cat.png"), taking(Form.UPLOAD), desk)


@pytest.mark.parametrize("src", [data_uri(PNG), "upload:image#0:cat.png"])
async def test_a_file_for_a_vendor_that_only_fetches_is_published(desk: MediaDesk, src: str) -> None:
    found = await brought(medium(src), taking(Form.URL), desk, {src: PNG})
    assert (found.form, found.mime, found.data) == (Form.URL, "image/png", None)
    assert found.src.startswith(f"{PUBLIC}/files/")
    asset = desk.links.read(found.src.rpartition("/")[2])
    assert asset.kind == "upload"
    assert b"".join([chunk async for chunk in desk.assets.open(asset.id)]) == PNG


async def test_without_a_public_address_the_refusal_says_what_to_do(private_desk: MediaDesk) -> None:
    message = await refusal(medium(data_uri(PNG)), taking(Form.URL), private_desk)
    assert "https URL" in message
    assert "FILMGATE_PUBLIC_URL" in message


async def test_inline_is_preferred_over_publishing(desk: MediaDesk) -> None:
    assert (await brought(medium(data_uri(PNG)), taking(Form.URL, Form.BASE64), desk)).form is Form.BASE64


@pytest.mark.parametrize("src", ["asset://a-1", "mm_file://7", "gs://b/c.png", "oss://k", "tos://b/k", "file:f-1", "task:t-1"])
async def test_a_vendors_own_reference_is_passed_on_untouched_where_it_is_known(desk: MediaDesk, src: str) -> None:
    found = await brought(medium(src), taking(Form.URL, Form.VERBATIM), desk)
    assert (found.src, found.form) == (src, Form.VERBATIM)
    assert "references here" in await refusal(medium(src), taking(Form.URL, Form.DATA_URI), desk)


async def test_an_open_card_keeps_what_the_client_chose(desk: MediaDesk) -> None:
    upload = "upload:image#0:cat.png"
    sources = ["https://cdn.example.com/a.png", data_uri(PNG), upload, "asset://a"]
    request = await prepare(asking(*map(medium, sources)), None, {upload: PNG}, desk)
    assert [item.form for item in request.media] == [Form.URL, Form.DATA_URI, Form.UPLOAD, Form.VERBATIM]


async def test_forms_that_cannot_be_reached_are_refused(desk: MediaDesk) -> None:
    assert "no URL" in await refusal(medium("https://cdn.example.com/a.png"), taking(Form.VERBATIM), desk)
    assert "no files" in await refusal(medium(data_uri(PNG)), taking(Form.VERBATIM), desk)


async def test_a_role_that_the_card_lacks_is_refused(desk: MediaDesk) -> None:
    assert "first frame" in await refusal(medium(data_uri(PNG)), {Role.LAST_FRAME: InputRule(1)}, desk)


async def test_the_size_of_a_file_is_limited(desk: MediaDesk) -> None:
    rules = taking(Form.DATA_URI, max_bytes=len(PNG) - 1)
    assert f"at most {len(PNG) - 1}" in await refusal(medium(data_uri(PNG)), rules, desk)
    async with serve(Site({"/a": (PNG, "image/png")})) as base:
        assert "larger than" in await refusal(medium(f"{base}/a"), rules, desk)


async def test_all_files_together_are_limited(desk: MediaDesk) -> None:
    small = replace(desk, total_limit=2 * len(PNG))
    media = medium(data_uri(PNG))
    assert len((await prepare(asking(media, media), taking(Form.DATA_URI), {}, small)).media) == 2
    with pytest.raises(InputRefused, match="together"):
        await prepare(asking(media, media, media), taking(Form.DATA_URI), {}, small)


async def test_the_type_of_a_file_is_limited(desk: MediaDesk) -> None:
    rules = taking(Form.DATA_URI, mimes=frozenset({"image/jpg", "audio/mp3"}))
    assert "the model takes audio/mp3, image/jpg" in await refusal(medium(data_uri(PNG)), rules, desk)
    assert (await brought(medium(data_uri(MP3), MediaType.AUDIO), rules, desk)).mime == "audio/mpeg"


async def test_pixel_bombs_are_refused(desk: MediaDesk) -> None:
    assert "pixels" in await refusal(medium(data_uri(png_header(30_000, 30_000))), taking(Form.DATA_URI), desk)


@pytest.mark.parametrize(
    "src", ["data:image/png;base64,@@@", "data:image/png;base64,A", "data:image/png", "data:image/png;base64,"]
)
async def test_a_broken_data_uri_is_refused(desk: MediaDesk, src: str) -> None:
    await refusal(medium(src), taking(Form.DATA_URI), desk)


async def test_url_safe_base64_without_padding_is_read(desk: MediaDesk) -> None:
    data = PNG + b"\xfb\xff\xfe"
    src = "data:image/png;base64," + base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert (await brought(medium(src), taking(Form.DATA_URI), desk)).data == data


async def test_a_dry_run_fetches_and_stores_nothing(tmp_path: Path, fetcher: Fetcher) -> None:
    dry = MediaDesk(fetcher, Links(["a secret"], PUBLIC, 3600), FolderAssets(tmp_path), dry_run=True)
    site = Site({})
    async with serve(site) as base:
        fetched = await brought(medium(f"{base}/a.webp"), taking(Form.BASE64), dry)
    published = await brought(medium(data_uri(PNG)), taking(Form.URL), dry)
    assert (fetched.data, fetched.mime) == (b"<bytes of URL>", "image/webp")
    assert published.src == f"{PUBLIC}/files/<token>"
    assert site.asked == []
    assert os.listdir(tmp_path) == []


async def test_a_request_without_media_is_left_alone(desk: MediaDesk) -> None:
    request = asking()
    assert await prepare(request, {}, {}, desk) is request
