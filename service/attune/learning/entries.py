"""From an entry of the training log to what a policy learns from it: one interaction for each slot.

From some entries nobody may learn: `is_withheld`. Everybody who reads the log for a policy passes over them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from attune.serving.logged import logged_situation
from attune.storage.v1.records_pb2 import DecisionRecord, SlotRecord
from attune.store.log_entries import LoggedInteraction
from attune.v1.decision_service_pb2 import MODE_DEFAULT
from attune_models import rewards, slots
from attune_models.features import MAX_NUMBER
from attune_models.types import Interaction, Situation


@dataclass(frozen=True, slots=True)
class Lesson:
    """What an entry teaches.

    Attributes:
        interactions: One for each slot, in their order.
        clipped: How many of their rewards lay outside the bounds of the reward spec.
    """

    interactions: Sequence[Interaction]
    clipped: int


def is_withheld(decision: DecisionRecord) -> bool:
    """Tell whether no policy learns from a decision, nor is measured by it.

    Because the customer has not allowed it, or because there was nothing to choose from: the placement's default offer
    was shown, which no policy would have drawn.
    """
    return decision.withheld or decision.mode == MODE_DEFAULT


def lesson(entry: LoggedInteraction, spec: rewards.RewardSpec) -> Lesson:
    """Return what an entry teaches; it is whole or not at all.

    Args:
        entry: An entry of the training log.
        spec: How outcomes become rewards.

    Raises:
        InvalidInputError: A feature breaks the limits: they were other ones when it was logged. Or the offers are lost.
        DecodeError: The bytes are damaged.
        ValueError: Its numbers contradict each other, or are out of range.
    """
    decision = entry.decision
    situation = logged_situation(entry)
    interactions: list[Interaction] = []
    drawn: list[int] = []
    clipped = 0
    records: list[DecisionRecord | SlotRecord] = [decision, *decision.later_slots]
    for slot, record in enumerate(records):
        _check(record, situation, drawn)
        earned = rewards.earned(spec, _outcomes(entry, slot))
        reward = rewards.clip(spec, earned)
        clipped += reward != earned
        propensity = record.pmf[record.chosen]
        gone = withdrawn(record)
        interactions.append(slots.interaction(situation, drawn, record.chosen, propensity, reward, withdrawn=gone))
        drawn.append(record.chosen)
    for interaction in interactions:
        _check_numbers(interaction)
    return Lesson(interactions, clipped)


def withdrawn(record: DecisionRecord | SlotRecord) -> Sequence[int]:
    """Return the offers that could not be drawn for a slot because of what was drawn before, besides that itself."""
    return record.withdrawn if isinstance(record, SlotRecord) else ()


def gone_before(decision: DecisionRecord) -> list[set[int]]:
    """Return the positions of the offers that could not be drawn for each slot, because of what was drawn before."""
    records: list[DecisionRecord | SlotRecord] = [decision, *decision.later_slots]
    drawn = [record.chosen for record in records]
    return [{*drawn[:slot], *withdrawn(record)} for slot, record in enumerate(records)]


def _check(record: DecisionRecord | SlotRecord, situation: Situation, drawn: Sequence[int]) -> None:
    n_offers, n_probabilities = len(situation.actions), len(record.pmf)
    if n_probabilities != n_offers:
        raise ValueError(f"pmf: expected a probability for each of {n_offers} offers, got {n_probabilities}")
    if record.chosen >= n_offers:
        raise ValueError(f"chosen: expected the position of one of {n_offers} offers, got {record.chosen}")
    if record.chosen in drawn:
        raise ValueError(f"chosen: expected an offer that no slot before has, got {record.chosen}")
    if (gone := withdrawn(record)) and (max(gone) >= n_offers or record.chosen in gone or set(gone) & set(drawn)):
        raise ValueError(f"withdrawn: expected other offers than those drawn, got {gone}")


def _check_numbers(interaction: Interaction) -> None:
    # Written so that NaN, which compares false with everything, is refused too.
    if not 0.0 < interaction.propensity <= 1.0:
        raise ValueError(f"propensity: expected more than 0, at most 1, got {interaction.propensity!r}")
    if not -MAX_NUMBER <= interaction.reward <= MAX_NUMBER:
        raise ValueError(f"reward: expected -1e6 to 1e6, got {interaction.reward!r}")


def _outcomes(entry: LoggedInteraction, slot: int) -> list[rewards.Outcome]:
    records = (outcome.record for outcome in entry.outcomes)
    return [rewards.Outcome(record.name, record.value) for record in records if record.slot == slot]
