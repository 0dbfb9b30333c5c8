"""Bad input gets a status that names the field, what was expected and what came; nothing is written for it.

Where the comments of the protos promise a BadRequest detail (INVALID_ARGUMENT) the field violation is looked at;
NOT_FOUND and ALREADY_EXISTS promise none, so there the text of the status is.
"""

import re
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from attune.v1 import placement_pb2, placement_service_pb2, reward_service_pb2
from bad_requests import DECIDES, NAMES, OUTCOMES, PLACEMENTS, Bad
from client import Client, refused
from messages import apply, decide, decision, features, numbered_offers, offer, offers, outcome
from service import RunningService

MIB = 1 << 20
INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    """A client of a service with the placement `shop`, whose reward window stays open throughout."""
    with Client(service.address) as connected:
        connected.apply("shop")
        yield connected


def good_request(event_id: str = "refused", **spoiled: Any) -> Any:
    """A good request with some fields replaced by others."""
    request = decide("shop", event_id, offers("a", "b", "c"))
    for name, value in spoiled.items():
        request.ClearField(name)
        request.MergeFrom(type(request)(**{name: value}))
    return request


def assert_still_answers(client: Client, event_id: str) -> None:
    """Checks that a good request on the same connection is answered and recorded."""
    assert client.decide(decide("shop", event_id, offers("a", "b"))).logged


@pytest.mark.parametrize("bad", DECIDES, ids=str)
def test_a_bad_decide_names_the_field_and_writes_nothing(client: Client, bad: Bad) -> None:
    before = client.counts("shop")
    event_id = f"refused {bad}"
    refusal = refused(client.decisions.Decide, good_request(**{"event_id": event_id, **bad.fields}))
    assert refusal.code == INVALID
    assert len(refusal.violations) == 1
    ((where, description),) = refusal.violations
    assert where.startswith(bad.where)
    assert description.startswith("expected ")
    assert bad.got in description.partition(", got ")[2]
    assert refused(client.decisions.GetDecision, decision("shop", event_id)).code == NOT_FOUND
    assert client.counts("shop") == before
    assert_still_answers(client, f"after {bad}")


def test_without_offers_and_without_a_catalogue_there_is_nothing_to_decide(client: Client) -> None:
    refusal = refused(client.decisions.Decide, good_request(event_id="nothing", offers=[]))
    assert refusal.code == grpc.StatusCode.FAILED_PRECONDITION
    assert refusal.message.startswith('offers: expected offers in the request, or live ones of placement "shop" in the')
    assert refused(client.decisions.GetDecision, decision("shop", "nothing")).code == NOT_FOUND


def test_every_bad_field_of_a_request_is_named(client: Client) -> None:
    request = good_request(offers=numbered_offers(1001), slots=27, ranking_size=2000, customer_id="x" * 300)
    fields = {where for where, _ in refused(client.decisions.Decide, request).violations}
    assert fields == {"offers", "slots", "ranking_size", "customer_id"}


@pytest.mark.parametrize("name", ["nowhere", "Shop", "shop ", "sh", "shop}", "{shop}", "shop\0", "shop\n", "*"])
def test_an_unknown_placement_is_not_found_and_named(client: Client, name: str) -> None:
    by_name = {"placement": name}
    service = client.placements
    calls = [
        (client.decisions.Decide, good_request(**by_name)),
        (client.decisions.GetDecision, decision(name, "e")),
        (service.GetPlacement, placement_service_pb2.GetPlacementRequest(**by_name)),
        (service.DeletePlacement, placement_service_pb2.DeletePlacementRequest(**by_name)),
        (service.ListPolicyVersions, placement_service_pb2.ListPolicyVersionsRequest(**by_name)),
    ]
    for rpc, request in calls:
        refusal = refused(rpc, request)
        assert refusal.code == NOT_FOUND
        assert refusal.message == f'placement: expected the name of an applied placement, got "{name}"'


def test_an_unknown_decision_is_not_found_and_named(client: Client) -> None:
    refusal = refused(client.decisions.GetDecision, decision("shop", "never"))
    assert refusal.code == NOT_FOUND
    assert refusal.message.startswith("event_id: expected ")
    assert refusal.message.endswith('got "never"')


def test_an_event_id_used_with_a_different_request_already_exists(client: Client) -> None:
    first = client.decide(decide("shop", "taken", offers("a", "b")))
    before = client.counts("shop")
    stored = client.get("shop", "taken")
    refusal = refused(client.decisions.Decide, decide("shop", "taken", offers("a", "c")))
    assert refusal.code == grpc.StatusCode.ALREADY_EXISTS
    assert refusal.message.startswith("event_id: expected ")
    assert '"taken"' in refusal.message
    assert client.get("shop", "taken") == stored
    assert client.counts("shop") == before
    assert client.decide(decide("shop", "taken", offers("a", "b"))) == first


def message_of(size: int, event_id: str) -> Any:
    """A request of exactly `size` bytes, about a mebibyte, within every other limit."""
    known = features(categorical={"a": "v" * 250, "b": "v" * 250, "c": "v" * 250, "d": "v" * 200})
    request = decide("shop", event_id, [offer(f"o{i}", known) for i in range(1000)])
    # An excluded id of fewer than 128 bytes takes two bytes more than its text.
    full, rest = divmod(size - request.ByteSize(), 102)
    rest += 102
    fillers = ["x" * 100] * (full - 1) + ["x" * (rest // 2 - 2), "x" * (rest - rest // 2 - 2)]
    request.excluded_offer_ids.extend(fillers)
    return request


def test_a_message_of_one_mebibyte_is_answered_and_one_byte_more_is_refused(client: Client) -> None:
    """A message beyond the limit is refused by gRPC itself, before any field is known: RESOURCE_EXHAUSTED."""
    largest = message_of(MIB, "largest")
    assert largest.ByteSize() == MIB
    assert len(client.decide(largest).ranking) == 1000
    before = client.counts("shop")
    too_large = message_of(MIB + 1, "too large")
    assert too_large.ByteSize() == MIB + 1
    refusal = refused(client.decisions.Decide, too_large)
    assert refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(MIB) in refusal.message
    assert client.counts("shop") == before
    assert_still_answers(client, "after too large")


# The first is no message at all; in the second the placement's name is not UTF-8.
@pytest.mark.parametrize("sent", [b"\xff\xff\xff", b"\x0a\x02\xff\xfe"], ids=["garbage", "not UTF-8"])
def test_bytes_that_are_no_message_get_a_status_without_the_insides_of_the_service(client: Client, sent: bytes) -> None:
    rpc: Any = client.channel.unary_unary("/attune.v1.DecisionService/Decide")
    refusal = refused(rpc, sent)
    assert refusal.code in (INVALID, grpc.StatusCode.INTERNAL)
    assert "DecodeError" not in refusal.message
    assert_still_answers(client, f"after {sent!r}")


@pytest.mark.parametrize("bad", PLACEMENTS, ids=str)
def test_a_bad_placement_names_the_field_and_changes_nothing(client: Client, bad: Bad) -> None:
    name = re.sub("[^a-z0-9]+", "-", f"spoiled {bad}".lower())
    refusal = refused(client.placements.ApplyPlacement, apply(placement_pb2.Placement(name=name, **bad.fields)))
    assert refusal.code == INVALID
    assert refusal.violations
    # The field may be named from the placement on or from the request on; a field that depends on it may follow.
    assert refusal.violations[0][0].removeprefix("placement.").startswith(bad.where)
    assert all(description.startswith("expected ") for _, description in refusal.violations)
    assert any(bad.got in description for _, description in refusal.violations)
    wanted = placement_service_pb2.GetPlacementRequest(placement=name)
    assert refused(client.placements.GetPlacement, wanted).code == NOT_FOUND


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_bad_name_of_a_placement_is_refused(client: Client, name: str) -> None:
    refusal = refused(client.placements.ApplyPlacement, apply(placement_pb2.Placement(name=name)))
    assert refusal.code == INVALID
    ((where, description),) = refusal.violations
    assert where.removeprefix("placement.") == "name"
    assert description.endswith(f'got "{name}"')


def test_a_bad_change_leaves_the_placement_as_it_was(client: Client) -> None:
    wanted = placement_service_pb2.GetPlacementRequest(placement="shop")
    before = client.placements.GetPlacement(wanted)
    changed = placement_pb2.Placement(name="shop", policy=placement_pb2.PolicySpec(min_probability=2.0))
    assert refused(client.placements.ApplyPlacement, apply(changed)).code == INVALID
    assert client.placements.GetPlacement(wanted) == before


@pytest.mark.parametrize("bad", OUTCOMES, ids=str)
def test_a_bad_outcome_gets_a_receipt_that_names_the_field_and_spares_its_neighbours(client: Client, bad: Bad) -> None:
    event_id = f"outcomes {bad}"
    client.decide(decide("shop", event_id, offers("a", "b")))
    before = client.status("shop").outcomes
    good = [outcome("shop", event_id, outcome_id=outcome_id) for outcome_id in ("one", "two")]
    fields = {"placement": "shop", "event_id": event_id, "name": "click", "outcome_id": "bad", **bad.fields}
    receipts = client.record(good[0], reward_service_pb2.Outcome(**fields), good[1])
    accepted, invalid = reward_service_pb2.OUTCOME_STATUS_ACCEPTED, reward_service_pb2.OUTCOME_STATUS_INVALID
    assert [receipt.status for receipt in receipts] == [accepted, invalid, accepted]
    assert receipts[1].detail.startswith(f"{bad.where}: expected ")
    assert bad.got in receipts[1].detail.partition(", got ")[2]
    assert [known.outcome_id for known in client.get("shop", event_id).outcomes] == ["one", "two"]
    assert client.status("shop").outcomes == before + 2


@pytest.mark.parametrize("count", [0, 1001])
def test_no_outcomes_and_too_many_are_refused_as_a_whole(client: Client, count: int) -> None:
    client.decide(decide("shop", "many outcomes", offers("a", "b")))
    outcomes = [outcome("shop", "many outcomes", outcome_id=str(i)) for i in range(count)]
    refusal = refused(client.rewards.RecordOutcomes, reward_service_pb2.RecordOutcomesRequest(outcomes=outcomes))
    assert refusal.code == INVALID
    assert refusal.violations == (("outcomes", f"expected 1 to 1000 outcomes, got {count}"),)
    assert not client.get("shop", "many outcomes").outcomes
