"""How challengers are doing: from what the learner has committed to what `ListChallengers` answers."""

from collections.abc import Iterator, Mapping

from attune.serving.specs import in_shadow
from attune.storage.v1.records_pb2 import ChallengerRecord, PlacementRecord
from attune.store.versions import specs_of, training_of
from attune.v1.placement_pb2 import Challenger
from attune.v1.placement_service_pb2 import ChallengerStatus, ListChallengersResponse

NOT_YET = "The learner has not begun yet."


def listed(record: PlacementRecord, stored: Mapping[str, ChallengerRecord], pinned: int) -> ListChallengersResponse:
    """Return how the challengers of a placement are doing.

    Args:
        record: The placement.
        stored: What was committed of challengers, by name: perhaps with specs of before.
        pinned: The version that somebody promoted; 0 for none.
    """
    reply = ListChallengersResponse(challengers=_statuses(record, stored, pinned))
    if record.HasField("last_promotion"):
        reply.last_promotion.CopyFrom(record.last_promotion)
    return reply


def _statuses(
    record: PlacementRecord, stored: Mapping[str, ChallengerRecord], pinned: int
) -> Iterator[ChallengerStatus]:
    for challenger in record.placement.challengers:
        status = _status(record, challenger, stored.get(challenger.name))
        if pinned and record.placement.HasField("auto_promote"):
            status.reason += f" Nothing is promoted while version {pinned} is pinned; promote the newest to end that."
        yield status


def _status(record: PlacementRecord, challenger: Challenger, stored: ChallengerRecord | None) -> ChallengerStatus:
    instead = in_shadow(record.placement, challenger)
    trains = (*specs_of(instead.policy, instead.reward), record.generation)
    if stored is None or training_of(stored.training) != trains:
        return ChallengerStatus(name=challenger.name, policy=challenger.policy, reason=NOT_YET)
    if stored.measuring.against != record.placement.policy:  # the learner is about to measure it anew
        return ChallengerStatus(
            name=challenger.name,
            policy=challenger.policy,
            interactions=stored.training.interactions,
            reason="The placement's policy has changed: it is measured anew.",
        )
    return stored.status
