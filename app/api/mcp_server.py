"""The server of the Model Context Protocol: the one module that knows its SDK. Loaded with the first request to `/mcp`."""

import logging
import sys
from typing import Any

import orjson
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http import check_accept_headers
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    ImageContent,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from sse_starlette.sse import AppStatus
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from app import __version__
from app.api.errors import error_body, internal_error
from app.api.mcp_calls import Call, Found, Refusal
from app.api.mcp_tools import INSTRUCTIONS, TOOLS, AgentTool
from app.api.mcp_views import error_line, failure_line
from app.domain.errors import GatewayError, InvalidRequest, UnsupportedBody
from app.domain.json import Json

_log = logging.getLogger(__name__)
_Context = ServerRequestContext[Any, Request]  # the first is the state of a lifespan, which we do not have
logging.getLogger("mcp").setLevel(logging.WARNING)  # below it the SDK writes several lines a request; ours has one
# a shutdown waits for running calls, as it does for every other request: an answer cut off may be that of a paid job
AppStatus.enable_automatic_graceful_drain = False


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers one message, in whichever version of the protocol it is.

    Raises UnsupportedBody and InvalidRequest for what cannot be a message of the protocol.
    """
    request = Request(scope)
    if not request.headers.get("content-type", "").lower().startswith("application/json"):
        raise UnsupportedBody("Messages to this endpoint are application/json.")
    if not all(check_accept_headers(request)):
        raise InvalidRequest("`Accept` must name application/json and text/event-stream.", param="Accept")
    # one for each message: nothing outlives it, and what still runs for a client that left ends with it
    manager = StreamableHTTPSessionManager(_SERVER, stateless=True, max_request_body_size=sys.maxsize)
    async with manager.run():
        await manager.handle_request(scope, receive, send)


async def _listed(context: _Context, params: PaginatedRequestParams | None) -> ListToolsResult:
    return ListToolsResult(tools=[_tool(tool) for tool in TOOLS.values()])


async def _called(context: _Context, params: CallToolRequestParams) -> CallToolResult:
    tool = TOOLS.get(params.name)
    if tool is None:
        raise MCPError(code=INVALID_PARAMS, message=f"There is no tool {params.name[:100]!r}.")
    if context.request is None:  # every message comes by HTTP
        raise MCPError(code=INVALID_PARAMS, message="Tools are served over HTTP only.")

    async def progress(percent: float, message: str) -> None:
        await context.session.report_progress(percent, 100.0, message)

    try:
        call = Call.of(context.request, params.arguments or {}, known=tool.properties, progress=progress)
        return _result(await tool.run(call))
    except GatewayError as error:
        return _refused(error_body(error))
    except Refusal as refusal:
        return _refused(refusal.body)
    except Exception:  # noqa: BLE001 - the outermost border: the SDK would show its text to the client
        _log.exception("unexpected error in a tool")
        return _refused(error_body(internal_error()))


def _tool(tool: AgentTool) -> Tool:
    hints = ToolAnnotations(
        title=tool.title,
        read_only_hint=tool.reads,
        destructive_hint=tool.destroys,
        idempotent_hint=tool.repeatable,
        open_world_hint=tool.spends,
    )
    return Tool(name=tool.name, title=tool.title, description=tool.description, input_schema=tool.schema(), annotations=hints)


def _result(found: Found) -> CallToolResult:
    text = failure_line(found.content) if found.failed else orjson.dumps(found.content).decode()
    content: list[ContentBlock] = [TextContent(text=text)]
    if found.picture is not None:
        content.append(ImageContent(data=found.picture.base64, mime_type=found.picture.mime))
    return CallToolResult(content=content, structured_content=found.content, is_error=found.failed)


def _refused(body: dict[str, Json]) -> CallToolResult:
    """An error as the model reads it; programs find the body of the HTTP API beside it."""
    return CallToolResult(content=[TextContent(text=error_line(body))], structured_content=body, is_error=True)


_SERVER: Server[Any] = Server(
    "filmgate",
    version=__version__,
    title="Filmgate",
    instructions=INSTRUCTIONS,
    get_tool_input_schema=lambda name: TOOLS[name].schema() if name in TOOLS else None,
    on_list_tools=_listed,
    on_call_tool=_called,
)
