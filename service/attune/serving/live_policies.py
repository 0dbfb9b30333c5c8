"""Policies of placements as they decide now: the newest version that proved sound.

A version is loaded beside the one that serves and takes its place only when its length, its SHA-256, its weights and a
canary are right; otherwise that one stays, or an older one is taken.
"""

import asyncio
import logging
from typing import NamedTuple

from attune.errors import BadSnapshotError, UnusableVersionError
from attune.metrics import ServingMetrics
from attune.serving.sound import sound_policy
from attune.serving.specs import start_spec
from attune.storage.v1.records_pb2 import PlacementRecord, VersionRecord
from attune.store.interactions import BEGINNING, order
from attune.store.keys import PlacementKeys
from attune.store.versions import Versions
from attune_models.policy import Policy, started
from attune_models.types import PolicyError

_log = logging.getLogger(__name__)


class Served(NamedTuple):
    """What decides for a placement.

    Attributes:
        policy: The policy; None when no version proved sound: then the draw is uniform.
        version: Of the policy; 0 before anything was learned.
    """

    policy: Policy | None
    version: int


class LivePolicies:
    """Loads the policies of placements, and remembers which versions it has refused."""

    def __init__(self, versions: Versions, metrics: ServingMetrics) -> None:
        """Load from here, and tell these of what is damaged."""
        self._versions = versions
        self._metrics = metrics
        self._refused: set[tuple[str, int]] = set()

    async def get(self, record: PlacementRecord, version: int, former: Served) -> Served:
        """Return what decides for a placement.

        Args:
            record: The placement.
            version: The one that is to serve; 0 before anything was learned.
            former: What has decided so far; without a policy where nothing has.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        name = record.placement.name
        if version == 0:
            # Not on the loop: many beliefs take a policy of many weights seconds.
            return Served(await asyncio.to_thread(started, start_spec(record.placement)), 0)
        if former.policy is not None and (former.version == version or (name, version) in self._refused):
            return former
        for kept in await self._versions.kept(PlacementKeys(name)):
            if kept.version > version:
                continue  # it is newer than the head: a commit that has just happened, to be seen at the next glance
            if kept.version < version and _was_reset(kept, record):
                continue
            try:
                return Served(await sound_policy(self._versions, name, kept), kept.version)
            except (BadSnapshotError, PolicyError) as error:
                self._refuse(name, kept.version, error)
            if former.policy is not None:
                return former
        return Served(None, version)

    async def check(self, keys: PlacementKeys, version: int) -> None:
        """Load a version, if it is kept, only to see that it could serve.

        Raises:
            StoreUnavailableError: The store did not answer in time.
            UnusableVersionError: Its weights are damaged.
        """
        for kept in await self._versions.kept(keys):
            if kept.version == version:
                try:
                    await sound_policy(self._versions, keys.name, kept)
                except (BadSnapshotError, PolicyError) as error:
                    raise UnusableVersionError(f"version: expected a sound one, got {version}: {error}") from error

    def _refuse(self, name: str, version: int, error: Exception) -> None:
        self._refused.add((name, version))
        self._metrics.refused_snapshot(name)
        _log.error('placement "%s": version %d is refused: %s', name, version, error)


def _was_reset(version: VersionRecord, record: PlacementRecord) -> bool:
    return order(version.trains_from or BEGINNING) < order(record.trains_from or BEGINNING)
