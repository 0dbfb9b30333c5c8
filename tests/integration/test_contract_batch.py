"""A batch decides as many single calls would: each request has its own result, and a bad one spares the others."""

import math
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from attune.v1.decision_service_pb2 import (
    MODE_CONTROL,
    DecideBatchRequest,
    DecideRequest,
    DecideResult,
    DecisionError,
    FieldViolation,
)
from attune.v1.placement_pb2 import ShortlistSpec
from bad_offers import DECIDES as BAD_IDS
from bad_requests import DECIDES, LONG
from client import DEADLINE_S, Client, refused
from messages import control, decide, decision, features, kept, numbered_offers, offer, offers, outcome, reward, uniform
from service import RunningService, wait_until

INVALID = grpc.StatusCode.INVALID_ARGUMENT
SE = 4.0


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    """A client of a service with the placements `shop` and `other`, and with a, b and c in the catalogue of `shop`."""
    with Client(service.address) as connected:
        connected.apply("shop", policy=uniform())
        connected.apply("other", policy=uniform())
        connected.put(*(kept(name, placements=["shop"], channels=["web"] * (name == "c")) for name in "abc"))
        wait_until(lambda: _live(connected) == 3, "the catalogue to arrive")
        yield connected


def _live(client: Client) -> int:
    try:
        return len(client.decide(decide("shop", "", [])).ranking)
    except grpc.RpcError:
        return 0


def errors(results: list[DecideResult]) -> list[int]:
    """Returns the code of each result, 0 for a decision."""
    return [result.error.code for result in results]


def alone(client: Client, request: DecideRequest) -> DecideResult:
    """Decides in a call of its own, and says what became of it as a batch does."""
    try:
        return DecideResult(decision=client.decide(request))
    except grpc.RpcError:
        refusal = refused(client.decisions.Decide, request)
        named = [FieldViolation(field=field, description=description) for field, description in refusal.violations]
        code: Any = refusal.code.value[0]
        return DecideResult(error=DecisionError(code=code, message=refusal.message, field_violations=named[:10]))


@pytest.mark.parametrize("count", [0, 1001])
def test_no_requests_and_too_many_are_refused_as_a_whole(client: Client, count: int) -> None:
    before = client.counts("shop")
    request = DecideBatchRequest(requests=[decide("shop", f"{count} {i}", offers("a")) for i in range(count)])
    refusal = refused(client.decisions.DecideBatch, request)
    assert refusal.code == INVALID
    ((where, description),) = refusal.violations
    assert where == "requests"
    assert description.startswith("expected 1 to 1000")
    assert description.endswith(f"got {count}")
    assert client.counts("shop") == before


def test_a_thousand_decisions_are_made_and_each_is_in_the_store(client: Client) -> None:
    before = client.counts("shop")
    requests = [DecideRequest(placement="shop", event_id=f"thousand {i}") for i in range(1000)]
    results = client.batch(requests)
    assert set(errors(results)) == {0}
    assert [result.decision.event_id for result in results] == [request.event_id for request in requests]
    assert all(result.decision.logged for result in results)
    assert client.counts("shop")[0] == before[0] + 1000
    for result in results[::100]:
        stored = client.get("shop", result.decision.event_id)
        assert list(stored.choices) == list(result.decision.choices)
        assert [one.offer.id for one in stored.offers] == ["a", "b", "c"]


def test_more_than_a_mebibyte_is_refused_and_nothing_is_decided(client: Client) -> None:
    before = client.counts("shop")
    candidates = [offer(f"o{i}", features(categorical={"a": "v" * 250})) for i in range(50)]
    requests = [decide("shop", f"large {i}", candidates) for i in range(100)]
    refusal = refused(client.decisions.DecideBatch, DecideBatchRequest(requests=requests))
    assert refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert client.counts("shop") == before


def test_every_bad_request_has_the_error_that_it_has_alone_and_spares_its_neighbours(client: Client) -> None:
    """All the ways to spoil a request, in one batch, each with a good one after it."""
    bad = [{"placement": "shop", "offers": offers("a", "b", "c"), **row.fields} for row in DECIDES]
    bad += [{"placement": "shop", **row.fields} for row in BAD_IDS]
    # Thousands of offers each are too much for one call.
    spoiled = [request for request in (DecideRequest(**fields) for fields in bad) if request.ByteSize() < 20_000]
    assert len(spoiled) > 70
    good = [decide("shop", f"neighbour {i}", offers("a", "b")) for i in range(len(spoiled))]
    before = client.status("shop").decisions
    results = client.batch(request for pair in zip(spoiled, good, strict=True) for request in pair)
    assert client.status("shop").decisions == before + len(good)
    for request, result in zip(spoiled, results[::2], strict=True):
        assert result == alone(client, request)
        assert result.error.code == INVALID.value[0]
        assert result.error.field_violations
    assert [result.decision.event_id for result in results[1::2]] == [request.event_id for request in good]


def test_each_kind_of_error_has_its_code(client: Client) -> None:
    client.decide(decide("shop", "taken", offers("a", "b")))
    requests = [
        DecideRequest(placement="nowhere", event_id="e"),
        DecideRequest(placement="", event_id="e"),
        DecideRequest(placement="other", event_id="e"),  # nothing of the catalogue is for it
        decide("shop", "taken", offers("a", "c")),
        decide("shop", "fine", offers("a")),
        DecideRequest(placement="shop", offer_ids=["x", "y"]),
    ]
    results = client.batch(requests)
    expected = [grpc.StatusCode.NOT_FOUND, INVALID, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ALREADY_EXISTS]
    codes: list[Any] = [code.value[0] for code in expected]
    assert errors(results) == [*codes, 0, codes[2]]
    for request, result in zip(requests, results, strict=True):
        assert result == alone(client, request)
    # NOT_FOUND and ALREADY_EXISTS name no field apart from their text.
    assert [len(result.error.field_violations) for result in results[:4:3]] == [0, 0]


def test_at_most_ten_fields_are_named(client: Client) -> None:
    request = DecideRequest(placement="shop", offer_ids=[LONG + str(i) for i in range(30)], slots=99)
    (result,) = client.batch([request])
    assert len(result.error.field_violations) == 10
    assert all(each.field and each.description.startswith("expected ") for each in result.error.field_violations)


def test_a_batch_of_bad_requests_only_is_answered(client: Client) -> None:
    before = client.counts("shop")
    results = client.batch(DecideRequest(placement="shop", slots=21) for _ in range(1000))
    assert set(errors(results)) == {INVALID.value[0]}
    assert client.counts("shop") == before


def test_a_batch_draws_what_single_calls_draw(client: Client) -> None:
    def requests(prefix: str) -> list[DecideRequest]:
        return [
            decide(
                "twin",
                f"{prefix}{i}",
                numbered_offers(5) if i % 2 else [],
                slots=1 + i % 3,
                customer_id=f"c{i}",
                ranking_size=10,
            )
            for i in range(100)
        ]

    client.put(*(kept(f"k{i}", placements=["twin"]) for i in range(6)))
    spec = {"policy": uniform(), "control": control(0.3), "shortlist": ShortlistSpec(size=4, random=3)}
    client.apply("twin", **spec)
    wait_until(lambda: _decides(client, "twin"), "the catalogue to arrive")
    together = [result.decision for result in client.batch(requests("e"))]
    assert {each.mode == MODE_CONTROL for each in together} == {True, False}
    stored = [client.get("twin", each.event_id) for each in together[:6]]
    assert client.decide_all(requests("e")) == together
    client.delete("twin")
    client.apply("twin", **spec)
    wait_until(lambda: _decides(client, "twin"), "the catalogue to arrive again")
    assert client.decide_all(requests("e")) == together
    again = [client.get("twin", each.event_id) for each in together[:6]]
    for one, two in zip(stored, again, strict=True):
        assert (one.offers, one.choices, one.shortlisted_from) == (two.offers, two.choices, two.shortlisted_from)
    client.delete("twin")


def _decides(client: Client, placement: str) -> bool:
    try:
        return len(client.decide(DecideRequest(placement=placement, ranking_size=10)).ranking) > 0
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION  # noqa: PT017 - the offers are not there yet
        return False


def test_the_same_request_twice_in_a_batch_is_one_decision(client: Client) -> None:
    before = client.status("shop").decisions
    request = decide("shop", "twice", offers("a", "b", "c"))
    first, second, third = client.batch([request, decide("shop", "else", offers("a")), request])
    assert first == third
    assert second.decision.event_id == "else"
    assert client.status("shop").decisions == before + 2
    assert client.decide(request) == first.decision
    assert client.batch([request] * 1000) == [first] * 1000
    assert client.status("shop").decisions == before + 2


def test_of_different_requests_with_one_event_id_exactly_one_is_decided(client: Client) -> None:
    before = client.status("shop").decisions
    results = client.batch(decide("shop", "race", numbered_offers(1 + i)) for i in range(20))
    taken: Any = grpc.StatusCode.ALREADY_EXISTS.value[0]
    assert Counter(errors(results)) == {0: 1, taken: 19}
    stored = len(client.get("shop", "race").offers)
    assert errors(results)[stored - 1] == 0
    assert client.status("shop").decisions == before + 1


def test_batches_and_single_calls_at_once_make_one_decision_of_each_event_id(
    client: Client, service: RunningService
) -> None:
    before = client.status("shop").decisions
    requests = [DecideRequest(placement="shop", event_id=f"crowd {i}", ranking_size=3) for i in range(100)]

    def ask(n: int) -> list[bytes]:
        with Client(service.address) as own:
            if n % 2:
                return [each.SerializeToString(deterministic=True) for each in own.decide_all(requests)]
            results = own.batch(requests if n else reversed(requests))
            answers = [each.decision.SerializeToString(deterministic=True) for each in results]
            return answers if n else answers[::-1]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert answers == [answers[0]] * 4
    assert client.status("shop").decisions == before + 100


def test_a_batch_may_be_of_several_placements_and_of_every_kind(client: Client) -> None:
    results = client.batch(
        [
            DecideRequest(placement="shop", event_id="kinds", slots=3),
            decide("other", "kinds", offers("x", "y"), deferred=True),
            decide("shop", "", offers("x")),
            DecideRequest(placement="shop", event_id="mail", channel="email", ranking_size=5),
            decide("shop", "", offers("x")),
        ]
    )
    decided = [result.decision for result in results]
    assert [len(each.choices) for each in decided] == [3, 1, 1, 1, 1]
    assert {scored.offer_id for scored in decided[3].ranking} == {"a", "b"}
    ids = [uuid.UUID(decided[i].event_id) for i in (2, 4)]
    assert (ids[0] != ids[1], {each.version for each in ids}) == (True, {7})
    assert [client.get(name, "kinds").state for name in ("shop", "other")] == [1, 3]
    assert len(client.get("shop", "kinds").choices) == 3
    assert refused(client.decisions.GetDecision, decision("shop", "x")).code == grpc.StatusCode.NOT_FOUND


def test_what_a_batch_decided_is_drawn_as_stated_and_learned_from(client: Client) -> None:
    """Counts of each offer are within four standard errors; each decision is one interaction of the training log."""
    client.apply("counted", policy=uniform(), reward=reward(1))
    client.put(*(kept(f"k{i}", placements=["counted"]) for i in range(7)))
    wait_until(lambda: _decides(client, "counted"), "the catalogue to arrive")
    requests = [
        DecideRequest(placement="counted", event_id=f"{i}", excluded_offer_ids=[f"k{i % 7}"]) for i in range(2000)
    ]
    before = client.status("counted").decisions
    answers = [each.decision for part in (requests[:1000], requests[1000:]) for each in client.batch(part)]
    assert {each.choices[0].propensity for each in answers} == {1 / 6}
    assert all(a.choices[0].offer_id not in r.excluded_offer_ids for a, r in zip(answers, requests, strict=True))
    for offer_id, drawn in Counter(each.choices[0].offer_id for each in answers).items():
        possible = sum(offer_id not in request.excluded_offer_ids for request in requests)
        assert abs(drawn - possible / 6) <= SE * math.sqrt(possible * 5 / 36)
    client.record(*(outcome("counted", each.event_id) for each in answers[:500]))
    status = client.wait_learned("counted", before + 2000)
    assert (status.interactions, status.refused_interactions) == (before + 2000, 0)
    client.delete("counted")


def test_a_cancelled_batch_is_decided_whole_or_in_part_and_can_be_sent_again(client: Client) -> None:
    """Whatever became of it: the same batch again has a decision for each, and none twice."""
    requests = [DecideRequest(placement="shop", event_id=f"cancelled {i}") for i in range(300)]
    before = client.status("shop").decisions
    call = client.decisions.DecideBatch.future(DecideBatchRequest(requests=requests), timeout=DEADLINE_S)
    call.cancel()
    results = client.batch(requests)
    assert set(errors(results)) == {0}
    assert client.batch(requests) == results
    assert client.status("shop").decisions == before + 300
