"""The catalogue as the running service serves it: followed by every server, paged, and known to reflection and health.

Servers ask for changes five times a second; a change has to reach each of them within one.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import servers
from attune.v1.catalog_service_pb2 import (
    CatalogOffer,
    DeleteOffersRequest,
    GetOfferRequest,
    ListOffersRequest,
    PutOffersRequest,
)
from attune.v1.decision_service_pb2 import DecideRequest
from client import DEADLINE_S, Client, refused
from messages import decide, features, kept, uniform
from service import PATIENT, RunningService, wait_until

WITHIN_S = 1.0
SERVICE = "attune.v1.CatalogService"


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.address) as one:
        yield one


@pytest.fixture(scope="module")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.valkey(tmp_path_factory.mktemp("shared")) as url:
        yield url


@pytest.fixture(scope="module")
def two(store_url: str) -> Iterator[tuple[Client, Client]]:
    """Clients of two servers that share a store."""
    alone = ["--no-learner"]
    with (
        RunningService(redis_url=store_url, env=PATIENT, args=alone) as one,
        RunningService(redis_url=store_url, env=PATIENT, args=alone) as other,
        Client(one.address) as first,
        Client(other.address) as second,
    ):
        yield first, second


def drawn(client: Client, placement: str) -> list[str]:
    """The offers that a decision draws from now; none where nothing is live, or the placement is not known yet."""
    call = client.decisions.Decide.future(decide(placement, "", []), timeout=DEADLINE_S)
    if call.exception() is None:
        return sorted(scored.offer_id for scored in call.result().ranking)
    assert call.code() in {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND}
    return []


def get(client: Client, offer_id: str) -> CatalogOffer:
    answer = client.catalog.GetOffer(GetOfferRequest(id=offer_id), timeout=DEADLINE_S)
    offer: CatalogOffer = answer.offer.offer
    return offer


def in_s(seconds: float) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromMilliseconds(int(1000 * (time.time() + seconds)))
    return timestamp


def test_who_changes_something_decides_by_it_at_once(client: Client) -> None:
    """No waiting for the next look, on the server that was told."""
    client.apply("at_once", policy=uniform())
    for offers in (["a"], ["a", "b"]):
        client.put(*(kept(name, placements=["at_once"]) for name in offers))
        assert drawn(client, "at_once") == offers
    client.take_out("a")
    assert drawn(client, "at_once") == ["b"]
    client.put(kept("b", placements=["later"]))
    assert drawn(client, "at_once") == []
    client.apply("later", policy=uniform())
    assert drawn(client, "later") == ["b"]


def test_every_server_follows_within_a_second(two: tuple[Client, Client]) -> None:
    one, other = two
    one.apply("shared", policy=uniform())
    for ids in (["a", "b"], ["a", "b", "c"]):
        one.put(*(kept(name, features({"price": 1.0})) for name in ids))
        wait_until(lambda ids=ids: drawn(other, "shared") == ids, f"{ids}", timeout_s=WITHIN_S)
    other.put(kept("a", features({"price": 2.0})))
    wait_until(lambda: _price(one, "shared", "a") == 2.0, "the new price", timeout_s=WITHIN_S)
    other.take_out("a", "b", "c")
    wait_until(lambda: drawn(one, "shared") == [], "the end of all offers", timeout_s=WITHIN_S)


def test_offers_begin_and_end_by_the_store_s_clock_within_a_second(two: tuple[Client, Client]) -> None:
    one, other = two
    one.apply("timed", policy=uniform())
    one.put(kept("always"), kept("later", starts_at=in_s(0.5), ends_at=in_s(1.5)))
    assert drawn(one, "timed") == ["always"]
    for client in two:
        wait_until(lambda c=client: len(drawn(c, "timed")) == 2, "the beginning", timeout_s=0.5 + WITHIN_S)
    for client in two:
        wait_until(lambda c=client: drawn(c, "timed") == ["always"], "the end", timeout_s=1.5 + WITHIN_S)
    other.take_out("always", "later")


def test_a_decision_keeps_the_offers_as_they_were(client: Client) -> None:
    client.apply("as_they_were", policy=uniform())
    client.put(kept("x", features({"price": 1.0}), placements=["as_they_were"]))
    before = client.decide(decide("as_they_were", "before", []))
    client.put(kept("x", features({"price": 2.0}), placements=["as_they_were"]))
    client.decide(decide("as_they_were", "after", []))
    assert client.decide(decide("as_they_were", "before", [])).choices == before.choices
    client.take_out("x")
    prices = [
        [eligible.offer.features.numeric["price"] for eligible in client.get("as_they_were", event_id).offers]
        for event_id in ("before", "after")
    ]
    assert prices == [[1.0], [2.0]]


def test_a_page_ends_before_a_client_would_refuse_it(client: Client) -> None:
    """Clients take 4 MiB by default; these hundred offers have five."""
    words = features(categorical={f"c{i}": "x" * 250 for i in range(199)})
    for begin in range(0, 100, 10):
        client.put(*(kept(f"large-{i:03}", words, tags=["large"]) for i in range(begin, begin + 10)))
    page = client.catalog.ListOffers(ListOffersRequest(tag="large", page_size=1000), timeout=DEADLINE_S)
    assert 2 << 20 < page.ByteSize() <= 3 << 20
    assert (page.total, bool(page.next_page_token)) == (100, True)
    listed = [one.offer.offer.id for one in client.listed(tag="large", page_size=1000)]
    assert listed == [f"large-{i:03}" for i in range(100)]
    client.take_out(*listed)


def test_pages_of_any_size_hold_every_offer_once(client: Client) -> None:
    ids = sorted(f"{name}{i}" for name in ("p-", "p/", "pü") for i in range(9))
    client.put(*(kept(offer_id, tags=["paged"]) for offer_id in ids))
    for page_size in (1, 2, 26, 27, 28, 0):
        assert [one.offer.offer.id for one in client.listed(tag="paged", page_size=page_size)] == ids
    page = client.catalog.ListOffers(ListOffersRequest(tag="paged", page_size=27), timeout=DEADLINE_S)
    assert (page.next_page_token, page.total) == ("", 27)
    assert client.listed(tag="no such tag") == []


def test_the_service_says_that_it_serves_the_catalogue(client: Client) -> None:
    state = health_pb2_grpc.HealthStub(client.channel).Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=5)
    assert state.status == health_pb2.HealthCheckResponse.SERVING
    asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE)
    stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    [answer] = stub.ServerReflectionInfo(iter([asked]), timeout=5)
    assert len(answer.file_descriptor_response.file_descriptor_proto) >= 1


def test_a_server_that_starts_draws_from_the_catalogue_at_once(two: tuple[Client, Client], store_url: str) -> None:
    first, _ = two
    first.apply("home", policy=uniform())
    first.put(kept("a", placements=["home"]), kept("b", placements=["home"], tags=["t"]))
    with RunningService(redis_url=store_url, args=["--no-learner"]) as service, Client(service.address) as client:
        assert drawn(client, "home") == ["a", "b"]
        assert get(client, "b") == kept("b", placements=["home"], tags=["t"])


def test_without_its_store_the_catalogue_is_unavailable_and_decisions_go_on(short_path: Path) -> None:
    with (
        servers.server(short_path) as store,
        RunningService(redis_url=f"redis://127.0.0.1:{store.port}", args=["--no-learner"]) as service,
        Client(service.address) as client,
    ):
        client.apply("home", policy=uniform())
        client.put(kept("a"), kept("b"))
        store.kill()
        for rpc, request in (
            (client.catalog.PutOffers, PutOffersRequest(offers=[kept("c")])),
            (client.catalog.GetOffer, GetOfferRequest(id="a")),
            (client.catalog.ListOffers, ListOffersRequest()),
            (client.catalog.DeleteOffers, DeleteOffersRequest(ids=["a"])),
        ):
            assert refused(rpc, request).code == grpc.StatusCode.UNAVAILABLE
        answer = client.decide(DecideRequest(placement="home", ranking_size=10))
        assert ([scored.offer_id for scored in answer.ranking], answer.logged) == (["a", "b"], False)


def _price(client: Client, placement: str, offer_id: str) -> float:
    answer = client.decide(decide(placement, "", []))
    offers = {eligible.offer.id: eligible.offer for eligible in client.get(placement, answer.event_id).offers}
    return offers[offer_id].features.numeric["price"]
