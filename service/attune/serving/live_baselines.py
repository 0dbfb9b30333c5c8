"""The baselines of control groups as they decide now: most learn nothing; of one that does, its newest sound state."""

import logging

from attune.errors import BadSnapshotError
from attune.metrics import ServingMetrics
from attune.serving.sound import sound_policy
from attune.serving.specs import control_spec, learns_control
from attune.store.keys import PlacementKeys
from attune.store.versions import Versions
from attune.v1.placement_pb2 import Placement
from attune_models.policy import Policy, build
from attune_models.types import PolicyError

_log = logging.getLogger(__name__)


class LiveBaselines:
    """Loads the baselines of control groups."""

    def __init__(self, versions: Versions, metrics: ServingMetrics) -> None:
        """Load from here, and tell these of what is damaged."""
        self._versions = versions
        self._metrics = metrics

    async def get(self, placement: Placement, number: int, former: Policy | None) -> Policy:
        """Return what decides for the control group of a placement.

        Args:
            placement: The placement.
            number: The one that the weights of its baseline are stored under; 0 before anything was learned, and where
                nothing is.
            former: The baseline that has learned and has decided so far; None for none.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        if number and learns_control(placement):
            learned = await self._newest(placement.name, number) or former
            if learned is not None:
                return learned
        return build(control_spec(placement.control))

    async def _newest(self, name: str, number: int) -> Policy | None:
        keys = PlacementKeys(name)
        if (record := await self._versions.baseline(keys)) is None or record.version != number:
            return None  # there is another one, to be seen at the next glance
        try:
            return await sound_policy(self._versions, name, record)
        except (BadSnapshotError, PolicyError) as error:
            now = await self._versions.baseline(keys)
            if now is not None and now.version == number:  # else its weights went because others came
                self._metrics.refused_snapshot(name)
                _log.error('placement "%s": the baseline of its control group is refused: %s', name, error)
            return None
