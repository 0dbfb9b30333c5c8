"""The guard of each placement, made when its spec is taken over (`attune.serving.live`).

The order of the checks is the order in which reasons are looked for: what the offer says, what the placement says, what
the customer says, and then what has happened already.
"""

from attune.serving.budgets import Budgets
from attune.serving.conditions import NO_SEGMENTS, Conditions
from attune.serving.guard import Check, Guard
from attune.serving.guard_checks.budgets import BudgetsCheck
from attune.serving.guard_checks.history import HistoryCheck
from attune.serving.guard_checks.own_conditions import OwnConditions
from attune.serving.guard_checks.preferences import SaidPreferences
from attune.serving.guard_checks.quiet_hours import QuietTimes
from attune.serving.guard_checks.rules import Rules
from attune.v1.placement_pb2 import Guardrails, Placement


class Guards:
    """Makes guards."""

    def __init__(self, segments: Conditions = NO_SEGMENTS, budgets: Budgets | None = None) -> None:
        """Take what they look at besides the placement.

        Args:
            segments: Those that conditions may name; they may change.
            budgets: Of the offers; None where nobody counts them.
        """
        self._segments = segments
        self._budgets = budgets

    def of(self, placement: Placement) -> Guard:
        """Return the guard of a placement that is valid."""
        guardrails = placement.guardrails
        zone = default_zone(guardrails)
        preferences = SaidPreferences()
        checks: list[Check] = [OwnConditions(self._segments, zone)]
        of_default: list[Check] = [preferences]
        if guardrails.rules:
            checks.append(Rules(guardrails.rules, self._segments, zone))
        checks.append(preferences)
        if guardrails.quiet_hours:
            quiet = QuietTimes(guardrails.quiet_hours)
            checks.append(quiet)
            of_default.append(quiet)
        looks_back = bool(guardrails.caps or guardrails.cool_downs)
        if looks_back:
            checks.append(HistoryCheck(guardrails.caps, guardrails.cool_downs))
        if self._budgets is not None:
            checks.append(BudgetsCheck(self._budgets))
        of_placement = placement.HasField("guardrails")
        return Guard(checks, of_default=of_default, of_placement=of_placement, looks_back=looks_back)


def default_zone(guardrails: Guardrails) -> str:
    """Return the time zone of customers of whom none is known, as rules see it; empty for UTC."""
    return next((each.time_zone for each in guardrails.quiet_hours if each.time_zone), "")
