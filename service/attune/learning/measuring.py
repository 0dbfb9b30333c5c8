"""What a challenger would have earned: each decision of the placement's policy is weighed before it is learned from.

    entry of the log --would the challenger have drawn this?--> weight, reward --> confidence sequences, diagnostics

Progressive validation: no decision is used to choose and to judge alike, and the estimate is that of a policy that
learns. Source: Blum, Kalai and Langford, "Beating the Hold-Out: Bounds for K-fold and Progressive Cross-Validation",
1999. But what stands before a decision in the log was not all known when it was made: rewards are known a window later.
A challenger that had learned from them would be a window ahead of the policy it is compared with, so it weighs each
decision in the state that it would have been in then: `is_known`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum, prod

from attune.learning.entries import Lesson, gone_before, is_withheld
from attune.storage.v1.records_pb2 import DecisionRecord, Measuring, SlotRecord
from attune.store.interactions import order
from attune.store.log_entries import LoggedInteraction
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune_models.rounds import LARGEST_WEIGHT
from attune_models.types import Interaction, Pmf, Situation


@dataclass(frozen=True, slots=True)
class Measured:
    """A decision, as a challenger that might have made it sees it; and as `attune_models.diagnostics` looks at logs.

    Attributes:
        event_id: The decision's id.
        mode: Who decided.
        slots: What was drawn for each slot.
        pmfs: For each slot, the probability of each action that was left, as it was logged.
        weight: Probability that the challenger draws what was drawn, in all slots, divided by the propensity.
        reward: What its slots earned on average, between the bounds of the reward spec: their sum would have no bounds
            that hold for any number of slots, and cut to those of one slot, more slots would not earn more.
        unsupported: Probability that the challenger draws, in any slot, what could not have been drawn.
        customer: Empty: the policy decided all of them, so nobody asks how customers were split.
    """

    event_id: str
    mode: str
    slots: Sequence[Interaction]
    pmfs: Sequence[Pmf]
    weight: float
    reward: float
    unsupported: float
    customer: str = ""


def is_known(position: str, at: str, lag_ms: int) -> bool:
    """Tell whether an entry of the log had been there when another one was decided.

    Args:
        position: Of the entry, a stream id: its time is when the reward window closed.
        at: Of the other entry.
        lag_ms: The reward window in milliseconds: that much earlier than its position says, the other was decided.
    """
    return order(position)[0] + lag_ms <= order(at)[0]


def counts(entry: LoggedInteraction, measuring: Measuring) -> bool:
    """Tell whether a challenger is measured on an entry: the policy it is measured against decided it, and since."""
    decision = entry.decision
    return (
        not entry.revises
        and not decision.imported
        and not is_withheld(decision)
        and decision.mode == MODE_LEARNED
        and decision.policy_version >= measuring.least_version
        and order(entry.position) > order(measuring.behind)
    )


def measured(
    pmf_of: Callable[[Situation], Pmf], decision: DecisionRecord, lesson: Lesson, bounds: tuple[float, float]
) -> Measured:
    """Return how a challenger sees a decision.

    Args:
        pmf_of: States the challenger's probabilities.
        decision: The decision.
        lesson: What it teaches: a situation, propensity and reward for each slot.
        bounds: Lowest and highest reward of the reward spec, and so of each slot.
    """
    targets = [pmf_of(interaction.situation) for interaction in lesson.interactions]
    pmfs = _pmfs_of_slots(decision)
    reward = fsum(interaction.reward for interaction in lesson.interactions) / len(lesson.interactions)
    return Measured(
        event_id=decision.event_id,
        mode="learned",
        slots=lesson.interactions,
        pmfs=pmfs,
        weight=_weight(targets, lesson.interactions),
        reward=min(max(reward, bounds[0]), bounds[1]),  # a mean may be beyond them by a rounding
        unsupported=_unsupported(targets, pmfs),
    )


def _pmfs_of_slots(decision: DecisionRecord) -> list[Pmf]:
    """Return what each slot was drawn from, among what was left for it."""
    records: list[DecisionRecord | SlotRecord] = [decision, *decision.later_slots]
    return [
        [probability for i, probability in enumerate(record.pmf) if i not in gone]
        for gone, record in zip(gone_before(decision), records, strict=True)
    ]


def _weight(targets: Sequence[Pmf], slots: Sequence[Interaction]) -> float:
    # A weight that is cut makes a challenger look worse, never better.
    ratios = (target[slot.chosen] / slot.propensity for target, slot in zip(targets, slots, strict=True))
    return min(prod(min(ratio, LARGEST_WEIGHT) for ratio in ratios), LARGEST_WEIGHT)


def _unsupported(targets: Sequence[Pmf], logged: Sequence[Pmf]) -> float:
    # Exactly 0 where nothing is unsupported: rounding must not look like something.
    supported = (
        1.0 - fsum(mass for mass, could_be in zip(target, pmf, strict=True) if could_be <= 0.0)
        for target, pmf in zip(targets, logged, strict=True)
    )
    return min(max(1.0 - prod(supported), 0.0), 1.0)


def confidence_of(measuring: Measuring) -> float:
    """Return the confidence that the difference of one challenger is stated with.

    The k-th measuring of a placement has the share 1 / (k (k + 1)) of the error, and all shares sum to 1: however many
    challengers come and go, the probability that any is promoted that is not better stays what was asked for.
    """
    error = 1.0 - measuring.confidence
    return 1.0 - error / (measuring.ordinal * (measuring.ordinal + 1))
