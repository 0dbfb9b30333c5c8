"""From a logged decision to a sample: what a policy would learn from it, and how probable it was."""

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from attune.errors import InvalidInputError
from attune.learning.entries import gone_before, lesson
from attune.logs import checks
from attune.logs.readings import Candidate, LeftOut, Reason, Refused
from attune.logs.rows import MODES
from attune.logs.samples import Found, Sample
from attune.storage.v1.records_pb2 import DecisionRecord, SlotRecord
from attune.store.log_entries import LoggedInteraction
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_DEFAULT
from attune.v1.features_pb2 import Features
from attune_models.rewards import RewardSpec
from attune_models.types import Pmf

SUM_TOLERANCE = 1e-6
"""How far from 1 the sum of logged probabilities may be. Rounding to float32 stays within."""


def sample_of(where: str, entry: LoggedInteraction, reward: RewardSpec) -> Found:
    """Return the sample that an entry of a training log is, or why it is none.

    Args:
        where: What messages call it.
        entry: The entry; all its outcomes count, in their order.
        reward: How outcomes become rewards.
    """
    decision = entry.decision
    if decision.withheld:
        return LeftOut(Reason.WITHHELD)
    if decision.mode == MODE_DEFAULT:
        return LeftOut(Reason.NOTHING_TO_CHOOSE)
    try:
        checks.check_numbers(Candidate(where, decision, entry.outcomes), SUM_TOLERANCE, len(entry.offers))
        slots = lesson(entry, reward).interactions
        context = Features.FromString(decision.context)
    except (InvalidInputError, DecodeError, ValueError) as error:
        return Refused(where, str(error))
    mode, pmfs = MODES.get(decision.mode, ""), _pmfs(decision)
    if decision.mode == MODE_CONTROL and any(max(pmf) == 1.0 and len(pmf) > 1 for pmf in pmfs):
        return LeftOut(Reason.CONTROL_WITHOUT_A_DRAW)
    customer = decision.customer.hex()
    return Sample(
        where, decision.event_id, decision.decided_at_ms, mode, entry.position, context, slots, pmfs, customer
    )


def _pmfs(decision: DecisionRecord) -> Sequence[Pmf]:
    slots: list[DecisionRecord | SlotRecord] = [decision, *decision.later_slots]
    return [
        [probability for i, probability in enumerate(slot.pmf) if i not in gone] if gone else [*slot.pmf]
        for slot, gone in zip(slots, gone_before(decision), strict=True)
    ]
