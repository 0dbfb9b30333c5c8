"""Questions about conditions: what has to hold for which offers, asked as seldom as may be.

Offers that ask the same are asked together. What a condition asks of the offer is answered once, when the offers of the
catalogue become live; what is left is asked of each decision, once for all offers that are left with the same. So a
thousand offers with twenty conditions cost twenty answers.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from attune.serving.circumstances import Circumstances
from attune.serving.conditions import facts_of
from attune.serving.guard import Exclusion
from attune.serving.terms import Terms
from attune.v1.decision_service_pb2 import ExclusionReason
from attune_models.conditions import Predicate
from attune_models.facts import Facts


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


def unmet(
    questions: Sequence[Question],
    circumstances: Circumstances,
    positions: Sequence[int],
    *,
    reason: ExclusionReason,
    default_zone: str,
) -> Sequence[Exclusion]:
    """Ask, and return the offers for which something does not hold.

    Args:
        questions: In the order in which they are asked: an offer goes for the first that is not met.
        circumstances: What the decision is made under.
        positions: Which offers are left.
        reason: Why such an offer goes.
        default_zone: The time zone of customers of whom none is known.
    """
    facts: dict[str, Facts] = {}
    failed = [each for each in questions if not each.predicate.test(_facts(facts, each, circumstances, default_zone))]
    return _exclusions(failed, positions, reason) if failed else ()


def _facts(known: dict[str, Facts], question: Question, circumstances: Circumstances, default_zone: str) -> Facts:
    channel = question.channel
    if channel not in known:
        known[channel] = facts_of(circumstances, channel, default_zone)
    return known[channel]


def _exclusions(failed: Sequence[Question], positions: Sequence[int], reason: ExclusionReason) -> list[Exclusion]:
    left = set(positions)
    gone: dict[str, list[int]] = {}
    for question in failed:
        if found := left.intersection(question.positions):
            left -= found
            gone.setdefault(question.detail, []).extend(sorted(found))
    return [Exclusion(reason, detail, found) for detail, found in gone.items()]
