"""Log lines: text for people, JSON for machines, each with the request it belongs to; never a secret."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

import orjson

from app.engine.redaction import redact
from app.engine.telemetry import job_id

request_id: ContextVar[str] = ContextVar("request_id", default="")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Redaction(logging.Filter):
    """Puts the ids of request and job on a record and takes secrets out of its message."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        record.job_id = getattr(record, "job_id", "") or job_id.get()
        record.msg, record.args = redact(record.getMessage()), None
        return True


class JsonLines(logging.Formatter):
    """One JSON object a line; extra fields of a record become keys."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD and value is not None and value != "":
                line[name] = value
        if record.exc_info:
            line["error"] = _trace(self.formatException(record.exc_info))
        try:
            return orjson.dumps(line, default=str).decode()
        except TypeError:  # half a character, or a giant number
            return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """For a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def formatException(self, exc_info: object) -> str:
        return _trace(super().formatException(exc_info))  # type: ignore[arg-type]  # as above


def _trace(text: str) -> str:
    """A traceback line by line: as one long text it would lose its end, which says what went wrong."""
    return "\n".join(redact(line) for line in text.splitlines())


def configure(level: str, style: str) -> None:
    """Sends every log line of this process to standard error in one form."""
    # what no line of ours names need not be looked up for each of them (`Optimization` in the library's manual)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # where in the code it was written; the manual has this very line
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    handler.addFilter(Redaction())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "alembic", "sqlalchemy"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    access = logging.getLogger("uvicorn.access")
    access.handlers, access.propagate = [], False  # requests have their line from our middleware, without the tokens in links
    logging.getLogger("uvicorn.error").setLevel(max(logging.getLevelName(level), logging.INFO))
    for name in ("alembic", "aiosqlite"):  # the latter would write every statement with all its values
        logging.getLogger(name).setLevel(logging.WARNING)
