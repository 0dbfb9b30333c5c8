"""Rows of the exported log: one for each slot of a decision.

    training log --entries--> rows --> parquet | dsjson          (export)
    parquet | dsjson --readings--> assembly --> training log     (import)

A slot is what a policy learns from, so it is what an analyst counts. Rows of one decision follow each other and have
the same event_id; the importance weight of a slot is the product over the slots up to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from attune.learning.entries import withdrawn
from attune.storage.v1.records_pb2 import DecisionRecord, SlotRecord
from attune.store.interactions import order
from attune.store.log_entries import LoggedInteraction, RecordedOutcome
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_DEFAULT, MODE_FALLBACK, MODE_LEARNED, Mode
from attune.v1.features_pb2 import Features, Offer
from attune_models import rewards

MODES: dict[Mode, str] = {
    MODE_LEARNED: "learned",
    MODE_CONTROL: "control",
    MODE_FALLBACK: "fallback",
    MODE_DEFAULT: "default",
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SlotRow:
    """One slot of a decision, as it is exported.

    Attributes:
        position: The decision's position in the training log.
        slot: Zero-based.
        slots: How many slots the decision has.
        decision: The decision it belongs to.
        context: What was known.
        offers: The offers of the first slot, in the caller's order.
        drawn: Positions of the offers drawn for the slots before.
        withdrawn: Positions of other offers that could not be drawn because of that.
        pmf: Probability of each of `offers` in this slot, given `drawn`; float64, sums to 1.
        chosen: Position of the offer drawn, zero-based.
        outcomes: What came of this slot within the reward window, earliest first.
        reward: Those outcomes, folded.
    """

    position: str
    slot: int
    slots: int
    decision: DecisionRecord
    context: Features
    offers: Sequence[Offer]
    drawn: Sequence[int]
    withdrawn: Sequence[int]
    pmf: Sequence[float]
    chosen: int
    outcomes: Sequence[RecordedOutcome]
    reward: float

    @property
    def mode(self) -> str:
        """Who decided, as a word."""
        return MODES.get(self.decision.mode, "")


def rows_of(entry: LoggedInteraction, spec: rewards.RewardSpec) -> list[SlotRow]:
    """Return the rows of an entry of the training log, in the order of their slots.

    Args:
        entry: The entry.
        spec: How outcomes are folded into `reward`.

    Raises:
        InvalidInputError: The offers that it names are lost.
    """
    decision = entry.decision
    context, offers = Features.FromString(decision.context), list(map(Offer.FromString, entry.offers))
    slots: list[DecisionRecord | SlotRecord] = [decision, *decision.later_slots]
    drawn: list[int] = []
    rows: list[SlotRow] = []
    for slot, record in enumerate(slots):
        outcomes = [outcome for outcome in entry.outcomes if outcome.record.slot == slot]
        reward = rewards.fold(spec, (rewards.Outcome(each.record.name, each.record.value) for each in outcomes))
        place = (entry.position, slot, len(slots), decision, context, offers, tuple(drawn), withdrawn(record))
        rows.append(SlotRow(*place, record.pmf, record.chosen, outcomes, reward))
        drawn.append(record.chosen)
    return rows


def day_of(position: str) -> str:
    """Return the day, in UTC, on which an entry came into a stream, as 2026-11-21."""
    return (_EPOCH + timedelta(milliseconds=order(position)[0])).date().isoformat()
