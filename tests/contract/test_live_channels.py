"""Placements that choose channels draw from the offers of the catalogue on each of them."""

from attune.serving.catalog import LiveCatalog
from attune.serving.live import LivePlacements
from attune.serving.specs import with_defaults
from attune.serving.terms import OfferTerms
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.catalog import Catalog
from attune.store.client import Store
from attune.store.kept_sets import KeptSets
from attune.store.keys import PlacementKeys
from attune.store.offer_sets import OfferSets
from attune.store.placements import Placements
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import ChannelSpec, Placement
from catalog_offers import catalog_offer, live_catalog

EMAIL, PUSH = ChannelSpec(name="email", cost=0.5), ChannelSpec(name="push")


async def apply(store: Store, name: str, *channels: ChannelSpec) -> None:
    await Placements(store).apply(with_defaults(Placement(name=name, channels=channels)), 0)


async def started(store: Store) -> tuple[LiveCatalog, LivePlacements]:
    live, placements = await live_catalog(store)
    await live.refresh()
    return live, placements


def drawn(live: LiveCatalog, placement: str) -> list[str]:
    offers = live.offers(placement)
    return [] if offers is None else list(offers.actions.action_ids)


async def test_variants_are_drawn_from_and_are_in_the_store(store: Store) -> None:
    await apply(store, "crm", PUSH, EMAIL)
    await apply(store, "home")
    await Catalog(store).put([catalog_offer("a", cost=1.0), catalog_offer("b", channels=["email"])])
    live, _ = await started(store)
    assert drawn(live, "home") == ["a", "b"]
    assert drawn(live, "crm") == ["a@push", "a@email", "b@email"]
    offers = live.offers("crm")
    assert offers is not None
    assert offers.with_channels
    assert list(offers.terms) == [
        OfferTerms("a", "push", cost=1.0),
        OfferTerms("a", "email", cost=1.5),
        OfferTerms("b", "email", cost=0.5),
    ]
    assert [list(offers.of_offer(each)) for each in ("a", "b", "a@push")] == [[0, 1], [2], []]
    assert {channel: list(found) for channel, found in offers.channels.items()} == {"push": [0], "email": [1, 2]}
    record = DecisionRecord(offer_set=offers.offer_set.digest)
    await OfferSets(store, KeptSets()).fill(PlacementKeys("crm"), [record])
    assert [Offer.FromString(offer).id for offer in record.offers] == drawn(live, "crm")


async def test_placements_with_the_same_channels_share_what_they_draw_from(store: Store) -> None:
    for name in ("one", "two"):
        await apply(store, name, PUSH, EMAIL)
    await apply(store, "three", PUSH, ChannelSpec(name="email", cost=0.6))
    await Catalog(store).put([catalog_offer("a")])
    live, _ = await started(store)
    assert live.offers("one") is live.offers("two")
    assert live.offers("one") is not live.offers("three")


async def test_changes_are_followed(store: Store) -> None:
    await apply(store, "crm", PUSH, EMAIL)
    await Catalog(store).put([catalog_offer("a"), catalog_offer("b", channels=["email"])])
    live, placements = await started(store)
    before = live.offers("crm")
    await live.refresh()
    assert live.offers("crm") is before, "nothing has changed"
    # of the catalogue
    await Catalog(store).put([catalog_offer("b", channels=["push"]), catalog_offer("c")])
    await live.refresh()
    assert drawn(live, "crm") == ["a@push", "a@email", "b@push", "c@push", "c@email"]
    # of the placement: what a channel costs, which ones there are, and whether there are any
    for channels, expected in (
        ((PUSH, ChannelSpec(name="email", cost=2.0)), ["a@push", "a@email", "b@push", "c@push", "c@email"]),
        ((PUSH,), ["a@push", "b@push", "c@push"]),
        ((), ["a", "b", "c"]),
    ):
        await apply(store, "crm", *channels)
        await placements.refresh(["crm"])
        await live.refresh()
        assert drawn(live, "crm") == expected
        offers = live.offers("crm")
        assert offers is not None
        assert offers.with_channels == bool(channels)
        assert [each.cost for each in offers.terms] == [2.0 if "@email" in each else 0.0 for each in expected]


async def test_an_offer_that_is_called_like_a_variant_is_none(store: Store) -> None:
    """Its id and features, and so its digest, are the same: what it stands for is not."""
    await apply(store, "crm", PUSH)
    twin = catalog_offer("a@push")
    twin.offer.features.categorical["channel"] = "push"
    await Catalog(store).put([catalog_offer("a")])
    live, placements = await started(store)
    await Catalog(store).delete(["a"])
    await Catalog(store).put([twin])
    await apply(store, "crm")
    await placements.refresh(["crm"])
    await live.refresh()
    offers = live.offers("crm")
    assert offers is not None
    assert (offers.with_channels, list(offers.terms)) == (False, [OfferTerms("a@push")])


async def test_without_an_offer_on_one_of_the_channels_there_is_nothing(store: Store) -> None:
    await apply(store, "crm", PUSH)
    await Catalog(store).put([catalog_offer("a", channels=["sms"])])
    live, _ = await started(store)
    assert live.offers("crm") is None
