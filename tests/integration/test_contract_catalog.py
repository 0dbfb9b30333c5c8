"""The catalogue keeps offers as they were put, all of a call or none, and lists them; bad ones are refused by name.

What decisions make of them is in `test_contract_catalog_decisions.py`.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from attune.v1 import catalog_service_pb2
from attune.v1.catalog_service_pb2 import (
    CatalogOffer,
    DeleteOffersRequest,
    GetOfferRequest,
    ListOffersRequest,
    PutOffersRequest,
    PutOffersResponse,
)
from bad_offers import DELETIONS, LISTINGS, PUTS
from bad_requests import LONG, Bad, mixed_features
from client import DEADLINE_S, Client, refused
from messages import features, kept
from service import RunningService

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
MIB = 1 << 20


@pytest.fixture(scope="module")
def connected(service: RunningService) -> Iterator[Client]:
    with Client(service.address) as client:
        yield client


@pytest.fixture
def client(connected: Client) -> Iterator[Client]:
    """A client of a service whose catalogue is empty."""
    yield connected
    connected.empty_catalog()


def get(client: Client, offer_id: str) -> catalog_service_pb2.KeptOffer:
    answer: catalog_service_pb2.GetOfferResponse
    answer = client.catalog.GetOffer(GetOfferRequest(id=offer_id), timeout=DEADLINE_S)
    return answer.offer


def ids_of(client: Client, **filters: Any) -> list[str]:
    return [one.offer.offer.id for one in client.listed(**filters)]


def revision(client: Client) -> int:
    answer: catalog_service_pb2.ListOffersResponse
    answer = client.catalog.ListOffers(ListOffersRequest(page_size=1), timeout=DEADLINE_S)
    return answer.revision


def counts(answer: PutOffersResponse) -> tuple[int, int, int]:
    return answer.created, answer.updated, answer.unchanged


def at(seconds: float) -> Timestamp:
    moment = Timestamp()
    moment.FromMicroseconds(round((time.time() + seconds) * 1e6))
    return moment


def rich(offer_id: str, price: float = 1.5) -> CatalogOffer:
    known = features({"price": price}, {"brand": "x|y :"}, {"styles": ["road", "trail"]}, {"e": [0.5, -1.0]})
    return kept(offer_id, known, placements=["p"], channels=["web"], tags=["t"], starts_at=at(-60), ends_at=at(60))


def test_an_offer_is_kept_as_it_was_put(client: Client) -> None:
    before = time.time()
    put = rich("a")
    answer = client.put(put)
    stored = get(client, "a")
    assert (stored.offer, stored.revision, stored.live) == (put, answer.revision, True)
    assert before - 5 < stored.changed_at.ToNanoseconds() / 1e9 < time.time() + 5
    assert client.listed() == [stored]


def test_what_a_call_did_is_counted_and_the_same_again_changes_nothing(client: Client) -> None:
    first = client.put(kept("a"), rich("b"), kept("c"))
    assert counts(first) == (3, 0, 0)
    offers = [one.offer for one in client.listed()]
    again = client.put(*reversed(offers))
    assert counts(again) == (0, 0, 3)
    assert {one.revision for one in client.listed()} == {first.revision}
    changed = client.put(kept("a", tags=["new"]), offers[1], kept("d"))
    assert counts(changed) == (1, 1, 1)
    assert changed.revision > again.revision >= first.revision
    revisions = [one.revision for one in client.listed()]
    assert revisions == [changed.revision, first.revision, first.revision, changed.revision]


def test_an_offer_replaces_the_one_with_its_id_and_is_not_mixed_with_it(client: Client) -> None:
    client.put(rich("a"))
    client.put(kept("a"))
    assert get(client, "a").offer == kept("a")


def test_the_order_in_which_a_map_was_written_does_not_make_an_offer_different(client: Client) -> None:
    """Protobuf leaves the order of map entries on the wire open."""
    rpc: Any = client.channel.unary_unary(
        "/attune.v1.CatalogService/PutOffers", response_deserializer=PutOffersResponse.FromString
    )

    def written(*names: str) -> bytes:
        offer = b"".join(kept("", features({name: 1.0})).SerializeToString() for name in names)
        return _field(1, kept("maps").SerializeToString() + offer.replace(b"\x0a\x00", b""))

    one, two = written("x", "y"), written("y", "x")
    assert one != two
    assert PutOffersRequest.FromString(one) == PutOffersRequest.FromString(two)
    assert [counts(rpc(sent, timeout=DEADLINE_S)) for sent in (one, two)] == [(1, 0, 0), (0, 0, 1)]


def _field(number: int, value: bytes) -> bytes:
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


@pytest.mark.parametrize("bad", PUTS, ids=str)
def test_a_bad_offer_is_named_and_its_neighbours_are_not_put_either(client: Client, bad: Bad) -> None:
    before = revision(client)
    refusal = refused(client.catalog.PutOffers, PutOffersRequest(**bad.fields))
    assert refusal.code == INVALID
    assert refusal.violations
    where, description = refusal.violations[0]
    assert where.startswith(bad.where)
    assert description.startswith("expected ")
    assert bad.got in description.partition(", got ")[2]
    assert (client.listed(), revision(client)) == ([], before)


def test_every_bad_offer_of_a_call_is_named(client: Client) -> None:
    spoiled = [kept(""), kept("a", placements=["Not one"]), kept("b"), kept("c", channels=[""])]
    refusal = refused(client.catalog.PutOffers, PutOffersRequest(offers=spoiled))
    assert [where for where, _ in refusal.violations] == [
        "offers[0].offer.id",
        "offers[1].placements[0]",
        "offers[3].channels[0]",
    ]


def test_a_bad_change_leaves_the_offer_as_it_was(client: Client) -> None:
    client.put(rich("a"))
    before = get(client, "a")
    refused(client.catalog.PutOffers, PutOffersRequest(offers=[kept("a"), kept("b", tags=[""])]))
    assert get(client, "a") == before


def test_the_borders_themselves_are_fine(client: Client) -> None:
    known = features(**mixed_features(200))
    names = [f"{i:03}".ljust(256, "x") for i in range(100)]
    long_id = "é" * 128
    offer = kept(long_id, known, placements=[f"p{i}" for i in range(100)], channels=names, tags=names)
    client.put(offer)
    assert get(client, long_id).offer == offer
    assert counts(client.put(*(kept(f"o{i}") for i in range(1000)))) == (1000, 0, 0)
    assert client.take_out(*(f"o{i}" for i in range(1000))).deleted == 1000


def test_more_than_a_mebibyte_is_refused_as_a_whole(client: Client) -> None:
    known = features(categorical={f"c{i}": "v" * 250 for i in range(20)})
    refusal = refused(client.catalog.PutOffers, PutOffersRequest(offers=[kept(f"o{i}", known) for i in range(300)]))
    assert refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert client.listed() == []


@pytest.mark.long
def test_the_catalogue_has_twenty_thousand_offers_at_most_and_a_call_that_exceeds_it_changes_nothing(
    client: Client,
) -> None:
    for start in range(0, 19_500, 500):
        client.put(*(kept(f"o{i:05}") for i in range(start, start + 500)))
    before = revision(client)
    refusal = refused(client.catalog.PutOffers, PutOffersRequest(offers=[kept(f"x{i}") for i in range(501)]))
    assert refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "20000" in refusal.message.replace(",", "")
    assert revision(client) == before
    assert counts(client.put(*(kept(f"x{i}") for i in range(500)))) == (500, 0, 0)
    # What is there can still be changed, and deleted for something new.
    assert counts(client.put(kept("o00000", tags=["t"]))) == (0, 1, 0)
    assert client.take_out("o00001").deleted == 1
    assert counts(client.put(kept("new"))) == (1, 0, 0)
    assert ids_of(client, page_size=1000) == sorted(ids_of(client, page_size=777))
    assert len(ids_of(client)) == 20_000


# What means something to a key, a pattern, a hash tag, a script or a C string; and names that differ by a hair.
ANY_TEXT = ["a}:{b", "{other}", "a\0", "a", "a ", "\n", "*", "[", "%s", "é", "e\u0301", ":due", "0", "-1", "\U0010ffff"]


def test_any_text_is_an_id_of_its_own(client: Client) -> None:
    client.put(*(kept(text, features(categorical={"is": text}), tags=[text], channels=[text]) for text in ANY_TEXT))
    assert ids_of(client) == sorted(ANY_TEXT)
    for text in ANY_TEXT:
        assert get(client, text).offer.offer.features.categorical["is"] == text
        assert ids_of(client, tag=text) == [text]
        assert ids_of(client, channel=text) == [text]
    assert client.take_out("a", "[").deleted == 2
    assert ids_of(client) == sorted(set(ANY_TEXT) - {"a", "["})


@pytest.mark.parametrize(("offer_id", "code"), [("", INVALID), (LONG, INVALID), ("nobody", NOT_FOUND)])
def test_an_id_of_no_offer_is_refused(client: Client, offer_id: str, code: grpc.StatusCode) -> None:
    refusal = refused(client.catalog.GetOffer, GetOfferRequest(id=offer_id))
    assert refusal.code == code
    if code == INVALID:
        assert [where for where, _ in refusal.violations] == ["id"]
    else:
        assert refusal.message.startswith("id: expected ")
        assert refusal.message.endswith('got "nobody"')


@pytest.mark.parametrize("bad", LISTINGS, ids=str)
def test_a_bad_listing_is_refused_by_name(client: Client, bad: Bad) -> None:
    refusal = refused(client.catalog.ListOffers, ListOffersRequest(**bad.fields))
    assert refusal.code == INVALID
    ((where, description),) = refusal.violations
    assert where == bad.where
    assert bad.got in description.partition(", got ")[2]


@pytest.mark.parametrize("bad", DELETIONS, ids=str)
def test_a_bad_deletion_is_refused_as_a_whole(client: Client, bad: Bad) -> None:
    client.put(kept("a"))
    refusal = refused(client.catalog.DeleteOffers, DeleteOffersRequest(**bad.fields))
    assert refusal.code == INVALID
    where, description = refusal.violations[0]
    assert where == bad.where
    assert bad.got in description.partition(", got ")[2]
    assert ids_of(client) == ["a"]


def test_deleting_counts_what_was_there_and_ignores_the_rest(client: Client) -> None:
    client.put(kept("a"), kept("b"))
    before = revision(client)
    assert client.take_out("x", "y").deleted == 0
    gone = client.take_out("a", "x", "a")
    assert (gone.deleted, gone.revision > before) == (1, True)
    assert ids_of(client) == ["b"]
    assert refused(client.catalog.GetOffer, GetOfferRequest(id="a")).code == NOT_FOUND
    # What comes back is new, whatever it was before.
    back = client.put(kept("a"))
    assert (counts(back), back.revision > gone.revision) == ((1, 0, 0), True)


@pytest.mark.parametrize(("size", "pages"), [(1, 7), (3, 3), (7, 1), (8, 1), (0, 1)])
def test_pages_are_in_the_order_of_ids_and_whole(client: Client, size: int, pages: int) -> None:
    ids = ["B", "a", "b", "b!", "é", "\uffff", "\U0001f600"]  # the order of UTF-8, which is not that of UTF-16
    client.put(*map(kept, reversed(ids)))
    seen, request = [], ListOffersRequest(page_size=size)
    for left in reversed(range(pages)):
        page = client.catalog.ListOffers(request, timeout=DEADLINE_S)
        seen += [one.offer.offer.id for one in page.offers]
        assert (page.total, page.revision) == (7, revision(client))
        assert bool(page.next_page_token) == bool(left)
        request.page_token = page.next_page_token
    assert seen == ids == sorted(ids)


def test_a_page_has_a_hundred_offers_unless_told_otherwise(client: Client) -> None:
    client.put(*(kept(f"o{i:03}") for i in range(101)))
    page = client.catalog.ListOffers(ListOffersRequest(), timeout=DEADLINE_S)
    assert (len(page.offers), page.total) == (100, 101)


def test_who_turns_pages_misses_nothing_that_stays(client: Client) -> None:
    """Offers come and go between two pages, among them the one at which the first page ended."""
    client.put(*(kept(f"o{i:02}") for i in range(0, 20, 2)))
    first = client.catalog.ListOffers(ListOffersRequest(page_size=5), timeout=DEADLINE_S)
    client.take_out("o08", "o00", "o10")
    client.put(kept("o01"), kept("o09"), kept("o99"))
    request = ListOffersRequest(page_size=100, page_token=first.next_page_token)
    second = client.catalog.ListOffers(request, timeout=DEADLINE_S)
    assert [one.offer.offer.id for one in second.offers] == ["o09", "o12", "o14", "o16", "o18", "o99"]


def test_a_page_token_of_nobody_does_no_harm(client: Client) -> None:
    client.put(kept("a"))
    for token in ("x", "\0", "=" * 100, LONG):
        try:
            page = client.catalog.ListOffers(ListOffersRequest(page_token=token), timeout=DEADLINE_S)
        except grpc.RpcError as error:
            assert error.code() == INVALID  # noqa: PT017 - either is fine
        else:
            assert len(page.offers) <= 1


def test_a_page_ends_before_it_is_larger_than_a_reply_may_be(client: Client) -> None:
    """A client takes 4 MiB at most unless it is told otherwise."""
    known = features(categorical={f"c{i}": "v" * 250 for i in range(36)})
    for start in range(0, 500, 100):
        client.put(*(kept(f"o{i:03}", known) for i in range(start, start + 100)))
    page = client.catalog.ListOffers(ListOffersRequest(page_size=1000), timeout=DEADLINE_S)
    assert page.ByteSize() <= 3 * MIB
    assert (len(page.offers) > 250, page.total, page.next_page_token != "") == (True, 500, True)
    assert ids_of(client, page_size=1000) == [f"o{i:03}" for i in range(500)]


def test_a_listing_can_be_narrowed_and_says_what_is_live(client: Client) -> None:
    client.put(
        kept("all"),
        kept("one", placements=["one"], tags=["x", "y"]),
        kept("two", placements=["two", "three"], channels=["email"], tags=["y"]),
        kept("past", ends_at=at(-1)),
        kept("future", starts_at=at(3600)),
        kept("now", starts_at=at(-3600), ends_at=at(3600)),
    )
    assert ids_of(client, placement="one") == ["all", "future", "now", "one", "past"]
    assert ids_of(client, placement="three", live=True) == ["all", "now", "two"]
    assert ids_of(client, placement="nobody", live=True) == ["all", "now"]
    assert ids_of(client, tag="y") == ["one", "two"]
    assert ids_of(client, tag="y", channel="web") == ["one"]
    assert ids_of(client, tag="Y") == []
    assert ids_of(client, live=True, page_size=2) == ["all", "now", "one", "two"]
    assert {one.offer.offer.id for one in client.listed() if not one.live} == {"past", "future"}
    page = client.catalog.ListOffers(ListOffersRequest(tag="y", page_size=1), timeout=DEADLINE_S)
    assert (len(page.offers), page.total) == (1, 2)


def test_changes_at_once_are_all_counted_and_none_is_lost(client: Client, service: RunningService) -> None:
    """Ten callers put the same hundred offers, each with a feature of its own, and ten offers that nobody else has."""
    before = revision(client)
    clients = [Client(service.address) for _ in range(10)]

    def put(n: int) -> PutOffersResponse:
        shared = [kept(f"shared {i}", features({"from": n})) for i in range(100)]
        return clients[n].put(*shared, *(kept(f"{n} {i}") for i in range(10)))

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(put, range(10)))
    for each in clients:
        each.channel.close()
    assert sum(answer.created for answer in answers) == 200
    assert sum(answer.updated for answer in answers) == 900
    assert len({answer.revision for answer in answers}) == 10
    assert revision(client) == max(answer.revision for answer in answers) > before
    listed = client.listed()
    assert len(listed) == 200
    # All of a call or none: the last one has put all of the shared offers.
    shared = {one.offer.offer.features.numeric["from"] for one in listed if one.offer.offer.id.startswith("shared")}
    assert len(shared) == 1
