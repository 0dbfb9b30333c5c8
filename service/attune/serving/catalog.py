"""The offers of the catalogue that are live for a placement, ready to be drawn from.

A loop brings the copy of the catalogue up to date a few times a second. Where the live offers of a placement are others
than before, they are made into a set, which is stored among the placement's keys before a decision may name it, and
takes the place of the former one. Where they are the same, so is the object: policies are prepared for it. Where a
placement chooses channels, too, it draws from its offers on each of them (`attune.serving.catalog_variants`).
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from attune.errors import ExpectedError, NotFoundError
from attune.metrics import ServingMetrics
from attune.serving.catalog_copy import CatalogCopy, KnownOffer
from attune.serving.catalog_variants import Made, on_channels
from attune.serving.guard import Guard
from attune.serving.live import LivePlacement, LivePlacements
from attune.serving.live_offers import LiveOffers, made_ready
from attune.serving.variants import Channel
from attune.store.catalog import Catalog
from attune.store.keys import PlacementKeys
from attune.store.offer_sets import OfferSet, OfferSets
from attune.tasks import Shared
from attune.v1.placement_pb2 import Placement

__all__ = ["POLL_S", "LiveCatalog", "LiveOffers"]

POLL_S = 0.2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Group:
    """What the placements of a group draw from, and what it was made of: of offers on channels, what was made."""

    stamp: tuple[int, int, int]
    live: Sequence[KnownOffer]
    offers: LiveOffers | None
    made: Made = field(default_factory=dict)


_GroupName = tuple[str, tuple[Channel, ...]]


@dataclass(frozen=True, slots=True)
class _Served:
    """What a placement draws from, when the placement was created that has it among its keys, and its guard."""

    created_at_ms: int
    group: _Group
    offers: LiveOffers
    guard: Guard


class LiveCatalog:
    """The live offers of the applied placements.

    Attributes:
        copy: All offers of the catalogue.
    """

    def __init__(
        self, catalog: Catalog, offer_sets: OfferSets, live: LivePlacements, metrics: ServingMetrics | None = None
    ) -> None:
        """Begin with none."""
        self._metrics = metrics or ServingMetrics()
        self.copy = CatalogCopy(catalog)
        self._offer_sets = offer_sets
        self._live = live
        self._groups: dict[_GroupName, _Group] = {}
        self._served: dict[str, _Served] = {}
        self._compared = 0
        self._refreshing = Shared(self._refresh)

    def offers(self, placement: str) -> LiveOffers | None:
        """Return what the placement of a name may draw from now; None when no offer is live, or there is none."""
        applied = self._live.applied.get(placement)
        return None if applied is None else self.offers_of(applied)

    def offers_of(self, placement: LivePlacement) -> LiveOffers | None:
        """Return what a placement may draw from now; None when no offer is live."""
        served = self._served.get(placement.keys.name)
        if served is None or placement.created_at_ms != served.created_at_ms:
            return None  # the last: it was deleted and created anew, and its set is not among the new keys yet
        return served.offers

    async def placements(self) -> list[Placement]:
        """Return the placements that there are.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        await self._live.refresh_all()
        return [live.placement for live in self._live.applied.values()]

    async def refresh(self) -> None:
        """Bring everything up to date with the store.

        Raises:
            StoreUnavailableError: The store did not answer in time; what was known is kept.
        """
        await self._refreshing.done()

    async def catch_up(self) -> None:
        """Refresh now, after a change of this process's own: what cannot be done now is done in a moment."""
        try:
            await self.refresh()
        except ExpectedError as error:
            _log.debug("the catalogue stays as it is: %s", error)

    async def follow(self) -> None:
        """Keep everything up to date until cancelled; a store that is away is waited for."""
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self.catch_up()
            except Exception:  # noqa: BLE001 - whatever is wrong now, later changes must not be missed
                _log.exception("the catalogue stays as it is")

    async def _refresh(self) -> None:
        now_ms = await self.copy.refresh()
        applied = dict(self._live.applied)
        self._forget(applied)
        errors = [await self._serve_safely(placement, now_ms) for placement in applied.values()]
        used = {self._group_name(placement) for placement in applied.values()}
        self._groups = {name: group for name, group in self._groups.items() if name in used}
        for error in filter(None, errors):
            raise error

    def _forget(self, applied: Mapping[str, LivePlacement]) -> None:
        for name in self._served.keys() - applied.keys():
            del self._served[name]
            self._offer_sets.forget(PlacementKeys(name))
            self._metrics.draws_from(name, None)
        if self._compared != self.copy.times_compared:  # the store may have lost what was registered
            self._compared = self.copy.times_compared
            for placement in applied.values():
                self._offer_sets.forget(placement.keys)

    async def _serve_safely(self, placement: LivePlacement, now_ms: int) -> ExpectedError | None:
        # Of a cluster, each server fails alone: the placements of the others go on.
        try:
            await self._serve(placement, now_ms)
        except ExpectedError as error:
            return error
        except Exception:  # noqa: BLE001 - whatever is wrong with one placement, the others must go on
            _log.exception('placement "%s": what it draws from the catalogue stays as it is', placement.keys.name)
        return None

    async def _serve(self, placement: LivePlacement, now_ms: int) -> None:
        name, created_at_ms = placement.keys.name, placement.record.created_at_ms
        served = self._served.get(name)
        if served is not None and served.created_at_ms != created_at_ms:
            del self._served[name]  # it was deleted, and the set that decisions name with it
        group = await self._group(self._group_name(placement), now_ms, served.group if served else None)
        if group.offers is None or not await self._registered(placement, group.offers.offer_set):
            self._served.pop(name, None)
            self._metrics.draws_from(name, 0)
        elif (
            served is None
            or served.group is not group
            or served.guard is not placement.guard
            or name not in self._served
        ):
            # In a thread: for thousands of new offers it takes a tenth of a second, for which decisions would wait.
            await asyncio.to_thread(_prepare, placement, group.offers)
            self._served[name] = _Served(created_at_ms, group, group.offers, placement.guard)
            self._metrics.draws_from(name, len(group.live))

    async def _registered(self, placement: LivePlacement, offer_set: OfferSet) -> bool:
        try:
            await self._offer_sets.register(placement.keys, offer_set, placement.record.created_at_ms)
        except NotFoundError:
            return False  # it has just been deleted
        return True

    def _group_name(self, placement: LivePlacement) -> _GroupName:
        return self.copy.group(placement.keys.name), placement.channels

    async def _group(self, name: _GroupName, now_ms: int, served: _Group | None) -> _Group:
        stamp = self.copy.stamp(name[0], now_ms)
        former = self._groups.get(name, served)
        if name not in self._groups or self._groups[name].stamp != stamp:
            self._groups[name] = await _made_group(stamp, self.copy.live(name[0], now_ms), name[1], former)
        return self._groups[name]


async def _made_group(
    stamp: tuple[int, int, int], live: Sequence[KnownOffer], channels: tuple[Channel, ...], former: _Group | None
) -> _Group:
    before = (former.offers, former.live) if former else (None, ())
    if not channels:
        return _Group(stamp, live, await made_ready(live, *before))
    made = await on_channels(live, channels, former.made if former else {})
    varied = [each for each in made.values() if each is not None]
    return _Group(stamp, varied, await made_ready(varied, *before, with_channels=True), made)


def _prepare(placement: LivePlacement, offers: LiveOffers) -> None:
    if placement.policy is not None:
        placement.policy.prepare(offers.actions)
    placement.guard.prepare(offers.terms)
