"""Placements as they serve now: their specs, what decides for them, and what it may decide.

A loop asks the store a few times a second what has changed. What decides is loaded beside what has decided so far, see
`live_policies` and `live_baselines`.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count

from attune.errors import ExpectedError
from attune.metrics import ServingMetrics
from attune.serving.guard import Guard
from attune.serving.guards import Guards
from attune.serving.live_baselines import LiveBaselines
from attune.serving.live_policies import LivePolicies, Served
from attune.serving.specs import learns_control, shortlist_of
from attune.serving.variants import Channel, channels_of
from attune.storage.v1.records_pb2 import PlacementRecord
from attune.store.keys import PlacementKeys, unknown_placement
from attune.store.placements import Glance, Placements
from attune.store.versions import Versions
from attune.v1.placement_pb2 import Placement
from attune_models.policy import Policy

POLL_S = 0.2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LivePlacement:
    """A placement and the policy that decides for it now.

    Attributes:
        keys: Its keys in the store.
        record: Its spec, with every default filled in, as it is stored.
        created_at_ms: When it was created, milliseconds since the epoch: tells it from a former one of the same name.
        window_ms: Its reward window in milliseconds.
        policy: What decides; None when no version proved sound: then the draw is uniform.
        version: Of the policy; 0 before anything was learned.
        control: What decides for the control group.
        control_share: The share of decisions that the control group gets, 0 to 1.
        shortlist_size: From how many offers of the catalogue a decision draws at most.
        shortlist_random: How many of those, on a shortlist, are drawn from the lower ranks.
        guard: What may be drawn, of what is eligible otherwise.
        default_offer: What is shown where nothing is eligible, a serialised attune.v1.Offer; empty for none.
        rests_after: Names of the outcomes after which something rests.
        channels: The channels that are chosen from; none where that is not decided here.
        baseline: The number that the weights of `control` are stored under, as the store had it when it was looked at;
            0 where it has learned nothing.
    """

    keys: PlacementKeys
    record: PlacementRecord
    created_at_ms: int
    window_ms: int
    policy: Policy | None
    version: int
    control: Policy
    control_share: float
    shortlist_size: int
    shortlist_random: int
    guard: Guard
    default_offer: bytes = b""
    rests_after: frozenset[str] = frozenset()
    channels: tuple[Channel, ...] = ()
    baseline: int = 0

    @property
    def placement(self) -> Placement:
        """Its spec."""
        return self.record.placement


class LivePlacements:
    """The placements of this process."""

    def __init__(
        self,
        placements: Placements,
        versions: Versions,
        metrics: ServingMetrics | None = None,
        guard_of: Callable[[Placement], Guard] | None = None,
    ) -> None:
        """Start with none.

        Args:
            placements: The placements in the store.
            versions: Their policies.
            metrics: What is told of what serves.
            guard_of: Makes the guard of a placement; None for guards of what needs nothing but the placement.
        """
        self._guard_of = guard_of or Guards().of
        self._metrics = metrics or ServingMetrics()
        self._placements = placements
        self._versions = versions
        self._policies = LivePolicies(versions, self._metrics)
        self._baselines = LiveBaselines(versions, self._metrics)
        self._live: dict[str, LivePlacement] = {}
        # Of each placement that exists: whoever asks for one that is being taken over waits for it.
        self._taking_over: dict[str, asyncio.Lock] = {}
        # Looks overlap: what is read first may be known last, and must not replace what was read after it.
        self._looks = count(1)
        self._known_since: dict[str, int] = {}

    @property
    def applied(self) -> Mapping[str, LivePlacement]:
        """Those that are known here, by name; it changes as they do."""
        return self._live

    def rests_after(self, outcome: str) -> bool:
        """Tell whether something rests after an outcome, for whatever placement: a history is of all of them."""
        return any(outcome in live.rests_after for live in self._live.values())

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
        look = next(self._looks)
        for name, found in (await self._placements.glance(names)).items():
            await self._take_over(look, name, found)

    async def refresh_all(self) -> None:
        """Bring all placements that there are up to date with the store.

        Raises:
            StoreUnavailableError: The store did not answer in time; what was known is kept.
        """
        await self.refresh({*self._live, *await self._placements.names()})

    async def promote(self, keys: PlacementKeys, version: int) -> None:
        """Make a version serve until another one is promoted.

        Args:
            keys: The placement's keys.
            version: One that is kept; 0 for whatever version is the newest.

        Raises:
            NotFoundError: The version is not kept, or the placement is gone.
            UnusableVersionError: Its weights are damaged.
        """
        await self._policies.check(keys, version)
        await self._versions.promote(keys, version)
        await self.refresh([keys.name])

    async def follow(self) -> None:
        """Keep every placement up to date until cancelled; a store that is away is waited for."""
        while True:
            look = next(self._looks)
            try:
                seen = await self._placements.glance(self._live, at_new=True)
                # Side by side: one that takes long to start or load must not keep the others waiting.
                changed = {name: found for name, found in seen.items() if not self._is_as_known(look, name, found)}
                taken = [self._take_over_safely(look, name, found) for name, found in changed.items()]
                for error in await asyncio.gather(*taken, return_exceptions=True):
                    if error is not None:
                        raise error
            except ExpectedError as error:
                _log.debug("placements stay as they are: %s", error)
            await asyncio.sleep(POLL_S)

    async def _take_over_safely(self, look: int, name: str, found: Glance) -> None:
        try:
            await self._take_over(look, name, found)
        except ExpectedError:
            raise
        except Exception:  # noqa: BLE001 - whatever is wrong with one placement, the others must go on
            _log.exception('placement "%s" stays as it is', name)

    def _is_as_known(self, look: int, name: str, found: Glance) -> bool:
        """Tell whether a placement is as it serves, as nearly always: then there is nothing to do."""
        live, taking_over = self._live.get(name), self._taking_over.get(name)
        if live is None or live.record is not found.record:
            return False
        if (live.version, live.baseline) != (found.version, found.baseline):
            return False
        if taking_over is None or taking_over.locked():
            return False
        self._known_since[name] = max(look, self._known_since.get(name, 0))
        return True

    async def _take_over(self, look: int, name: str, found: Glance) -> None:
        if (record := found.record) is None:
            self._forget(look, name)
            return
        async with self._taking_over.setdefault(name, asyncio.Lock()):
            live = self._live.get(name)
            if self._known_since.get(name, 0) > look:
                return  # somebody has looked later, and was faster
            if live is None or found != (live.record, live.version, live.baseline):
                former = live if live is not None and live.record.created_at_ms == record.created_at_ms else None
                self._live[name] = await self._up_to_date(record, found, former)
                self._metrics.serves(name, self._live[name].version)
            self._known_since[name] = look

    def _forget(self, look: int, name: str) -> None:
        if self._known_since.get(name, 0) <= look:
            self._taking_over.pop(name, None)
            self._known_since.pop(name, None)
            if self._live.pop(name, None) is not None:
                self._metrics.forget(name)

    async def _up_to_date(self, record: PlacementRecord, found: Glance, live: LivePlacement | None) -> LivePlacement:
        placement = record.placement
        former = Served(None, 0) if live is None else Served(live.policy, live.version)
        served = await self._policies.get(record, found.version, former)
        size, n_random = shortlist_of(placement.shortlist)
        kept = live is not None and live.placement == placement
        guard = live.guard if live is not None and kept else self._guard_of(placement)
        return LivePlacement(
            keys=PlacementKeys(placement.name),
            record=record,
            created_at_ms=record.created_at_ms,
            window_ms=placement.reward.window.ToMilliseconds(),
            policy=served.policy,
            version=served.version,
            control=await self._control(placement, found.baseline, live),
            control_share=placement.control.share,
            shortlist_size=size,
            shortlist_random=n_random,
            guard=guard,
            default_offer=_default_offer(placement),
            rests_after=frozenset(each.outcome for each in placement.guardrails.cool_downs),
            channels=channels_of(placement.channels),
            baseline=found.baseline,
        )

    async def _control(self, placement: Placement, number: int, live: LivePlacement | None) -> Policy:
        if live is None or not live.baseline or not learns_control(live.placement):
            return await self._baselines.get(placement, number, None)
        if live.baseline == number and learns_control(placement):
            return live.control
        return await self._baselines.get(placement, number, live.control)


def _default_offer(placement: Placement) -> bytes:
    instead = placement.when_nothing_eligible
    return instead.default_offer.SerializeToString(deterministic=True) if instead.HasField("default_offer") else b""
