"""Questions about conditions: what has to hold for which offers, asked as seldom as may be.

Offers that ask the same are asked together. What a condition asks of the offer is answered once, when the offers of the
catalogue become live; what is left is asked of each decision, once for all offers that are left with the same. So a
thousand offers with twenty conditions cost twenty answers.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from attune.serving.circumstances import Circumstances
from attune.serving.conditions import facts_of
from attune.serving.guard import Exclusion, Exclusions
from attune.serving.terms import Terms
from attune.v1.decision_service_pb2 import ExclusionReason
from attune_models.conditions import Predicate

# Answers to twenty conditions come in many combinations, but mostly in few. Of all that are kept together, so many
# positions at most: some MB.
_MOST_KNOWN = 200
_MOST_POSITIONS = 100_000


class Question(NamedTuple):
    """What has to hold for some offers.

    Attributes:
        detail: What it is called, where it is not met.
        predicate: What has to hold; it does not look at the offer.
        channel: Where they would be shown, where that goes with the offer and the predicate looks at it.
        positions: Which offers.
    """

    detail: str
    predicate: Predicate
    channel: str
    positions: Sequence[int]


def questions_of(detail: str, predicate: Predicate, terms: Terms, positions: Iterable[int]) -> list[Question]:
    """Return what is left to be asked of a decision so that a condition holds for some offers.

    Args:
        detail: What the condition is called.
        predicate: The condition.
        terms: The terms of all offers.
        positions: Those it is about.
    """
    groups: dict[tuple[Predicate, str], list[int]] = {}
    for position in positions:
        left = predicate.given_offer(terms.features(position)) if predicate.needs_offer else predicate
        if left.verdict is not True:
            channel = terms[position].channel if left.needs_channel else ""
            groups.setdefault((left, channel), []).append(position)
    return [Question(detail, left, channel, found) for (left, channel), found in groups.items()]


class Questions:
    """What a check has to ask about some offers, and what followed from the answers before."""

    def __init__(self, questions: Iterable[Question], reason: ExclusionReason) -> None:
        """Prepare to ask.

        Args:
            questions: In the order in which they are asked: an offer goes for the first that is not met.
            reason: Why such an offer goes.
        """
        self._questions = list(questions)
        self._reason = reason
        self._known: dict[tuple[int, ...], Exclusions] = {}
        n_positions = sum(len(each.positions) for each in self._questions)
        self._most_known = min(_MOST_KNOWN, 1 + _MOST_POSITIONS // max(1, n_positions))

    def unmet(
        self, circumstances: Circumstances, terms: Terms, positions: Sequence[int], default_zone: str
    ) -> Sequence[Exclusion]:
        """Ask, and return the offers for which something does not hold.

        Args:
            circumstances: What the decision is made under.
            terms: The terms of all offers.
            positions: Which of them are left.
            default_zone: The time zone of customers of whom none is known.
        """
        facts = {"": facts_of(circumstances, "", default_zone)}
        failed: list[int] = []
        for i, (_, predicate, channel, _) in enumerate(self._questions):
            if channel not in facts:
                facts[channel] = facts_of(circumstances, channel, default_zone)
            if not predicate.test(facts[channel]):
                failed.append(i)
        if not failed:
            return ()
        of_all = self._of_all(tuple(failed))
        return of_all if len(positions) == len(terms) else _among(of_all, positions)

    def _of_all(self, failed: tuple[int, ...]) -> Exclusions:
        if (known := self._known.get(failed)) is None:
            if len(self._known) >= self._most_known:
                self._known.clear()
            known = self._known[failed] = self._exclusions(failed)
        return known

    def _exclusions(self, failed: Iterable[int]) -> Exclusions:
        first: dict[int, str] = {}
        for i in failed:
            detail, _, _, positions = self._questions[i]
            for position in positions:
                first.setdefault(position, detail)
        gone: dict[str, list[int]] = {}
        for position in sorted(first):
            gone.setdefault(first[position], []).append(position)
        return Exclusions(Exclusion(self._reason, detail, found) for detail, found in gone.items())


def _among(exclusions: Sequence[Exclusion], positions: Sequence[int]) -> Sequence[Exclusion]:
    left = set(positions)
    some = (each._replace(positions=[i for i in each.positions if i in left]) for each in exclusions)
    return [each for each in some if each.positions]
