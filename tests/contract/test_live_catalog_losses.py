"""The live offers of placements where something is lost or fails: what was known goes on, and is written again."""

import pytest

from attune.errors import StoreUnavailableError
from attune.serving.catalog import LiveCatalog
from attune.serving.live import LivePlacements
from attune.serving.specs import with_defaults
from attune.store.catalog import Catalog
from attune.store.client import Store
from attune.store.keys import CATALOG_CHANGES, CATALOG_HEAD, CATALOG_OFFERS, PlacementKeys
from attune.store.offer_sets import OfferSets
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.placement_pb2 import Placement
from attune_models.types import ActionSet
from attune_models.vw import VwPolicy
from catalog_offers import apply, catalog_offer, drawn, in_store, live_catalog

HOME = PlacementKeys("home")


async def test_a_placement_that_is_created_anew_gets_its_set_before_it_is_drawn_from(store: Store) -> None:
    """What the former one of the name had is gone with it: a decision that names its set would be lost."""
    await apply(store, "home")
    await Catalog(store).put([catalog_offer("a")])
    live, placements = await live_catalog(store)
    await live.refresh()
    await Placements(store).delete("home")
    await apply(store, "home", now_ms=1)
    await placements.refresh(["home"])
    assert live.offers("home") is None
    await live.refresh()
    assert await in_store(store, live) == ["a"]


async def test_a_placement_that_is_gone_is_no_obstacle(store: Store) -> None:
    """This process may not know yet."""
    await apply(store, "home", "mail")
    await Catalog(store).put([catalog_offer("a")])
    live, placements = await live_catalog(store)
    await Placements(store).delete("home")
    await live.refresh()
    assert (live.offers("home"), drawn(live, "mail")) == (None, ["a"])
    await placements.refresh(["home"])
    await live.refresh()
    assert (live.offers("home"), drawn(live, "mail")) == (None, ["a"])


async def test_what_the_store_has_lost_is_written_again(store: Store) -> None:
    await apply(store, "home")
    await Catalog(store).put([catalog_offer("a")])
    live, _ = await live_catalog(store)
    await live.refresh()
    await store.redis.delete(HOME.offers, HOME.offersets, CATALOG_OFFERS, CATALOG_CHANGES, CATALOG_HEAD)
    await Catalog(store).put([catalog_offer("a"), catalog_offer("b")])
    await store.redis.hset(CATALOG_HEAD, "revision", live.copy.revision - 1)
    await live.refresh()
    assert await in_store(store, live) == ["a", "b"]


async def test_what_the_store_has_lost_is_written_again_whoever_notices_first(store: Store) -> None:
    """A listing looks at the store, too."""
    await apply(store, "home")
    await Catalog(store).put([catalog_offer("a")])
    live, _ = await live_catalog(store)
    await live.refresh()
    await store.redis.delete(HOME.offers, HOME.offersets)
    await store.redis.hset(CATALOG_HEAD, "revision", live.copy.revision - 1)
    await live.copy.refresh()
    await live.refresh()
    assert await in_store(store, live) == ["a"]


async def test_what_a_decision_has_found_lost_is_written_again(store: Store) -> None:
    """The journal tells of it: the catalogue has no news."""
    await apply(store, "home")
    await Catalog(store).put([catalog_offer("a")])
    placements, sets = LivePlacements(Placements(store), Versions(store)), OfferSets(store)
    await placements.refresh(["home"])
    live = LiveCatalog(Catalog(store), sets, placements)
    await live.refresh()
    await store.redis.delete(HOME.offers, HOME.offersets)
    sets.forget(HOME)
    await live.refresh()
    assert await in_store(store, live) == ["a"]


async def test_while_the_store_is_away_what_was_known_is_drawn_from(store: Store) -> None:
    await apply(store, "home")
    await Catalog(store).put([catalog_offer("a")])
    live, _ = await live_catalog(store)
    await live.refresh()
    head = await store.redis.hgetall(CATALOG_HEAD)
    await store.redis.set(CATALOG_HEAD, "no hash")  # what is asked is refused
    with pytest.raises(StoreUnavailableError):
        await live.refresh()
    await live.catch_up()
    assert drawn(live) == ["a"]
    await store.redis.delete(CATALOG_HEAD)
    await store.redis.hset(CATALOG_HEAD, mapping=head)
    await Catalog(store).put([catalog_offer("b")])
    await live.refresh()
    assert drawn(live) == ["a", "b"]


async def test_a_damaged_offer_is_left_out_and_named(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    await apply(store, "home")
    await Catalog(store).put([catalog_offer("a"), catalog_offer("b")])
    await store.redis.hset(CATALOG_OFFERS, "a", b"\xff\xff")
    live, _ = await live_catalog(store)
    await live.refresh()
    assert drawn(live) == ["b"]
    assert 'offer "a": 2 bytes in the store are none' in caplog.text


async def test_a_placement_on_a_server_that_is_away_does_not_hold_up_the_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a cluster, each server fails alone."""
    await apply(store, "a_home", "mail")
    live, _ = await live_catalog(store)
    await Catalog(store).put([catalog_offer("a")])
    register = OfferSets.register

    async def partly(sets: OfferSets, keys: PlacementKeys, *args: object) -> None:
        if keys.name == "a_home":
            raise StoreUnavailableError("away")
        await register(sets, keys, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(OfferSets, "register", partly)
    with pytest.raises(StoreUnavailableError):
        await live.refresh()
    assert (live.offers("a_home"), drawn(live, "mail")) == (None, ["a"])
    monkeypatch.undo()
    await live.refresh()
    assert drawn(live, "a_home") == ["a"]


async def test_a_placement_whose_policy_fails_does_not_hold_up_the_others(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does it keep a server from starting."""

    def fail(_policy: VwPolicy, _actions: ActionSet) -> None:
        raise MemoryError("too many products")

    await apply(store, "home")
    for name in ("app", "mail"):
        spec = Placement(name=name)
        spec.policy.uniform.SetInParent()
        await Placements(store).apply(with_defaults(spec), 0)
    await Catalog(store).put([catalog_offer("a")])
    live, _ = await live_catalog(store)
    with monkeypatch.context() as failing:
        failing.setattr(VwPolicy, "prepare", fail)
        await live.refresh()
    assert [drawn(live, name) for name in ("app", "home", "mail")] == [["a"], [], ["a"]]
    assert 'placement "home": what it draws from the catalogue stays as it is' in caplog.text
    await live.refresh()
    assert drawn(live, "home") == ["a"]
