"""Everything that can go wrong, as one tree; a class says what happened, its fields say the rest.

GatewayError
├── InvalidRequest          the client's body cannot be served as written
│   └── InputRefused        an input that the model or vendor cannot take; names the client's own field
├── Unauthenticated         no key, or none that we know
├── NotAllowed              the key is known and may not do this
├── NotFound                no such job, model or page for this key
├── MethodNotAllowed        the path exists, the method does not
├── BodyTooLarge            over the configured size
├── UnsupportedBody         a content type that we do not read
├── TooManyRequests         a limit of ours; try again later
├── NoChannel               no configured channel can serve this now
├── ShuttingDown            this process is draining
└── UpstreamError           something between us and a vendor
    ├── UpstreamNeverSent   the request certainly did not arrive: no address, refused, TLS
    ├── UpstreamMaybeSent   it may have arrived and no answer came: the outcome is unknown
    ├── UpstreamUnreadable  an answer came and is not what the protocol says (an HTML page, broken JSON)
    ├── UnknownStatus       a status word that the adapter's table lacks
    └── UpstreamRefused     the vendor answered no; `fault` says whose fault it is
"""

from enum import StrEnum


class GatewayError(Exception):
    """Any error with a meaning to the caller; `message` never holds a credential.

    `code` is the machine-readable word of the error body, `param` the client's own field name,
    `retry_after` the seconds after which a new try makes sense, `job_id` the job that the error left behind.
    """

    code = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
        job_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.param = param
        self.retry_after = retry_after
        self.job_id = job_id


class InvalidRequest(GatewayError):
    """The client's body cannot be served as written."""

    code = "invalid_value"


class InputRefused(InvalidRequest):
    """An image, video, audio or mask that the model or its vendor cannot take."""


class Unauthenticated(GatewayError):
    """No key was shown, or none that we know."""

    code = "invalid_api_key"


class NotAllowed(GatewayError):
    """The key is known and may not do this."""

    code = "permission_denied"


class NotFound(GatewayError):
    """No such thing for this key."""

    code = "not_found"


class MethodNotAllowed(GatewayError):
    """The path exists, the method does not."""

    code = "method_not_allowed"


class BodyTooLarge(GatewayError):
    """The request body is over the configured size."""

    code = "body_too_large"


class UnsupportedBody(GatewayError):
    """A content type that we do not read."""

    code = "unsupported_media_type"


class TooManyRequests(GatewayError):
    """A limit of ours was reached; `retry_after` says when to come back (seconds, at most 60)."""

    code = "rate_limit_exceeded"


class NoChannel(GatewayError):
    """No configured channel can serve this model for this key now."""

    code = "no_available_channel"


class ShuttingDown(GatewayError):
    """This process is draining and takes no new work."""

    code = "shutting_down"


class Fault(StrEnum):
    """Whose fault a vendor's refusal is, which decides what happens next.

    Every refusal means that the vendor did **not** accept the job; an answer that leaves this open must be
    raised as `UpstreamMaybeSent` instead.
    """

    REQUEST = "request"  # the request itself; another channel would refuse it too
    CONTENT = "content"  # the vendor's moderation of input or output
    CREDENTIAL = "credential"  # the channel's credential is wrong, expired or lacks a permission
    BALANCE = "balance"  # the channel's account is out of money or quota
    MODEL = "model"  # the vendor does not know or no longer serves this model
    RATE = "rate"  # too many requests or jobs on this account
    OVERLOADED = "overloaded"  # the vendor is down or full and says that it did not take the job
    NOT_FOUND = "not_found"  # polling only: the vendor does not know this job (any more)


class UpstreamError(GatewayError):
    """Something went wrong between us and a vendor.

    `status` is the HTTP status if there was one, `upstream_code` the vendor's own error code,
    `body` a redacted and shortened copy of its answer, `request_id` the vendor's support handle.
    """

    code = "upstream_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
        job_id: str | None = None,
        status: int | None = None,
        upstream_code: str | None = None,
        body: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, code=code, param=param, retry_after=retry_after, job_id=job_id)
        self.status = status
        self.upstream_code = upstream_code
        self.body = body
        self.request_id = request_id


class UpstreamNeverSent(UpstreamError):
    """The request certainly did not reach the vendor: name lookup, connect or TLS failed."""

    code = "upstream_unreachable"


class UpstreamMaybeSent(UpstreamError):
    """The request may have reached the vendor and no usable answer came back."""

    code = "upstream_outcome_unknown"


class UpstreamUnreadable(UpstreamError):
    """An answer came and it is not what the protocol says: an HTML page, broken JSON, a missing id."""


class UnknownStatus(UpstreamError):
    """The vendor used a status word that the adapter's table lacks; `upstream_code` holds the word."""


class UpstreamRefused(UpstreamError):
    """The vendor answered and certainly did not accept (or no longer has) the job."""

    def __init__(
        self,
        message: str,
        *,
        fault: Fault,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
        job_id: str | None = None,
        status: int | None = None,
        upstream_code: str | None = None,
        body: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(
            message,
            code=code or _REFUSAL_CODES[fault],
            param=param,
            retry_after=retry_after,
            job_id=job_id,
            status=status,
            upstream_code=upstream_code,
            body=body,
            request_id=request_id,
        )
        self.fault = fault


_REFUSAL_CODES = {
    Fault.REQUEST: "invalid_request",
    Fault.CONTENT: "content_policy_violation",
    Fault.CREDENTIAL: "upstream_error",
    Fault.BALANCE: "upstream_error",
    Fault.MODEL: "upstream_error",
    Fault.RATE: "rate_limit_exceeded",
    Fault.OVERLOADED: "upstream_error",
    Fault.NOT_FOUND: "upstream_error",
}
