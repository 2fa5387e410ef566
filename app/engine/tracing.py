"""Traces by OpenTelemetry, for gateways that were installed with the extra `otel`; imported only where tracing is on.

Spans tell channels, models and ids of jobs, never prompts, media or keys. Nothing of a trace goes on to a vendor.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import INVALID_SPAN, Link, SpanContext, SpanKind, StatusCode, Tracer, get_current_span
from opentelemetry.trace import Span as TheirSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.domain.errors import GatewayError
from app.engine.spans import Facts, Headers, Origin, Span

_PATH = "/v1/traces"
_SHOWN = (b"traceparent", b"tracestate")  # https://www.w3.org/TR/trace-context/
_CONTEXT = TraceContextTextMapPropagator()


def tracing(endpoint: str, version: str) -> "Tracing":
    """Spans that are sent to a collector in batches; without an endpoint, to where the OTEL_… variables say."""
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/").removesuffix(_PATH) + _PATH if endpoint else None)
    return Tracing.to(exporter, version)


@dataclass(frozen=True, slots=True)
class _Span:
    inner: TheirSpan

    def tell(self, facts: Facts) -> None:
        self.inner.set_attributes(dict(facts))
        status = facts.get("http.response.status_code")
        if isinstance(status, int) and status >= 500:
            self.inner.set_status(StatusCode.ERROR)

    def name(self, text: str) -> None:
        self.inner.update_name(text)


@dataclass(frozen=True, slots=True)
class Tracing:
    """Spans that leave this process. One per process."""

    provider: TracerProvider
    tracer: Tracer

    @classmethod
    def to(cls, exporter: SpanExporter, version: str) -> "Tracing":
        """Tracing that hands its spans to this exporter, from a thread of its own."""
        # what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say is stronger
        resource = Resource.create({"service.version": version})
        if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "filmgate"}))
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider, provider.get_tracer("filmgate", version))

    @contextmanager
    def request(self, name: str, headers: Headers) -> Iterator[Span]:
        shown = {key.decode("latin-1"): value.decode("latin-1") for key, value in headers if key in _SHOWN}
        with self.tracer.start_as_current_span(
            name,
            context=_CONTEXT.extract(shown, Context()),
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield _Span(span)

    @contextmanager
    def span(self, name: str, facts: Facts, origin: Origin | None = None) -> Iterator[Span]:
        kind = SpanKind.CLIENT if name.startswith("upstream ") else SpanKind.INTERNAL
        links = [Link(origin)] if isinstance(origin, SpanContext) else None
        with self.tracer.start_as_current_span(
            name, kind=kind, attributes=dict(facts), links=links, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield _Span(span)
            except GatewayError as error:  # its code alone: a message may repeat what a vendor said of a prompt
                span.set_attribute("error.type", error.code)
                span.set_status(StatusCode.ERROR)
                raise

    def origin(self) -> Origin | None:
        span = get_current_span()
        return None if span is INVALID_SPAN else span.get_span_context()

    def close(self) -> None:
        self.provider.shutdown()
