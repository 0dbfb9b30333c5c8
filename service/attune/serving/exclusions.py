"""What was left out of a decision, as it is recorded and as it is told."""

from collections.abc import Sequence

from attune.serving.guard import Exclusion
from attune.storage.v1.records_pb2 import ExclusionRecord
from attune.v1.decision_service_pb2 import ExclusionReason

MOST_NAMED = 1000
"""So many of the offers that are left out for one reason are recorded one by one; of all, how many they are."""

_MOST_TOLD = 5
_PREFIX = "EXCLUSION_REASON_"


def recorded(exclusions: Sequence[Exclusion]) -> list[ExclusionRecord]:
    """Return what is recorded of offers of the catalogue that were left out: where they are in the set."""
    return [
        ExclusionRecord(reason=reason, detail=detail, count=len(positions), positions=positions[:MOST_NAMED])
        for reason, detail, positions in exclusions
    ]


def recorded_by_id(exclusions: Sequence[Exclusion], offer_ids: Sequence[str]) -> list[ExclusionRecord]:
    """Return what is recorded of other offers that were left out: their ids.

    Args:
        exclusions: What was left out.
        offer_ids: The ids of the offers that the positions are of.
    """
    return [
        ExclusionRecord(
            reason=reason,
            detail=detail,
            count=len(positions),
            offer_ids=[offer_ids[position] for position in positions[:MOST_NAMED]],
        )
        for reason, detail, positions in exclusions
    ]


def told(exclusions: Sequence[Exclusion]) -> str:
    """Return how many offers were left out for which reason, the most frequent ones first; empty without any."""
    most = sorted(exclusions, key=lambda exclusion: -len(exclusion.positions))
    parts = [f"{len(each.positions)} by {_named(each)}" for each in most[:_MOST_TOLD]]
    if len(most) > _MOST_TOLD:
        parts.append(f"{sum(len(each.positions) for each in most[_MOST_TOLD:])} by others")
    return ", ".join(parts)


def _named(exclusion: Exclusion) -> str:
    reason = ExclusionReason.Name(exclusion.reason).removeprefix(_PREFIX)
    return f'{reason} "{exclusion.detail[:80]}"' if exclusion.detail else reason
