"""Sets of offers, as they were when decisions were made.

A decision that draws from the catalogue does not hold the offers: it names a set of them. Sets and offers are stored
under digests of what they are, in the placement's own keys, before the first decision names them, and never change; so
whoever reads a decision later, from the log or anywhere else, sees the offers as they were.

    catalogue --register--> offers, then parts, then the set --digest--> decision
    decision --fill, sets_of--> the offers that it was drawn from
"""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf

from attune.errors import InvalidInputError, NotFoundError
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.client import Store
from attune.store.kept_sets import KeptSets
from attune.store.keys import OFFER_SETS_KEPT_S, OFFER_SETS_NOTED_S, PlacementKeys
from attune.store.offer_set import OfferSet, offer_digest, offer_set_of, offers_of
from attune.store.set_records import offer_digests_of, record_of, records_of
from attune.v1.features_pb2 import Offer

__all__ = ["OfferSet", "OfferSets", "offer_digest", "offer_set_of"]

_MOST_PER_CALL = 1000
_MOST_BYTES_PER_CALL = 1 << 20

# Sets and offers of all placements of this process: what is called by the same digest is the same.
_KEPT = KeptSets()


@dataclass(slots=True)
class _Noted:
    """What this process has registered for a placement: until when nothing is to be done, in monotonic seconds.

    Nothing of it has to be done before `first_s`.
    """

    created_at_ms: int
    until_s: dict[bytes, float] = field(default_factory=dict)
    first_s: float = inf

    def expire(self, now_s: float) -> None:
        """Forget what is to be done again."""
        if now_s >= self.first_s:
            self.until_s = {digest: until_s for digest, until_s in self.until_s.items() if until_s > now_s}
            self.first_s = min(self.until_s.values(), default=inf)

    def add(self, digests: Iterable[bytes], until_s: float) -> None:
        """Take note of what was done."""
        self.until_s.update(dict.fromkeys(digests, until_s))
        self.first_s = min(self.first_s, until_s)


class OfferSets:
    """Writes the sets that are about to be drawn from, and reads those that were."""

    def __init__(self, store: Store, kept: KeptSets = _KEPT) -> None:
        """Work through this client, and keep what was read here."""
        self._store = store
        self._kept = kept
        self._noted: dict[str, _Noted] = {}

    async def register(self, keys: PlacementKeys, offer_set: OfferSet, created_at_ms: int = 0) -> None:
        """Write a set unless it is there, and note that it is in use. From then on decisions may name it.

        To be called again while it is in use: that costs nothing, but for once in OFFER_SETS_NOTED_S.

        Args:
            keys: Of the placement that draws from it.
            offer_set: At least one offer.
            created_at_ms: When the placement was created: what a former one of the same name had is gone.

        Raises:
            NotFoundError: The placement is gone.
            StoreUnavailableError: The store did not answer in time; decisions must not name the set yet.
        """
        now_s = time.monotonic()
        noted = self._noted.get(keys.name)
        if noted is None or noted.created_at_ms != created_at_ms:
            noted = self._noted[keys.name] = _Noted(created_at_ms)
        noted.expire(now_s)
        if offer_set.digest in noted.until_s:
            return
        try:
            await self._register(keys, offer_set, noted, now_s + OFFER_SETS_NOTED_S)
        except NotFoundError:
            self._noted.pop(keys.name, None)
            raise

    def forget(self, keys: PlacementKeys) -> None:
        """Register everything again when it is asked for next: the store has lost something."""
        self._noted.pop(keys.name, None)

    async def fill(self, keys: PlacementKeys, records: Sequence[DecisionRecord]) -> None:
        """Put the offers into decisions that only name them, so that they are whole.

        A decision whose offers are lost stays without any.

        Args:
            keys: The placement's keys.
            records: Its decisions; of many, `sets_of` needs far less memory.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        for record, offer_set in zip(records, await self.sets_of(keys, records), strict=True):
            if record.offer_set and not record.offers:
                with suppress(InvalidInputError):
                    record.offers.extend(offers_of(record, offer_set))
                if offer_set is not None:
                    _name_excluded(record, offer_set.offers)

    async def sets_of(self, keys: PlacementKeys, records: Sequence[DecisionRecord]) -> list[OfferSet | None]:
        """Return the sets that decisions name.

        Args:
            keys: The placement's keys.
            records: Its decisions.

        Returns:
            For each decision, None where it names none, or where the store has lost it.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        named = dict.fromkeys(record.offer_set for record in records if record.offer_set)
        if not named:
            return [None] * len(records)
        sets = {digest: self._kept.get(digest) for digest in named}
        if missing := [digest for digest, offer_set in sets.items() if offer_set is None]:
            sets |= await self._read(keys, missing)
        return [sets.get(record.offer_set) for record in records]

    async def trim(self, keys: PlacementKeys) -> int:
        """Remove offers, and sets of them, that nothing in the log, or on its way there, can name any more.

        Args:
            keys: The placement's keys.

        Returns:
            How many were removed.

        Raises:
            NotFoundError: The placement is gone.
            StoreUnavailableError: The store did not answer in time; some may have been removed.
        """
        touched = [keys.spec, keys.offers, keys.offersets, keys.offersets_used, keys.interactions, keys.due]
        total, removed = 0, _MOST_PER_CALL
        while removed == _MOST_PER_CALL:
            removed = await self._store.run("trim_offers", touched, [1000 * OFFER_SETS_KEPT_S, _MOST_PER_CALL])
            total += removed
        return total

    async def _register(self, keys: PlacementKeys, offer_set: OfferSet, noted: _Noted, until_s: float) -> None:
        known, offers = noted.until_s, offer_set.offers
        stale = {digest: offers[i] for i, digest in enumerate(offer_set.offer_digests) if digest not in known}
        missing = await self._keep(keys, keys.offers, dict.fromkeys(stale, b""))
        await self._keep(keys, keys.offers, {digest: stale[digest] for digest in missing})
        noted.add(stale, until_s)
        # The set itself is the last one: whoever finds it finds all that it consists of.
        records = records_of(offer_set.digest, offer_set.offer_digests, noted.until_s)
        await self._keep(keys, keys.offersets, {digest: each.SerializeToString() for digest, each in records.items()})
        noted.add(records, until_s)

    async def _keep(self, keys: PlacementKeys, where: str, values: Mapping[bytes, bytes]) -> list[bytes]:
        """Note and write values, in their order; return those that are empty and are not there."""
        missing: list[bytes] = []
        for chunk in _chunks(values.items()):
            # What a set consists of may have been noted an hour before the set is: it stays for two.
            args: list[str | bytes | int] = [2000 * OFFER_SETS_NOTED_S]
            for item in chunk:
                args += item
            numbers = await self._store.run("keep_offers", [keys.spec, where, keys.offersets_used], args)
            missing += [chunk[number - 1][0] for number in numbers]
        return missing

    async def _read(self, keys: PlacementKeys, digests: Sequence[bytes]) -> dict[bytes, OfferSet | None]:
        """Read sets; None for those that are not whole."""
        lists = await self._offer_digests(keys, digests)
        wanted = dict.fromkeys(digest for listed in lists.values() for digest in listed or ())
        offers = {digest: self._kept.offer(digest) for digest in wanted}
        lost = [digest for digest, offer in offers.items() if offer is None]
        offers |= await self._values(keys.offers, lost)
        return {digest: self._whole(digest, listed, offers) for digest, listed in lists.items()}

    def _whole(self, digest: bytes, listed: Sequence[bytes], found: Mapping[bytes, bytes | None]) -> OfferSet | None:
        offers = [offer for each in listed if (offer := found[each]) is not None]
        if not listed or len(offers) < len(listed):
            return None
        offer_set = OfferSet(digest, self._kept.shared(listed), offers)
        self._kept.add(offer_set)
        return offer_set

    async def _offer_digests(self, keys: PlacementKeys, digests: Sequence[bytes]) -> dict[bytes, Sequence[bytes]]:
        """Read which offers sets have; none where that is lost."""
        records = {digest: record_of(value) for digest, value in (await self._values(keys.offersets, digests)).items()}
        wanted = dict.fromkeys(part for record in records.values() for part in record.parts)
        parts = {part: record_of(value) for part, value in (await self._values(keys.offersets, wanted)).items()}
        return {digest: offer_digests_of(record, parts) for digest, record in records.items()}

    async def _values(self, where: str, digests: Collection[bytes]) -> dict[bytes, bytes | None]:
        """Read fields of a hash; None for those that are not there."""
        found: dict[bytes, bytes | None] = {}
        wanted = list(digests)
        for i in range(0, len(wanted), _MOST_PER_CALL):
            portion = wanted[i : i + _MOST_PER_CALL]
            async with self._store.reaching():
                found |= zip(portion, await self._store.redis.hmget(where, portion), strict=True)
        return found


def _chunks(items: Iterable[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    """Yield items in portions that the store can take without keeping others waiting."""
    chunk: list[tuple[bytes, bytes]] = []
    size = 0
    for item in items:
        if chunk and (len(chunk) == _MOST_PER_CALL or size + len(item[1]) > _MOST_BYTES_PER_CALL):
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += len(item[1])
    if chunk:
        yield chunk


def _name_excluded(record: DecisionRecord, offers: Sequence[bytes]) -> None:
    """Put the ids of offers that could not be drawn beside their positions."""
    for each in record.excluded:
        if not each.offer_ids:
            each.offer_ids.extend(Offer.FromString(offers[i]).id for i in each.positions if i < len(offers))
