"""The same event_id gives the same stored decision and the same outcome counts once: whoever asks, whenever, how often.

A caller whose connection broke cannot know whether its call arrived. It sends the same thing again, perhaps over
another connection, perhaps after the model has moved on, and must get what it would have got.
"""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from attune.v1 import decision_service_pb2, features_pb2, reward_service_pb2
from attune.v1.customer_service_pb2 import (
    PURPOSE_LEARNING,
    PURPOSE_PERSONALIZATION,
    Consent,
    SetConsentRequest,
)
from client import DEADLINE_S, Client, refused
from messages import decide, features, numbered_offers, offer, offers, outcome, reward, softmax
from service import RunningService, wait_until

ACCEPTED = reward_service_pb2.OUTCOME_STATUS_ACCEPTED
DUPLICATE = reward_service_pb2.OUTCOME_STATUS_DUPLICATE
LATE = reward_service_pb2.OUTCOME_STATUS_LATE
UNKNOWN = reward_service_pb2.OUTCOME_STATUS_UNKNOWN_EVENT
CLOSED = decision_service_pb2.DECISION_STATE_CLOSED
EXISTS = grpc.StatusCode.ALREADY_EXISTS


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    """A client of a service with `slow`, whose window stays open, and `fast`, which learns after a second."""
    with Client(service.address) as connected:
        connected.apply("slow")
        connected.apply("other")
        connected.apply("fast", reward=reward(window_s=1), policy=softmax())
        yield connected


@pytest.fixture
def second(service: RunningService) -> Iterator[Client]:
    """A client with a connection of its own."""
    with Client(service.address) as connected:
        yield connected


def statuses(receipts: list[reward_service_pb2.OutcomeReceipt]) -> list[int]:
    return [receipt.status for receipt in receipts]


def wait_closed(client: Client, placement: str, event_id: str) -> decision_service_pb2.Decision:
    """Waits until a decision is in the training log."""
    wait_until(lambda: client.get(placement, event_id).state == CLOSED, f"the window of {event_id} to close")
    return client.get(placement, event_id)


def rich_request(placement: str, event_id: str) -> decision_service_pb2.DecideRequest:
    context = features({"age": 31.5, "b": 2}, {"device": "mobile"}, {"likes": ["x", "y"]}, {"e": [0.1, 0.2]})
    candidates = [offer(f"o{i}", features({"price": i / 7})) for i in range(5)]
    return decide(placement, event_id, candidates, context=context, customer_id="anna", excluded_offer_ids=["o2"])


def test_the_same_request_gives_the_same_decision_also_over_another_connection(client: Client, second: Client) -> None:
    first = client.decide(rich_request("slow", "again"))
    stored, counts = client.get("slow", "again"), client.counts("slow")
    assert client.decide(rich_request("slow", "again")) == first
    assert second.decide(rich_request("slow", "again")) == first
    assert second.get("slow", "again") == stored
    assert client.counts("slow") == counts


def test_the_order_in_which_a_map_was_written_does_not_make_a_request_different(client: Client) -> None:
    """Protobuf leaves the order of map entries on the wire open: a repeated call may send another one."""

    def entry(name: str) -> bytes:
        known = features_pb2.Features(numeric={name: 1.0}, categorical={name: name})
        return decision_service_pb2.DecideRequest(context=known).SerializeToString()

    rpc: Any = client.channel.unary_unary("/attune.v1.DecisionService/Decide")
    head = decide("slow", "maps", offers("a", "b")).SerializeToString()
    answers = {rpc(head + one + two, timeout=DEADLINE_S) for one, two in [map(entry, "xy"), map(entry, "yx")]}
    assert len(answers) == 1


def test_the_same_request_gives_the_same_decision_after_it_was_learned_from(client: Client, second: Client) -> None:
    """`probe` shows that the model did move on: its probabilities change while the stored ones stay."""
    allowed = [Consent(purpose=purpose, granted=True) for purpose in (PURPOSE_PERSONALIZATION, PURPOSE_LEARNING)]
    client.customers.SetConsent(SetConsentRequest(customer_id="anna", consents=allowed), timeout=DEADLINE_S)
    requests = [rich_request("fast", f"learned {i}") for i in range(40)]
    before = client.decide_all(requests)
    probe = client.decide(rich_request("fast", "probe before"))
    best = [answer.event_id for answer in before if answer.choices[0].offer_id == "o0"]
    assert set(statuses(client.record(*(outcome("fast", event_id) for event_id in best)))) == {ACCEPTED}
    client.wait_learned("fast", 41)
    # Serving takes a version over within a second; the first one may have learned too little to differ.
    wait_until(
        lambda: client.decide(rich_request("fast", f"probe {uuid.uuid4()}")).ranking != probe.ranking,
        "a version that states other probabilities",
    )
    assert second.decide_all(requests) == before
    assert all(client.get("fast", request.event_id).state == CLOSED for request in requests[:3])
    assert client.status("fast").interactions <= client.status("fast").decisions
    refusal = refused(client.decisions.Decide, decide("fast", "learned 0", offers("a", "b")))
    assert (refusal.code, '"learned 0"' in refusal.message) == (EXISTS, True)


def test_fifty_at_once_with_one_event_id_are_one_decision(client: Client, service: RunningService) -> None:
    before = client.status("slow").decisions
    clients = [Client(service.address) for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        request = rich_request("slow", "crowd")
        answers = list(pool.map(lambda c: c.decide_all([request] * 10), clients))
    for connected in clients:
        connected.channel.close()
    assert all(answer == answers[0][0] for ten in answers for answer in ten)
    assert client.status("slow").decisions == before + 1


def test_of_different_requests_at_once_with_one_event_id_exactly_one_wins(client: Client) -> None:
    before = client.status("slow").decisions
    requests = [decide("slow", "race", numbered_offers(2 + i % 5)) for i in range(50)]
    calls = [client.decisions.Decide.future(request, timeout=DEADLINE_S) for request in requests]
    codes = [call.code() for call in calls]
    stored = len(client.get("slow", "race").offers)
    assert codes == [grpc.StatusCode.OK if len(request.offers) == stored else EXISTS for request in requests]
    assert len({call.result().SerializeToString(deterministic=True) for call in calls if call.code() == codes[0]}) <= 1
    assert client.status("slow").decisions == before + 1


def test_an_event_id_belongs_to_its_placement(client: Client) -> None:
    one = client.decide(decide("slow", "shared id", offers("a", "b")))
    two = client.decide(decide("other", "shared id", offers("c")))
    assert (one.choices[0].offer_id in "ab", two.choices[0].offer_id) == (True, "c")
    client.record(outcome("other", "shared id"))
    assert (len(client.get("slow", "shared id").outcomes), len(client.get("other", "shared id").outcomes)) == (0, 1)


# What means something to a key, a pattern, a hash tag, a script or a C string; and names that differ by a hair.
@pytest.mark.parametrize(
    "event_id",
    ["a}:{b", "{other}", "a\0", "a", "a ", "\n", "*", "%s", "é", "e\u0301", ":due", "0"],
    ids=repr,
)
def test_any_text_is_an_event_id_of_its_own(client: Client, event_id: str) -> None:
    answer = client.decide(decide("slow", event_id, offers(event_id, "else")))
    assert answer.event_id == event_id
    assert statuses(client.record(outcome("slow", event_id, outcome_id=event_id))) == [ACCEPTED]
    stored = client.get("slow", event_id)
    assert [known.offer.id for known in stored.offers] == [event_id, "else"]
    assert [known.outcome_id for known in stored.outcomes] == [event_id]


def test_without_an_event_id_every_call_is_a_decision_with_a_uuid_version_7(client: Client) -> None:
    ids = [client.decide(decide("slow", "", offers("a", "b"))).event_id for _ in range(2)]
    assert ids[0] != ids[1]
    assert [uuid.UUID(event_id).version for event_id in ids] == [7, 7]
    assert [client.get("slow", event_id).event_id for event_id in ids] == ids


def test_an_outcome_sent_again_changes_nothing(client: Client, second: Client) -> None:
    client.decide(decide("slow", "twice", offers("a", "b")))
    before = client.status("slow").outcomes
    sent = [outcome("slow", "twice"), outcome("slow", "twice", outcome_id="x", value=2.0)]
    assert statuses(client.record(*sent, sent[0])) == [ACCEPTED, ACCEPTED, DUPLICATE]
    changed = outcome("slow", "twice", outcome_id="x", value=9.0)
    receipts = second.record(*sent, changed)
    assert [(r.outcome_id, r.status) for r in receipts] == [("click", DUPLICATE), ("x", DUPLICATE), ("x", DUPLICATE)]
    assert {known.outcome_id: known.value for known in client.get("slow", "twice").outcomes} == {"click": 1, "x": 2}
    assert client.status("slow").outcomes == before + 2


def test_fifty_times_one_outcome_at_once_is_accepted_once(client: Client) -> None:
    client.decide(decide("slow", "clicked", offers("a", "b")))
    before = client.status("slow").outcomes
    request = reward_service_pb2.RecordOutcomesRequest(outcomes=[outcome("slow", "clicked")])
    calls = [client.rewards.RecordOutcomes.future(request, timeout=DEADLINE_S) for _ in range(50)]
    received = [call.result().receipts[0].status for call in calls]
    assert sorted(received) == [ACCEPTED] + [DUPLICATE] * 49
    assert client.status("slow").outcomes == before + 1


def test_a_thousand_outcomes_in_one_request_get_their_receipts_in_order(client: Client) -> None:
    client.decide(decide("slow", "thousand", offers("a", "b")))
    # Every fifth belongs to no decision.
    sent = [outcome("slow", "thousand" if i % 5 else "nobody", outcome_id=f"n{i}") for i in range(1000)]
    receipts = client.record(*sent)
    assert [receipt.outcome_id for receipt in receipts] == [known.outcome_id for known in sent]
    assert statuses(receipts) == [ACCEPTED if i % 5 else UNKNOWN for i in range(1000)]
    assert len(client.get("slow", "thousand").outcomes) == 800


def test_an_outcome_of_an_unknown_event_is_told_so_and_leaves_nothing_behind(client: Client) -> None:
    before = client.counts("slow")
    (receipt,) = client.record(outcome("slow", "not yet"))
    assert receipt.status == UNKNOWN
    assert receipt.detail.startswith("event_id: expected ")
    assert client.counts("slow") == before
    client.decide(decide("slow", "not yet", offers("a", "b")))
    assert not client.get("slow", "not yet").outcomes
    assert statuses(client.record(outcome("slow", "not yet"))) == [ACCEPTED]


def test_outcomes_out_of_order_are_shown_earliest_first(client: Client) -> None:
    decided = client.decide(decide("slow", "order", offers("a", "b"))).event_id
    start_ms = client.get("slow", decided).decided_at.ToMilliseconds()
    time.sleep(0.05)
    for later_ms in (30, 10, 20):
        at_s = (start_ms + later_ms) / 1000
        client.record(outcome("slow", "order", outcome_id=str(later_ms), at_s=at_s, value=later_ms))
    shown = client.get("slow", "order").outcomes
    times = [(known.value, known.occurred_at.ToMilliseconds() - start_ms) for known in shown]
    assert times == [(10, 10), (20, 20), (30, 30)]


def test_what_cannot_have_happened_then_is_moved_or_refused(client: Client) -> None:
    """Before the decision, in a future that another clock explains, and in one that no clock explains."""
    client.decide(decide("slow", "clocks", offers("a", "b")))
    decided_ms = client.get("slow", "clocks").decided_at.ToMilliseconds()
    before, soon, never = (
        outcome("slow", "clocks", outcome_id=name, at_s=decided_ms / 1000 + seconds)
        for name, seconds in (("before", -3600), ("soon", 60), ("never", 3600))
    )
    receipts = client.record(before, soon, never)
    assert statuses(receipts) == [ACCEPTED, ACCEPTED, reward_service_pb2.OUTCOME_STATUS_INVALID]
    assert receipts[2].detail.startswith("occurred_at: expected a time at most 300 s in the future, got ")
    first, second = client.get("slow", "clocks").outcomes
    assert (first.outcome_id, first.occurred_at.ToMilliseconds()) == ("before", decided_ms)
    assert second.outcome_id == "soon"
    assert decided_ms <= second.occurred_at.ToMilliseconds() < decided_ms + 30_000


def test_an_outcome_after_the_window_is_late_and_changes_nothing_that_was_learned(client: Client) -> None:
    client.decide(decide("fast", "late", offers("a", "b")))
    client.record(outcome("fast", "late", outcome_id="in time"))
    closed = wait_closed(client, "fast", "late")
    client.wait_learned("fast", 1)
    before = client.status("fast")
    late = outcome("fast", "late", outcome_id="too late", value=5.0)
    assert statuses(client.record(late, outcome("fast", "late", outcome_id="in time"))) == [LATE, DUPLICATE]
    assert client.get("fast", "late") == closed
    after = client.status("fast")
    assert (after.late_outcomes, after.outcomes) == (before.late_outcomes + 1, before.outcomes)
    # Sent again, a late outcome is either known already or still late; it is never counted twice.
    assert statuses(client.record(late))[0] in (LATE, DUPLICATE)
    assert client.status("fast").late_outcomes == before.late_outcomes + 1
