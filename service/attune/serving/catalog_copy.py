"""This process's copy of the catalogue: every offer, parsed and encoded once, and kept up to date.

The store is asked what has changed; only that is read. All that was read is ready before the copy changes, in one step.
"""

import logging
from bisect import bisect_right
from collections import ChainMap, Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from sys import maxsize

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from attune.serving.terms import OfferTerms
from attune.storage.v1.records_pb2 import CatalogRecord
from attune.store.catalog import Catalog, Changes
from attune.store.offer_sets import offer_digest
from attune.tasks import Shared, in_turns
from attune.v1.catalog_service_pb2 import CatalogOffer
from attune_models.features import FeatureError, encode_action

EVERYWHERE = ""
"""Stands for every placement that no offer names."""

_BEGINNING_MS, _END_MS = -maxsize, maxsize
_READ_AT_ONCE = 500
_MOST_LOOKS = 10  # offers that change faster than they can be read are followed all the same
_NANOS_PER_MS = 1_000_000
_SPARE_LIMITS = 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class KnownOffer:
    """An offer of the catalogue, ready to be drawn.

    Attributes:
        id: Its id.
        revision: The catalogue's revision that changed it last.
        serialised: A serialised attune.v1.Offer.
        digest: Of that, see `attune.store.offer_sets`.
        action: Its features, encoded, its id among them.
        placements: Names of the placements that may show it; empty for all.
        channels: The channels on which it may be shown; empty for all.
        tags: Words to find it by.
        starts_ms: It is live from then on, milliseconds since the epoch by the store's clock.
        ends_ms: Until then, not included.
        terms: On what terms it may be shown besides.
    """

    id: str
    revision: int
    serialised: bytes
    digest: bytes
    action: str
    placements: frozenset[str]
    channels: frozenset[str]
    tags: frozenset[str]
    starts_ms: int
    ends_ms: int
    terms: OfferTerms

    def is_live(self, now_ms: int) -> bool:
        """Tell whether it is live at a time of the store's clock."""
        return self.starts_ms <= now_ms < self.ends_ms

    def is_for(self, placement: str) -> bool:
        """Tell whether a placement may show it."""
        return not self.placements or placement in self.placements


class CatalogCopy:
    """The offers of the catalogue, as this process knows them."""

    def __init__(self, catalog: Catalog) -> None:
        """Begin with none."""
        self._catalog = catalog
        self._offers: dict[str, KnownOffer] = {}
        self._ids: list[str] = []
        # When offers begin or cease to be live, sorted. Those of offers that are gone may still be among them.
        self._limits_ms: list[int] = []
        self._revision = 0
        # What to ask for changes since; 0 after a failure. Then, whatever has happened to the store, its next answer is
        # compared with all that is known here.
        self._since = 0
        # How many offers name each placement, and what the change was that last concerned it.
        self._named: Counter[str] = Counter()
        self._changes = 0
        self._touched: dict[str, int] = {EVERYWHERE: 0}
        self._times_compared = 0
        self._refreshing = Shared(self._refresh)

    @property
    def times_compared(self) -> int:
        """How often everything was compared: at first, and where the store was away or has lost something."""
        return self._times_compared

    @property
    def revision(self) -> int:
        """The catalogue's revision that this is the copy of; 0 before the first one."""
        return self._revision

    def ordered(self) -> Iterator[KnownOffer]:
        """Yield the offers by id; nothing else may be awaited in between."""
        return map(self._offers.__getitem__, self._ids)

    def group(self, placement: str) -> str:
        """Return which placements have the same offers as this one: those of the same group."""
        return placement if placement in self._named else EVERYWHERE

    def live(self, group: str, now_ms: int) -> list[KnownOffer]:
        """Return what the placements of a group may draw at a time of the store's clock, by id."""
        # As `is_live` and `is_for` say: calling them for 10,000 offers would take 4 ms instead of 1.
        return [
            offer
            for offer in self.ordered()
            if offer.starts_ms <= now_ms < offer.ends_ms and (not offer.placements or group in offer.placements)
        ]

    def stamp(self, group: str, now_ms: int) -> tuple[int, int, int]:
        """Return what is the same as before when the live offers of a group of placements are."""
        passed = bisect_right(self._limits_ms, now_ms)
        last_limit_ms = self._limits_ms[passed - 1] if passed else _BEGINNING_MS
        return self._touched.get(group, 0), self._touched[EVERYWHERE], last_limit_ms

    async def refresh(self) -> int:
        """Bring the copy up to date with the store.

        Returns:
            The store's time, milliseconds since the epoch.

        Raises:
            StoreUnavailableError: The store did not answer in time; what was known is kept.
        """
        return await self._refreshing.done()

    async def _refresh(self) -> int:
        since, self._since = self._since, 0
        changes, read = await self._settled(since)
        if changes.put or changes.is_whole or changes.deleted:
            self._take_over(changes, list(read.values()))
        self._times_compared += changes.is_whole
        self._since = self._revision = changes.revision
        return changes.now_ms

    async def _settled(self, since: int) -> tuple[Changes, Mapping[str, KnownOffer]]:
        """Return what has changed, and the offers that have, all as they were at one moment.

        One that is newer than what was said to have changed came with others: then everything is asked for again.
        """
        read: dict[str, KnownOffer] = {}
        for _ in range(_MOST_LOOKS):
            changes = await self._catalog.changes(since)
            if await self._read(changes, read):
                break
        return changes, {offer_id: offer for offer_id, offer in read.items() if offer_id in changes.put}

    async def _read(self, changes: Changes, read: dict[str, KnownOffer]) -> bool:
        """Read what has changed and was not read yet; return whether nothing of it has changed meanwhile."""
        known = ChainMap(read, self._offers)
        newer = [name for name, changed in changes.put.items() if name not in known or known[name].revision != changed]
        is_settled = True
        for begin in range(0, len(newer), _READ_AT_ONCE):
            ids = newer[begin : begin + _READ_AT_ONCE]
            values = (await self._catalog.read(ids)).records
            async for offer_id, value in in_turns(zip(ids, values, strict=True)):
                if value is None:  # deleted a moment ago
                    is_settled = False
                elif offer := _known_offer(offer_id, value, self._offers.get(offer_id)):
                    read[offer_id] = offer
                    is_settled = is_settled and offer.revision <= changes.revision
        return is_settled

    def _take_over(self, changes: Changes, read: Sequence[KnownOffer]) -> None:
        gone = self._offers.keys() - changes.put.keys() if changes.is_whole else set(changes.deleted)
        former = [self._offers.pop(offer_id) for offer_id in gone if offer_id in self._offers]
        created = [offer.id for offer in read if offer.id not in self._offers]
        former += [self._offers[offer.id] for offer in read if offer.id in self._offers]
        self._offers.update((offer.id, offer) for offer in read)
        if gone:
            self._ids = [offer_id for offer_id in self._ids if offer_id in self._offers]
        if created:
            self._ids += created
            self._ids.sort()  # of a long sorted part and a short one: linear
        self._note_limits(read)
        self._note_groups(former, read)

    def _note_limits(self, offers: Iterable[KnownOffer]) -> None:
        self._limits_ms += _limits(offers)
        if len(self._limits_ms) > 4 * len(self._offers) + _SPARE_LIMITS:
            self._limits_ms = list(set(_limits(self._offers.values())))
        self._limits_ms.sort()

    def _note_groups(self, former: Iterable[KnownOffer], read: Iterable[KnownOffer]) -> None:
        before = Counter(name for offer in former for name in offer.placements or [EVERYWHERE])
        after = Counter(name for offer in read for name in offer.placements or [EVERYWHERE])
        self._changes += 1
        for name in before.keys() | after.keys():
            self._touched[name] = self._changes
            self._named[name] += after[name] - before[name]
            if not self._named[name] and name != EVERYWHERE:
                del self._named[name], self._touched[name]


def lifetime_ms(offer: CatalogOffer) -> tuple[int, int]:
    """Return from when an offer is live, and until when, not included: milliseconds since the epoch."""
    return (
        _milliseconds(offer.starts_at) if offer.HasField("starts_at") else _BEGINNING_MS,
        _milliseconds(offer.ends_at) if offer.HasField("ends_at") else _END_MS,
    )


def _milliseconds(time: Timestamp) -> int:
    # Rounded up: the store's clock has whole milliseconds, and the first of them that is not before the time counts.
    return time.seconds * 1000 + -(-time.nanos // _NANOS_PER_MS)


def _known_offer(offer_id: str, value: bytes, former: KnownOffer | None) -> KnownOffer | None:
    try:
        record = CatalogRecord.FromString(value)
        serialised = record.offer.offer.SerializeToString(deterministic=True)
        digest = offer_digest(serialised)
        known = former is not None and former.digest == digest
        action = former.action if former is not None and known else encode_action(record.offer.offer)
    except (DecodeError, FeatureError) as error:
        _log.error('offer "%s": %d bytes in the store are none: %s', offer_id[:80], len(value), error)
        return None
    offer, tags = record.offer, frozenset(record.offer.tags)
    starts_ms, ends_ms = lifetime_ms(offer)
    return KnownOffer(
        id=offer_id,
        revision=record.revision,
        serialised=serialised,
        digest=digest,
        action=action,
        placements=frozenset(offer.placements),
        channels=frozenset(offer.channels),
        tags=tags,
        starts_ms=starts_ms,
        ends_ms=ends_ms,
        terms=_terms(offer, tags),
    )


def _terms(offer: CatalogOffer, tags: frozenset[str]) -> OfferTerms:
    return OfferTerms(
        offer_id=offer.offer.id,
        category=offer.category,
        tags=tags,
        when=offer.when if offer.HasField("when") else None,
        exclusive_group=offer.exclusive_group,
        budget=offer.budget if offer.HasField("budget") else None,
        cost=offer.cost,
    )


def _limits(offers: Iterable[KnownOffer]) -> list[int]:
    return [
        limit_ms
        for offer in offers
        for limit_ms in (offer.starts_ms, offer.ends_ms)
        if _BEGINNING_MS < limit_ms < _END_MS
    ]
