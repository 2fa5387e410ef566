"""The official MCP client against a running gateway, over a real socket, in both generations of the protocol."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, ImageContent, TextContent

from tests.gateways import KEY_TEXT
from tests.integration.gates import PICTURE, SANDBOX, TINY, Gate, film_facts, gate_on, picture_size

pytestmark = pytest.mark.anyio
ERAS = pytest.mark.parametrize("era", ["legacy", "auto"])  # with the handshake of old, and without
FILM = {**TINY, "seconds": 1}


@pytest.fixture(scope="module")
async def gate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gate]:
    async with gate_on(tmp_path_factory.mktemp("gate"), SANDBOX) as running:
        yield running


@asynccontextmanager
async def agent(gate: Gate, era: str, key: str = KEY_TEXT) -> AsyncIterator[Client]:
    """An agent that shows this key."""
    # plain HTTP: reading every certificate that a TLS context wants takes longer than most tests here
    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {key}"}, timeout=30, verify=False) as http,
        Client(streamable_http_client(f"{gate.url}/mcp", http_client=http), mode=era) as client,
    ):
        yield client


def text_of(result: CallToolResult) -> str:
    """What the model reads."""
    block = result.content[0]
    assert isinstance(block, TextContent)
    return block.text


def value_of(result: CallToolResult) -> dict[str, Any]:
    """What a program reads of an answer that is no error."""
    assert not result.is_error, text_of(result)
    found: dict[str, Any] = result.structured_content
    return found


@ERAS
async def test_an_agent_finds_a_model_and_makes_an_image(gate: Gate, era: str) -> None:
    async with agent(gate, era) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        models = value_of(await client.call_tool("list_models", {"kind": "image"}))["models"]
        made = await client.call_tool("make_image", {**PICTURE, "model": models[0]["model"]})
    assert tools == {"list_models", "make_image", "make_video", "look_at_job", "cancel_job"}
    picture = made.content[1]
    assert isinstance(picture, ImageContent)
    assert picture_size(base64.b64decode(picture.data)) == ("PNG", (128, 72))
    assert (await gate.browser.get(value_of(made)["images"][0]["url"])).content == base64.b64decode(picture.data)


@ERAS
async def test_an_agent_makes_a_video_and_looks_at_it(gate: Gate, era: str) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async with agent(gate, era) as client:
        begun = value_of(await client.call_tool("make_video", {**FILM, "metadata": {"sandbox": {"delay": 1}}}))
        done = value_of(await client.call_tool("look_at_job", {"id": begun["id"], "wait_seconds": 30}, progress_callback=hear))
    assert done["status"] == "completed"
    assert film_facts((await gate.browser.get(done["url"])).content)[:3] == ("h264", 128, 72)
    assert done["url"].startswith(f"{gate.url}/files/")
    shown = (await gate.http.get(f"/v1/videos/{begun['id']}")).json()
    assert (shown["status"], shown["cost_usd"]) == ("completed", done["cost_usd"])
    assert told[-1] == (100.0, 100.0, f"{begun['id']} is completed")
    assert [one[0] for one in told] == sorted({one[0] for one in told})


@ERAS
async def test_an_agent_reads_why_something_was_refused(gate: Gate, era: str) -> None:
    async with agent(gate, era) as client:
        unknown = await client.call_tool("make_video", {**FILM, "model": "no-such-film"})
        misspelt = await client.call_tool("make_video", {**FILM, "lenght": 5})
        with pytest.raises(MCPError, match="no tool"):
            await client.call_tool("no_such_tool", {})
    assert unknown.is_error
    assert "code: model_not_found" in text_of(unknown)
    assert misspelt.is_error
    assert "'lenght'" in text_of(misspelt)


@ERAS
async def test_an_agent_cancels_a_job(gate: Gate, era: str) -> None:
    async with agent(gate, era) as client:
        begun = value_of(await client.call_tool("make_video", {**FILM, "metadata": {"sandbox": {"delay": 60}}}))
        stopped = value_of(await client.call_tool("cancel_job", {"id": begun["id"]}))
    assert stopped["error"]["code"] == "cancelled"


@ERAS
async def test_an_agent_with_another_key_sees_nothing_of_it(gate: Gate, era: str) -> None:
    other = await gate.key()
    async with agent(gate, era) as owner, agent(gate, era, other) as stranger:
        begun = value_of(await owner.call_tool("make_video", FILM))
        seen, stopped = [await stranger.call_tool(tool, {"id": begun["id"]}) for tool in ("look_at_job", "cancel_job")]
        value_of(await owner.call_tool("look_at_job", {"id": begun["id"], "wait_seconds": 30}))
    assert "code: task_not_exist" in text_of(seen)
    assert "code: task_not_exist" in text_of(stopped)


@ERAS
async def test_a_client_without_a_good_key_gets_no_connection(gate: Gate, era: str) -> None:
    with pytest.RaisesGroup(MCPError, flatten_subgroups=True, allow_unwrapped=True):
        async with agent(gate, era, "sk-unknown"):
            raise AssertionError("it was let in")


@ERAS
async def test_an_agent_that_leaves_finds_its_job_later(gate: Gate, era: str) -> None:
    key, waiting = await gate.key(), asyncio.Event()
    wish = {**FILM, "metadata": {"sandbox": {"delay": 60}}, "wait_seconds": 60}

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        waiting.set()

    async with agent(gate, era, key) as client:
        making = asyncio.create_task(client.call_tool("make_video", wish, progress_callback=hear))
        await waiting.wait()
        making.cancel()
        await asyncio.wait((making,))
    async with agent(gate, era, key) as client:
        (job,) = (await gate.http.get("/v1/videos", headers={"authorization": f"Bearer {key}"})).json()["data"]
        seen = value_of(await client.call_tool("look_at_job", {"id": job["id"]}))
        value_of(await client.call_tool("cancel_job", {"id": job["id"]}))
    assert seen["status"] in ("queued", "in_progress")
