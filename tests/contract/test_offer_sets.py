"""Sets of offers in the store: written before they are named, found by who reads a decision."""

from collections.abc import Sequence

import pytest

from attune.errors import NotFoundError
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.client import Store
from attune.store.kept_sets import KeptSets
from attune.store.keys import PlacementKeys
from attune.store.offer_sets import OfferSet, OfferSets, offer_digest, offer_set_of
from attune.store.placements import Placements
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import Placement


def catalogue(count: int, price: float = 1.0) -> list[bytes]:
    """Offers as they are stored, by id; the first one has this price."""
    prices = [price] + [1.0] * (count - 1)
    known = (Features(numeric={"price": each}) for each in prices)
    return [Offer(id=f"o{i:05}", features=each).SerializeToString() for i, each in enumerate(known)]


def set_of(offers: Sequence[bytes]) -> OfferSet:
    return offer_set_of(offers, [offer_digest(offer) for offer in offers])


def naming(offer_set: OfferSet, positions: Sequence[int] = ()) -> DecisionRecord:
    return DecisionRecord(event_id="e", offer_set=offer_set.digest, offer_positions=positions)


async def read(store: Store, keys: PlacementKeys, *records: DecisionRecord) -> list[list[bytes]]:
    """What somebody finds who has not read anything before."""
    await OfferSets(store, KeptSets()).fill(keys, records)
    return [list(record.offers) for record in records]


async def calls(store: Store) -> int:
    stats = await store.redis.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "eval", "hmget"))


# One part, several, and more than go into one call.
@pytest.mark.parametrize("count", [1, 10, 300, 2500])
async def test_a_decision_has_the_offers_of_the_set_it_names(store: Store, home: PlacementKeys, count: int) -> None:
    offers = catalogue(count)
    await OfferSets(store).register(home, set_of(offers))
    backwards = list(reversed(range(count)))
    found = await read(store, home, naming(set_of(offers)), naming(set_of(offers), backwards))
    assert found == [offers, offers[::-1]]


async def test_sets_and_decisions_of_other_times_are_told_apart(store: Store, home: PlacementKeys) -> None:
    sets = OfferSets(store)
    before, after = catalogue(200, price=1.0), catalogue(200, price=2.0)
    await sets.register(home, set_of(before))
    await sets.register(home, set_of(after))
    inline = DecisionRecord(event_id="e", offers=catalogue(2))
    found = await read(store, home, naming(set_of(after)), naming(set_of(before)), inline)
    assert found == [after, before, catalogue(2)]


async def test_a_changed_offer_among_many_costs_little(store: Store, home: PlacementKeys) -> None:
    sets = OfferSets(store)
    await sets.register(home, set_of(catalogue(10_000)))
    before = [await store.redis.hlen(home.offers), await store.redis.memory_usage(home.offersets, samples=0)]
    await sets.register(home, set_of(catalogue(10_000, price=2.0)))
    after = [await store.redis.hlen(home.offers), await store.redis.memory_usage(home.offersets, samples=0)]
    assert after[0] == before[0] + 1
    # A list of 10,000 digests would be 180 kB.
    assert after[1] - before[1] < 20_000


async def test_registering_again_costs_nothing(store: Store, home: PlacementKeys) -> None:
    sets, offer_set = OfferSets(store), set_of(catalogue(10))
    await sets.register(home, offer_set)
    await store.redis.config_resetstat()
    await sets.register(home, offer_set)
    assert await calls(store) == 0


async def test_the_use_of_a_set_and_all_it_consists_of_is_noted_again_in_time(
    store: Store, home: PlacementKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets, offer_set = OfferSets(store), set_of(catalogue(300))
    with monkeypatch.context() as at_once:
        at_once.setattr("attune.store.offer_sets.OFFER_SETS_NOTED_S", 0)
        await sets.register(home, offer_set)
    members = await store.redis.zrange(home.offersets_used, 0, -1)
    assert len(members) > 301
    await store.redis.zadd(home.offersets_used, dict.fromkeys(members, 0))
    await sets.register(home, offer_set)
    seconds, _ = await store.redis.time()
    hour_from_now = (int(seconds) + 3600) * 1000
    assert await store.redis.zcount(home.offersets_used, hour_from_now, "+inf") == len(members)


async def test_what_was_read_once_is_not_read_again(store: Store, home: PlacementKeys) -> None:
    offer_set = set_of(catalogue(300))
    await OfferSets(store).register(home, offer_set)
    sets = OfferSets(store, KeptSets())
    [first] = await sets.sets_of(home, [naming(offer_set)])
    await store.redis.config_resetstat()
    [again, with_positions] = await sets.sets_of(home, [naming(offer_set), naming(offer_set, [1])])
    assert first is again is with_positions
    assert await calls(store) == 0


async def test_a_set_of_which_something_is_lost_is_none(store: Store, home: PlacementKeys) -> None:
    whole, part_lost, offer_lost = (set_of(catalogue(300, price)) for price in (1.0, 2.0, 3.0))
    sets = OfferSets(store)
    for offer_set in (whole, part_lost, offer_lost):
        await sets.register(home, offer_set)
    await store.redis.hdel(home.offers, offer_lost.offer_digests[0])
    [first, *_] = [key for key in await store.redis.hkeys(home.offersets) if key == part_lost.digest]
    await store.redis.hset(home.offersets, first, b"\xff")
    found = await read(store, home, naming(whole), naming(part_lost), naming(offer_lost))
    assert found == [list(whole.offers), [], []]


async def test_positions_that_cannot_be_give_no_offers(store: Store, home: PlacementKeys) -> None:
    offer_set = set_of(catalogue(3))
    await OfferSets(store).register(home, offer_set)
    assert await read(store, home, naming(offer_set, [0, 3]), naming(offer_set, [1, 1])) == [[], []]


async def test_a_placement_that_is_gone_gets_no_sets(store: Store) -> None:
    with pytest.raises(NotFoundError):
        await OfferSets(store).register(PlacementKeys("gone"), set_of(catalogue(1)))


async def test_a_placement_that_was_created_again_is_registered_again(store: Store, home: PlacementKeys) -> None:
    sets, offer_set = OfferSets(store), set_of(catalogue(10))
    await sets.register(home, offer_set, created_at_ms=1)
    await Placements(store).delete("home")
    assert await store.redis.exists(home.offers, home.offersets, home.offersets_used) == 0
    await Placements(store).apply(with_defaults(Placement(name="home")), now_ms=2)
    await sets.register(home, offer_set, created_at_ms=2)
    assert await read(store, home, naming(offer_set)) == [list(offer_set.offers)]


async def test_what_the_store_has_lost_is_written_again_on_demand(store: Store, home: PlacementKeys) -> None:
    sets, offer_set = OfferSets(store), set_of(catalogue(10))
    await sets.register(home, offer_set)
    await store.redis.delete(home.offers, home.offersets)
    sets.forget(home)
    await sets.register(home, offer_set)
    assert await read(store, home, naming(offer_set)) == [list(offer_set.offers)]


DAY_MS = 24 * 3600 * 1000


async def age(store: Store, keys: PlacementKeys, offer_set: OfferSet, days: float) -> None:
    """Make it so that a set, and what it consists of, was used so long ago."""
    seconds, _ = await store.redis.time()
    members = [offer_set.digest, *offer_set.offer_digests]
    await store.redis.zadd(keys.offersets_used, dict.fromkeys(members, int(seconds) * 1000 - days * DAY_MS))


async def kept(store: Store, keys: PlacementKeys) -> list[int]:
    return [
        await store.redis.hlen(keys.offers),
        await store.redis.hlen(keys.offersets),
        await store.redis.zcard(keys.offersets_used),
    ]


async def test_sets_that_nothing_can_name_are_removed_with_their_offers(store: Store, home: PlacementKeys) -> None:
    sets, old, new = OfferSets(store), set_of(catalogue(10, price=1.0)), set_of(catalogue(10, price=2.0))
    await sets.register(home, old)
    await age(store, home, old, days=131)
    await sets.register(home, new)
    for digest in new.offer_digests[1:]:  # they are in the new set, too: used within the hour
        await store.redis.zadd(home.offersets_used, {digest: 0})
    await OfferSets(store).register(home, new)
    assert await sets.trim(home) == 2
    assert await read(store, home, naming(new), naming(old)) == [list(new.offers), []]
    assert await kept(store, home) == [10, 1, 11]


async def test_sets_that_may_be_named_stay(store: Store, home: PlacementKeys) -> None:
    """A decision may be pending, or the oldest entry of the log, for as long as nobody learns or trims."""
    sets, old = OfferSets(store), set_of(catalogue(3))
    await sets.register(home, old)
    await age(store, home, old, days=129)
    assert await sets.trim(home) == 0
    await age(store, home, old, days=200)
    seconds, _ = await store.redis.time()
    due = {"e": int(seconds) * 1000 - 100 * DAY_MS}
    await store.redis.zadd(home.due, due)
    assert await sets.trim(home) == 0
    await store.redis.delete(home.due)
    await store.redis.xadd(home.interactions, {"d": b""}, id=f"{due['e']}-0")
    assert await sets.trim(home) == 0
    await store.redis.xtrim(home.interactions, maxlen=0)
    assert await sets.trim(home) == 4
    assert await kept(store, home) == [0, 0, 0]


async def test_many_are_removed_in_portions(store: Store, home: PlacementKeys) -> None:
    offer_set = set_of(catalogue(2500))
    await OfferSets(store).register(home, offer_set)
    await store.redis.zadd(home.offersets_used, dict.fromkeys(await store.redis.zrange(home.offersets_used, 0, -1), 0))
    assert await OfferSets(store).trim(home) > 2500
    assert await kept(store, home) == [0, 0, 0]
