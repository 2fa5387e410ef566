"""Access tokens: fetched once, kept while they live, and a create without one was never sent."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.adapters.base import Adapter, Call, Reply, Token
from app.domain.channels import Credential
from app.domain.errors import UpstreamNeverSent, UpstreamUnreadable
from app.engine.transport import Transport
from app.engine.vendors import Vendors

pytestmark = pytest.mark.anyio

CREDENTIAL = Credential("credential_1", {"service_account": "secret"})
BASE = "https://vendor.example.com"


class Guarded(Adapter):
    """Wants a token on each call."""

    name = "guarded"

    def build_token(self, credential: Credential, now: datetime) -> Call:
        return Call(method="POST", path="https://login.example.com/token", form=[("assertion", credential.text("service_account"))])

    def parse_token(self, reply: Reply) -> Token:
        text = reply.object().get("access_token")
        if not isinstance(text, str):
            raise UpstreamUnreadable("no token")
        return Token(text, 3600)

    def authorize(self, call: Call, credential: Credential, now: datetime) -> Call:
        return call.with_headers(Authorization=f"Bearer {credential.text('access_token')}")


class Clock:
    moment = datetime(2026, 11, 20, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


class Logins:
    def __init__(self, *answers: httpx.Response) -> None:
        self.count = 0
        self._answers = answers

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        return self._answers[min(self.count, len(self._answers)) - 1]


def vendors(logins: Logins, clock: Clock) -> Vendors:
    return Vendors(Transport(httpx.MockTransport(logins)), clock)


async def shown(desk: Vendors) -> str:
    return (await desk.signed(BASE, Guarded(), CREDENTIAL, Call(path="/x"))).headers["Authorization"]


async def test_a_token_is_fetched_once_and_renewed_before_it_ends() -> None:
    logins, clock = (
        Logins(httpx.Response(200, json={"access_token": "one"}), httpx.Response(200, json={"access_token": "two"})),
        Clock(),
    )
    desk = vendors(logins, clock)
    assert [await shown(desk) for _ in range(3)] == ["Bearer one"] * 3
    clock.moment += timedelta(seconds=3541)
    assert await shown(desk) == "Bearer two"
    assert logins.count == 2


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(400, json={"error": "invalid_grant"}), httpx.Response(200, json={}), httpx.Response(200, text="<html>")],
)
async def test_without_a_token_nothing_was_sent(answer: httpx.Response) -> None:
    with pytest.raises(UpstreamNeverSent):
        await shown(vendors(Logins(answer), Clock()))


async def test_a_token_that_the_vendor_refuses_is_not_shown_again() -> None:
    logins, calls = Logins(httpx.Response(200, json={"access_token": "one"}), httpx.Response(200, json={"access_token": "two"})), []

    def vendor(request: httpx.Request) -> httpx.Response:
        if request.url.host == "login.example.com":
            return logins(request)
        calls.append(request.headers["authorization"])
        return httpx.Response(401 if len(calls) == 1 else 200, json={})

    desk = Vendors(Transport(httpx.MockTransport(vendor)), Clock())
    call, held = Call(path="/x"), CREDENTIAL
    for _ in range(2):
        reply = await desk.exchange(BASE, Guarded(), held, call)
    assert reply.status == 200
    assert calls == ["Bearer one", "Bearer two"]
