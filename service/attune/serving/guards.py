"""The guard of each placement, made when its spec is taken over (`attune.serving.live`).

The order of the checks is the order in which reasons are looked for: what the offer says, what the placement says, what
the customer says, and then what has happened already.
"""

from attune.serving.guard import Check, Guard
from attune.v1.placement_pb2 import Placement


class Guards:
    """Makes guards."""

    def of(self, placement: Placement) -> Guard:
        """Return the guard of a placement that has its defaults."""
        checks: list[Check] = []
        return Guard(checks, of_placement=placement.HasField("guardrails"))
