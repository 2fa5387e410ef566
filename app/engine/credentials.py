"""Which of a channel's credentials to show: the next one for a new job, the creating one for everything after."""

from collections import defaultdict

from app.domain.channels import Channel, Credential

_NONE = Credential(id="", fields={})


class Credentials:
    """Round robin per channel."""

    def __init__(self) -> None:
        self._turns: dict[str, int] = defaultdict(int)

    def next(self, channel: Channel) -> Credential:
        """The credential for a new job; an empty one for a channel that needs none."""
        usable = [credential for credential in channel.credentials if not credential.retired]
        if not usable:
            return _NONE
        turn = self._turns[channel.id] % len(usable)
        self._turns[channel.id] = turn + 1
        return usable[turn]

    def of(self, channel: Channel, credential_id: str) -> Credential:
        """The credential that made a job, in its newest form; any other of the channel if it is gone."""
        for credential in channel.credentials:
            if credential.id == credential_id:
                return credential
        return channel.credentials[0] if channel.credentials else _NONE
