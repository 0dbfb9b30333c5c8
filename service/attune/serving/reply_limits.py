"""What one reply may show in several slots: how much of what, given what was drawn for the slots before.

    exclusive groups of the catalogue ┐
    caps, budgets, preferences        ┼─> limits --what was drawn--> what is withdrawn from the slots that come
    an offer, on whatever channel     ┘

What is withdrawn depends on what was drawn before and on nothing else that happens in the decision: so each slot has an
exact pmf, given those before.
"""

from collections import defaultdict
from collections.abc import Sequence

from attune.serving.circumstances import Circumstances
from attune.serving.eligible import Eligible
from attune.serving.guard import AtMost, Guard
from attune.serving.terms import Terms, bare_terms
from attune.serving.variants import same_offers


class ReplyLimits:
    """The limits of one decision, by positions in its situation."""

    def __init__(self, eligible: Eligible, guard: Guard, circumstances: Circumstances | None) -> None:
        """Find them.

        Args:
            eligible: What it draws from.
            guard: The placement's.
            circumstances: What it is made under; None where the guard has nothing to look at.
        """
        situation = eligible.situation
        terms = eligible.terms or bare_terms(situation.action_ids, eligible.offers)
        limits = exclusive_groups(terms)
        if circumstances is not None:
            limits = [*limits, *guard.limits(circumstances, terms)]
        positions = range(len(terms)) if situation.positions is None else situation.positions
        place_of = {position: i for i, position in enumerate(positions)} if limits else {}
        self._limits = [
            (frozenset(place_of[position] for position in limit.positions if position in place_of), limit.number)
            for limit in limits
        ]
        self._same = same_offers(terms, positions) if eligible.with_channels else {}

    def withdrawn(self, drawn: Sequence[int]) -> Sequence[int]:
        """Return what else may not be drawn any more.

        Args:
            drawn: What was, in the order of the slots.

        Returns:
            In their order, without those drawn.
        """
        gone = {same for each in drawn for same in self._same.get(each, ())}
        for places, number in self._limits:
            if sum(each in places for each in drawn) >= number:
                gone |= places
        return sorted(gone.difference(drawn))


def exclusive_groups(terms: Terms) -> Sequence[AtMost]:
    """Return the groups of offers of which one reply shows one at most."""
    return terms.once("exclusive groups", lambda: _groups(terms))


def _groups(terms: Terms) -> list[AtMost]:
    members: defaultdict[str, list[int]] = defaultdict(list)
    for position, each in enumerate(terms):
        if each.exclusive_group:
            members[each.exclusive_group].append(position)
    return [AtMost(positions, 1) for positions in members.values() if len(positions) > 1]
