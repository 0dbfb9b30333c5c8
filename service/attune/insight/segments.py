"""Which segments a logged decision is in: their conditions, as they are now, asked of what was known then."""

from collections.abc import Iterator, Mapping

from attune.insight.counted import Counted
from attune.serving.conditions import NO_SEGMENTS, compiled, local_clock
from attune.v1.condition_pb2 import Condition
from attune_models.facts import Facts


class Segments:
    """The segments of a report."""

    def __init__(self, conditions: Mapping[str, Condition]) -> None:
        """Prepare them.

        Args:
            conditions: Of each segment, by name.

        Raises:
            InvalidInputError: One is none.
        """
        self._tests = {name: compiled(condition, NO_SEGMENTS).test for name, condition in conditions.items()}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._tests)

    def of(self, decision: Counted, channel: str) -> Iterator[str]:
        """Yield the names of those that a decision is in.

        Args:
            decision: The decision.
            channel: That was chosen for its last slot; empty where none was.
        """
        if self._tests:
            facts = Facts(decision.context, channel=channel, clock=local_clock(decision.record.decided_at_ms, ""))
            yield from (name for name, test in self._tests.items() if test(facts))
