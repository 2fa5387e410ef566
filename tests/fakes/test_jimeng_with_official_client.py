"""Drives the fake with the vendor's own client for any action, over a real socket: it signs as the vendor wants it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio.to_thread
import httpx
import pytest
import volcenginesdkcore as sdk  # type: ignore[import-untyped]  # the SDK has no types
from volcenginesdkcore.rest import ApiException  # type: ignore[import-untyped]  # the same

from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.jimeng import FakeJimeng
from tests.servers import serve

pytestmark = pytest.mark.anyio

SUBMIT, RESULT, PROCESS = "CVSync2AsyncSubmitTask", "CVSync2AsyncGetResult", "CVProcess"
FILM = {"req_key": "jimeng_t2v_v30", "prompt": "纸船漂在池塘上", "frames": 121}


class Client:
    """The SDK, pointed at the fake."""

    def __init__(self, address: str, access_key: str, secret_key: str, token: str = "") -> None:
        configuration = sdk.Configuration()
        configuration.ak, configuration.sk, configuration.session_token = access_key, secret_key, token
        configuration.region, configuration.auto_retry = "cn-north-1", False
        configuration.scheme, configuration.host = "http", address.removeprefix("http://")
        self._api = sdk.UniversalApi(sdk.ApiClient(configuration))

    async def call(self, action: str, **body: Any) -> Any:
        info = sdk.UniversalInfo("POST", "cv", "2022-08-31", action, "application/json")
        # it only unwraps the envelope of other services, so the answer is read as it came
        await anyio.to_thread.run_sync(lambda: self._api.do_call(info, body, _preload_content=False))
        return json.loads(self._api.api_client.last_response.data)


@pytest.fixture
def fake() -> FakeJimeng:
    return FakeJimeng()


@pytest.fixture
async def address(fake: FakeJimeng) -> AsyncIterator[str]:
    async with serve(fake.app) as base_url:
        yield base_url


@pytest.fixture
def client(address: str, fake: FakeJimeng) -> Client:
    return Client(address, fake.access_key, fake.secret_key)


async def test_a_film_goes_from_the_queue_to_a_link(client: Client, fake: FakeJimeng) -> None:
    made = await client.call(SUBMIT, **FILM)
    question = {"req_key": "jimeng_t2v_v30", "task_id": made["data"]["task_id"]}

    answers = [await client.call(RESULT, **question) for _ in range(3)]

    assert [answer["data"]["status"] for answer in answers] == ["in_queue", "generating", "done"]
    assert {answer["code"] for answer in answers} == {10_000}
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(answers[-1]["data"]["video_url"])).content == tiny_mp4()
    assert fake.created == [FILM]


async def test_a_task_is_found_by_its_own_req_key_only(client: Client) -> None:
    made = await client.call(SUBMIT, **FILM)

    answer = await client.call(RESULT, req_key="jimeng_t2v_v30_1080p", task_id=made["data"]["task_id"])

    assert answer["data"] == {"status": "not_found"}


async def test_an_old_picture_comes_at_once(client: Client) -> None:
    answer = await client.call(PROCESS, req_key="jimeng_high_aes_general_v21_L", prompt="a kite", return_url=True)

    async with httpx.AsyncClient() as browser:
        assert (await browser.get(answer["data"]["image_urls"][0])).content == tiny_png()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({**FILM, "frames": 100}, 400, 50_215),
        ({**FILM, "aspect_ratio": ""}, 400, 50_215),
        ({**FILM, "image_urls": ["https://example.com/a.png"]}, 400, 50_215),
        ({**FILM, "req_key": "jimeng_t2v_v30_720p"}, 400, 50_400),
        ({**FILM, "prompt": "x [[refuse:400:50413]]"}, 400, 50_413),
        ({**FILM, "prompt": "x [[429:1]]"}, 429, 50_430),
    ],
)
async def test_a_refusal_has_its_http_status_and_the_services_envelope(
    client: Client, body: dict[str, Any], status: int, code: int
) -> None:
    with pytest.raises(ApiException) as refusal:
        await client.call(SUBMIT, **body)

    assert refusal.value.status == status
    assert f'"code": {code}' in str(refusal.value.body)
    assert f'"status": {code}' in str(refusal.value.body)


@pytest.mark.parametrize(
    ("access_key", "secret_key", "word"),
    [
        ("AKLTSOMEBODYELSE", "ExampleSecretKeyForUnitTestsOnly0001==", "InvalidAccessKey"),
        ("AKLTEXAMPLEACCESSKEY0001", "another secret", "SignatureDoesNotMatch"),
    ],
)
async def test_a_wrong_key_meets_the_gateway_in_front(address: str, access_key: str, secret_key: str, word: str) -> None:
    with pytest.raises(ApiException) as refusal:
        await Client(address, access_key, secret_key).call(SUBMIT, **FILM)

    assert refusal.value.status == 401
    assert f'"Code":"{word}"' in str(refusal.value.body)


async def test_temporary_keys_need_their_token(address: str, fake: FakeJimeng) -> None:
    fake.session_token = "STSEXAMPLETOKEN"

    made = await Client(address, fake.access_key, fake.secret_key, "STSEXAMPLETOKEN").call(SUBMIT, **FILM)
    with pytest.raises(ApiException) as refusal:
        await Client(address, fake.access_key, fake.secret_key, "STSSTALETOKEN").call(SUBMIT, **FILM)

    assert made["code"] == 10_000
    assert refusal.value.status == 401


async def test_a_clock_that_is_off_is_refused(address: str, fake: FakeJimeng) -> None:
    fake.now = lambda: 1_700_000_000.0

    with pytest.raises(ApiException) as refusal:
        await Client(address, fake.access_key, fake.secret_key).call(SUBMIT, **FILM)

    assert "InvalidTimestamp" in str(refusal.value.body)


async def test_another_action_is_unknown(client: Client) -> None:
    with pytest.raises(ApiException) as refusal:
        await client.call("CVGetResult", **FILM)

    assert "InvalidActionOrVersion" in str(refusal.value.body)
