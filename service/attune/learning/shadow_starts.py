"""Where a challenger begins: where its record stands, or, when its specs or its generation are other ones, anew.

Training and measuring begin apart: what a challenger has learned is worth keeping when the policy it is measured
against is another one, but what it was found to earn more than the former policy says nothing about the new one.
"""

import logging

from attune.errors import BadSnapshotError
from attune.learning.estimates import Estimates
from attune.learning.final_rewards import FinalRewards
from attune.learning.shadow import Shadow
from attune.learning.trainee import Start, Trainee
from attune.serving.specs import DEFAULT_CONFIDENCE, in_shadow
from attune.storage.v1.records_pb2 import ChallengerRecord, Measuring, PlacementRecord
from attune.store.client import Store
from attune.store.interactions import BEGINNING
from attune.store.late import LateOutcomes
from attune.store.versions import Lease, Versions, specs_of, training_of
from attune.v1.placement_pb2 import Challenger
from attune_models.types import PolicyError

_log = logging.getLogger(__name__)


class ShadowStarts:
    """Starts the challengers of a placement."""

    def __init__(self, lease: Lease, store: Store) -> None:
        """Start from what this store has."""
        self._keys = lease.keys
        self._late = LateOutcomes(store)
        self._versions = Versions(store)

    async def shadow(
        self,
        record: PlacementRecord,
        challenger: Challenger,
        former: Shadow | None,
        stored: ChallengerRecord | None,
        ordinal: int,
    ) -> Shadow:
        """Return a challenger that goes on as far as it may.

        Args:
            record: The placement.
            challenger: The challenger, one of the placement's.
            former: The one of this name that has been trained so far by this process.
            stored: The record of this name that was committed last.
            ordinal: Of its measuring, if that begins anew.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        measuring = await self._measuring(record, ordinal)
        instead = PlacementRecord(placement=in_shadow(record.placement, challenger), generation=record.generation)
        shadow = former if former is not None and former.trainee.is_for(instead) else None
        if shadow is None and stored is not None:
            shadow = await self._resumed(instead, challenger, stored)
        if shadow is None:
            shadow = await self._new(instead, record, challenger, measuring)
            shadow.number = stored.training.version if stored else 0  # what it commits takes the place of that
            return shadow
        if not _is_same(shadow.estimates.measuring, measuring):
            shadow.measure_anew(measuring)
        return shadow

    async def _resumed(
        self, instead: PlacementRecord, challenger: Challenger, stored: ChallengerRecord
    ) -> Shadow | None:
        """Go on where a record stands; None where that is of another training, or damaged."""
        trainee = Trainee(instead.placement, Start(instead.generation))
        if not trainee.is_of(stored.training):
            return None
        estimates = Estimates(stored.measuring, _bounds(instead))
        try:
            trainee.resume(stored.training, await self._versions.weights(self._keys, stored.training))
            estimates.resume(stored)
        except (BadSnapshotError, PolicyError) as error:
            name = challenger.name
            _log.error('placement "%s": challenger "%s" starts anew, because %s', self._keys.name, name, error)
            return None
        shadow = Shadow(challenger, trainee, FinalRewards(self._late, self._keys, trainee.start), estimates)
        shadow.committed(stored.training.version, stored.training.size_bytes)
        return shadow

    async def _new(
        self, instead: PlacementRecord, record: PlacementRecord, challenger: Challenger, measuring: Measuring
    ) -> Shadow:
        replayed_to, late_cursor = await self._late.ends(self._keys)
        start = Start(record.generation, record.trains_from or BEGINNING, replayed_to, late_cursor)
        trainee = Trainee(instead.placement, start)
        final_rewards = FinalRewards(self._late, self._keys, start)
        return Shadow(challenger, trainee, final_rewards, Estimates(measuring, _bounds(instead)))

    async def _measuring(self, record: PlacementRecord, ordinal: int) -> Measuring:
        """Return what is measured from now on: what comes, and what the present policy decides."""
        placement = record.placement
        end, _ = await self._late.ends(self._keys)
        trained = (*specs_of(placement.policy, placement.reward), record.generation)
        others = [
            version.version for version in await self._versions.kept(self._keys) if training_of(version) != trained
        ]
        return Measuring(
            behind=end,
            least_version=max(others, default=-1) + 1,
            against=placement.policy,
            confidence=placement.auto_promote.confidence if placement.HasField("auto_promote") else DEFAULT_CONFIDENCE,
            ordinal=ordinal,
            lag_ms=placement.reward.window.ToMilliseconds(),
        )


def _is_same(measuring: Measuring, wanted: Measuring) -> bool:
    """Tell whether what was measured so far stands for what is wanted, wherever it began.

    Not where another policy has had a version meanwhile: it was the placement's for a while, and whoever was measuring
    then was ended before it was noted.
    """
    facts = ((each.against, each.confidence, each.lag_ms) for each in (measuring, wanted))
    return next(facts) == next(facts) and wanted.least_version <= measuring.least_version


def _bounds(record: PlacementRecord) -> tuple[float, float]:
    return record.placement.reward.min, record.placement.reward.max
