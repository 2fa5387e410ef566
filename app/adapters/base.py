"""The whole interface between the gateway and a vendor.

An adapter is values in, values out: it says what to ask (`Call`) and what an answer means (`Snapshot`); the engine does
the asking, the waiting and the retrying. Write `name`, `statuses`, `build_request`, `parse_submit`, `build_status` and
`parse_status`; the rest has defaults.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import ClassVar, Literal, TypeAlias

from app.domain.channels import Channel, Credential
from app.domain.errors import Fault, UnknownStatus, UpstreamError, UpstreamMaybeSent, UpstreamRefused, UpstreamUnreadable
from app.domain.jobs import Failure, Job, JobStatus, Output, Snapshot, Usage
from app.domain.json import Json, JsonObject
from app.domain.replacing import quick


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file in a multipart body."""

    filename: str
    content_type: str
    data: bytes = field(repr=False)


FormField: TypeAlias = tuple[str, str | FilePart]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that nobody has sent yet.

    `path` is relative to the channel's `base_url` (it starts with "/"), or an absolute URL that a vendor returned: then
    `authorize` is only applied when the URL lies on the channel's own origin. At most one of `json`, `form` and `raw`
    is set. `timeout` is in seconds, for the whole exchange (streams: for silence).
    """

    method: Literal["GET", "POST", "PUT", "DELETE"] = "GET"
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    json: JsonObject | None = None
    form: Sequence[FormField] | None = None
    raw: bytes | None = field(default=None, repr=False)
    timeout: float = 60.0

    def with_headers(self, **headers: str) -> "Call":
        """The same call with these headers added (underscores become hyphens)."""
        added = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **added})


_REQUEST_IDS = ("x-request-id", "x-oneapi-request-id", "x-tt-logid", "trace-id")


@quick
@dataclass(frozen=True, slots=True)
class Reply:
    """A vendor's answer: HTTP status, lower-case header names, the parsed JSON body (None if it is none), the raw bytes."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Json = None
    body: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300

    @property
    def request_id(self) -> str | None:
        """The vendor's handle for its support, from the header or field in which most of them give one."""
        named = next((self.headers[name] for name in _REQUEST_IDS if self.headers.get(name)), None)
        told = self.json.get("request_id") if isinstance(self.json, Mapping) else None
        return named or (told if isinstance(told, str) and told else None)

    def object(self) -> JsonObject:
        """The body as a JSON object; raises UpstreamUnreadable otherwise."""
        if isinstance(self.json, Mapping):
            return self.json
        raise UpstreamUnreadable("The vendor's answer is not a JSON object.", status=self.status, body=self.excerpt())

    def excerpt(self, limit: int = 500) -> str:
        """The start of the body as text, for logs."""
        return self.body[:limit].decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and how many seconds it lives."""

    text: str = field(repr=False)
    lifetime: float


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a streamed image create.

    `partial` is a preview and `completed` a finished picture, both with an output; `failed` is a picture that the vendor
    withheld (or, before any picture, the whole request); `end` carries what the vendor says at the end.
    """

    kind: Literal["partial", "completed", "failed", "end"]
    index: int = 0
    output: Output | None = None
    failure: Failure | None = None
    usage: Usage | None = None


VARIABLE_ENDINGS = ("_API_KEY", "_ACCESS_KEY", "_SECRET_KEY")


class Adapter:
    """One upstream's wire format.

    A new vendor subclasses this in a module of its own, with a `<name>.toml` beside it (see `catalogue.py`).
    `credential_fields` names what a credential must hold: alternatives, each a set of field names.
    `environment` maps credential fields to the environment variables that make an `env-<name>` channel; their names end in one of
    VARIABLE_ENDINGS, so that a start without any such variable need not load every vendor to find that out.
    """

    name: ClassVar[str]
    statuses: ClassVar[Mapping[str, JobStatus]] = {}
    credential_fields: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"api_key"}),)
    optional_credential_fields: ClassVar[frozenset[str]] = frozenset()
    environment: ClassVar[Mapping[str, str]] = {}
    default_base_url: ClassVar[str] = ""
    # whether "*" also means names that are not in the data file (relays, self-hosted servers)
    open_catalogue: ClassVar[bool] = False
    # whether `build_request` hands `job.callback` (our URL with a secret in it) to the vendor
    takes_callback: ClassVar[bool] = False
    # whether asking about a finished job again brings a fresh link to a result whose link has died
    renews_links: ClassVar[bool] = False

    def base_url(self, given: str) -> str:
        """The channel's base URL, cleaned of the endings that operators add by habit."""
        return (given or self.default_base_url).rstrip("/")

    def build_request(self, job: Job) -> Call:
        """Our words -> the vendor's create call."""
        raise NotImplementedError

    def parse_submit(self, job: Job, reply: Reply) -> Snapshot:
        """What a 2xx answer to the create call says: an upstream id, or the outputs at once."""
        raise NotImplementedError

    def build_status(self, job: Job) -> Call:
        """The call that asks how the job is doing."""
        raise NotImplementedError

    def reads_status(self, reply: Reply) -> bool:
        """Whether this answer to a status call is for `parse_status`; by default every 2xx.

        Some servers report a failed job with an error status and the job as the body.
        """
        return reply.ok

    def parse_status(self, job: Job, reply: Reply) -> "Snapshot | Call":
        """What a 2xx answer to the status call says; a Call means one more question, answered to `parse_result`."""
        raise NotImplementedError

    def parse_result(self, job: Job, reply: Reply) -> "Snapshot | Call":
        """What the answer to that further question says; a Call means yet another one, answered here too."""
        raise NotImplementedError

    def authorize(self, call: Call, credential: Credential, now: datetime) -> Call:
        """The call with the credential on it; by default a bearer token."""
        return call.with_headers(Authorization=f"Bearer {credential.text('api_key')}")

    def address(self, call: Call, base_url: str) -> Call:
        """The authorised call where it goes; by default as it is, on the channel's base URL.

        For a vendor that spreads its own API over several hosts, which it may do at its own base URL only.
        """
        return call

    def sign(self, call: Call, base_url: str, credential: Credential, now: datetime) -> Call:
        """The addressed call as it leaves, for a vendor whose signature covers host and body; by default as it is."""
        return call

    def build_token(self, credential: Credential, now: datetime) -> Call | None:
        """The call that exchanges this credential for an access token, or None where the credential goes on calls itself.

        The engine keeps the token as long as it lives; `authorize` then finds it in the credential field `access_token`.
        """
        return None

    def parse_token(self, reply: Reply) -> Token:
        """The token in a 2xx answer to that call; raises UpstreamUnreadable."""
        raise NotImplementedError

    def parse_error(self, job: Job | None, reply: Reply) -> UpstreamError:
        """What a non-2xx answer means; by default judged by the HTTP status alone.

        Raise-ready: `UpstreamRefused` only where the vendor certainly did not accept; `UpstreamMaybeSent` where that
        is open (an unexplained 5xx to a create).
        """
        return error_by_status(reply)

    def build_download(self, job: Job, output: Output) -> Call:
        """The call that fetches an output's bytes; by default a plain GET of its URL."""
        return Call(path=output.url or "")

    def patience(self, job: Job) -> timedelta:
        """How long the vendor may take by its own rules from acceptance on; a deadline of ours that is shorter waits for it."""
        return timedelta(0)

    def build_cancel(self, job: Job) -> Call | None:
        """The call that cancels the job at the vendor, or None where it has no such thing."""
        return None

    def build_lookup(self, job: Job) -> Call | None:
        """The call that finds a job whose create was never answered, or None where the vendor has no way."""
        return None

    def parse_lookup(self, job: Job, reply: Reply) -> Snapshot | None:
        """The job found by `build_lookup`; None when the vendor certainly does not have it."""
        return None

    def build_test(self, channel: Channel) -> Call | None:
        """The cheapest authenticated call, for channel tests; None where there is none."""
        return None

    def build_stream(self, job: Job) -> Call | None:
        """The create call in its streaming form (`stream: true` images), or None where the vendor has none."""
        return None

    def parse_event(self, job: Job, event: JsonObject) -> StreamEvent | None:
        """What one event of that stream says; None for events that mean nothing to us."""
        return None


def status_of(adapter: Adapter, word: Json) -> JobStatus:
    """The vendor's status word through the adapter's table; raises UnknownStatus, which the engine waits out."""
    if isinstance(word, str | int):
        found = adapter.statuses.get(str(word).strip().lower())
        if found is not None:
            return found
    raise UnknownStatus(f"{adapter.name} answered with the unknown status {word!r}.", upstream_code=str(word))


_MODEL = re.compile(r"\bmodels?\b", re.IGNORECASE)


def error_by_status(
    reply: Reply,
    message: str | None = None,
    *,
    upstream_code: str | None = None,
    fault: Fault | None = None,
    param: str | None = None,
    request_id: str | None = None,
    not_accepted: bool = False,
) -> UpstreamError:
    """An error for a non-2xx answer, by HTTP status unless the adapter's table already knows the fault.

    A 5xx leaves open whether a job was made, unless `not_accepted`, or it is a 503 that the vendor itself wrote (JSON;
    a page of some proxy proves nothing).
    """
    text = message or f"The vendor answered with HTTP {reply.status}."
    if fault is None:
        about_a_model = reply.status == 403 and _MODEL.search(text)  # one that this account lacks; it may well have others
        fault = Fault.MODEL if about_a_model else _FAULTS.get(reply.status)
    if fault is None and 400 <= reply.status < 500 and reply.status != 408:  # a proxy says 408 of whom it waited for, too
        fault = Fault.REQUEST
    if fault is None and (not_accepted or (reply.status == 503 and isinstance(reply.json, Mapping))):
        fault = Fault.OVERLOADED
    if fault is None:
        return UpstreamMaybeSent(
            text, status=reply.status, upstream_code=upstream_code, body=reply.excerpt(), request_id=request_id
        )
    return UpstreamRefused(
        text,
        fault=fault,
        param=param,
        status=reply.status,
        upstream_code=upstream_code,
        body=reply.excerpt(),
        request_id=request_id,
        retry_after=_retry_after(reply),
    )


_FAULTS = {
    401: Fault.CREDENTIAL,
    402: Fault.BALANCE,
    403: Fault.CREDENTIAL,
    404: Fault.MODEL,
    429: Fault.RATE,
}


def _retry_after(reply: Reply) -> int | None:
    value = reply.headers.get("retry-after", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
