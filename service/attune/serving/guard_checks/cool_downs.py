"""Cool-downs: what a customer has dismissed, or bought, rests for a while.

Outcomes that a cool-down of some placement names are noted in the customer's history when they are recorded
(`attune.store.taken`). One counts from when it happened, wherever the offer was shown. Looked at by
`attune.serving.guard_checks.history`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from attune.serving.circumstances import Circumstances
from attune.serving.guard_checks.scopes import Scope
from attune.serving.guard_checks.seen import History
from attune.serving.terms import OfferTerms
from attune.v1.placement_pb2 import CoolDown


@dataclass(frozen=True, slots=True)
class Rest:
    """A cool-down of a placement, ready to be used.

    Attributes:
        outcome: After which outcome.
        duration_ms: For how long, in milliseconds.
        scope: What rests together.
    """

    outcome: str
    duration_ms: int
    scope: Scope

    @classmethod
    def of(cls, cool_down: CoolDown) -> "Rest":
        """Make it of a valid one of the contract."""
        return cls(cool_down.outcome, cool_down.duration.ToMilliseconds(), Scope(cool_down.scope))

    def resting(
        self, history: History, circumstances: Circumstances, terms: Sequence[OfferTerms], positions: Sequence[int]
    ) -> Sequence[int]:
        """Return those of the positions whose offer rests.

        Args:
            history: What came of what was shown, at least within the duration.
            circumstances: What the decision is made under.
            terms: Of each offer.
            positions: Which of them are left.
        """
        since_ms = circumstances.now_ms - self.duration_ms
        taken = [each for each in history.outcomes if each.outcome == self.outcome and each.at_ms > since_ms]
        groups = set(filter(None, self.scope.groups(taken, circumstances)))
        return self.scope.among(groups, circumstances, terms, positions) if groups else ()
