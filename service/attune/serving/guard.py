"""What is left out before anything is drawn, and why.

A guard is a list of checks. Each looks at the offers that those before it have left, and names some that must go: so an
offer has one reason, the first that was found. A check that has nothing to look at is not on the list.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from attune.serving.circumstances import Circumstances
from attune.serving.terms import OfferTerms
from attune.v1.decision_service_pb2 import ExclusionReason


class Exclusion(NamedTuple):
    """Offers that may not be drawn.

    Attributes:
        reason: Why.
        detail: Which rule, cap or cool-down; may be empty.
        positions: Which offers, zero-based, in order.
    """

    reason: ExclusionReason
    detail: str
    positions: Sequence[int]


class Check(Protocol):
    """One thing to look at."""

    def __call__(
        self, circumstances: Circumstances, terms: Sequence[OfferTerms], positions: Sequence[int]
    ) -> Sequence[Exclusion]:
        """Return what must go.

        Args:
            circumstances: What the decision is made under.
            terms: On what terms each offer may be shown, whether it is left or not.
            positions: Which of them are left, in order.
        """


class Guard:
    """The checks of a placement."""

    def __init__(self, checks: Sequence[Check]) -> None:
        """Look at these, in this order."""
        self._checks = checks

    def __bool__(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self._checks)

    def apply(
        self, circumstances: Circumstances, terms: Sequence[OfferTerms], positions: Sequence[int]
    ) -> tuple[Sequence[int], list[Exclusion]]:
        """Return which offers are left, and which went, and why.

        Args:
            circumstances: What the decision is made under.
            terms: On what terms each offer may be shown.
            positions: Which of them could be drawn, in order.
        """
        exclusions: list[Exclusion] = []
        for check in self._checks:
            if found := check(circumstances, terms, positions):
                exclusions += found
                gone = {position for exclusion in found for position in exclusion.positions}
                positions = [position for position in positions if position not in gone]
        return positions, exclusions


NO_GUARD = Guard(())
"""Looks at nothing."""
