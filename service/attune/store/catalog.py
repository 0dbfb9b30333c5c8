"""The catalogue: the offers that are kept for placements to choose from, and what has changed in it.

Servers hold a copy (`attune.serving.catalog_copy`) and ask a few times a second for changes, which is one cheap call.
Every change has a revision; revisions grow, also over a failover that loses some: whose copy has a revision that the
store does not know compares anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from attune.errors import LimitReachedError, NotFoundError
from attune.storage.v1.records_pb2 import CatalogRecord
from attune.store.client import Store, StoreRefusedError
from attune.store.keys import CATALOG_CHANGES, CATALOG_DELETED, CATALOG_HEAD, CATALOG_OFFERS, CATALOG_REVISIONS
from attune.v1.catalog_service_pb2 import CatalogOffer

MAX_OFFERS = 20_000
MAX_BYTES = 64 << 20
"""Most bytes of all offers: every server has them in memory, and every placement that draws from them a copy."""
MAX_READ = 1000
"""Most offers of one reading."""

_MAX_REMEMBERED_DELETIONS = 20_000
_MAX_REMEMBERED_REVISIONS = 1000
_WRITTEN = (CATALOG_OFFERS, CATALOG_CHANGES, CATALOG_DELETED, CATALOG_HEAD, CATALOG_REVISIONS)


@dataclass(frozen=True, slots=True)
class Put:
    """What putting offers did.

    Attributes:
        revision: The catalogue's revision now.
        created: How many of the offers are new.
        updated: How many were there and have changed.
    """

    revision: int
    created: int
    updated: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed since a revision.

    Attributes:
        revision: The catalogue's revision now.
        now_ms: The store's time, milliseconds since the epoch.
        is_whole: Whether `put` is the whole catalogue, and what is not in it is gone.
        put: Of each offer that is new or has changed, its id and the revision that changed it last.
        deleted: Ids of the offers that were deleted.
    """

    revision: int
    now_ms: int
    is_whole: bool
    put: Mapping[str, int]
    deleted: Sequence[str]


@dataclass(frozen=True, slots=True)
class Reading:
    """Offers as they are in the store.

    Attributes:
        now_ms: The store's time, milliseconds since the epoch.
        records: A serialised storage.v1.CatalogRecord for each id that was asked for; None where there is none.
    """

    now_ms: int
    records: Sequence[bytes | None]


class Catalog:
    """Reads and writes the catalogue."""

    def __init__(self, store: Store) -> None:
        """Work through this client."""
        self._store = store

    async def put(self, offers: Sequence[CatalogOffer]) -> Put:
        """Put offers into the catalogue, all of them or none.

        Args:
            offers: Valid ones, at least one, ids unique; together at most a few MiB.

        Raises:
            LimitReachedError: There would be more than MAX_OFFERS, or they would be larger than MAX_BYTES.
            StoreUnavailableError: The store did not answer in time; it may have happened.
        """
        args: list[str | bytes | int] = [MAX_OFFERS, MAX_BYTES, _MAX_REMEMBERED_REVISIONS]
        for offer in offers:
            # Deterministic, so that the same offer has the same bytes: the order of a map's entries is not its own.
            args += (offer.offer.id, CatalogRecord(offer=offer).SerializeToString(deterministic=True))
        revision, *counts = await self._store.run("catalog_put", _WRITTEN, args)
        if revision < 0:
            raise _too_much(*counts)
        return Put(revision, *counts)

    async def delete(self, ids: Sequence[str]) -> tuple[int, int]:
        """Take offers out of the catalogue.

        Args:
            ids: Theirs, at least one; those that are not in it are ignored.

        Returns:
            The catalogue's revision now, and how many were in it.

        Raises:
            StoreUnavailableError: The store did not answer in time; it may have happened.
        """
        remembered = [_MAX_REMEMBERED_DELETIONS, _MAX_REMEMBERED_REVISIONS]
        revision, deleted = await self._store.run("catalog_delete", _WRITTEN, [*remembered, *ids])
        return revision, deleted

    async def get(self, offer_id: str) -> tuple[CatalogRecord, int]:
        """Return an offer, and the store's time in milliseconds since the epoch.

        Raises:
            NotFoundError: It is not in the catalogue.
            StoreUnavailableError: The store did not answer in time, or what it has is no offer.
        """
        reading = await self.read([offer_id])
        [value] = reading.records
        if value is None:
            raise NotFoundError(f'id: expected the id of an offer in the catalogue, got "{offer_id[:80]}"')
        try:
            return CatalogRecord.FromString(value), reading.now_ms
        except DecodeError as error:
            raise StoreRefusedError(f'offer "{offer_id[:80]}": {len(value)} bytes in the store are none') from error

    async def read(self, ids: Sequence[str]) -> Reading:
        """Read offers, in one round trip.

        Args:
            ids: Theirs, 1 to MAX_READ.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        now_ms, records = await self._store.run("catalog_read", [CATALOG_OFFERS], ids)
        return Reading(now_ms, records)

    async def changes(self, since: int) -> Changes:
        """Tell what has changed since a revision.

        Args:
            since: The revision; 0 to be told everything.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        keys = (CATALOG_HEAD, CATALOG_CHANGES, CATALOG_DELETED, CATALOG_REVISIONS)
        revision, now_ms, is_whole, put, deleted = await self._store.run("catalog_changes", keys, [since])
        return Changes(
            revision=revision,
            now_ms=now_ms,
            is_whole=bool(is_whole),
            put={offer_id.decode(): int(changed) for offer_id, changed in zip(put[::2], put[1::2], strict=True)},
            deleted=[offer_id.decode() for offer_id in deleted],
        )


def _too_much(created: int, there_are: int, size_bytes: int) -> LimitReachedError:
    if there_are + created > MAX_OFFERS:
        said = f"expected at most {MAX_OFFERS} offers in the catalogue, got {created} new ones beside {there_are}"
    else:
        said = f"expected at most {MAX_BYTES} bytes of offers in the catalogue, got {size_bytes}"
    return LimitReachedError(f"offers: {said}")
