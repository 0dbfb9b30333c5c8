"""How decisions are answered: by bytes, put together from pieces.

As `attune.serving.recording` does for what is stored: a message that is filled in and serialised costs more.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct

from attune.serving.decided import Decided
from attune.serving.drawing import Draft
from attune.serving.variants import split
from attune.serving.wire import BYTES, DOUBLE, begun, tag
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.v1.decision_service_pb2 import (
    MODE_EMPTY,
    Choice,
    DecideResponse,
    DecideResult,
    Decision,
    Mode,
    ScoredOffer,
)

_KEPT = 4096
_DOUBLE = Struct("<d")
_DECISION = tag(DecideResult.DECISION_FIELD_NUMBER, BYTES)
_EVENT_ID = tag(DecideResponse.EVENT_ID_FIELD_NUMBER, BYTES)
_CHOICE = tag(DecideResponse.CHOICES_FIELD_NUMBER, BYTES)
_PROPENSITY = tag(Choice.PROPENSITY_FIELD_NUMBER, DOUBLE)


class Written:
    """A message that is serialised already."""

    __slots__ = ("_serialised",)

    def __init__(self, serialised: bytes) -> None:
        """Take its bytes."""
        self._serialised = serialised

    def SerializeToString(self) -> bytes:  # noqa: N802 - as messages have it
        """Return its bytes: a plain `bytes`, gRPC takes nothing else."""
        return self._serialised


def decided_result(decided: Decided, ranking_size: int) -> bytes:
    """Return what tells a caller of one decision of a batch: a serialised DecideResult.

    Args:
        decided: The decision.
        ranking_size: How many scored offers are asked for.
    """
    decision = decided_response(decided, ranking_size)
    return begun(_DECISION, len(decision)) + decision


def decided_response(decided: Decided, ranking_size: int) -> bytes:
    """Return what tells a caller of a decision: a serialised DecideResponse.

    Args:
        decided: The decision.
        ranking_size: How many scored offers are asked for.
    """
    if decided.record.mode == MODE_EMPTY:
        return DecideResponse(
            event_id=decided.record.event_id,
            policy_version=decided.record.policy_version,
            mode=MODE_EMPTY,
            logged=decided.logged,
        ).SerializeToString()
    record, chosen = decided.record, decided.record.chosen
    event_id, propensity = record.event_id.encode(), _DOUBLE.pack(record.pmf[chosen])
    before, behind = _around(
        decided.offer_ids[chosen], record.with_channels, record.policy_version, record.mode, decided.logged
    )
    more = _more(decided, ranking_size) if ranking_size or record.later_slots else b""
    return b"".join((begun(_EVENT_ID, len(event_id)), event_id, before, propensity, behind, more))


def add_choices(record: Draft | DecisionRecord, offer_ids: Sequence[str], to: DecideResponse | Decision) -> None:
    """Add what was drawn for each slot."""
    propensity = record.pmf[record.chosen]
    if record.with_channels:
        offer_id, channel = split(offer_ids[record.chosen])
        to.choices.add(offer_id=offer_id, channel=channel, propensity=propensity)
    else:
        to.choices.add(offer_id=offer_ids[record.chosen], propensity=propensity)
    if record.later_slots:
        _add_later_choices(record, offer_ids, to)


def channels_chosen(decided: Decided) -> list[str]:
    """Return on which channel what was drawn for each slot is shown, where that was drawn with it."""
    record = decided.record
    chosen = [record.chosen, *(later.chosen for later in record.later_slots)]
    return [split(decided.offer_ids[position])[1] for position in chosen]


def _add_later_choices(record: Draft | DecisionRecord, offer_ids: Sequence[str], to: DecideResponse | Decision) -> None:
    for slot, drawn in enumerate(record.later_slots, 1):
        offer_id, channel = split(offer_ids[drawn.chosen], with_channels=record.with_channels)
        to.choices.add(slot=slot, offer_id=offer_id, channel=channel, propensity=drawn.pmf[drawn.chosen])


def _ranking(decided: Decided, size: int) -> list[ScoredOffer]:
    # Equal probabilities keep the caller's order: sorting is stable.
    record = decided.record
    ranked = sorted(zip(record.pmf, decided.offer_ids, strict=True), key=lambda pair: -pair[0])[:size]
    named = [(probability, *split(name, with_channels=record.with_channels)) for probability, name in ranked]
    return [ScoredOffer(offer_id=offer, channel=channel, probability=each) for each, offer, channel in named]


def _more(decided: Decided, ranking_size: int) -> bytes:
    response = DecideResponse(ranking=_ranking(decided, ranking_size))
    _add_later_choices(decided.record, decided.offer_ids, response)
    return response.SerializeToString()


@lru_cache(_KEPT)
def _around(name: str, with_channels: bool, policy_version: int, mode: Mode, logged: bool) -> tuple[bytes, bytes]:  # noqa: FBT001 - values like the others
    """Return what stands before and behind the propensity of what was drawn."""
    offer_id, channel = split(name, with_channels=with_channels)
    choice = Choice(offer_id=offer_id, channel=channel).SerializeToString() + _PROPENSITY
    common = DecideResponse(policy_version=policy_version, mode=mode, logged=logged)
    return begun(_CHOICE, len(choice) + _DOUBLE.size) + choice, common.SerializeToString()
