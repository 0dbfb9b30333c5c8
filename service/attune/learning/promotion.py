"""Promotion: a challenger that is proved better takes the place of the placement's policy, and why is kept.

    bounds of the difference, verdict --proof--> weights as a version --one fenced step--> spec, head, challengers

Nothing is promoted while a version is pinned, or while somebody changes the placement: it waits for the next look.
"""

import logging
import time
from dataclasses import dataclass

from attune.learning.final_rewards import FinalRewards
from attune.learning.shadow import Shadow
from attune.learning.trainee import Trainee
from attune.serving.specs import in_shadow
from attune.storage.v1.records_pb2 import PlacementRecord
from attune.store.challengers import Challengers, Promotion, Replaced
from attune.store.client import Store
from attune.store.placements import Placements
from attune.store.versions import Lease, Versions, sign
from attune.v1.placement_pb2 import AutoPromote
from attune.v1.placement_service_pb2 import VERDICT_TRUST, ChallengerPromotion, ChallengerStatus

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Promoted:
    """What the placement's policy is trained with from now on.

    Attributes:
        trainee: The former challenger.
        final_rewards: What adds late outcomes to its interactions.
        size_bytes: Size of its weights.
    """

    trainee: Trainee
    final_rewards: FinalRewards
    size_bytes: int


def is_proved(spec: AutoPromote, status: ChallengerStatus) -> bool:
    """Tell whether a challenger may be promoted: it earns more for certain, and the estimate can be trusted."""
    return status.verdict == VERDICT_TRUST and status.difference.low > spec.margin


def reason_of(spec: AutoPromote, status: ChallengerStatus) -> str:
    """Return why a challenger is promoted, in a sentence with the figures."""
    of, than, more = status.value, status.policy_value, status.difference
    sure = f"with {100 * more.confidence:.6g} % confidence at all times"
    return (
        f"On {status.measured:,} decisions it would have earned {of.value:.4g} a decision, where the policy earned "
        f"{than.value:.4g}: {more.value:+.4g}, at least {more.low:+.4g} {sure}, which is above the margin of "
        f"{spec.margin:g}. {status.reason}"
    )


class Promotions:
    """Promotes challengers of a placement."""

    def __init__(self, store: Store) -> None:
        """Promote in this store."""
        self._placements = Placements(store)
        self._stored = Challengers(store)
        self._versions = Versions(store)

    async def promote(self, lease: Lease, record: PlacementRecord, shadow: Shadow) -> Promoted | None:
        """Promote a challenger if that is wanted and it is proved better.

        Args:
            lease: The right to do so.
            record: The placement that its estimates are about.
            shadow: The challenger, with all that it knows committed.

        Returns:
            What to go on with; None where everything stays as it is.

        Raises:
            FencedError: Another learner has taken over, or the placement is gone; everything stays as it is.
            StoreUnavailableError: The store did not answer in time.
            PolicyError: A weight is not finite.
        """
        spec, status = record.placement.auto_promote, shadow.status()
        if not (record.placement.HasField("auto_promote") and is_proved(spec, status)):
            return None
        before = await self._placements.stored(lease.keys.name)
        is_pinned = (await self._versions.overview(lease.keys)).promoted > 0
        if is_pinned or PlacementRecord.FromString(before) != record:
            return None
        return await self._replace(lease, before, shadow, reason_of(spec, status))

    async def _replace(self, lease: Lease, before: bytes, shadow: Shadow, reason: str) -> Promoted | None:
        now_ms, name = time.time_ns() // 1_000_000, shadow.challenger.name
        version, weights = shadow.trainee.version(now_ms)
        number = await self._versions.write(lease, weights)
        sign(version, number, weights)
        after = _with_promotion(before, shadow, number, now_ms, reason)
        promotion = Promotion(name, version, shadow.number, before, after)
        # The number is 0 where the lease is lost, and then the script finds no weights under it.
        if await self._stored.replace(lease, promotion) is not Replaced.DONE:
            return None
        where = lease.keys.name
        _log.warning('placement "%s": challenger "%s" is the policy now, version %d. %s', where, name, number, reason)
        return Promoted(shadow.trainee, shadow.final_rewards, len(weights))


def _with_promotion(before: bytes, shadow: Shadow, number: int, now_ms: int, reason: str) -> PlacementRecord:
    after = PlacementRecord.FromString(before)
    after.placement.CopyFrom(in_shadow(after.placement, shadow.challenger))
    after.revision += 1
    promotion = ChallengerPromotion(name=shadow.challenger.name, reason=reason, version=number)
    promotion.promoted_at.FromMilliseconds(now_ms)
    after.last_promotion.CopyFrom(promotion)
    return after
