"""Clients that were written for other gateways: raw HTTP, odd headers, players, and readers that decode strictly."""

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.gateways import KEY_TEXT
from tests.integration.gates import PICTURE, SANDBOX, TINY, Gate, channel_at, client_at, error_of, film_facts, gate_on, picture_size
from tests.servers import refused_port

pytestmark = pytest.mark.anyio

GENERATIONS = "/v1/video/generations"
FAILING = {**TINY, "metadata": {"sandbox": {"fail": "moderation_blocked"}}}


@dataclass(slots=True)
class Site:
    """A gateway, a film that it has made, and its bytes."""

    gate: Gate
    job: dict[str, Any]
    film: bytes

    @property
    def places(self) -> tuple[str, str]:
        """Where the film can be fetched, with a key and without."""
        return f"{self.gate.url}/v1/videos/{self.job['id']}/content", self.job["url"]


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    nowhere = channel_at("nowhere", "openai", f"http://127.0.0.1:{refused_port()}", models={"nowhere-video": "m"})
    async with gate_on(tmp_path_factory.mktemp("gate"), SANDBOX, nowhere) as gate:
        job = await gate.made(**TINY)
        content = await gate.http.get(f"/v1/videos/{job['id']}/content")
        yield Site(gate, job, content.content)


# --- the three populations of readers (each polls as its own documentation says, and knows nothing else)


async def test_a_reader_of_wrapped_tasks_gets_its_film(site: Site) -> None:
    submitted = (await site.gate.http.post(GENERATIONS, json=TINY)).json()
    task: dict[str, Any] = {}
    until = time.monotonic() + 15
    while task.get("status") not in ("SUCCESS", "FAILURE") and time.monotonic() < until:
        site.gate.gateway.poller.hurry(submitted["task_id"])
        answer = (await site.gate.http.get(f"{GENERATIONS}/{submitted['task_id']}")).json()
        assert (answer["code"], answer["message"]) == ("success", "")
        task = answer["data"]
        assert task["status"] in ("SUBMITTED", "QUEUED", "IN_PROGRESS", "SUCCESS")

    assert (task["status"], task["progress"], task["fail_reason"]) == ("SUCCESS", "100%", "")
    assert task["result_url"] == task["url"] == task["data"]["content"]["video_url"]
    assert task["data"]["task_result"]["videos"][0]["url"] == task["result_url"]
    assert task["properties"]["origin_model_name"] == "sandbox-video"
    assert 0 < task["submit_time"] <= task["start_time"] <= task["finish_time"]
    await assert_plays(site, task["result_url"])


async def test_a_reader_of_wrapped_tasks_hears_of_a_failure(site: Site) -> None:
    job = await site.gate.made(GENERATIONS, **FAILING)

    answer = await site.gate.http.get(f"{GENERATIONS}/{job['id']}")

    task = answer.json()["data"]
    assert (answer.status_code, answer.json()["code"], task["status"]) == (200, "success", "FAILURE")
    assert task["fail_reason"]
    assert task["result_url"] is None


async def test_a_reader_of_the_old_words_gets_its_film(site: Site) -> None:
    submitted = (await site.gate.http.post(GENERATIONS, json=TINY)).json()
    shown: dict[str, Any] = {"status": "processing"}
    words: list[str] = []
    until = time.monotonic() + 15
    while shown["status"] == "processing" and time.monotonic() < until:
        site.gate.gateway.poller.hurry(submitted["task_id"])
        shown = (await site.gate.http.get(f"{GENERATIONS}/{submitted['task_id']}", params={"format": "legacy"})).json()
        words.append(shown["status"])

    assert set(words) <= {"processing", "succeeded"}
    assert (shown["task_id"], shown["status"], shown["format"]) == (submitted["task_id"], "succeeded", "mp4")
    facts = {name: shown["metadata"][name] for name in ("duration", "fps", "width", "height")}
    assert facts == {"duration": 1, "fps": 24, "width": 128, "height": 72}
    assert isinstance(shown["metadata"]["seed"], int)
    assert shown["error"] is None
    await assert_plays(site, shown["url"])


async def test_a_reader_of_the_old_words_hears_of_a_failure(site: Site) -> None:
    job = await site.gate.made(GENERATIONS, **FAILING)

    shown = (await site.gate.http.get(f"{GENERATIONS}/{job['id']}", params={"format": "legacy"})).json()

    assert (shown["status"], shown["url"], shown["error"]["code"]) == ("failed", None, "moderation_blocked")


@pytest.mark.parametrize("path", ["/v1/videos", GENERATIONS])
async def test_a_reader_of_flat_answers_gets_its_film(site: Site, path: str) -> None:
    submitted = (await site.gate.http.post(path, json=TINY)).json()
    assert (submitted["object"], submitted["status"], submitted["model"]) == ("video", "queued", "sandbox-video")
    await site.gate.ended(submitted["id"])

    shown = (await site.gate.http.get(f"{path}/{submitted['id']}")).json()

    assert (shown["status"], shown["progress"], shown["seconds"], shown["size"]) == ("completed", 100, "1", "128x72")
    assert shown["video_url"] == shown["url"] == shown["result_url"] == shown["metadata"]["url"]
    assert ("code" in shown) is (path == GENERATIONS)
    await assert_plays(site, shown["video_url"])


async def test_unfinished_jobs_say_when_to_ask_again(site: Site) -> None:
    slow = {**TINY, "metadata": {"sandbox": {"delay": 600}}}
    created = await site.gate.http.post("/v1/videos", json=slow)
    read = await site.gate.http.get(f"/v1/videos/{created.json()['id']}")
    wrapped = await site.gate.http.get(f"{GENERATIONS}/{created.json()['id']}")

    for answer in (created, read, wrapped):
        assert 1000 <= int(answer.headers["openai-poll-after-ms"]) <= 10_000
        assert int(answer.headers["retry-after"]) >= 1
    not_ready = error_of(await site.gate.http.get(f"/v1/videos/{created.json()['id']}/content"), 400)
    assert not_ready["code"] == "video_not_ready"
    cancelled = await site.gate.http.post(f"/v1/videos/{created.json()['id']}/cancel")
    assert (cancelled.json()["status"], cancelled.json()["error"]["code"]) == ("failed", "cancelled")


# --- players and download managers


async def test_both_places_hold_the_same_playable_film(site: Site) -> None:
    public = await site.gate.browser.get(site.job["url"])

    assert public.content == site.film
    assert film_facts(site.film) == ("h264", 128, 72, 1.0)
    assert public.headers["content-type"] == "video/mp4"
    assert public.headers["accept-ranges"] == "bytes"
    assert public.headers["content-disposition"] == f'inline; filename="{site.job["id"]}.mp4"'
    assert "set-cookie" not in public.headers


@pytest.mark.parametrize("place", [0, 1], ids=["content", "files"])
@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-", 0, None),
        ("bytes=0-1", 0, 1),
        ("bytes=100-199", 100, 199),
        ("bytes=-50", -50, None),
        ("bytes=9-999999", 9, None),
    ],
)
async def test_a_part_of_a_film(site: Site, place: int, wanted: str, first: int, last: int | None) -> None:
    answer = await site.gate.http.get(site.places[place], headers={"range": wanted})

    whole = len(site.film)
    start, end = first % whole, whole - 1 if last is None else last
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {start}-{end}/{whole}"
    assert answer.headers["content-length"] == str(end - start + 1)
    assert answer.content == site.film[start : end + 1]


@pytest.mark.parametrize("place", [0, 1], ids=["content", "files"])
async def test_a_part_outside_of_the_film(site: Site, place: int) -> None:
    answer = await site.gate.http.get(site.places[place], headers={"range": f"bytes={len(site.film)}-"})

    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(site.film)}")
    assert answer.content == b""


@pytest.mark.parametrize("place", [0, 1], ids=["content", "files"])
@pytest.mark.parametrize("wanted", ["lines=1-2", "bytes=2-1", "bytes=a-b", "bytes="])
async def test_a_range_that_means_nothing_is_ignored(site: Site, place: int, wanted: str) -> None:
    answer = await site.gate.http.get(site.places[place], headers={"range": wanted})

    assert (answer.status_code, answer.content) == (200, site.film)


@pytest.mark.parametrize("place", [0, 1], ids=["content", "files"])
async def test_a_download_goes_on_only_while_the_file_is_the_same(site: Site, place: int) -> None:
    head = await site.gate.http.head(site.places[place])
    parted = {"range": "bytes=10-19"}
    same = await site.gate.http.get(site.places[place], headers={**parted, "if-range": head.headers["etag"]})
    dated = await site.gate.http.get(site.places[place], headers={**parted, "if-range": head.headers["last-modified"]})
    other = await site.gate.http.get(site.places[place], headers={**parted, "if-range": '"another"'})
    known = await site.gate.http.get(site.places[place], headers={"if-none-match": head.headers["etag"]})

    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(site.film)))
    assert (same.status_code, same.content) == (206, site.film[10:20])
    assert (dated.status_code, dated.content) == (206, site.film[10:20])
    assert (other.status_code, other.content) == (200, site.film)
    assert (known.status_code, known.content) == (304, b"")


async def test_a_film_can_be_put_together_from_parts(site: Site) -> None:
    step = len(site.film) // 3
    parts = [
        (await site.gate.http.get(site.job["url"], headers={"range": f"bytes={start}-{start + step - 1}"})).content
        for start in range(0, len(site.film), step)
    ]

    assert b"".join(parts) == site.film


async def test_a_link_that_was_tampered_with_leads_nowhere(site: Site) -> None:
    broken = await site.gate.browser.get(site.job["url"][:-2] + ("AA" if not site.job["url"].endswith("AA") else "BB"))

    error_of(broken, 404)


async def test_what_a_job_has_not_made_is_missing(site: Site) -> None:
    assert error_of(await site.gate.http.get(site.places[0], params={"index": "1"}), 404)["code"] == "not_found"


async def test_each_of_several_films_has_its_place(site: Site) -> None:
    job = await site.gate.made(**TINY, n=2)

    links = [video["url"] for video in job["videos"]]
    films = [(await site.gate.http.get(f"/v1/videos/{job['id']}/content", params={"index": index})).content for index in (0, 1)]

    assert links[0] == job["url"]
    assert len(set(links)) == 2
    assert [(await site.gate.browser.get(link)).content for link in links] == films
    assert all(film_facts(film)[:3] == ("h264", 128, 72) for film in films)


# --- ways to show a key


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY_TEXT}"},
        {"authorization": f"bearer {KEY_TEXT}"},
        {"authorization": f"Bearer: {KEY_TEXT}"},
        {"authorization": f"Bearer:{KEY_TEXT}"},
        {"authorization": KEY_TEXT},
        {"api-key": KEY_TEXT},
        {"x-api-key": KEY_TEXT},
        {"authorization": "Basic dTpw", "x-api-key": KEY_TEXT},
    ],
    ids=["Bearer", "bearer", "Bearer:", "Bearer:key", "bare", "api-key", "x-api-key", "beside Basic"],
)
async def test_every_way_to_show_a_key(site: Site, headers: dict[str, str]) -> None:
    async with client_at(site.gate.url, headers) as client:
        assert (await client.get(f"/v1/videos/{site.job['id']}")).status_code == 200
        assert (await client.get(f"{GENERATIONS}/{site.job['id']}")).status_code == 200
        assert (await client.get("/v1/models")).status_code == 200
        part = await client.get(f"/v1/videos/{site.job['id']}/content", headers={"range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, site.film[:4])


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer"}, {"authorization": "Bearer sk-none"}, {"authorization": f"Basic {KEY_TEXT}"}, {"api-key": ""}],
    ids=["nothing", "no key", "unknown", "another scheme", "empty"],
)
async def test_no_key_of_ours_is_401_everywhere(site: Site, headers: dict[str, str]) -> None:
    async with client_at(site.gate.url, headers) as client:
        answers = [
            await client.post("/v1/videos", json=TINY),
            await client.post("/v1/images/generations", json=PICTURE),
            await client.get(f"/v1/videos/{site.job['id']}"),
            await client.get(f"/v1/videos/{site.job['id']}/content"),
            await client.get("/v1/videos"),
            await client.get("/v1/models"),
        ]
    for answer in answers:
        assert error_of(answer, 401)["code"] in ("missing_api_key", "invalid_api_key")


# --- bodies as curl and old libraries write them


async def test_json_without_a_content_type_is_read(site: Site) -> None:
    for kind in ({}, {"content-type": "application/x-www-form-urlencoded"}, {"content-type": "application/json; charset=utf-8"}):
        answer = await site.gate.http.post(
            "/v1/images/generations", content=httpx.Request("POST", "http://x", json=PICTURE).read(), headers=kind
        )
        assert answer.status_code == 200, answer.text


async def test_forms_are_read_too(site: Site) -> None:
    urlencoded = await site.gate.http.post("/v1/videos", data=TINY)
    multipart = await site.gate.http.post("/v1/videos", files={name: (None, value) for name, value in TINY.items()})

    for answer in (urlencoded, multipart):
        assert answer.status_code == 200, answer.text
        assert (answer.json()["seconds"], answer.json()["size"]) == ("1", "128x72")


async def test_bodies_that_cannot_be_read_say_so(site: Site) -> None:
    for content in (b"", b"{", b"[]", b"null", b"\xff"):
        error_of(await site.gate.http.post("/v1/videos", content=content, headers={"content-type": "application/json"}), 400)
    error_of(await site.gate.http.post("/v1/videos", content=b"<a/>", headers={"content-type": "text/xml"}), 415)
    error_of(await site.gate.http.get("/v1/no-such-path"), 404)
    error_of(await site.gate.http.put("/v1/videos", json=TINY), 405)


# --- a reader that decodes into fixed types: one wrong type and the whole answer is lost

INTEGER, TEXT, FLAG, NUMBER = "integer", "text", "flag", "number"
WARNING: dict[str, Any] = {"code": TEXT, "field": TEXT, "from": ..., "to": ...}
ERROR: dict[str, Any] = {"code": TEXT, "message": TEXT, "type": TEXT}
COSTS: dict[str, Any] = {"cost_usd": TEXT, "reserved_usd": TEXT, "unpriced": FLAG}
VIDEO: dict[str, Any] = {
    **dict.fromkeys(("id", "task_id", "object", "model", "status", "prompt", "seconds", "size", "quality"), TEXT),
    **dict.fromkeys(("remixed_from_video_id", "resolution", "aspect_ratio", "format", "external_task_id"), TEXT),
    **dict.fromkeys(("url", "video_url", "result_url", "thumbnail_url", "last_frame_url"), TEXT),
    **dict.fromkeys(("progress", "created_at", "completed_at", "expires_at", "updated_at"), INTEGER),
    "duration": NUMBER,
    "error": ERROR,
    "metadata": {"url": TEXT, "duration": NUMBER, "fps": INTEGER, "width": INTEGER, "height": INTEGER, "seed": INTEGER},
    "usage": {"prompt_tokens": INTEGER, "completion_tokens": INTEGER, "total_tokens": INTEGER, "seconds": NUMBER},
    "warnings": [WARNING],
    "videos": [{"index": INTEGER, "url": TEXT}],
    "errors": [ERROR],
    "late": {"completed_at": INTEGER, "url": TEXT},
    "request_id": TEXT,
    **COSTS,
}
TASK: dict[str, Any] = {
    **dict.fromkeys(("id", "submit_time", "start_time", "finish_time", "created_at", "updated_at"), INTEGER),
    **dict.fromkeys(("task_id", "action", "status", "progress", "fail_reason", "result_url", "url", "format"), TEXT),
    "properties": {"origin_model_name": TEXT},
    "error": ERROR,
    "data": {
        "status": TEXT,
        "content": {"video_url": TEXT},
        "task_result": {"videos": [{"url": TEXT, "duration": TEXT}]},
        "error": ERROR,
    },
}
GENERATION: dict[str, Any] = {**VIDEO, "code": TEXT, "message": TEXT, "data": TASK}
LIST: dict[str, Any] = {"object": TEXT, "data": [VIDEO], "first_id": TEXT, "last_id": TEXT, "has_more": FLAG}
IMAGES: dict[str, Any] = {
    "created": INTEGER,
    "data": [{"url": TEXT, "b64_json": TEXT, "revised_prompt": TEXT}],
    "usage": {"images": INTEGER, "input_tokens": INTEGER, "output_tokens": INTEGER, "total_tokens": INTEGER},
    **dict.fromkeys(("id", "task_id", "size", "quality", "output_format", "background"), TEXT),
    "warnings": [WARNING],
    **COSTS,
}
REFUSAL: dict[str, Any] = {
    "error": {"message": TEXT, "type": TEXT, "param": TEXT, "code": TEXT},
    **dict.fromkeys(("message", "type", "param", "code", "request_id", "data", "id", "task_id"), TEXT),
}
MODELS: dict[str, Any] = {
    "object": TEXT,
    "data": [
        {"id": TEXT, "object": TEXT, "created": INTEGER, "owned_by": TEXT, "op": TEXT, "retired": TEXT, "successor": TEXT},
    ],
}
ALWAYS = {"id", "task_id", "object", "model", "status", "progress", "created_at", "seconds", "size"}


def assert_decodes(value: object, shape: object, place: str = "answer") -> None:
    """Every value is null or of its key's one type, all the way down, and there is no key that the shape lacks."""
    if value is None or shape is ...:
        return
    if isinstance(shape, Mapping):
        assert isinstance(value, Mapping), place
        assert set(value) <= set(shape), f"{place}: unknown {set(value) - set(shape)}"
        for name, inner in value.items():
            assert_decodes(inner, shape[name], f"{place}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list), place
        for number, inner in enumerate(value):
            assert_decodes(inner, shape[0], f"{place}[{number}]")
    else:
        kinds: dict[object, Any] = {INTEGER: int, TEXT: str, FLAG: bool, NUMBER: int | float}
        assert isinstance(value, kinds[shape]), f"{place} is {value!r}"
        assert isinstance(value, bool) is (shape == FLAG), f"{place} is {value!r}"


@pytest.mark.parametrize(
    "steering",
    [{"sandbox": {"delay": 600}}, {"sandbox": {"fail": "moderation_blocked"}}, {}],
    ids=["unfinished", "failed", "completed"],
)
@pytest.mark.parametrize("more", [{}, {"n": 2, "fps": 7, "seconds": "1.5"}], ids=["plain", "adjusted"])
async def test_video_answers_decode_in_every_state(site: Site, steering: dict[str, Any], more: dict[str, Any]) -> None:
    body = {**TINY, "metadata": {**steering, "seed": "9"}, **more}
    created = (await site.gate.http.post("/v1/videos", json=body)).json()
    assert_decodes(created, VIDEO)
    assert set(created) >= ALWAYS
    if "delay" not in steering.get("sandbox", {}):
        await site.gate.ended(created["id"])

    flat = (await site.gate.http.get(f"/v1/videos/{created['id']}")).json()
    wrapped = (await site.gate.http.get(f"{GENERATIONS}/{created['id']}")).json()

    assert_decodes(flat, VIDEO)
    assert_decodes(wrapped, GENERATION)
    assert set(flat) >= ALWAYS
    assert all(flat[name] is not None for name in ALWAYS)
    # these may not even be null: typed readers of tasks have no word for it
    assert all(wrapped["data"][name] is not None for name in TASK if name not in ("result_url", "url", "error"))


async def test_lists_models_and_usage_decode(site: Site) -> None:
    assert_decodes((await site.gate.http.get("/v1/videos")).json(), LIST)
    assert_decodes((await site.gate.http.get("/v1/models")).json(), MODELS)


@pytest.mark.parametrize("form", ["url", "b64_json"])
async def test_image_answers_decode(site: Site, form: str) -> None:
    answer = (await site.gate.http.post("/v1/images/generations", json={**PICTURE, "n": 2, "response_format": form})).json()

    assert_decodes(answer, IMAGES)
    assert [list(entry) for entry in answer["data"]] == [[form], [form]]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/videos", {}, 400),
        ("POST", "/v1/videos", {**TINY, "seconds": True}, 400),
        ("POST", "/v1/videos", {"model": "nowhere-video", "prompt": "p"}, 502),
        ("POST", "/v1/videos", {"model": "no-such", "prompt": "p"}, 404),
        ("POST", "/v1/images/generations", {"model": "sandbox-image", "n": "many"}, 400),
        ("GET", "/v1/videos/none", None, 404),
        ("GET", f"{GENERATIONS}/none", None, 404),
        ("DELETE", "/v1/videos/none", None, 404),
    ],
)
async def test_error_answers_decode(site: Site, method: str, path: str, body: object, status: int) -> None:
    answer = await site.gate.http.request(method, path, json=body)

    assert_decodes(error_of(answer, status), REFUSAL)


async def assert_plays(site: Site, url: str) -> None:
    """What a `<video>` element does: no key, an open range first."""
    answer = await site.gate.browser.get(url, headers={"range": "bytes=0-", "accept-encoding": "identity;q=1, *;q=0"})
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes 0-{len(answer.content) - 1}/{len(answer.content)}"
    assert film_facts(answer.content) == ("h264", 128, 72, 1.0)


async def test_a_picture_link_is_served_like_a_film(site: Site) -> None:
    made = (await site.gate.http.post("/v1/images/generations", json=PICTURE)).json()
    whole = await site.gate.browser.get(made["data"][0]["url"])
    head = await site.gate.browser.head(made["data"][0]["url"])
    part = await site.gate.browser.get(made["data"][0]["url"], headers={"range": "bytes=1-3"})

    assert picture_size(whole.content) == ("PNG", (128, 72))
    assert head.headers["content-length"] == str(len(whole.content))
    assert (part.status_code, part.content) == (206, b"PNG")
