"""Signatures over host and body are made last, when both are settled."""

from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from app.adapters.base import Adapter, Call
from app.domain.channels import Credential
from app.engine.transport import Transport
from app.engine.vendors import Vendors

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, tzinfo=UTC)


class Signing(Adapter):
    """Signs what it is handed, and sends its calls elsewhere."""

    name = "signing"

    def address(self, call: Call, base_url: str) -> Call:
        return replace(call, path=f"https://other.example.com{call.path}")

    def sign(self, call: Call, base_url: str, credential: Credential, now: datetime) -> Call:
        return call.with_headers(X_Signed=f"{call.path} for {base_url} by {credential.text('access_key')} at {now:%Y%m%d}")


async def test_the_signature_covers_where_the_call_goes() -> None:
    desk = Vendors(Transport(httpx.MockTransport(lambda _: httpx.Response(200))), lambda: NOW)
    credential = Credential("c", {"access_key": "AK"})

    call = await desk.signed("https://vendor.example.com", Signing(), credential, Call(path="/x"))

    assert call.headers["X-Signed"] == "https://other.example.com/x for https://vendor.example.com by AK at 20261120"


async def test_most_vendors_sign_nothing() -> None:
    call = Call(path="/x")

    assert Adapter().sign(call, "https://vendor.example.com", Credential("c", {}), NOW) is call
