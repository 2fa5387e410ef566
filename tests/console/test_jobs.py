"""The jobs' pages: what operators see, what a key's holder sees of it, and what nobody's words can do to them."""

import re
from dataclasses import replace

import httpx
import pytest

from app.console.job_cards import file_address, gone
from app.console.job_story import compared, steps, tries
from app.domain.jobs import Failure, JobStatus, Output, fail
from app.domain.json import Json
from app.domain.media import Media, MediaType, Role
from app.domain.requests import ImageRequest, Mode, VideoRequest
from app.store import jobs as job_store
from app.store import keys as key_store
from tests.api.conftest import IMAGE, SANDBOX
from tests.console.conftest import Rooms
from tests.gateways import CHANNEL, KEY
from tests.store.samples import NOW, SECOND, job

pytestmark = pytest.mark.anyio
HOSTILE = '<script>alert(1)</script> "><img src=x>'
INSIDE = ('id="route"', 'id="attempts"', f">{CHANNEL.name}<", "channel_1", "credential_1", "video_up_", "/admin/")


async def shown(browser: httpx.AsyncClient, path: str) -> str:
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def listed(text: str) -> list[str]:
    return re.findall(r'id="card-([^"]+)"', text)


def content_of(text: str) -> str:
    """The page without its navigation, which names other pages."""
    return text.partition("<main")[2]


async def stored(rooms: Rooms, **changes: object) -> str:
    """A failed job in the database, of the first key unless another is named."""
    values = {"failure": Failure("generation_failed", "The vendor said no."), **changes}
    made = fail(replace(job(1, key_id=KEY.id), id="job_stored"), values.pop("failure"), NOW)  # type: ignore[arg-type]
    async with rooms.site.gateway.database.write() as connection:
        await job_store.insert(connection, replace(made, **values), owner="w1")  # type: ignore[arg-type]
    return made.id


@pytest.mark.parametrize("view", ["gallery", "table"])
async def test_the_operator_sees_the_jobs_of_every_key_the_newest_first(rooms: Rooms, view: str) -> None:
    mine = await rooms.site.created()
    other = (await rooms.site.stranger.post("/v1/videos", json={"model": "sandbox-video", "prompt": "x"})).json()
    text = await shown(rooms.operator, f"/console/jobs?view={view}")
    assert listed(text) == [other["id"], mine["id"]]
    assert KEY.name in text
    assert "stranger" in text


@pytest.mark.parametrize("view", ["gallery", "table"])
async def test_a_holder_sees_only_the_keys_own_jobs_and_no_channel(rooms: Rooms, view: str) -> None:
    mine = await rooms.site.created()
    await rooms.site.stranger.post("/v1/videos", json={"model": "sandbox-video", "prompt": "x"})
    text = await shown(rooms.holder, f"/console/jobs?view={view}&key=key_2&channel={SANDBOX.name}")
    assert listed(text) == [mine["id"]]
    assert f">{CHANNEL.name}<" not in content_of(text)
    assert 'name="channel"' not in text
    assert 'name="key"' not in text


async def test_another_keys_job_is_a_page_that_there_is_not(rooms: Rooms) -> None:
    other = (await rooms.site.stranger.post("/v1/videos", json={"model": "sandbox-video", "prompt": "x"})).json()
    assert (await rooms.operator.get(f"/console/jobs/{other['id']}")).status_code == 200
    assert (await rooms.holder.get(f"/console/jobs/{other['id']}")).status_code == 404
    assert (await rooms.operator.get("/console/jobs/no%00such")).status_code == 404


async def test_a_part_of_a_job_is_for_operators_alone_and_in_no_list(rooms: Rooms) -> None:
    made = await rooms.site.created()
    part = await stored(rooms, parent_id=made["id"])
    assert listed(await shown(rooms.operator, "/console/jobs")) == [made["id"]]
    assert f"/console/jobs/{part}" in await shown(rooms.operator, f"/console/jobs/{made['id']}")
    assert (await rooms.holder.get(f"/console/jobs/{part}")).status_code == 404


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("status=failed", "failed"),
        ("status=completed&kind=image", "picture"),
        ("kind=video&model=some-video-model", "failed"),
        (f"key={KEY.name}&kind=video", "failed"),
        (f"channel={CHANNEL.name}&kind=image", "picture"),
        ("status=queued", None),
        ("model=none", None),
        ("key=none", None),
        ("channel=%00", None),
    ],
)
async def test_filters_leave_only_what_fits(rooms: Rooms, query: str, fits: str | None) -> None:
    failed = await rooms.site.finished("failed")
    await rooms.site.client.post("/v1/images/generations", json=IMAGE)
    picture = next(one for one in listed(await shown(rooms.operator, "/console/jobs")) if one != failed["id"])
    text = await shown(rooms.operator, f"/console/jobs?{query}")
    assert listed(text) == ([{"failed": failed["id"], "picture": picture}[fits]] if fits else [])
    assert ("No job fits the filter." in text) == (fits is None)


async def test_the_next_page_begins_where_this_one_ends_and_keeps_the_filter(rooms: Rooms) -> None:
    async with rooms.site.gateway.database.write() as connection:
        for number in range(1, 54):
            await job_store.insert(connection, job(number, key_id=KEY.id), owner="w1")
    first = await shown(rooms.operator, "/console/jobs?view=table&kind=video")
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    address = following[1].replace("&amp;", "&")
    assert "kind=video" in address
    second = await shown(rooms.operator, address)
    assert [*listed(first), *listed(second)] == [f"job_{number:06}" for number in range(53, 0, -1)]
    assert 'rel="next"' not in second


async def test_hostile_words_are_shown_as_text_everywhere(rooms: Rooms) -> None:
    made = await rooms.site.created(prompt=HOSTILE, metadata={HOSTILE: HOSTILE})
    failed = await stored(rooms, failure=Failure(HOSTILE, HOSTILE, HOSTILE), upstream_id=HOSTILE)
    for browser in (rooms.operator, rooms.holder):
        paths = ("/console/jobs", "/console/jobs?view=table", f"/console/jobs/{made['id']}", f"/console/jobs/{failed}")
        for path in paths:
            text = await shown(browser, path)
            assert "&lt;script&gt;alert(1)" in text
            assert "<script>alert" not in text
            assert "<img src=x" not in text


async def test_a_filter_is_shown_again_as_text(rooms: Rooms) -> None:
    text = (await rooms.operator.get("/console/jobs", params={"model": HOSTILE, "key": HOSTILE, "channel": HOSTILE})).text
    assert "<script>alert" not in text
    assert "<img src=x" not in text


async def test_an_operator_reads_route_attempts_and_what_was_changed(rooms: Rooms) -> None:
    made = await rooms.site.created(model="sandbox-video", seconds="3.4")
    text = await shown(rooms.operator, f"/console/jobs/{made['id']}")
    assert 'id="route"' in text
    assert 'id="attempt-1"' in text
    assert "duration: 3.4 became 3, the nearest that this model can do." in text
    assert re.search(r"<code>seconds</code>.*?<code>duration</code>.*?<del>3.4</del>.*?<ins>3</ins>", text, re.DOTALL)


async def test_a_credential_stands_on_no_page(rooms: Rooms) -> None:
    made = await rooms.site.finished()
    assert "canary-secret" not in await shown(rooms.operator, f"/console/jobs/{made['id']}")


async def test_a_holder_reads_nothing_of_channel_and_vendor(rooms: Rooms) -> None:
    made = await rooms.site.finished()
    text = content_of(await shown(rooms.holder, f"/console/jobs/{made['id']}"))
    assert [word for word in INSIDE if word in text] == []


async def test_a_holder_hears_of_a_failure_what_the_client_api_says(rooms: Rooms) -> None:
    failed = await stored(rooms, failure=Failure("upstream_error", "vendor.example.com answered 502 to account 17"))
    operators, holders = [await shown(browser, f"/console/jobs/{failed}") for browser in (rooms.operator, rooms.holder)]
    told = (await rooms.site.client.get(f"/v1/videos/{failed}")).json()["error"]["message"]
    assert "account 17" in operators
    assert "account 17" not in holders
    assert told in holders


async def test_results_are_linked_at_the_readers_own_host_whatever_the_public_address(rooms: Rooms) -> None:
    rooms.site.gateway.links.public_url = "https://elsewhere.example.com"
    made = await rooms.site.finished()
    text = await shown(rooms.operator, f"/console/jobs/{made['id']}")
    source = re.search(r'<video [^>]*src="([^"]+)"', text)
    assert source is not None
    assert source[1].startswith("/files/")
    assert (await rooms.nobody.get(source[1])).status_code == 200
    assert "elsewhere.example.com" not in text
    assert 'loading="lazy"' in await shown(rooms.operator, "/console/jobs")


async def test_pictures_are_shown_by_their_own_link(rooms: Rooms) -> None:
    await rooms.site.client.post("/v1/images/generations", json=IMAGE)
    gallery = await shown(rooms.holder, "/console/jobs")
    source = re.search(r'<img src="(/files/[^"]+)"', gallery)
    assert source is not None
    picture = await rooms.nobody.get(source[1])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")


async def test_a_private_prompt_is_said_not_to_be_stored(rooms: Rooms) -> None:
    gateway = rooms.site.gateway
    async with gateway.database.write() as connection:
        await key_store.update_one(connection, replace(KEY, store_prompts=False))
    await gateway.configuration.refresh()
    made = await rooms.site.created(prompt="nobody may read this")
    for path in ("/console/jobs", "/console/jobs?view=table", f"/console/jobs/{made['id']}"):
        text = await shown(rooms.operator, path)
        assert "The prompt is not stored." in text
        assert "nobody may read this" not in text


async def test_an_open_job_can_be_cancelled_and_an_ended_one_deleted(rooms: Rooms) -> None:
    path = f"/console/jobs/{(await rooms.site.created())['id']}"
    operators, holders = [await shown(browser, path) for browser in (rooms.operator, rooms.holder)]
    assert 'id="cancel"' in operators
    assert f'data-as-key="{KEY.id}"' in operators
    assert "data-open" in operators
    assert 'id="delete"' not in operators
    assert 'id="cancel"' in holders
    assert "data-as-key" not in holders
    ended = await shown(rooms.holder, f"/console/jobs/{(await rooms.site.finished())['id']}")
    assert 'id="delete"' in ended
    assert 'id="cancel"' not in ended
    assert "data-open" not in ended


async def test_a_job_leads_to_the_playground_to_be_made_again(rooms: Rooms) -> None:
    made = await rooms.site.created()
    assert f'href="/console/playground?job={made["id"]}"' in await shown(rooms.holder, f"/console/jobs/{made['id']}")


async def test_deliveries_are_shown_to_both_and_sent_again_by_the_operator(rooms: Rooms) -> None:
    made = await rooms.site.finished(callback_url="https://hooks.example.com/done")
    operators, holders = [await shown(one, f"/console/jobs/{made['id']}") for one in (rooms.operator, rooms.holder)]
    for text in (operators, holders):
        assert "https://hooks.example.com/done" in text
        assert "video.completed" in text
    assert re.search(r'data-call="/admin/webhooks/[^"]+/replay"', operators)
    assert "/replay" not in holders


@pytest.mark.parametrize("path", ["/console/jobs", "/console/jobs?view=table", "one"])
async def test_the_pages_speak_chinese(rooms: Rooms, path: str) -> None:
    made = await rooms.site.finished()
    await rooms.operator.get("/console/language/zh")
    text = await shown(rooms.operator, f"/console/jobs/{made['id']}" if path == "one" else path)
    assert '<html lang="zh-CN"' in text
    assert "已完成" in text
    assert "视频" in text


async def test_a_job_with_every_field_has_a_page(rooms: Rooms) -> None:
    full = await stored(
        rooms,
        status=JobStatus.FAILED,
        outputs=(Output(asset="a/b", mime="video/mp4", width=2, height=2, size=9, sha256="0" * 64, revised_prompt="new"),),
        late_at=NOW + SECOND,
        partial_failures=(Failure("content_policy_violation", "one of two"),),
        remixed_from="job_old",
        seconds=2.0,
    )
    text = await shown(rooms.operator, f"/console/jobs/{full}")
    assert "It came after the deadline" in text
    assert "<video" in text
    assert "2 × 2" in text


def test_what_was_asked_and_what_was_sent_stand_side_by_side() -> None:
    first = Media(MediaType.IMAGE, Role.FIRST_FRAME, "https://m.example.com/a.png?signature=canary-secret", param="image_url")
    asked = VideoRequest(
        model="m", mode=Mode.I2V, duration=5.5, seed=7, media=(first,), vendor={"zoom": 1}, named={"duration": "seconds"}
    )
    lines = {line.name: line for line in compared(asked, replace(asked, duration=5, seed=None, fps=24))[0]}
    assert (lines["duration"].written, lines["duration"].asked, lines["duration"].sent) == ("seconds", "5.5", "5")
    assert (lines["seed"].changed, lines["seed"].sent) == (True, None)
    assert (lines["fps"].asked, lines["fps"].sent) == (None, "24")
    assert not lines["vendor.zoom"].changed
    assert lines["vendor.zoom"].written == "zoom"
    assert lines["media[0]"].written == "image_url"
    assert "canary-secret" not in (lines["media[0]"].asked or "")
    assert "prompt" not in lines


def test_bytes_in_a_request_are_no_text_on_the_page() -> None:
    item = Media(MediaType.IMAGE, Role.IMAGE, "data:image/png;base64," + "A" * 5000)
    lines = {line.name: line for line in compared(*[ImageRequest(model="m", mode=Mode.I2I, media=(item,))] * 2)[0]}
    assert len(lines["media[0]"].asked or "") < 200


def test_the_timeline_is_in_order_and_counts_from_step_to_step() -> None:
    made = replace(fail(job(1), Failure("x", "y"), NOW + 11 * SECOND), accepted_at=NOW + 3 * SECOND, started_at=NOW + 5 * SECOND)
    assert [(step.name, step.after) for step in steps(made)] == [
        ("created", None),
        ("accepted", 2.0),
        ("started", 2.0),
        ("failed", 6.0),
    ]


def test_calls_and_replies_are_cut_so_that_a_page_stays_small() -> None:
    attempts: Json = [{"number": number, "call": {"json": {"prompt": "x" * 9_000}}, "reply": "y" * 9_000} for number in range(14)]
    shown_tries, more = tries(attempts)
    assert (len(shown_tries), more) == (10, 4)
    assert sum(len(one.call) + len(one.reply or "") for one in shown_tries) < 11_000


def test_a_result_is_gone_when_only_its_vendor_had_it() -> None:
    made = replace(job(1), expires_at=NOW)
    assert gone(made, Output(url="https://cdn.example.com/x"), NOW + SECOND)
    assert not gone(made, Output(asset="a/b"), NOW + SECOND)
    assert not gone(made, Output(url="https://cdn.example.com/x"), NOW - SECOND)


async def test_a_link_of_a_still_is_of_the_still(rooms: Rooms) -> None:
    links = rooms.site.gateway.links
    target = links.read(file_address(links, "job_1", 2, "thumbnail").removeprefix("/files/"))
    assert (target.id, target.index, target.variant) == ("job_1", 2, "thumbnail")


def test_a_change_behind_what_is_shown_is_a_change_all_the_same() -> None:
    asked = VideoRequest(model="m", mode=Mode.T2V, vendor={"style": "x" * 500 + "a"})
    lines = {line.name: line for line in compared(asked, replace(asked, vendor={"style": "x" * 500 + "b"}))[0]}
    assert lines["vendor.style"].changed
    assert lines["vendor.style"].asked == lines["vendor.style"].sent


def test_of_very_many_fields_those_that_were_changed_come_first() -> None:
    asked = VideoRequest(model="m", mode=Mode.T2V, vendor={f"field_{number}": number for number in range(200)})
    lines, more = compared(asked, replace(asked, vendor={**asked.vendor, "field_199": 0}))
    assert (len(lines), more) == (40, 163)
    assert lines[0].name == "vendor.field_199"


async def test_the_largest_request_has_a_small_page(rooms: Rooms) -> None:
    fields = {f"{HOSTILE * 9}{number}": '"' * 3_000 for number in range(300)}
    made = await rooms.site.created(prompt='"' * 3_500, metadata=fields)
    for path in (f"/console/jobs/{made['id']}", "/console/jobs", "/console/jobs?view=table"):
        assert len((await rooms.operator.get(path)).content) < 100_000


async def test_a_page_full_of_hostile_prompts_is_small(rooms: Rooms) -> None:
    async with rooms.site.gateway.database.write() as connection:
        for number in range(1, 52):
            made = job(number, key_id=KEY.id)
            asked = replace(made.asked, prompt='"' * 5_000)
            failure = Failure("generation_failed", '"' * 5_000)
            await job_store.insert(connection, fail(replace(made, asked=asked), failure, NOW), owner="w1")
    for view in ("gallery", "table"):
        assert len((await rooms.operator.get(f"/console/jobs?view={view}")).content) < 100_000
