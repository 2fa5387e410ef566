"""What tracing offers to the rest of the engine; without it (the default) nothing happens here."""

import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeAlias

Facts: TypeAlias = Mapping[str, str | int]
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]  # as ASGI has them, names in lower case
Origin: TypeAlias = object  # whence later work of a job is linked; only tracing looks inside
_STANDARD = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_MISSING = "traces need the extra `otel`: pip install '.[otel]'"
_log = logging.getLogger(__name__)


class NoTracing(ValueError):
    """Traces are wanted and cannot be made."""


class Span(Protocol):
    """One piece of work under way."""

    def tell(self, facts: Facts) -> None:
        """Adds what became known of it."""

    def name(self, text: str) -> None:
        """Calls it otherwise."""


class Spans(Protocol):
    """Makes spans; each is the child of the one that it runs in."""

    def request(self, name: str, headers: Headers) -> AbstractContextManager[Span]:
        """A client's request; goes on with the trace that its `traceparent` names."""

    def span(self, name: str, facts: Facts, origin: Origin | None = None) -> AbstractContextManager[Span]:
        """A piece of work; `origin` links it to the one that it follows from."""

    def origin(self) -> Origin | None:
        """Where we are, for work that follows later."""

    def close(self) -> None:
        """Sends what is still held; waits for that."""


class _NoSpan:
    def tell(self, facts: Facts) -> None:
        return None

    def name(self, text: str) -> None:
        return None


_NOTHING: AbstractContextManager[Span] = nullcontext(_NoSpan())


class NoSpans:
    """Tracing that is off."""

    def request(self, name: str, headers: Headers) -> AbstractContextManager[Span]:
        return _NOTHING

    def span(self, name: str, facts: Facts, origin: Origin | None = None) -> AbstractContextManager[Span]:
        return _NOTHING

    def origin(self) -> Origin | None:
        return None

    def close(self) -> None:
        return None


def spans_of(endpoint: str, version: str) -> Spans:
    """Tracing as the setting or the standard OTEL_… variables want it; raises NoTracing where only the setting does and it is
    not installed: the variables may well be meant for others.
    """
    elsewhere = any(os.environ.get(name) for name in _STANDARD)
    if not endpoint and not elsewhere:
        return NoSpans()
    try:
        from app.engine.tracing import tracing  # a gateway without traces starts without it
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("opentelemetry"):
            raise
        if endpoint:
            raise NoTracing(f"FILMGATE_OTLP_ENDPOINT is set, but {_MISSING}") from error
        _log.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set and left alone: %s", _MISSING)
        return NoSpans()
    return tracing(endpoint, version)
