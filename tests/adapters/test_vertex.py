"""The adapter `vertex`: tokens, homes and hosts, and what a strict server takes and answers."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings

from app.adapters.base import Call, Reply
from app.adapters.registry import adapters, catalogue
from app.adapters.vertex import Vertex
from app.domain.capabilities import ModelCard
from app.domain.channels import Channel, Credential
from app.domain.errors import Fault, UpstreamError, UpstreamNeverSent, UpstreamRefused, UpstreamUnreadable
from app.domain.jobs import Job, JobStatus, Output, Snapshot, advance
from app.domain.json import Json
from app.domain.media import Form, Media, MediaType, Role
from app.domain.requests import Mode, Request
from app.engine.transport import Transport
from app.engine.vendors import Vendors
from tests.adapters.stories import Story, fitted, job_of, stories
from tests.adapters.test_gemini import HOSTILE, IMAGE_SIZES, MEDIA, SIZES, medium, order, outcomes
from tests.domain.builders import NOW, image, job, video
from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.vertex import FakeVertex, service_account, signing_key

pytestmark = pytest.mark.anyio

VERTEX = adapters()["vertex"]
BASE = "https://vertex.example.com"
ACCOUNT = service_account(f"{BASE}/token")
CREDENTIAL = Credential("credential_1", {"service_account": ACCOUNT})
EXPRESS = Credential("credential_2", {"api_key": "test-key"})
SENT = [story for story in stories() if story.adapter == "vertex" and "call" in (story.content.get("steps") or [{}])[0]]
SEED_NAMES = (
    *("veo3", "veo3-fast", "veo3-fast-frames", "veo3-frames", "veo3-pro", "veo3-pro-frames"),
    *("veo3.1", "veo3.1-4k", "veo3.1-components", "veo3.1-fast", "veo3.1-pro", "veo3.1-pro-4k"),
)


class Site(httpx.AsyncBaseTransport):
    """The fake, and the engine's own way to it: token first, then the call. Every host leads to the fake."""

    def __init__(self, fake: FakeVertex | None = None, credential: Credential = CREDENTIAL, base_url: str = BASE) -> None:
        self.moment = datetime(2026, 11, 20, tzinfo=UTC)
        self.hosts: list[str] = []
        self.fake = fake or FakeVertex(token_uri=f"{BASE}/token", now=lambda: self.moment.timestamp())
        self.channel = Channel(id="channel_1", name="one", adapter="vertex", base_url=base_url, credentials=(credential,))
        self._server = httpx.ASGITransport(self.fake.app)
        self.vendors = Vendors(Transport(self), lambda: self.moment)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.hosts.append(request.url.host)
        return await self._server.handle_async_request(request)

    async def aclose(self) -> None:
        return None

    async def send(self, call: Call) -> Reply:
        return await self.vendors.ask(self.channel, self.channel.credentials[0], call)

    async def finish(self, wish: Job) -> Job:
        made = await self.submit(wish)
        for _ in range(6):
            if made.status.final:
                return made
            reply = await self.send(VERTEX.build_status(made))
            answer = VERTEX.parse_status(made, reply) if reply.ok else VERTEX.parse_error(made, reply)
            assert isinstance(answer, Snapshot), answer
            made = advance(made, answer, NOW)
        raise AssertionError(f"{made.status} after six polls")

    async def submit(self, wish: Job) -> Job:
        reply = await self.send(VERTEX.build_request(wish))
        if not reply.ok:
            raise VERTEX.parse_error(wish, reply)
        return advance(wish, VERTEX.parse_submit(wish, reply), NOW)


def wished(model: str, request: Request, **values: Any) -> Job:
    return order(model, request, "vertex", **values)


@pytest.mark.parametrize("story", SENT, ids=str)
async def test_a_strict_server_takes_the_body_of_each_story(story: Story) -> None:
    reply = await Site().send(VERTEX.build_request(job_of(story, fitted(story).request)))

    assert reply.ok, reply.body


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    ("card", "mode"),
    [
        pytest.param(card, mode, id=f"{card.name}-{mode}")
        for card in catalogue("vertex").cards
        if card.capabilities.op == "video"
        for mode in sorted(card.capabilities.modes or ())
    ],
)
async def test_a_strict_server_takes_every_mode_of_every_video_model(card: ModelCard, mode: Mode, size: Mapping[str, Any]) -> None:
    media = tuple(medium(role) for role in MEDIA[mode])
    wish = video(mode=mode, media=media, fps=30, seed=1, generate_audio=False, user="A. User", n=card.capabilities.most_n, **size)

    reply = await Site().send(VERTEX.build_request(wished(card.name, wish)))

    assert reply.ok, reply.body


@pytest.mark.parametrize("size", IMAGE_SIZES, ids=str)
@pytest.mark.parametrize(
    ("card", "mode"),
    [
        pytest.param(card, mode, id=f"{card.name}-{mode}")
        for card in catalogue("vertex").cards
        if card.capabilities.op == "image"
        for mode in sorted(card.capabilities.modes or ())
    ],
)
async def test_a_strict_server_takes_every_mode_of_every_image_model(card: ModelCard, mode: Mode, size: Mapping[str, Any]) -> None:
    wish = image(mode=mode, media=tuple(medium(role) for role in MEDIA[mode]), seed=1, quality="hd", output_format="jpeg", **size)

    made = await Site().submit(wished(card.name, wish))

    assert made.status is JobStatus.COMPLETED
    assert [output.data for output in made.outputs] == [tiny_png()]


@pytest.mark.parametrize("model", ["veo3.1", "gemini-omni"])
async def test_a_film_is_made_with_one_token_and_comes_as_bytes(model: str) -> None:
    site = Site()

    made = await site.finish(wished(model, video()))

    assert made.outputs[0].data == tiny_mp4()
    assert (site.fake.creates, len(site.fake.tokens)) == (1, 1)


@pytest.mark.parametrize("model", ["veo3.1", "gemini-omni"])
async def test_a_film_in_a_bucket_is_fetched_with_the_same_token(model: str) -> None:
    site = Site()

    made = await site.finish(wished(model, video(), settings={"storage_uri": "gs://films/made/"}))
    file = await site.send(VERTEX.build_download(made, made.outputs[0]))

    assert file.body == tiny_mp4()
    assert site.fake.downloads == [made.outputs[0].url]


async def test_several_films_of_one_call_come_together() -> None:
    made = await Site().finish(wished("veo3-fast", video(n=3)))

    assert len(made.outputs) == 3


@pytest.mark.parametrize(
    ("model", "prompt", "code"),
    [
        ("veo3", "[[filter]]", "content_policy_violation"),
        ("veo3", "[[fail:14]]", "upstream_error"),
        ("gemini-omni", "[[words]]", "content_policy_violation"),
    ],
)
async def test_a_film_that_was_not_made_says_why(model: str, prompt: str, code: str) -> None:
    made = await Site().finish(wished(model, video(prompt=prompt)))

    assert made.failure is not None
    assert made.failure.code == code


async def test_without_a_base_url_each_call_goes_to_its_locations_host() -> None:
    site = Site(base_url=VERTEX.base_url(""))

    film = await site.finish(wished("veo3", video(), settings={"storage_uri": "gs://films/"}))
    await site.send(VERTEX.build_download(film, film.outputs[0]))
    await site.submit(wished("gemini-3-pro-image", image()))

    regional = "us-central1-aiplatform.googleapis.com"
    assert site.hosts == [
        "vertex.example.com",
        *[regional] * 3,
        "storage.googleapis.com",
        "aiplatform.googleapis.com",
    ]


async def test_a_credential_may_name_its_project_and_location() -> None:
    credential = Credential("c", {**CREDENTIAL.fields, "project": "demo-p", "location": "europe-west4"})
    site = Site(credential=credential, base_url=VERTEX.base_url(""))

    made = await site.finish(wished("veo3", video()))

    assert (made.upstream_id or "").startswith("projects/demo-p/locations/europe-west4/")
    assert site.hosts[1:] == ["europe-west4-aiplatform.googleapis.com"] * 3


async def test_a_relay_has_all_of_it_at_its_own_address() -> None:
    site = Site()

    await site.finish(wished("veo3", video()))

    assert set(site.hosts) == {"vertex.example.com"}
    assert (
        "POST",
        "/v1/projects/demo-p/locations/us-central1/publishers/google/models/veo-3.1-generate-001:predictLongRunning",
    ) in (site.fake.requests)


async def test_express_mode_makes_pictures_with_a_bare_key() -> None:
    site = Site(credential=EXPRESS)

    made = await site.submit(wished("gemini-3.1-flash-image", image()))

    assert made.status is JobStatus.COMPLETED
    assert site.fake.requests == [("POST", "/v1/publishers/google/models/gemini-3.1-flash-image:generateContent")]


@pytest.mark.parametrize("credential", [CREDENTIAL, EXPRESS], ids=["service account", "key"])
async def test_a_channel_is_tested_by_a_short_list(credential: Credential) -> None:
    site = Site(credential=credential)
    call = VERTEX.build_test(site.channel)
    assert call is not None

    assert (await site.send(call)).ok


async def test_a_token_is_renewed_five_minutes_before_its_end() -> None:
    site = Site()
    call = Call(path="/v1beta1/publishers/google/models")
    await site.send(call)

    site.moment += timedelta(seconds=3599 - 301)
    await site.send(call)
    assert len(site.fake.tokens) == 1

    site.moment += timedelta(seconds=2)
    await site.send(call)
    assert len(site.fake.tokens) == 2


async def test_an_account_that_google_does_not_know_sends_nothing() -> None:
    site = Site(credential=Credential("c", {"service_account": {**ACCOUNT, "client_email": "other@demo-p.example.com"}}))

    with pytest.raises(UpstreamNeverSent, match="Invalid JWT claims"):
        await site.submit(wished("veo3", video()))

    assert site.fake.creates == 0


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def locked() -> str:
    return signing_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")).decode()


@pytest.mark.parametrize(
    "change",
    [
        {"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
        {"private_key": None},
        {"private_key": pem(ec.generate_private_key(ec.SECP256R1()))},
        {"private_key": locked()},
        {"client_email": 7.5},
        {"client_email": None},
    ],
    ids=["broken", "missing", "not RSA", "locked", "odd email", "no email"],
)
async def test_an_account_that_cannot_sign_sends_nothing(change: Mapping[str, Json]) -> None:
    site = Site(credential=Credential("c", {"service_account": {**ACCOUNT, **change}}))

    with pytest.raises(UpstreamNeverSent):
        await site.submit(wished("veo3", video()))

    assert site.fake.creates == 0


def claims(call: Call) -> dict[str, Any]:
    part = parse_qs((call.raw or b"").decode())["assertion"][0].split(".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return said


def test_an_assertion_is_signed_once_in_five_minutes_and_is_never_from_the_future() -> None:
    start = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
    first, second, third = (VERTEX.build_token(CREDENTIAL, start + timedelta(seconds=gone)) for gone in (0, 200, 300))

    assert first is not None
    assert first == second
    assert third is not None
    assert first != third
    assert claims(first)["iat"] <= start.timestamp() < claims(first)["exp"] == claims(first)["iat"] + 3600


def test_an_account_without_an_endpoint_uses_googles() -> None:
    account = {name: value for name, value in ACCOUNT.items() if name not in ("token_uri", "private_key_id")}
    call = VERTEX.build_token(Credential("c", {"service_account": account}), NOW)

    assert call is not None
    assert call.path == "https://oauth2.googleapis.com/token"
    assert claims(call)["aud"] == call.path


def test_a_bare_key_needs_no_token() -> None:
    assert VERTEX.build_token(EXPRESS, NOW) is None


def test_a_token_lives_an_hour_where_nobody_says_how_long() -> None:
    assert VERTEX.parse_token(Reply(200, json={"access_token": "t"})).lifetime == 3360
    assert VERTEX.parse_token(Reply(200, json={"access_token": "t", "expires_in": "100"})).lifetime == 0


@pytest.mark.parametrize("body", [{}, {"access_token": None}, [], "t"])
def test_an_answer_without_a_token_is_unreadable(body: Any) -> None:
    with pytest.raises(UpstreamUnreadable):
        VERTEX.parse_token(Reply(200, json=body))


REGIONAL, GLOBAL = "projects/p/locations/us-central1/", "projects/p/locations/global/"
FILMS = "/v1/publishers/google/models/veo-3.1-generate-001:predictLongRunning"
PICTURES = "/v1/publishers/google/models/gemini-x:generateContent"


@pytest.mark.parametrize(
    ("fields", "path", "home"),
    [
        ({"project": "p"}, FILMS, REGIONAL),
        ({"project": "p"}, "/v1/publishers/google/models/imagen-4.0-generate-001:predict", REGIONAL),
        ({"project": "p", "location": "global"}, FILMS, GLOBAL),
        ({"project": "p", "location": "asia"}, "/v1beta1/interactions/v1_a/cancel", GLOBAL),
        ({"project": "p", "location": "asia"}, PICTURES, GLOBAL),
        ({"project": "example.com:p/../q"}, "/v1beta1/interactions", "projects/example.com:p%2F..%2Fq/locations/global/"),
        ({"project": "p"}, "/v1beta1/publishers/google/models", ""),
        ({"project": "p"}, "/v1/projects/q/locations/x/publishers/google/models/veo:fetchPredictOperation", ""),
        ({}, FILMS, ""),
        ({"service_account": "not an object"}, "/v1beta1/interactions", ""),
        ({"service_account": {"project_id": 7}}, "/v1beta1/interactions", ""),
    ],
)
def test_the_credential_gives_a_call_its_home(fields: Mapping[str, Json], path: str, home: str) -> None:
    version, _, rest = path[1:].partition("/")

    assert VERTEX.authorize(Call(path=path), Credential("c", fields), NOW).path == f"/{version}/{home}{rest}"


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1beta1/"])
def test_a_base_url_may_end_as_operators_write_it(ending: str) -> None:
    assert Vertex().base_url(f" https://relay.example.com{ending} ") == "https://relay.example.com"


def test_an_absolute_address_stays_as_it_is() -> None:
    call = Call(path="https://cdn.example.com/v1/projects/p/locations/us-central1/x")

    assert VERTEX.address(call, VERTEX.base_url("")) is call


def test_a_link_outside_a_bucket_is_fetched_as_it_is() -> None:
    output = Output(url="https://cdn.example.com/a.mp4")

    assert VERTEX.build_download(wished("veo3", video()), output).path == output.url


def test_an_operations_name_cannot_leave_its_path() -> None:
    odd = "projects/p/locations/l/publishers/google/models/m/operations/../../x"

    call = VERTEX.build_status(wished("veo3", video(), upstream_id=odd))

    assert call.path == "/v1/publishers/google/models/veo-3.1-generate-001:fetchPredictOperation"
    assert call.json == {"operationName": odd}


def test_a_lost_create_cannot_be_looked_up_and_an_operation_not_be_cancelled() -> None:
    wish = wished("veo3", video())

    assert VERTEX.build_lookup(wish) is None
    assert VERTEX.build_cancel(wish) is None


def test_a_long_name_of_a_user_becomes_a_label() -> None:
    plain, odd = (
        VERTEX.build_request(wished("veo3", video(user=user))).json or {} for user in ("user-1", "A. User <a@example.com>")
    )

    assert plain["labels"] == {"end_user": "user-1"}
    assert "example" not in str(odd["labels"])


@pytest.mark.parametrize(
    ("src", "mime"),
    [("gs://b/a.PNG", "image/png"), ("gs://b/a", "image/jpeg"), ("gs://b/a.webp", "image/webp"), ("gs://b/a.jpg", "image/jpeg")],
)
def test_an_object_is_of_the_type_that_its_name_says(src: str, mime: str) -> None:
    frame = Media(MediaType.IMAGE, Role.FIRST_FRAME, src, "image", Form.VERBATIM)
    asked = video(mode=Mode.I2V, media=(frame,))
    opened = {"client_buckets": ["gs://b"]}
    call = VERTEX.build_request(job(request=asked, upstream_model="veo-3.1-generate-001", settings=opened))

    assert call.json is not None
    assert call.json["instances"] == [{"prompt": "a paper boat", "image": {"gcsUri": src, "mimeType": mime}}]


@pytest.mark.parametrize("name", SEED_NAMES)
def test_the_public_names_of_veo_lead_to_models_that_are_alive(name: str) -> None:
    card = catalogue("vertex").find(name)

    assert card is not None
    assert card.upstream == f"veo-3.1-{'fast-' if 'fast' in name else ''}generate-001"
    assert card.retired is None


@pytest.mark.parametrize(
    ("name", "resolution"),
    [("veo3", "720p"), ("veo3-pro", "1080p"), ("veo3.1-pro", "1080p"), ("veo3.1-4k", "2160p"), ("veo3.1-pro-4k", "2160p")],
)
def test_the_public_names_of_veo_stand_for_a_size(name: str, resolution: str) -> None:
    request = wished(name, video()).request

    assert request.resolution == resolution


async def test_a_refused_create_names_the_clients_field() -> None:
    wish = wished("veo3", video(named={"duration": "seconds"}))
    call = VERTEX.build_request(wish)
    assert call.json is not None
    broken = replace(call, json={**call.json, "parameters": {"durationSeconds": 5}})

    error = VERTEX.parse_error(wish, await Site().send(broken))

    assert isinstance(error, UpstreamRefused)
    assert (error.fault, error.param) == (Fault.REQUEST, "seconds")


@settings(max_examples=100, deadline=None)
@given(HOSTILE)
def test_no_answer_raises_anything_but_an_upstream_error(body: Any) -> None:
    for outcome in outcomes(VERTEX, body, 200):
        assert isinstance(outcome, Snapshot | Call | UpstreamError)


def test_a_client_cannot_choose_where_the_operators_account_writes() -> None:
    hostile = video(vendor={"storageUri": "gs://of-the-client/"})
    for chosen, written in (({}, None), ({"storage_uri": "gs://films/"}, "gs://films/")):
        call = VERTEX.build_request(job(request=hostile, upstream_model="veo-3.1-generate-001", settings=chosen))
        assert call.json is not None
        assert "of-the-client" not in str(call.json)
        parameters = call.json["parameters"]
        assert isinstance(parameters, dict)
        assert parameters.get("storageUri") == written
    assert all("storageUri" not in (card.capabilities.vendor_fields or ()) for card in catalogue("vertex").cards)
