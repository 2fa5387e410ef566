"""What a whole gateway sends on a socket, checked by those who will: the official verifiers of three ecosystems."""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from openai import AsyncOpenAI, InvalidWebhookSignatureError
from standardwebhooks import Webhook, WebhookVerificationError

from app.engine.webhook_secrets import new_secret
from tests.engine.test_webhooks import Receiver
from tests.integration.gates import PICTURE, SANDBOX, TINY, gate_on
from tests.servers import serve

pytestmark = pytest.mark.anyio

NODE_PACKAGE = "standardwebhooks@1.0.0"
INSTALL_SECONDS = 120
NODE_PROGRAM = """
const { Webhook } = require("standardwebhooks");
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
try {
  process.stdout.write(JSON.stringify(new Webhook(given.secret).verify(given.body, given.headers)));
} catch (error) {
  process.stdout.write(JSON.stringify(error.constructor.name));
}
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """An event as it arrived, and the secrets of its key: the new one and the one before it."""

    headers: dict[str, str]
    body: bytes
    secrets: tuple[str, str]
    job_id: str


Verify: TypeAlias = Callable[[bytes, dict[str, str], str], Any]  # what was told, or None where the signature is none


@pytest.fixture(scope="module")
async def heard(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> list[Heard]:
    """The end of a film, of a film that failed and of a picture, after a change of the secret."""
    receiver = Receiver()
    events: list[Heard] = []
    async with (
        serve(receiver) as url,
        gate_on(tmp_path_factory.mktemp("gate"), SANDBOX, allow_hosts="127.0.0.1") as gate,
    ):
        answers = [await gate.http.post("/v1/webhook-secret") for _ in range(2)]
        before, now = (answer.json()["webhook_secret"] for answer in answers)
        hook = {"callback_url": f"{url}/hook"}
        made = [await gate.made(**TINY, **hook)]
        made.append(await gate.made(**TINY, **hook, metadata={"sandbox": {"fail": "generation_failed"}}))
        made.append(await gate.created("/v1/images/generations", **PICTURE, **hook))
        await receiver.arrived(3)
        told = {json.loads(body)["data"]["id"]: (headers, body) for _, headers, body in receiver.seen}
        events += [Heard(*told[job["id"]], (now, before), job["id"]) for job in made]
    return events


def by_python(body: bytes, headers: dict[str, str], secret: str) -> Any:
    """The `standardwebhooks` of Python."""
    try:
        return Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return None


def by_openai(body: bytes, headers: dict[str, str], secret: str) -> Any:
    """The webhook verifier of OpenAI's SDK."""
    try:
        event = AsyncOpenAI(api_key="none", webhook_secret=secret).webhooks.unwrap(body, headers)
    except InvalidWebhookSignatureError:
        return None
    return event.model_dump(exclude_unset=True)


def by_node(body: bytes, headers: dict[str, str], secret: str) -> Any:
    """The `standardwebhooks` of Node; skips where it cannot be had."""
    given = json.dumps({"secret": secret, "headers": headers, "body": body.decode()})
    done = subprocess.run(
        ["node", "-e", NODE_PROGRAM], input=given, capture_output=True, text=True, cwd=node_folder(), timeout=60, check=True
    )
    told = json.loads(done.stdout)
    return None if told == "WebhookVerificationError" else told


def node_folder() -> Path:
    """A folder outside of the repository in which Node finds the package; installed at the first call."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "filmgate-tests"
    folder = cache / NODE_PACKAGE
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=cache))
        try:
            _install(draft)
            if not folder.exists():  # another process may have been faster
                draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def _install(folder: Path) -> None:
    command = [
        "npm",
        "install",
        "--prefix",
        str(folder),
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--fetch-retries=0",
        NODE_PACKAGE,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install {NODE_PACKAGE} within {INSTALL_SECONDS} seconds")
    if done.returncode != 0:
        pytest.skip(f"npm could not install {NODE_PACKAGE}: {' '.join(done.stderr.split())[:200]}")


async def checked(heard: list[Heard], verify: Verify) -> None:
    """Each event passes with the new secret and with the one before it, and with nothing else."""
    kinds = ["video.completed", "video.failed", "image.completed"]
    for event, kind in zip(heard, kinds, strict=True):
        for secret in event.secrets:
            told = await asyncio.to_thread(verify, event.body, event.headers, secret)
            assert told == json.loads(event.body)
            assert (told["type"], told["data"]["id"]) == (kind, event.job_id)
    event = heard[0]
    forged = event.body.replace(b'"completed"', b'"failed"')
    later = {**event.headers, "webhook-timestamp": str(int(event.headers["webhook-timestamp"]) - 1)}
    other = {**event.headers, "webhook-id": "evt_other"}
    for body, headers, secret in (
        (forged, event.headers, event.secrets[0]),
        (event.body, later, event.secrets[0]),
        (event.body, other, event.secrets[0]),
        (event.body, event.headers, new_secret()),
    ):
        assert await asyncio.to_thread(verify, body, headers, secret) is None


async def test_pythons_verifier_takes_what_is_sent(heard: list[Heard]) -> None:
    await checked(heard, by_python)


async def test_openais_verifier_takes_what_is_sent(heard: list[Heard]) -> None:
    await checked(heard, by_openai)


async def test_nodes_verifier_takes_what_is_sent(heard: list[Heard]) -> None:
    await checked(heard, by_node)


async def test_a_failed_job_says_why(heard: list[Heard]) -> None:
    assert json.loads(heard[1].body)["data"]["error"]["code"] == "generation_failed"
