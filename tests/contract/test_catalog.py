"""The catalogue in the store: put and deleted atomically, and what has changed is told by revision."""

import asyncio

import pytest

from attune.errors import LimitReachedError, NotFoundError
from attune.store import catalog as limits
from attune.store.catalog import Catalog, Put
from attune.store.client import Store, StoreRefusedError
from attune.store.keys import CATALOG_CHANGES, CATALOG_DELETED, CATALOG_HEAD, CATALOG_OFFERS, CATALOG_REVISIONS
from attune.v1.catalog_service_pb2 import CatalogOffer
from attune.v1.features_pb2 import Features, Offer
from catalog_offers import catalog_offer
from servers import every_key


@pytest.fixture
def catalog(store: Store) -> Catalog:
    """An empty one."""
    return Catalog(store)


async def time_ms(store: Store) -> int:
    """The time of the server that has the catalogue."""
    return (await Catalog(store).read(["x"])).now_ms


async def test_what_was_put_is_there_with_its_revision_and_time(store: Store, catalog: Catalog) -> None:
    before_ms = await time_ms(store)
    put = await catalog.put([catalog_offer("a"), catalog_offer("b", tags=["summer"])])
    record, now_ms = await catalog.get("b")
    assert (put.created, put.updated) == (2, 0)
    assert (record.offer, record.revision) == (catalog_offer("b", tags=["summer"]), put.revision)
    assert before_ms <= record.changed_at_ms <= now_ms


async def test_numbers_of_many_bytes_are_written_as_the_contract_s_own(store: Store, catalog: Catalog) -> None:
    """The script writes two fields of the record itself."""
    await store.redis.hset(CATALOG_HEAD, "revision", 2**52)
    put = await catalog.put([catalog_offer("a")])
    record, _ = await catalog.get("a")
    assert (put.revision, record.revision) == (2**52 + 1, 2**52 + 1)
    assert record.SerializeToString(deterministic=True) == (await catalog.read(["a"])).records[0]


async def test_putting_the_same_again_changes_nothing(catalog: Catalog) -> None:
    first = await catalog.put([catalog_offer("a"), catalog_offer("b")])
    again = await catalog.put([catalog_offer("b"), catalog_offer("a")])
    assert again == Put(first.revision, created=0, updated=0)


async def test_the_order_of_a_map_is_not_a_change(catalog: Catalog) -> None:
    names = [f"n{i}" for i in range(20)]
    orders = (names, names[::-1])
    one, other = (CatalogOffer(offer=Offer(id="a", features=Features(numeric=dict.fromkeys(o, 1.0)))) for o in orders)
    first = await catalog.put([one])
    assert await catalog.put([other]) == Put(first.revision, created=0, updated=0)


@pytest.mark.parametrize(
    "changed",
    [
        catalog_offer("a", price=2.0),
        catalog_offer("a", tags=["new"]),
        catalog_offer("a", placements=["home"]),
        CatalogOffer(offer=Offer(id="a")),  # a shorter one, too
    ],
)
async def test_a_change_counts_and_leaves_the_others_alone(catalog: Catalog, changed: CatalogOffer) -> None:
    first = await catalog.put([catalog_offer("a"), catalog_offer("b")])
    second = await catalog.put([changed, catalog_offer("b"), catalog_offer("c")])
    assert (second.created, second.updated) == (1, 1)
    assert second.revision > first.revision
    revisions = {offer_id: (await catalog.get(offer_id))[0].revision for offer_id in "abc"}
    assert revisions == {"a": second.revision, "b": first.revision, "c": second.revision}


async def test_revisions_grow_with_every_change_also_in_the_same_moment(catalog: Catalog) -> None:
    puts = await asyncio.gather(*(catalog.put([catalog_offer(f"o{i}")]) for i in range(50)))
    assert len({put.revision for put in puts}) == 50
    changes = await catalog.changes(0)
    assert changes.revision == max(put.revision for put in puts)


async def test_more_than_the_limit_is_refused_as_a_whole(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_OFFERS", 3)
    first = await catalog.put([catalog_offer("a"), catalog_offer("b")])
    said = "offers: expected at most 3 offers in the catalogue, got 2 new ones beside 2"
    with pytest.raises(LimitReachedError, match=said):
        await catalog.put([catalog_offer("a", price=5.0), catalog_offer("c"), catalog_offer("d")])
    changes = await catalog.changes(0)
    assert (changes.revision, sorted(changes.put)) == (first.revision, ["a", "b"])
    assert (await catalog.put([catalog_offer("a", price=5.0), catalog_offer("c")])).created == 1
    assert (await catalog.put([catalog_offer("a", price=6.0)])).updated == 1, "a full one can be changed"


async def test_more_bytes_than_the_limit_are_refused_as_a_whole(
    store: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every server holds all offers in memory: 20,000 of 100 kB each would be gigabytes."""
    large = [catalog_offer(offer_id, tags=["t" * 250] * 40) for offer_id in "abc"]
    await catalog.put(large)
    size = sum(len(value or b"") for value in (await catalog.read(["a", "b", "c"])).records)
    assert await store.redis.hget(CATALOG_HEAD, "bytes") == b"%d" % size
    monkeypatch.setattr(limits, "MAX_BYTES", size + 100)
    said = f"offers: expected at most {size + 100} bytes of offers in the catalogue, got "
    with pytest.raises(LimitReachedError, match=said):
        await catalog.put([catalog_offer("d", tags=["t" * 250]), catalog_offer("e")])
    with pytest.raises(LimitReachedError, match=said):
        await catalog.put([catalog_offer("a", tags=["t" * 250] * 41)])
    assert set((await catalog.changes(0)).put) == {"a", "b", "c"}
    assert (await catalog.put([catalog_offer("a")])).updated == 1
    assert (await catalog.put([catalog_offer("d", tags=["t" * 250] * 39)])).created == 1, "there is room again"
    await catalog.delete(["a", "b", "c", "d", "never"])
    assert await store.redis.hget(CATALOG_HEAD, "bytes") == b"0"


async def test_a_catalogue_that_is_too_large_can_be_made_smaller(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await catalog.put([catalog_offer("a", tags=["t" * 250] * 40), catalog_offer("b", tags=["t" * 250] * 40)])
    monkeypatch.setattr(limits, "MAX_BYTES", 100)
    assert (await catalog.put([catalog_offer("a")])).updated == 1


async def test_deleting_counts_what_was_there(catalog: Catalog) -> None:
    put = await catalog.put([catalog_offer("a"), catalog_offer("b")])
    revision, deleted = await catalog.delete(["a", "never", "a"])
    assert (revision > put.revision, deleted) == (True, 1)
    assert await catalog.delete(["a", "never"]) == (revision, 0)
    with pytest.raises(NotFoundError, match='id: expected the id of an offer in the catalogue, got "a"'):
        await catalog.get("a")


async def test_changes_are_told_once(catalog: Catalog) -> None:
    first = await catalog.put([catalog_offer("a"), catalog_offer("b")])
    whole = await catalog.changes(0)
    assert (whole.is_whole, whole.put) == (True, {"a": first.revision, "b": first.revision})
    nothing = await catalog.changes(first.revision)
    assert (nothing.is_whole, nothing.put, nothing.deleted) == (False, {}, [])
    second = await catalog.put([catalog_offer("b", price=2.0), catalog_offer("c")])
    third, _ = await catalog.delete(["a"])
    changes = await catalog.changes(first.revision)
    assert (changes.is_whole, changes.revision) == (False, third)
    assert (changes.put, changes.deleted) == ({"b": second.revision, "c": second.revision}, ["a"])
    assert (await catalog.changes(second.revision)).put == {}


async def test_what_was_deleted_and_put_again_is_there(catalog: Catalog) -> None:
    first = await catalog.put([catalog_offer("a")])
    await catalog.delete(["a"])
    second = await catalog.put([catalog_offer("a")])
    assert second.created == 1
    changes = await catalog.changes(first.revision)
    assert (changes.put, changes.deleted) == ({"a": second.revision}, [])


async def test_only_the_latest_deletions_are_remembered(
    store: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has not heard of a forgotten one is told everything; who has, only what is new."""
    monkeypatch.setattr(limits, "_MAX_REMEMBERED_DELETIONS", 2)
    first = await catalog.put([catalog_offer(name) for name in "abcdx"])
    second, _ = await catalog.delete(["a", "b"])
    assert (await catalog.changes(first.revision)).is_whole is False
    third, _ = await catalog.delete(["c"])
    await catalog.delete(["d"])
    assert await store.redis.zcard(CATALOG_DELETED) == 2
    whole = await catalog.changes(first.revision)
    assert (whole.is_whole, set(whole.put), whole.deleted) == (True, {"x"}, [])
    assert (await catalog.changes(second)).deleted == ["c", "d"]
    assert (await catalog.changes(third)).deleted == ["d"]


async def test_who_knows_more_than_the_store_is_told_everything(store: Store, catalog: Catalog) -> None:
    """A failover has lost the last changes, or somebody has brought back a backup."""
    await catalog.put([catalog_offer("a")])
    changes = await catalog.changes((await catalog.changes(0)).revision + 1)
    assert (changes.is_whole, list(changes.put)) == (True, ["a"])
    await store.redis.delete(CATALOG_OFFERS, CATALOG_CHANGES, CATALOG_DELETED, CATALOG_HEAD)
    gone = await catalog.changes(changes.revision)
    assert (gone.is_whole, gone.put, gone.revision) == (True, {}, 0)
    assert (await catalog.put([catalog_offer("a")])).revision > changes.revision, "it follows the clock"


async def test_who_knows_what_the_store_has_lost_is_told_everything_also_after_a_later_change(
    store: Store, catalog: Catalog
) -> None:
    """A forced failover loses the last change, and another one comes before anybody asks."""
    first = await catalog.put([catalog_offer("a")])
    kept = [(key, await store.redis.dump(key)) for key in await every_key(store)]
    lost = await catalog.put([catalog_offer("b")])
    await store.redis.delete(*await every_key(store))
    for key, value in kept:
        await store.redis.restore(key, 0, value)
    later = await catalog.put([catalog_offer("c")])
    assert later.revision > lost.revision
    changes = await catalog.changes(lost.revision)
    assert (changes.is_whole, set(changes.put)) == (True, {"a", "c"})
    assert (await catalog.changes(first.revision)).is_whole is False


async def test_only_the_latest_revisions_are_remembered(
    store: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose revision is older than those is told everything."""
    monkeypatch.setattr(limits, "_MAX_REMEMBERED_REVISIONS", 2)
    first = await catalog.put([catalog_offer("a")])
    second = await catalog.put([catalog_offer("b")])
    await catalog.delete(["a"])
    assert await store.redis.zcard(CATALOG_REVISIONS) == 2
    assert (await catalog.changes(first.revision)).is_whole is True
    assert (await catalog.changes(second.revision)).deleted == ["a"]


async def test_reading_keeps_the_order_of_the_ids(catalog: Catalog) -> None:
    await catalog.put([catalog_offer("a"), catalog_offer("b")])
    reading = await catalog.read(["b", "no", "a"])
    assert [value and value != b"" for value in reading.records] == [True, None, True]
    assert reading.records[0] == (await catalog.read(["b"])).records[0]


async def test_a_thousand_large_offers_go_in_one_call(catalog: Catalog) -> None:
    ids = [f"o{i:03}" for i in range(1000)]
    put = await catalog.put([catalog_offer(offer_id, tags=["x" * 250] * 4) for offer_id in ids])
    assert (put.created, len((await catalog.read(ids)).records)) == (1000, 1000)


# Ids are text of any kind: none of it may mean something to the store.
@pytest.mark.parametrize("offer_id", ["*", "a b", "{home}", "\0", "\n", "ü" * 128, "-inf", "(5", "1e400", "nil"])
async def test_any_text_is_an_id(store: Store, catalog: Catalog, offer_id: str) -> None:
    put = await catalog.put([catalog_offer(offer_id)])
    assert (await catalog.get(offer_id))[0].offer.offer.id == offer_id
    assert (await catalog.changes(0)).put == {offer_id: put.revision}
    revision, deleted = await catalog.delete([offer_id])
    assert (deleted, (await catalog.changes(put.revision)).deleted) == (1, [offer_id])
    assert revision > put.revision
    assert await every_key(store) == sorted(key.encode() for key in (CATALOG_DELETED, CATALOG_HEAD, CATALOG_REVISIONS))


async def test_bytes_that_are_no_offer_are_named(store: Store, catalog: Catalog) -> None:
    await store.redis.hset(CATALOG_OFFERS, "a", b"\xff\xff")
    with pytest.raises(StoreRefusedError, match='offer "a": 2 bytes in the store are none'):
        await catalog.get("a")
