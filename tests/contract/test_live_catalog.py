"""The live offers of placements: what of the catalogue may be drawn, and that it is stored before it is."""

import asyncio
from collections.abc import Sequence

import pytest

from attune.metrics import ServingMetrics
from attune.serving import catalog_copy
from attune.serving.catalog import POLL_S, LiveCatalog
from attune.serving.catalog_copy import CatalogCopy
from attune.serving.circumstances import Circumstances
from attune.serving.live import LivePlacements
from attune.serving.specs import with_defaults
from attune.store.catalog import Catalog, Reading
from attune.store.client import Store
from attune.store.keys import CATALOG_HEAD
from attune.store.offer_sets import OfferSets
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.tasks import end
from attune.v1.condition_pb2 import Condition
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import EligibilityRule, Guardrails, Placement
from attune_models.features import encode_action
from catalog_offers import apply, at_ms, catalog_offer, drawn, in_store, live_catalog


async def store_ms(store: Store) -> int:
    return (await Catalog(store).changes(0)).now_ms


async def until_drawn(live: LiveCatalog, placement: str, ids: Sequence[str]) -> None:
    while drawn(live, placement) != ids:  # noqa: ASYNC110 - the product has no event for it: it is asked
        await asyncio.sleep(POLL_S / 10)


async def evalsha_calls(store: Store) -> int:
    return int((await store.redis.info("commandstats"))["cmdstat_evalsha"]["calls"])


async def test_every_placement_may_draw_what_names_none_and_what_names_it(store: Store) -> None:
    await apply(store, "home", "mail", "app")
    named = [catalog_offer("c", placements=["home", "not_yet"]), catalog_offer("a", placements=["mail"])]
    await Catalog(store).put([catalog_offer("b"), *named])
    live, _ = await live_catalog(store)
    assert live.offers("home") is None
    await live.refresh()
    assert [drawn(live, name) for name in ("home", "mail", "app")] == [["b", "c"], ["a", "b"], ["b"]]
    assert live.offers("not_yet") is None, "it is not applied"


async def test_what_may_be_drawn_is_in_the_store_and_encoded(store: Store) -> None:
    await apply(store, "home")
    await Catalog(store).put([catalog_offer("b", price=2.5), catalog_offer("a")])
    live, _ = await live_catalog(store)
    await live.refresh()
    offers = live.offers("home")
    assert offers is not None
    assert await in_store(store, live) == list(offers.actions.action_ids) == ["a", "b"]
    whole = [Offer.FromString(offer) for offer in offers.offer_set.offers]
    assert list(offers.actions.actions) == [encode_action(offer) for offer in whole]
    assert offers.position_of == {"a": 0, "b": 1}


async def test_processes_make_the_same_set_of_the_same_catalogue(store: Store) -> None:
    """However they came to know it."""
    await apply(store, "home")
    first, _ = await live_catalog(store)
    for name in "cab":
        await Catalog(store).put([catalog_offer(name), catalog_offer("x", price=ord(name))])
        await first.refresh()
    await Catalog(store).delete(["x"])
    await first.refresh()
    second, _ = await live_catalog(store)
    await second.refresh()
    sets = [offers.offer_set for live in (first, second) if (offers := live.offers("home"))]
    assert len(sets) == 2
    assert sets[0] == sets[1]


@pytest.mark.parametrize("whole", [False, True], ids=["told what has changed", "compared"])
async def test_changes_and_deletions_are_followed(store: Store, *, whole: bool) -> None:
    await apply(store, "home")
    catalog = Catalog(store)
    await catalog.put([catalog_offer(name) for name in "abc"])
    live, _ = await live_catalog(store)
    await live.refresh()
    before = live.offers("home")
    await catalog.put([catalog_offer("b", price=7.0), catalog_offer("d")])
    await catalog.delete(["a"])
    if whole:  # as after a failover that has lost what the process knows last
        await store.redis.hset(CATALOG_HEAD, "forgotten", live.copy.revision + 1)
    await live.refresh()
    after = live.offers("home")
    assert before is not None
    assert after is not None
    assert list(after.actions.action_ids) == ["b", "c", "d"]
    assert Offer.FromString(after.offer_set.offers[0]).features.numeric["price"] == 7.0
    assert after.actions.actions[1] is before.actions.actions[2], "what has not changed is not encoded again"
    assert list(before.actions.action_ids) == ["a", "b", "c"], "a decision that is being made keeps what it has"
    assert await in_store(store, live) == ["b", "c", "d"]


class BusyCatalog(Catalog):
    """One that somebody changes while it is read: before one of the readings, counted down to."""

    readings_left = 0

    async def read(self, ids: Sequence[str]) -> Reading:
        """Read, perhaps after a change."""
        self.readings_left -= 1
        if self.readings_left == 0:
            await self.put([catalog_offer(offer_id, price=3.0) for offer_id in "abcd"])
        return await super().read(ids)


@pytest.mark.parametrize("reading", [1, 2])
async def test_no_decision_sees_half_of_what_was_put_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, reading: int
) -> None:
    """What is read may be newer than what was said to have changed, or than what was read a moment before."""
    monkeypatch.setattr(catalog_copy, "_READ_AT_ONCE", 2)
    catalog = BusyCatalog(store)
    await catalog.put([catalog_offer(offer_id) for offer_id in "abcd"])
    copy = CatalogCopy(catalog)
    await copy.refresh()
    await catalog.put([catalog_offer(offer_id, price=2.0) for offer_id in "abc"])
    catalog.readings_left = reading
    await copy.refresh()
    assert [offer.action.rpartition(" ")[2] for offer in copy.ordered()] == ["price:3.0"] * 4
    assert {offer.revision for offer in copy.ordered()} == {copy.revision}


async def test_only_what_changes_for_a_placement_is_made_anew(store: Store) -> None:
    """Policies are prepared for an object: they would have to begin anew."""
    await apply(store, "home", "mail")
    catalog = Catalog(store)
    await catalog.put([catalog_offer("h", placements=["home"]), catalog_offer("m", placements=["mail"])])
    live, _ = await live_catalog(store)
    await live.refresh()
    before = {name: live.offers(name) for name in ("home", "mail")}
    await live.refresh()
    assert {name: live.offers(name) for name in before} == before
    await catalog.put([catalog_offer("m", price=9.0, placements=["mail"])])
    await live.refresh()
    assert live.offers("home") is before["home"]
    assert live.offers("mail") is not before["mail"]


async def test_what_the_policy_does_not_see_leaves_it_the_same_offers(store: Store) -> None:
    await apply(store, "home")
    catalog = Catalog(store)
    await catalog.put([catalog_offer("a"), catalog_offer("b")])
    live, _ = await live_catalog(store)
    await live.refresh()
    before = live.offers("home")
    assert before is not None
    await catalog.put([catalog_offer("a", tags=["summer"])])
    await live.refresh()
    after = live.offers("home")
    assert after is not None
    assert (after.actions, after.offer_set) == (before.actions, before.offer_set)
    assert [each.tags for each in after.terms] == [{"summer"}, frozenset()]
    await catalog.put([catalog_offer("a", channels=["mail"])])
    await live.refresh()
    after = live.offers("home")
    assert after is not None
    assert (after.actions, after.offer_set) == (before.actions, before.offer_set)
    assert (after.channels, list(after.everywhere)) == ({"mail": [0, 1]}, [1])


async def test_placements_that_no_offer_names_share_what_they_draw_from(store: Store) -> None:
    await apply(store, "home", "mail", "app")
    await Catalog(store).put([catalog_offer("a"), catalog_offer("b", placements=["app"])])
    live, _ = await live_catalog(store)
    await live.refresh()
    assert live.offers("home") is live.offers("mail")
    assert await in_store(store, live, "mail") == ["a"]
    await Catalog(store).put([catalog_offer("b", placements=["mail"])])
    await live.refresh()
    assert [drawn(live, name) for name in ("home", "mail", "app")] == [["a"], ["a", "b"], ["a"]]
    await Catalog(store).put([catalog_offer("b")])
    await live.refresh()
    assert [drawn(live, name) for name in ("home", "mail", "app")] == [["a", "b"]] * 3


async def test_offers_come_and_go_by_the_store_s_clock(store: Store) -> None:
    await apply(store, "home")
    now_ms = await store_ms(store)
    hour = 3_600_000
    await Catalog(store).put(
        [
            catalog_offer("always"),
            catalog_offer("over", ends_at=at_ms(now_ms - 1)),
            catalog_offer("now", starts_at=at_ms(now_ms - hour), ends_at=at_ms(now_ms + hour)),
            catalog_offer("soon", starts_at=at_ms(now_ms + 400)),
            catalog_offer("ending", starts_at=at_ms(now_ms), ends_at=at_ms(now_ms + 400)),
            catalog_offer("next year", starts_at=at_ms(now_ms + 365 * 24 * hour)),
        ]
    )
    live, _ = await live_catalog(store)
    await live.refresh()
    assert drawn(live) == ["always", "ending", "now"]
    await asyncio.sleep((now_ms + 401 - await store_ms(store)) / 1000)
    await live.refresh()
    assert drawn(live) == ["always", "now", "soon"]
    assert await in_store(store, live) == ["always", "now", "soon"]


async def test_channels_have_their_offers_and_those_without_channels(store: Store) -> None:
    await apply(store, "home")
    offers = {"a": ["mail", "app"], "b": [], "c": ["app"], "d": []}
    await Catalog(store).put([catalog_offer(name, channels=channels) for name, channels in offers.items()])
    live, _ = await live_catalog(store)
    await live.refresh()
    at_home = live.offers("home")
    assert at_home is not None
    assert at_home.channels == {"mail": [0, 1, 3], "app": [0, 1, 2, 3]}
    assert list(at_home.everywhere) == [1, 3]
    assert at_home.channels.get("sms", at_home.everywhere) == [1, 3]


async def test_nothing_live_is_nothing(store: Store) -> None:
    await apply(store, "home")
    live, _ = await live_catalog(store)
    await live.refresh()
    assert live.offers("home") is None
    await Catalog(store).put([catalog_offer("a", ends_at=at_ms(1))])
    await live.refresh()
    assert live.offers("home") is None
    await Catalog(store).put([catalog_offer("a")])
    await live.refresh()
    assert drawn(live) == ["a"]
    await Catalog(store).delete(["a"])
    await live.refresh()
    assert live.offers("home") is None


async def test_how_many_offers_are_live_can_be_watched(store: Store) -> None:
    await apply(store, "home", "mail")
    metrics = ServingMetrics()
    placements = LivePlacements(Placements(store), Versions(store), metrics)
    live = LiveCatalog(Catalog(store), OfferSets(store), placements, metrics)

    async def watched() -> dict[str, float]:
        await placements.refresh(["home", "mail"])
        await live.refresh()
        samples = (sample for family in metrics.registry.collect() for sample in family.samples)
        return {one.labels["placement"]: one.value for one in samples if one.name == "attune_live_offers"}

    assert await watched() == {"home": 0, "mail": 0}
    await Catalog(store).put([catalog_offer("a"), catalog_offer("b", placements=["mail"])])
    assert await watched() == {"home": 1, "mail": 2}
    await Catalog(store).delete(["b"])
    assert await watched() == {"home": 1, "mail": 1}
    await Placements(store).delete("mail")
    assert await watched() == {"home": 1}


async def test_following_sees_changes_and_new_placements_within_a_second(store: Store) -> None:
    await apply(store, "home")
    live, placements = await live_catalog(store)
    following = [asyncio.create_task(live.follow()), asyncio.create_task(placements.follow())]
    try:
        async with asyncio.timeout(1):
            await Catalog(store).put([catalog_offer("a")])
            await until_drawn(live, "home", ["a"])
        async with asyncio.timeout(1):
            await apply(store, "mail")
            await until_drawn(live, "mail", ["a"])
    finally:
        await end(*following)


@pytest.mark.one_server
async def test_nothing_new_costs_one_call(store: Store) -> None:
    await apply(store, "home", "mail")
    await Catalog(store).put([catalog_offer("a")])
    live, _ = await live_catalog(store)
    await live.refresh()
    before = await evalsha_calls(store)
    for _ in range(5):
        await live.refresh()
    assert await evalsha_calls(store) - before == 5


@pytest.mark.one_server
async def test_while_thousands_of_offers_are_read_other_things_happen(store: Store) -> None:
    """Decisions would have to wait: reading and encoding 10,000 offers takes half a second."""
    await apply(store, "home")
    for hundred in range(20):
        await Catalog(store).put([catalog_offer(f"{hundred}-{i}", tags=["t"]) for i in range(100)])
    live, _ = await live_catalog(store)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    calls, task = await evalsha_calls(store), asyncio.create_task(others())
    await live.refresh()
    await end(task)
    n_calls = await evalsha_calls(store) - calls
    assert len(drawn(live)) == 2000
    assert turns > 10, f"while {n_calls} calls were made"


async def test_what_a_guard_asks_of_offers_is_worked_out_before_it_serves(store: Store) -> None:
    """Also where it is the placement that has changed, and not the catalogue."""
    await apply(store, "home")
    catalog = Catalog(store)
    await catalog.put([catalog_offer("a", when=Condition(test="offer.price > 3")), catalog_offer("b", price=5)])
    live, placements = await live_catalog(store)
    await live.refresh()
    first, offers = placements.applied["home"].guard, live.offers("home")
    assert offers is not None
    assert offers.terms.are_limited
    rule = EligibilityRule(name="r", when=Condition(test="offer.price > 4"))
    ruled = Placement(name="home", guardrails=Guardrails(rules=[rule]))
    await Placements(store).apply(with_defaults(ruled), 0)
    await placements.refresh(["home"])
    second = placements.applied["home"].guard
    assert second is not first
    await live.refresh()
    assert live.offers("home") is offers
    circumstances = Circumstances(0, Features(), "home")
    assert list(first.apply(circumstances, offers.terms, range(2))[0]) == [1]
    assert list(second.apply(circumstances, offers.terms, range(2))[0]) == [1]
    await catalog.put([catalog_offer("a", when=Condition(test="offer.price > 0"))])
    await live.refresh()
    after = live.offers("home")
    assert after is not None
    assert (after.actions is offers.actions, after.terms is offers.terms) == (True, False)
    assert list(first.apply(circumstances, after.terms, range(2))[0]) == [0, 1]
