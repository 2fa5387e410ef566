"""Traces: off unless wanted, one trace from a client's request to the webhook's end, and never a prompt in it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from app.engine.spans import NoSpans, NoTracing, spans_of
from tests.api.conftest import VIDEO, Site, site_on
from tests.gateways import ended
from tests.servers import Receive, Scope, Send, serve

pytestmark = pytest.mark.anyio
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STANDARD = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in STANDARD:
        monkeypatch.delenv(name, raising=False)


@dataclass
class Collector:
    """Takes traces as an OpenTelemetry collector does."""

    paths: list[str] = field(default_factory=list)
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message.get("more_body"):
                break
        headers = dict(scope["headers"])
        assert headers.get(b"content-encoding") is None
        self.paths.append(scope["path"])
        self.requests.append(ExportTraceServiceRequest.FromString(body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/x-protobuf")]})
        await send({"type": "http.response.body", "body": b""})

    @property
    def services(self) -> set[str]:
        found = [one.resource.attributes for request in self.requests for one in request.resource_spans]
        return {pair.value.string_value for attributes in found for pair in attributes if pair.key == "service.name"}

    def spans(self) -> Iterator[Span]:
        for request in self.requests:
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    yield from scope.spans

    def named(self, name: str) -> Span:
        return next(span for span in self.spans() if span.name == name)


def facts(span: Span) -> dict[str, str | int]:
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes}


@asynccontextmanager
async def traced_site(folder: Path) -> AsyncIterator[tuple[Site, Collector]]:
    """The application with a collector, which has everything when the block is left."""
    collector = Collector()
    async with serve(collector) as url, site_on(folder, otlp_endpoint=url) as site:
        yield site, collector


async def test_a_job_s_trace_goes_on_from_its_client_s(tmp_path: Path) -> None:
    async with traced_site(tmp_path) as (site, collector):
        shown = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        made = await site.client.post("/v1/videos", json={**VIDEO, "prompt": "canary prompt"}, headers=shown)
        site.studio.status = "completed"
        await ended(site.gateway, made.json()["id"])
    request, submit, upstream, poll = (collector.named(name) for name in ("POST /v1/videos", "submit", "upstream submit", "poll"))
    assert set(collector.paths) == {"/v1/traces"}
    assert collector.services == {"filmgate"}
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert (submit.trace_id, submit.parent_span_id) == (request.trace_id, request.span_id)
    assert (upstream.trace_id, upstream.parent_span_id) == (request.trace_id, submit.span_id)
    assert [link.span_id for link in poll.links] == [submit.span_id]
    assert facts(request)["http.response.status_code"] == 200
    assert (
        facts(request)["filmgate.job_id"] == facts(submit)["filmgate.job_id"] == facts(poll)["filmgate.job_id"] == made.json()["id"]
    )
    assert facts(upstream)["filmgate.channel"] == "vendor"
    everything = b"".join(one.SerializeToString() for one in collector.requests)
    for secret in (b"canary", b"sk-test"):
        assert secret not in everything
    assert all("traceparent" not in sent.headers for sent in site.vendor.requests)


async def test_a_failure_marks_its_spans_by_its_code(tmp_path: Path) -> None:
    async with traced_site(tmp_path) as (site, collector):
        site.studio.refusal = httpx.ConnectError("canary in the cellar")
        await site.client.post("/v1/videos", json=VIDEO)
    request, upstream = collector.named("POST /v1/videos"), collector.named("upstream submit")
    assert facts(request)["http.response.status_code"] == 502
    assert facts(upstream)["error.type"] == "upstream_unreachable"
    assert request.status.code == upstream.status.code == Status.STATUS_CODE_ERROR
    assert not any(b"canary" in span.SerializeToString() for span in collector.spans())


@pytest.mark.parametrize("shown", ["", "00-nonsense", f"00-{'0' * 32}-{PARENT}-01", "x" * 5000])
async def test_what_is_no_trace_of_a_client_begins_a_new_one(tmp_path: Path, shown: str) -> None:
    async with traced_site(tmp_path) as (site, collector):
        await site.client.get("/healthz", headers={"traceparent": shown})
    span = collector.named("GET /healthz")
    assert span.parent_span_id == b""
    assert len(span.trace_id) == 16


def test_without_a_setting_there_is_no_trace() -> None:
    assert isinstance(spans_of("", "1"), NoSpans)


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra is missing."""
    monkeypatch.delitem(sys.modules, "app.engine.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)


@pytest.mark.usefixtures("not_installed")
def test_a_setting_that_cannot_be_heeded_says_what_is_missing() -> None:
    with pytest.raises(NoTracing, match=r"FILMGATE_OTLP_ENDPOINT is set.+extra `otel`"):
        spans_of("http://127.0.0.1:4318", "1")


@pytest.mark.usefixtures("not_installed")
@pytest.mark.parametrize("name", STANDARD)
def test_a_variable_that_may_be_meant_for_others_is_only_a_warning(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:4318")
    assert isinstance(spans_of("", "1"), NoSpans)
    assert "extra `otel`" in caplog.text


@pytest.mark.parametrize("ending", ["", "/", "/v1/traces"])
async def test_an_endpoint_is_understood_with_and_without_its_path(ending: str) -> None:
    collector = Collector()
    async with serve(collector) as url:
        spans = spans_of(f"{url}{ending}", "1")
        with spans.span("work", {}):
            pass
        await asyncio.to_thread(spans.close)
    assert collector.paths == ["/v1/traces"]
    assert collector.named("work").links == []


async def test_the_standard_variable_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    collector = Collector()
    async with serve(collector) as url:
        monkeypatch.setenv(STANDARD[0], url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "our-films")
        spans = spans_of("", "1")
        with spans.span("work", {}):
            pass
        await asyncio.to_thread(spans.close)
    assert collector.paths == ["/v1/traces"]
    assert collector.services == {"our-films"}
