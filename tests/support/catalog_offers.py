"""Offers of a catalogue, made so that a test shows only what it is about, and the catalogue of a store."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from attune.serving.catalog import LiveCatalog
from attune.serving.live import LivePlacements
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.catalog import Catalog
from attune.store.client import Store
from attune.store.kept_sets import KeptSets
from attune.store.keys import PlacementKeys
from attune.store.offer_sets import OfferSets
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.catalog_service_pb2 import CatalogOffer
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import Placement


def catalog_offer(offer_id: str, price: float = 1.0, **fields: Any) -> CatalogOffer:
    """An offer with one feature."""
    return CatalogOffer(offer=Offer(id=offer_id, features=Features(numeric={"price": price})), **fields)


def at_ms(milliseconds: int) -> Timestamp:
    """A time, from milliseconds since the epoch."""
    timestamp = Timestamp()
    timestamp.FromMilliseconds(milliseconds)
    return timestamp


async def apply(store: Store, *names: str, now_ms: int = 0) -> None:
    """Apply placements with every default."""
    for name in names:
        await Placements(store).apply(with_defaults(Placement(name=name)), now_ms)


async def live_catalog(store: Store) -> tuple[LiveCatalog, LivePlacements]:
    """What a process that starts now has, before it has looked at the catalogue."""
    placements = Placements(store)
    live = LivePlacements(placements, Versions(store))
    await live.refresh(await placements.names())
    return LiveCatalog(Catalog(store), OfferSets(store), live), live


def drawn(live: LiveCatalog, placement: str = "home") -> Sequence[str]:
    """Ids of what a placement may draw; none where there is nothing."""
    offers = live.offers(placement)
    return [] if offers is None else offers.actions.action_ids


async def in_store(store: Store, live: LiveCatalog, placement: str = "home") -> list[str]:
    """Ids of the offers that somebody finds who reads a decision that names what may be drawn now."""
    offers = live.offers(placement)
    assert offers is not None
    record = DecisionRecord(offer_set=offers.offer_set.digest)
    await OfferSets(store, KeptSets()).fill(PlacementKeys(placement), [record])
    return [Offer.FromString(offer).id for offer in record.offers]
