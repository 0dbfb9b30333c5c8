"""Placements as they serve now: their specs, and the newest version of their policies that proved sound.

A loop asks the store a few times a second what has changed. A version is loaded beside the one that serves and takes
its place only when its length, its SHA-256, its weights and a canary are right; otherwise the old one stays.
"""

import asyncio
import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass

from attune.errors import BadSnapshotError, ExpectedError
from attune.metrics import ServingMetrics
from attune.serving.specs import control_spec, policy_spec, start_spec
from attune.storage.v1.records_pb2 import PlacementRecord, VersionRecord
from attune.store.keys import PlacementKeys, unknown_placement
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.placement_pb2 import Placement
from attune_models.policy import Policy, build, started
from attune_models.types import PolicyError, Situation

POLL_S = 0.2

_CANARY = Situation("canary=1", ["a", "b", "c"], ["=a canary=1", "=b canary=2", "=c"])

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LivePlacement:
    """A placement and the policy that decides for it now.

    Attributes:
        keys: Its keys in the store.
        record: Its spec, with every default filled in, as it is stored.
        window_ms: Its reward window in milliseconds.
        policy: What decides; None when no version proved sound: then the draw is uniform.
        version: Of the policy; 0 before anything was learned.
        control: What decides for the control group.
    """

    keys: PlacementKeys
    record: PlacementRecord
    window_ms: int
    policy: Policy | None
    version: int
    control: Policy

    @property
    def placement(self) -> Placement:
        """Its spec."""
        return self.record.placement


class LivePlacements:
    """The placements of this process."""

    def __init__(self, placements: Placements, versions: Versions, metrics: ServingMetrics | None = None) -> None:
        """Start with none."""
        self._metrics = metrics or ServingMetrics()
        self._placements = placements
        self._versions = versions
        self._live: dict[str, LivePlacement] = {}
        # Of each placement that exists: whoever asks for one that is being taken over waits for it.
        self._taking_over: dict[str, asyncio.Lock] = {}
        self._refused: set[tuple[str, int]] = set()

    async def get(self, name: str) -> LivePlacement:
        """Return a placement.

        Raises:
            NotFoundError: There is none of this name.
            StoreUnavailableError: It is not known here yet, and the store did not answer in time.
        """
        live = self._live.get(name)
        if live is None:
            await self.refresh([name])
            live = self._live.get(name)
        if live is None:
            raise unknown_placement(name)
        return live

    async def refresh(self, names: Iterable[str]) -> None:
        """Bring placements up to date with the store; those that are gone there go here.

        Raises:
            StoreUnavailableError: The store did not answer in time; what was known is kept.
        """
        for name, (record, version) in (await self._placements.glance(names)).items():
            await self._take_over(name, record, version)

    async def follow(self) -> None:
        """Keep every placement up to date until cancelled; a store that is away is waited for."""
        while True:
            try:
                seen = await self._placements.glance({*self._live, *await self._placements.names()})
                for name, (record, version) in seen.items():
                    await self._take_over_safely(name, record, version)
            except ExpectedError as error:
                _log.debug("placements stay as they are: %s", error)
            await asyncio.sleep(POLL_S)

    async def _take_over_safely(self, name: str, record: PlacementRecord | None, version: int) -> None:
        try:
            await self._take_over(name, record, version)
        except ExpectedError:
            raise
        except Exception:  # noqa: BLE001 - whatever is wrong with one placement, the others must go on
            _log.exception('placement "%s" stays as it is', name)

    async def _take_over(self, name: str, record: PlacementRecord | None, version: int) -> None:
        if record is None:
            self._taking_over.pop(name, None)
            if self._live.pop(name, None) is not None:
                self._metrics.forget(name)
        elif not self._is_live(record, version):
            async with self._taking_over.setdefault(name, asyncio.Lock()):
                if self._is_live(record, version):
                    return  # another one was first
                live = self._live.get(name)
                former = live if live is not None and live.record.created_at_ms == record.created_at_ms else None
                self._live[name] = await self._up_to_date(record, version, former)
                self._metrics.serves(name, self._live[name].version)

    def _is_live(self, record: PlacementRecord, version: int) -> bool:
        live = self._live.get(record.placement.name)
        return live is not None and (record, version) == (live.record, live.version)

    async def _up_to_date(self, record: PlacementRecord, version: int, live: LivePlacement | None) -> LivePlacement:
        placement = record.placement
        policy, served = await self._policy(placement, version, live)
        return LivePlacement(
            keys=PlacementKeys(placement.name),
            record=record,
            window_ms=placement.reward.window.ToMilliseconds(),
            policy=policy,
            version=served,
            control=build(control_spec(placement.control)),
        )

    async def _policy(
        self, placement: Placement, version: int, live: LivePlacement | None
    ) -> tuple[Policy | None, int]:
        if version == 0:
            # Not on the loop: many beliefs take a policy of many weights seconds.
            return await asyncio.to_thread(started, start_spec(placement)), 0
        fallback = (live.policy, live.version) if live is not None and live.policy is not None else None
        if fallback is not None and (fallback[1] == version or (placement.name, version) in self._refused):
            return fallback
        for kept in await self._versions.kept(PlacementKeys(placement.name)):
            if kept.version > version:
                continue  # it is newer than the head: a commit that has just happened, to be seen at the next glance
            try:
                return await sound_policy(self._versions, placement.name, kept), kept.version
            except (BadSnapshotError, PolicyError) as error:
                self._refused.add((placement.name, kept.version))
                self._metrics.refused_snapshot(placement.name)
                _log.error('placement "%s": version %d is refused: %s', placement.name, kept.version, error)
            if fallback is not None:
                return fallback
        return None, version


async def sound_policy(versions: Versions, name: str, record: VersionRecord) -> Policy:
    """Load a version of a placement's policy and check it.

    Raises:
        BadSnapshotError: Its weights are not those that were committed, or the canary's probabilities are none.
        PolicyError: Its weights do not make a policy.
        StoreUnavailableError: The store did not answer in time.
    """
    weights = await versions.weights(PlacementKeys(name), record)
    # Not on the loop: large weights take a second, for which every decision would have to wait.
    return await asyncio.to_thread(_loaded, record, weights)


def _loaded(record: VersionRecord, weights: bytes) -> Policy:
    policy = build(policy_spec(record.policy))
    policy.loads(weights)
    canary = policy.pmf(_CANARY)
    if not math.isclose(math.fsum(canary), 1.0):
        raise BadSnapshotError(f"the canary's probabilities sum to {math.fsum(canary)}")
    return policy
