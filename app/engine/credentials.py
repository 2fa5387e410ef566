"""Which of a channel's credentials to show: the next one for a new job, the creating one for everything after."""

from collections import defaultdict

from app.domain.channels import Channel, Credential
from app.engine.health import NO_CREDENTIAL, Health


class Credentials:
    """Round robin per channel, over those that do not rest."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._turns: dict[str, int] = defaultdict(int)

    def next(self, channel: Channel) -> Credential:
        """The credential for a job that is about to be sent; an empty one for a channel that needs none.

        Where all rest, whoever asks has already decided to use the channel as a last resort.
        """
        usable = self._health.usable(channel) or self._health.resorts(channel)
        turn = self._turns[channel.id] % len(usable)
        self._turns[channel.id] = turn + 1
        return usable[turn]

    def of(self, channel: Channel, credential_id: str) -> Credential:
        """The credential that made a job, in its newest form; any other of the channel if it is gone."""
        for credential in channel.credentials:
            if credential.id == credential_id:
                return credential
        return channel.credentials[0] if channel.credentials else NO_CREDENTIAL
