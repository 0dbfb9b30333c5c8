"""The store stops answering (SIGSTOP) and comes back: decisions are answered or refused in time, and recover."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest

from attune.v1.decision_service_pb2 import DecideRequest, DecideResponse, GetDecisionRequest
from attune.v1.decision_service_pb2_grpc import DecisionServiceStub
from attune.v1.placement_pb2 import STORE_FAILURE_REFUSE, Placement, StoreFailure
from attune.v1.placement_service_pb2 import ApplyPlacementRequest, GetPlacementRequest
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from attune.v1.reward_service_pb2 import Outcome, RecordOutcomesRequest
from attune.v1.reward_service_pb2_grpc import RewardServiceStub
from customers import OFFERS
from service import RunningService, wait_until

# The decision's own time limit (0.1 s, once for a connection and once for an answer) and room for two noisy cores.
IN_TIME_S = 1.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with the time limits that a user has."""
    with RunningService(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture(scope="module")
def channel(service: RunningService) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(service.address) as channel:
        yield channel


@contextmanager
def frozen(service: RunningService) -> Iterator[None]:
    """The store is there, but does nothing."""
    pid = service.children()["store"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def applied(channel: grpc.Channel, name: str, store_failure: StoreFailure | None = None) -> str:
    placement = Placement(name=name, store_failure=store_failure)
    PlacementServiceStub(channel).ApplyPlacement(ApplyPlacementRequest(placement=placement), timeout=5)
    return name


def decide(channel: grpc.Channel, placement: str, event_id: str = "") -> DecideResponse:
    request = DecideRequest(placement=placement, event_id=event_id, offers=OFFERS)
    return DecisionServiceStub(channel).Decide(request, timeout=5)


def test_a_placement_that_answers_does_so_unlogged_and_in_time(service: RunningService, channel: grpc.Channel) -> None:
    placement = applied(channel, "answers")
    assert decide(channel, placement).logged
    with frozen(service):
        for _ in range(20):
            started = time.monotonic()
            answer = decide(channel, placement)
            assert not answer.logged
            assert answer.choices[0].offer_id in {offer.id for offer in OFFERS}
            assert time.monotonic() - started < IN_TIME_S
    wait_until(lambda: decide(channel, placement).logged, "decisions to be logged again", timeout_s=2)


def test_a_placement_that_refuses_says_unavailable_in_time(service: RunningService, channel: grpc.Channel) -> None:
    placement = applied(channel, "refuses", STORE_FAILURE_REFUSE)
    assert decide(channel, placement).logged
    with frozen(service):
        for _ in range(20):
            started = time.monotonic()
            with pytest.raises(grpc.RpcError) as caught:
                decide(channel, placement)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
            assert "out of reach" in caught.value.details()
            assert time.monotonic() - started < IN_TIME_S

    def logged_again() -> bool:
        try:
            return decide(channel, placement).logged
        except grpc.RpcError:
            return False

    wait_until(logged_again, "decisions to be logged again", timeout_s=2)


def test_a_request_that_is_repeated_after_the_outage_gets_the_same_offer_once(
    service: RunningService, channel: grpc.Channel
) -> None:
    """What was sent into the frozen store may still be written when it thaws; the repeated request must agree."""
    placement = applied(channel, "repeats")
    assert decide(channel, placement).logged
    with frozen(service):
        unlogged = decide(channel, placement, event_id="again")
        assert not unlogged.logged
    logged = wait_until(
        lambda: answer if (answer := decide(channel, placement, event_id="again")).logged else None, "a logged answer"
    )
    assert list(logged.choices) == list(unlogged.choices)
    stored = DecisionServiceStub(channel).GetDecision(GetDecisionRequest(placement=placement, event_id="again"))
    assert list(stored.decision.choices) == list(unlogged.choices)
    status = PlacementServiceStub(channel).GetPlacement(GetPlacementRequest(placement=placement)).status
    assert status.decisions == 2


def test_outcomes_say_unavailable_and_can_be_sent_again(service: RunningService, channel: grpc.Channel) -> None:
    placement = applied(channel, "outcomes")
    event_id = decide(channel, placement).event_id
    outcome = Outcome(placement=placement, event_id=event_id, name="click")
    request = RecordOutcomesRequest(outcomes=[outcome])
    with frozen(service), pytest.raises(grpc.RpcError) as caught:
        RewardServiceStub(channel).RecordOutcomes(request, timeout=10)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    RewardServiceStub(channel).RecordOutcomes(request, timeout=10)
    stored = DecisionServiceStub(channel).GetDecision(GetDecisionRequest(placement=placement, event_id=event_id))
    assert len(stored.decision.outcomes) == 1


def stored(channel: grpc.Channel, placement: str, event_id: str) -> bool:
    try:
        DecisionServiceStub(channel).GetDecision(GetDecisionRequest(placement=placement, event_id=event_id), timeout=5)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return False
    return True


@pytest.mark.parametrize("seconds", [1.0, pytest.param(10.0, marks=pytest.mark.long)])
def test_after_a_long_frost_all_is_as_before_and_nothing_is_there_twice(
    service: RunningService, channel: grpc.Channel, seconds: float
) -> None:
    placement = applied(channel, f"frost-{seconds:.0f}")
    logged, unlogged = [f"{placement}-before"], []
    assert decide(channel, placement, event_id=logged[0]).logged
    with frozen(service):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            started = time.monotonic()
            unlogged.append(f"{placement}-{len(unlogged)}")
            assert not decide(channel, placement, event_id=unlogged[-1]).logged
            assert time.monotonic() - started < IN_TIME_S
    thawed = time.monotonic()
    while not decide(channel, placement, event_id=(again := f"{placement}-after-{len(unlogged)}")).logged:
        unlogged.append(again)
        assert time.monotonic() - thawed < 2.0
    logged.append(again)
    assert all(stored(channel, placement, event_id) for event_id in logged)
    # Of what was not acknowledged, only what was on its way when the store froze may have arrived.
    arrived = [event_id for event_id in unlogged if stored(channel, placement, event_id)]
    assert len(arrived) <= 2
    status = PlacementServiceStub(channel).GetPlacement(GetPlacementRequest(placement=placement)).status
    assert status.decisions == len(logged) + len(arrived)
