"""What is allowed about guardrails but hardly meant: they would leave nothing out, or everything."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain

from attune.api.channel_validation import channel_warnings
from attune.api.condition_validation import condition_warnings
from attune.serving.conditions import Conditions
from attune.serving.guard_checks.quiet_hours import minute_of_day
from attune.serving.terms import Terms
from attune.v1.condition_pb2 import Condition
from attune.v1.placement_pb2 import EligibilityRule, OfferSelector, Placement, QuietHours

_MINUTES_A_DAY = 24 * 60


def placement_warnings(placement: Placement, segments: Conditions) -> list[str]:
    """Return what is hardly meant, each with the field.

    Args:
        placement: A valid one.
        segments: Those that its conditions name, by name.
    """
    return list(chain.from_iterable(warnings_in_steps(placement, segments)))


def warnings_in_steps(placement: Placement, segments: Conditions) -> Iterator[Sequence[str]]:
    """Yield the same rule by rule: one may take a tenth of a second, and fifty must not make decisions wait for five.

    Args:
        placement: A valid one.
        segments: Those that its conditions name, by name; they must not change meanwhile.
    """
    guardrails, n_found = placement.guardrails, 0
    for i, rule in enumerate(guardrails.rules):
        found = condition_warnings(f"guardrails.rules[{i}].when", rule.when, segments)
        n_found += len(found)
        yield found
    if not n_found:
        yield _together(guardrails.rules, segments)
    yield list(_always_silent(guardrails.quiet_hours))
    yield list(channel_warnings(placement))


def budget_warnings(terms: Terms) -> Iterator[str]:
    """Say so where showing offers costs nothing, though there is a budget to spend on them.

    Args:
        terms: Of the offers that the placement draws from.
    """
    dearest: dict[str, float] = {}
    for each in terms if terms.are_budgeted else ():
        if each.budget is not None and each.budget.HasField("spend_per_day"):
            dearest[each.offer_id] = max(each.cost, dearest.get(each.offer_id, 0.0))
    if free := [offer_id for offer_id, cost in dearest.items() if not cost]:
        which = f'"{free[0]}"' if len(free) == 1 else f'"{free[0]}" and {len(free) - 1:,} more'
        yield f"channels: {which} may be shown here and cost nothing here: spend_per_day is not used up by that"


def _together(rules: Sequence[EligibilityRule], segments: Conditions) -> list[str]:
    """Say so where rules that are about all offers contradict each other."""
    of_all = [rule for rule in rules if rule.offers == OfferSelector()]
    if len(of_all) < 2:  # noqa: PLR2004 - one alone is looked at by itself
        return []
    names = ", ".join(rule.name for rule in of_all)
    whole = Condition(all=[rule.when for rule in of_all])
    return [f"{said} (together: {names})" for said in condition_warnings("guardrails.rules", whole, segments)]


def _always_silent(quiet_hours: Sequence[QuietHours]) -> Iterator[str]:
    """Say so where hours that are quiet by the same clock make a whole day."""
    named = {channel for quiet in quiet_hours for channel in quiet.channels}
    for channel in ("", *sorted(named)):
        minutes: defaultdict[str, set[int]] = defaultdict(set)
        for quiet in quiet_hours:
            if not quiet.channels or channel in quiet.channels:
                minutes[quiet.time_zone] |= _minutes(quiet)
        if any(len(silent) == _MINUTES_A_DAY for silent in minutes.values()):
            which = f'channel "{channel}" is' if channel else "all channels are"
            yield f"guardrails.quiet_hours: {which} silent at every hour"
            if not channel:
                return


def _minutes(quiet: QuietHours) -> set[int]:
    starts, ends = minute_of_day(quiet.starts_at), minute_of_day(quiet.ends_at)
    if starts is None or ends is None:
        return set()
    return {minute % _MINUTES_A_DAY for minute in range(starts, ends if starts < ends else ends + _MINUTES_A_DAY)}
