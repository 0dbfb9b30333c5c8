"""What is left out before anything is drawn, and why.

A guard is a list of checks. Each looks at the offers that those before it have left, and names some that must go: so an
offer has one reason, the first that was found. Checks of what the placement does not have are not on the list. What the
offers themselves and the customer say is always on it, and looked at where they say something.
"""

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol, runtime_checkable

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


class Exclusions(list[Exclusion]):
    """What a check names again and again: then it is worked out once how the offers are left out."""

    @cached_property
    def gone(self) -> frozenset[int]:
        """Where the offers are that go."""
        return _gone(self)


class Check(Protocol):
    """One thing to look at."""

    def __call__(self, circumstances: Circumstances, terms: Terms, positions: Sequence[int]) -> Sequence[Exclusion]:
        """Return what must go.

        Args:
            circumstances: What the decision is made under.
            terms: On what terms each offer may be shown, whether it is left or not.
            positions: Which of them are left, in the caller's order; at least one.
        """


class AtMost(NamedTuple):
    """Offers of which one reply may show only so many.

    Attributes:
        positions: Which offers, zero-based.
        number: How many of them, at least 1.
    """

    positions: Collection[int]
    number: int


@runtime_checkable
class Limiting(Protocol):
    """A check that also looks at what one reply shows in several slots."""

    def limits(self, circumstances: Circumstances, terms: Terms) -> Sequence[AtMost]:
        """Return of which offers one reply may show only so many.

        Args:
            circumstances: What the decision is made under.
            terms: On what terms each offer may be shown.
        """


@runtime_checkable
class Preparing(Protocol):
    """A check that works something out about offers, once."""

    def prepare(self, terms: Terms) -> object:
        """Work it out: for thousands of offers it takes too long to be done in a decision."""


class Guard:
    """The checks of a placement.

    Attributes:
        looks_back: Whether some check looks at what the customer has seen.
    """

    def __init__(
        self,
        checks: Sequence[Check],
        *,
        of_default: Sequence[Check] = (),
        of_placement: bool = True,
        looks_back: bool = False,
    ) -> None:
        """Look at these, in this order.

        Args:
            checks: All there are.
            of_default: Those of them that hold for the placement's default offer, too.
            of_placement: Whether some are of what the placement says: then they are looked at in every decision.
            looks_back: Whether some look at what the customer has seen.
        """
        self._checks = checks
        self._of_default = of_default
        self._of_placement = of_placement
        self._limiting = [check for check in checks if isinstance(check, Limiting)]
        self._preparing = [check for check in checks if isinstance(check, Preparing)]
        self.looks_back = looks_back

    def looks_at(self, terms: Terms | None, customer: KnownCustomer | None) -> bool:
        """Tell whether there is anything to look at: if not, nobody needs to say what a decision is made under.

        Args:
            terms: Those of the catalogue; None where the offers come with the request, or there are none.
            customer: Who it is made for; None where nothing is known.
        """
        return self._of_placement or customer is not None or (terms is not None and terms.are_limited)

    def prepare(self, terms: Terms) -> None:
        """Work out what depends on some offers alone, before decisions ask for it. May be called in a thread."""
        for check in self._preparing:
            check.prepare(terms)

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
                gone = found.gone if isinstance(found, Exclusions) else _gone(found)
                positions = [position for position in positions if position not in gone]
        return positions, exclusions

    def limits(self, circumstances: Circumstances, terms: Terms) -> list[AtMost]:
        """Return of which offers one reply may show only so many."""
        return [limit for check in self._limiting for limit in check.limits(circumstances, terms)]

    def allows_default(self, circumstances: Circumstances, terms: Terms) -> bool:
        """Tell whether the placement's default offer may be shown.

        Args:
            circumstances: What the decision is made under.
            terms: Its own, alone.
        """
        return not any(check(circumstances, terms, range(1)) for check in self._of_default)


def _gone(exclusions: Sequence[Exclusion]) -> frozenset[int]:
    return frozenset(position for exclusion in exclusions for position in exclusion.positions)


NO_GUARD = Guard((), of_placement=False)
"""Looks at nothing."""
