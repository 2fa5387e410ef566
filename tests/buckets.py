"""A server that speaks S3, with a bucket called `films`, for every test that asks for the fixture `region`."""

import os
from collections.abc import Iterator

import httpx
import pytest
from moto.server import ThreadedMotoServer

__all__ = ["region", "server"]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that speaks S3, with one bucket."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    url = f"http://{host}:{port}"
    assert httpx.put(f"{url}/films").status_code == 200
    yield url
    moto.stop()


@pytest.fixture
def region(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The variables with which an operator leads us to it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    return server
