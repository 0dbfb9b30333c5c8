"""Budgets: what is used up for the day is left out, whoever it was shown to.

What is left is known in this process (`attune.serving.budgets`). On the list of every placement's checks: offers have
budgets, not placements.
"""

from collections.abc import Iterator, Sequence

from attune.serving.budgets import Allowance, Budgets
from attune.serving.circumstances import Circumstances
from attune.serving.guard import Exclusion
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
        budgeted = terms.once((_BUDGETED, self._budgets), lambda: self._budgeted(terms, now_ms))
        used_up = dict(self._used_up(budgeted, now_ms))
        if not used_up:
            return ()
        found: dict[str, list[int]] = {}
        for position in positions:
            if (what := used_up.get(position)) is not None:
                found.setdefault(what, []).append(position)
        return [Exclusion(EXCLUSION_REASON_BUDGET, what, gone) for what, gone in sorted(found.items())]

    def _budgeted(self, terms: Terms, now_ms: int) -> list[tuple[int, Allowance]]:
        allowances = ((position, self._budgets.allowance(each, now_ms)) for position, each in enumerate(terms))
        return [(position, allowance) for position, allowance in allowances if allowance is not None]

    def _used_up(self, budgeted: Sequence[tuple[int, Allowance]], now_ms: int) -> Iterator[tuple[int, str]]:
        for position, allowance in budgeted:
            if now_ms >= allowance.ends_ms:
                self._budgets.begin_day(allowance, now_ms)
            if what := allowance.missing():
                yield position, what
