"""What a challenger would have earned: each decision of the placement's policy is weighed before it is learned from.

    entry of the log --would the challenger have drawn this?--> weight, reward --> confidence sequences, diagnostics

Progressive validation: the challenger that weighs a decision has learned all that stands before it in the log, and
nothing else. So no decision is used to choose and to judge alike, and the estimate is that of a policy that learns.
Source: Blum, Kalai and Langford, "Beating the Hold-Out: Bounds for K-fold and Progressive Cross-Validation", 1999.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import fsum, prod

from attune.learning.entries import Lesson
from attune.storage.v1.records_pb2 import DecisionRecord, Measuring, SlotRecord
from attune.store.decisions import LoggedInteraction
from attune.store.interactions import order
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune_models.types import Pmf, Situation


LARGEST_WEIGHT = 1e40
"""So that sums of squares stay finite. A weight that is cut makes a challenger look worse, never better."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A decision as a challenger sees it.

    Attributes:
        weight: Probability that the challenger draws what was drawn, in all slots, divided by the propensity.
        reward: What it earned in all slots, between the bounds of the reward spec.
        unsupported: Probability that the challenger draws, in any slot, what could not have been drawn.
    """

    weight: float
    reward: float
    unsupported: float


def counts(entry: LoggedInteraction, measuring: Measuring) -> bool:
    """Tell whether a challenger is measured on an entry: the policy it is measured against decided it, and since."""
    decision = entry.decision
    return (
        not entry.revises
        and not decision.imported
        and decision.mode == MODE_LEARNED
        and decision.policy_version >= measuring.least_version
        and order(entry.position) > order(measuring.behind)
    )


def weigh(
    pmf_of: Callable[[Situation], Pmf], decision: DecisionRecord, lesson: Lesson, bounds: tuple[float, float]
) -> Weighed:
    """Return how a challenger sees a decision.

    Args:
        pmf_of: States the challenger's probabilities.
        decision: The decision.
        lesson: What it teaches: a situation, propensity and reward for each slot.
        bounds: Lowest and highest reward of the reward spec. What several slots earn together is clipped to them.
    """
    records: list[DecisionRecord | SlotRecord] = [decision, *decision.later_slots]
    ratios: list[float] = []
    supported = 1.0
    drawn: list[int] = []
    for record, interaction in zip(records, lesson.interactions, strict=True):
        target = pmf_of(interaction.situation)
        ratios.append(min(target[interaction.chosen] / interaction.propensity, LARGEST_WEIGHT))
        logged = [probability for i, probability in enumerate(record.pmf) if i not in drawn]
        supported *= 1.0 - fsum(mass for mass, could_be in zip(target, logged, strict=True) if could_be <= 0.0)
        drawn.append(record.chosen)
    reward = fsum(interaction.reward for interaction in lesson.interactions)
    return Weighed(min(prod(ratios), LARGEST_WEIGHT), min(max(reward, bounds[0]), bounds[1]), min(max(1.0 - supported, 0.0), 1.0))


def confidence_of(measuring: Measuring) -> float:
    """Return the confidence that the difference of one challenger is stated with.

    The k-th measuring of a placement has the share 1 / (k (k + 1)) of the error, and all shares sum to 1: however many
    challengers come and go, the probability that any is promoted that is not better stays what was asked for.
    """
    error = 1.0 - measuring.confidence
    return 1.0 - error / (measuring.ordinal * (measuring.ordinal + 1))
