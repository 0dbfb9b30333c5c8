"""Budgets: what is used up for the day is left out, whoever it was shown to.

What is left is known in this process (`attune.serving.budgets`). On the list of every placement's checks: offers have
budgets, not placements.
"""

import time
from collections.abc import Iterator, Sequence

from attune.serving.allowances import Allowance
from attune.serving.budgets import Budgets
from attune.serving.circumstances import Circumstances
from attune.serving.guard import AtMost, Exclusion
from attune.serving.terms import Terms
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_BUDGET

_BUDGETED = "budgeted"


class BudgetsCheck:
    """The budgets of all offers."""

    def __init__(self, budgets: Budgets) -> None:
        """Look at these."""
        self._budgets = budgets

    def __call__(self, circumstances: Circumstances, terms: Terms, positions: Sequence[int]) -> Sequence[Exclusion]:
        """Return what is used up: see `attune.serving.guard.Check`."""
        now_ms = circumstances.now_ms
        if not terms.are_budgeted or not (used_up := dict(self._used_up(self._budgeted(terms, now_ms), now_ms))):
            return ()
        found: dict[str, list[int]] = {}
        for position in positions:
            if (what := used_up.get(position)) is not None:
                found.setdefault(what, []).append(position)
        return [Exclusion(EXCLUSION_REASON_BUDGET, what, gone) for what, gone in sorted(found.items())]

    def prepare(self, terms: Terms) -> None:
        """Find the offers that have budgets: see `attune.serving.guard.Preparing`."""
        self._budgeted(terms, time.time_ns() // 1_000_000)

    def limits(self, circumstances: Circumstances, terms: Terms) -> Sequence[AtMost]:
        """Return how often one reply may show an offer on several channels: see `attune.serving.guard.Limiting`."""
        of_offer: dict[str, list[tuple[int, Allowance]]] = {}
        for position, allowance in self._budgeted(terms, circumstances.now_ms):
            of_offer.setdefault(allowance.offer_id, []).append((position, allowance))
        limits = []
        for budgeted in of_offer.values():
            left = min(allowance.left() for _, allowance in budgeted)
            if 0 < left < len(budgeted):
                limits.append(AtMost([position for position, _ in budgeted], left))
        return limits

    def _budgeted(self, terms: Terms, now_ms: int) -> Sequence[tuple[int, Allowance]]:
        return terms.once((_BUDGETED, self._budgets), lambda: list(self._found(terms, now_ms)))

    def _found(self, terms: Terms, now_ms: int) -> Iterator[tuple[int, Allowance]]:
        for position, each in enumerate(terms):
            if (allowance := self._budgets.allowance(each, now_ms)) is not None:
                yield position, allowance

    def _used_up(self, budgeted: Sequence[tuple[int, Allowance]], now_ms: int) -> Iterator[tuple[int, str]]:
        for position, allowance in budgeted:
            if now_ms >= allowance.ends_ms:
                self._budgets.begin_day(allowance, now_ms)
            if what := allowance.missing():
                yield position, what
