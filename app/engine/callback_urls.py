"""Where a webhook may be sent: the same rule when a client names the address, and on every hop when it is used."""

from app.domain.errors import InputRefused
from app.engine.guard import Guard


def check_callback(url: str, guard: Guard, param: str | None) -> None:
    """Raises InputRefused, naming `param`, for an address that is neither https nor at a host which the operator listed.

    A host's name is not looked up: its addresses are judged when the webhook is sent.
    """
    guard.check(url, param=param)
    target = guard.inspect(url)
    if target.scheme != "https" and not guard.allows(target.host):
        raise InputRefused("The URL is not https.", param=param)
