"""A deferred decision counts from the moment it is shown, and never before: decide now, Activate when it is seen."""

import time
from collections.abc import Iterator

import grpc
import pytest

from attune.v1 import decision_service_pb2, reward_service_pb2
from client import DEADLINE_S, Client, refused
from messages import decide, numbered_offers, outcome, reward
from service import RunningService, wait_until

CLOSED = decision_service_pb2.DECISION_STATE_CLOSED
DEFERRED = decision_service_pb2.DECISION_STATE_DEFERRED
PENDING = decision_service_pb2.DECISION_STATE_PENDING
ACCEPTED = reward_service_pb2.OUTCOME_STATUS_ACCEPTED
LATE = reward_service_pb2.OUTCOME_STATUS_LATE


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    """A client of a service with `slow`, whose window stays open, and `fast`, whose window is a second."""
    with Client(service.address) as connected:
        connected.apply("slow")
        connected.apply("fast", reward=reward(window_s=1))
        yield connected


def activate(client: Client, placement: str, event_id: str) -> bool:
    request = decision_service_pb2.ActivateRequest(placement=placement, event_id=event_id)
    answer: decision_service_pb2.ActivateResponse = client.decisions.Activate(request, timeout=DEADLINE_S)
    return answer.activated


def test_a_deferred_decision_is_pending_once_it_is_activated(client: Client) -> None:
    answer = client.decide(decide("slow", "mail-1", numbered_offers(3), deferred=True))
    assert answer.logged
    before = client.get("slow", "mail-1")
    assert before.state == DEFERRED
    assert client.counts("slow")[:2] == (0, 0), "what was not shown is not counted"

    assert activate(client, "slow", "mail-1")
    assert not activate(client, "slow", "mail-1"), "it was active before"
    after = client.get("slow", "mail-1")
    assert after.state == PENDING
    assert client.counts("slow")[:2] == (1, 1)
    after.state = before.state
    assert after == before, "activation changes nothing about what was decided"


def test_only_what_was_shown_is_learned_from(client: Client) -> None:
    """Several windows pass before the activation: its window begins with it."""
    for event_id in ("seen", "never-seen"):
        client.decide(decide("fast", event_id, numbered_offers(3), deferred=True))
    time.sleep(1.5)
    assert activate(client, "fast", "seen")
    assert client.record(outcome("fast", "seen"))[0].status == ACCEPTED
    wait_until(lambda: client.get("fast", "seen").state == CLOSED, "the window to close")
    client.wait_learned("fast", 1)
    assert client.get("fast", "never-seen").state == DEFERRED
    assert client.counts("fast") == (1, 0, 1, 0, 1)
    assert not activate(client, "fast", "seen"), "what is in the log stays as it is"
    assert client.record(outcome("fast", "seen", outcome_id="again"))[0].status == LATE


def test_an_outcome_may_overtake_the_activation(client: Client) -> None:
    """The click arrives on another way than the news that the mail was opened."""
    client.decide(decide("fast", "overtaken", numbered_offers(3), deferred=True))
    assert client.record(outcome("fast", "overtaken"))[0].status == ACCEPTED
    assert activate(client, "fast", "overtaken")
    wait_until(lambda: client.get("fast", "overtaken").state == CLOSED, "the window to close")
    assert [recorded.name for recorded in client.get("fast", "overtaken").outcomes] == ["click"]


def test_a_decision_that_is_not_deferred_is_active_already(client: Client) -> None:
    client.decide(decide("slow", "page-1", numbered_offers(3)))
    assert client.get("slow", "page-1").state == PENDING
    assert not activate(client, "slow", "page-1")


def test_a_repeated_request_gets_the_deferred_decision_again_and_defers_it_no_longer(client: Client) -> None:
    request = decide("slow", "mail-2", numbered_offers(3), deferred=True)
    first = client.decide(request)
    activate(client, "slow", "mail-2")
    assert client.decide(request) == first
    assert client.get("slow", "mail-2").state == PENDING
    request.deferred = False
    assert refused(client.decisions.Decide, request).code == grpc.StatusCode.ALREADY_EXISTS


def test_what_cannot_be_activated_is_named(client: Client) -> None:
    request = decision_service_pb2.ActivateRequest(placement="slow", event_id="never-decided")
    refusal = refused(client.decisions.Activate, request)
    assert refusal.code == grpc.StatusCode.NOT_FOUND
    assert refusal.message == 'event_id: expected a decision of placement "slow", got "never-decided"'
    refusal = refused(client.decisions.Activate, decision_service_pb2.ActivateRequest(placement="slow"))
    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
    assert [field for field, _ in refusal.violations] == ["event_id"]
    request = decision_service_pb2.ActivateRequest(placement="never-applied", event_id="e")
    assert refused(client.decisions.Activate, request).code == grpc.StatusCode.NOT_FOUND
