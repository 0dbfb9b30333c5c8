"""A decision of the log as a report counts it: who decided, who it was for, and what it earned by every metric."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from attune.insight.question import Question
from attune.storage.v1.records_pb2 import DecisionRecord, SlotRecord
from attune.store.log_entries import LoggedInteraction, RecordedOutcome
from attune.v1.decision_service_pb2 import MODE_CONTROL
from attune.v1.features_pb2 import Features
from attune_models import rewards
from attune_models.grouped_sums import CONTROL, POLICY
from attune_models.rounds import FloatArray

COUNT, REWARD, CONVERTED, REVENUE, PROMOTED, ANSWERS = range(6)
"""The columns of what was earned."""
N_COLUMNS = 6

_PROMOTER, _DETRACTOR = 9.0, 6.0
_PERCENT = 100.0
# A sum of rounded probabilities may be above 1 by a rounding, and so may a single one.
_SURELY = 1.0 + 1e-6


@dataclass(frozen=True, slots=True)
class Counted:
    """A decision.

    Attributes:
        record: As it was logged.
        context: What was known.
        arm: `POLICY` or `CONTROL`. A fallback belongs to the policy: its group was to be decided by it.
        unit: A hash of the customer, where the log knows one, else of the decision.
        earned: The columns of each slot, shape (n_slots, N_COLUMNS).
        total: The same of the whole decision, shape (N_COLUMNS,).
    """

    record: DecisionRecord
    context: Features
    arm: int
    unit: int
    earned: FloatArray
    total: FloatArray

    @property
    def slots(self) -> Iterator[DecisionRecord | SlotRecord]:
        """What was drawn for each slot."""
        yield self.record
        yield from self.record.later_slots


def counted(entry: LoggedInteraction, spec: rewards.RewardSpec, question: Question, n_offers: int) -> Counted:
    """Return a decision as a report counts it.

    Args:
        entry: An entry of the training log, with all its outcomes.
        spec: How outcomes become rewards.
        question: Which outcomes stand for what.
        n_offers: How many could be drawn.

    Raises:
        DecodeError: The bytes are damaged.
        ValueError: Its numbers contradict each other.
    """
    record = entry.decision
    context = Features.FromString(record.context)
    slots: list[DecisionRecord | SlotRecord] = [record, *record.later_slots]
    for slot in slots:
        _check(slot, n_offers)
    by_slot = [[each for each in entry.outcomes if each.record.slot == slot] for slot in range(len(slots))]
    earned = np.array([_columns(outcomes, spec, question) for outcomes in by_slot])
    total = earned.sum(axis=0)
    total[COUNT], total[CONVERTED] = 1.0, min(total[CONVERTED], 1.0)
    arm = CONTROL if record.mode == MODE_CONTROL else POLICY
    return Counted(record, context, arm, unit_of(record), earned, total)


def unit_of(record: DecisionRecord) -> int:
    """Return the hash of what was put into one arm as a whole."""
    known = record.customer or blake2b(record.event_id.encode(), digest_size=8).digest()
    return int.from_bytes(known[:8])


def _check(slot: DecisionRecord | SlotRecord, n_offers: int) -> None:
    if len(slot.pmf) != n_offers:
        raise ValueError(f"pmf: expected a probability for each of {n_offers} offers, got {len(slot.pmf)}")
    # Written so that NaN, which compares false with everything, is refused too.
    if not all(0.0 <= probability <= _SURELY for probability in slot.pmf):
        raise ValueError("pmf: expected probabilities of 0 to 1")
    if slot.chosen >= n_offers or slot.pmf[slot.chosen] <= 0.0:
        raise ValueError(f"chosen: expected one of {n_offers} offers that could be drawn, got {slot.chosen}")


def _columns(outcomes: Sequence[RecordedOutcome], spec: rewards.RewardSpec, question: Question) -> list[float]:
    said = [(each.record.name, each.record.value) for each in outcomes]
    answers = [value for name, value in said if question.nps and name == question.nps]
    return [
        1.0,
        rewards.fold(spec, (rewards.Outcome(*each) for each in said)),
        float(any(question.conversion and name == question.conversion and value > 0.0 for name, value in said)),
        sum(value for name, value in said if question.revenue and name == question.revenue),
        _promoted(answers[-1]) if answers else 0.0,
        float(bool(answers)),
    ]


def _promoted(answer: float) -> float:
    """Return what the last answer of a customer adds to the net promoter score."""
    return _PERCENT * (float(answer >= _PROMOTER) - float(answer <= _DETRACTOR))
