"""What `ListOffers` makes of a catalogue that changes, or is damaged, while it is read."""

import pytest

from attune.api.catalog import CatalogServicer
from attune.store.catalog import Catalog, Reading
from attune.store.client import Store
from attune.store.keys import CATALOG_OFFERS
from attune.v1.catalog_service_pb2 import ListOffersRequest, ListOffersResponse, PutOffersRequest
from catalog_offers import apply, catalog_offer, live_catalog


@pytest.fixture
async def servicer(store: Store) -> CatalogServicer:
    """One that serves a catalogue of offers a to e."""
    live, _ = await live_catalog(store)
    servicer = CatalogServicer(Catalog(store), live)
    await servicer.PutOffers(PutOffersRequest(offers=[catalog_offer(name) for name in "abcde"]))
    return servicer


def ids_of(answer: ListOffersResponse) -> list[str]:
    return [kept.offer.offer.id for kept in answer.offers]


async def test_a_damaged_offer_does_not_keep_the_others_from_being_listed(
    store: Store, servicer: CatalogServicer
) -> None:
    await store.redis.hset(CATALOG_OFFERS, "b", b"\xff\xff")
    answer = await servicer.ListOffers(ListOffersRequest(page_size=3))
    assert (ids_of(answer), answer.next_page_token) == (["a", "c"], "c")
    rest = await servicer.ListOffers(ListOffersRequest(page_size=3, page_token="c"))
    assert (ids_of(rest), rest.next_page_token) == (["d", "e"], "")


async def test_what_is_deleted_while_a_page_is_read_is_left_out(
    store: Store, servicer: CatalogServicer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where that leaves nothing of the page, there is a way on."""
    read = Catalog.read

    async def late(catalog: Catalog, ids: list[str]) -> Reading:
        await Catalog(store).delete(["a", "b"])
        return await read(catalog, ids)

    monkeypatch.setattr(Catalog, "read", late)
    answer = await servicer.ListOffers(ListOffersRequest(page_size=2))
    assert (ids_of(answer), answer.next_page_token) == ([], "b")
    monkeypatch.undo()
    assert ids_of(await servicer.ListOffers(ListOffersRequest(page_token="b"))) == ["c", "d", "e"]


async def test_pages_go_on_where_they_ended_whatever_has_changed_before(servicer: CatalogServicer) -> None:
    first = await servicer.ListOffers(ListOffersRequest(page_size=2))
    await servicer.PutOffers(PutOffersRequest(offers=[catalog_offer(name) for name in ("0", "aa", "cc")]))
    second = await servicer.ListOffers(ListOffersRequest(page_token=first.next_page_token))
    assert ids_of(first) + ids_of(second) == ["a", "b", "c", "cc", "d", "e"]
    assert second.revision > first.revision


async def test_a_change_that_cannot_be_followed_has_happened_all_the_same(
    store: Store, servicer: CatalogServicer
) -> None:
    """Who sent it is told so, and need not send it again."""
    await apply(store, "home")
    await store.redis.set("attune:{home}:offers", "what no offer can be put into")
    live, _ = await live_catalog(store)
    put = await CatalogServicer(Catalog(store), live).PutOffers(PutOffersRequest(offers=[catalog_offer("f")]))
    assert (put.created, live.offers("home")) == (1, None)
    assert ids_of(await servicer.ListOffers(ListOffersRequest())) == list("abcdef")
