"""Plans with what this process knows at the moment: channels, group prices, and who had better rest."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.channels import Channel, Key
from app.domain.requests import Notice, Operation, Request
from app.domain.routing import candidates
from app.engine.configuration import Configuration
from app.engine.health import Health
from app.engine.plan import Plan, make_plan


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans. One per process."""

    configuration: Configuration
    health: Health
    rng: random.Random

    def plan(self, request: Request, notices: Sequence[Notice], key: Key, *, strict: bool) -> Plan:
        """Who may serve this request and as what; raises what `make_plan` raises."""
        return make_plan(
            request,
            tuple(notices),
            key,
            self.configuration.channels(),
            self.rng,
            strict=strict,
            ratios=self.configuration.ratios(),
            rests=self.health.rests,
            serves=self.configuration.serves,
        )

    def serving(self, model: str, op: Operation, key: Key) -> Sequence[Channel]:
        """The channels to which this key's jobs for a model may be sent."""
        found = candidates(model, op, key.groups, self.configuration.channels(), self.configuration.serves, self.rng)
        return [candidate.channel for candidate in found if candidate.eligible]
