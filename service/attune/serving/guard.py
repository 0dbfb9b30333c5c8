"""What is left out before anything is drawn, and why.

A guard is a list of checks. Each looks at the offers that those before it have left, and names some that must go: so an
offer has one reason, the first that was found. Checks of what the placement does not have are not on the list. What the
offers themselves and the customer say is always on it, and looked at where they say something.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from attune.serving.circumstances import Circumstances, KnownCustomer
from attune.serving.terms import Terms
from attune.v1.decision_service_pb2 import ExclusionReason


class Exclusion(NamedTuple):
    """Offers that may not be drawn.

    Attributes:
        reason: Why.
        detail: Which rule, cap or cool-down; may be empty.
        positions: Which offers, zero-based; at least one.
    """

    reason: ExclusionReason
    detail: str
    positions: Sequence[int]


class Check(Protocol):
    """One thing to look at."""

    def __call__(self, circumstances: Circumstances, terms: Terms, positions: Sequence[int]) -> Sequence[Exclusion]:
        """Return what must go.

        Args:
            circumstances: What the decision is made under.
            terms: On what terms each offer may be shown, whether it is left or not.
            positions: Which of them are left, in the caller's order; at least one.
        """


class Guard:
    """The checks of a placement."""

    def __init__(self, checks: Sequence[Check], *, of_placement: bool = True) -> None:
        """Look at these, in this order.

        Args:
            checks: All there are.
            of_placement: Whether some are of what the placement says: then they are looked at in every decision.
        """
        self._checks = checks
        self._of_placement = of_placement

    def looks_at(self, terms: Terms | None, customer: KnownCustomer | None) -> bool:
        """Tell whether there is anything to look at: if not, nobody needs to say what a decision is made under.

        Args:
            terms: Those of the catalogue; None where the offers come with the request, or there are none.
            customer: Who it is made for; None where nothing is known.
        """
        return self._of_placement or customer is not None or (terms is not None and terms.are_limited)

    def apply(
        self, circumstances: Circumstances, terms: Terms, positions: Sequence[int]
    ) -> tuple[Sequence[int], list[Exclusion]]:
        """Return which offers are left, and which went, and why.

        Args:
            circumstances: What the decision is made under.
            terms: On what terms each offer may be shown.
            positions: Which of them could be drawn, in the caller's order.

        Returns:
            The same object as `positions` where nothing went.
        """
        exclusions: list[Exclusion] = []
        for check in self._checks:
            if not positions:
                break
            if found := check(circumstances, terms, positions):
                exclusions += found
                gone = {position for exclusion in found for position in exclusion.positions}
                positions = [position for position in positions if position not in gone]
        return positions, exclusions


NO_GUARD = Guard((), of_placement=False)
"""Looks at nothing."""
