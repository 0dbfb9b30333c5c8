"""Placements: what applying, changing and deleting one does, and that a change never resets what was learned.

Also the two services that every gRPC tool expects: health and reflection.
"""

import re
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from attune.v1 import decision_service_pb2, placement_pb2, placement_service_pb2, reward_service_pb2
from attune.v1.placement_pb2 import EpsilonSpec, PolicySpec, SoftmaxSpec, SquareCbSpec, UniformSpec, VwSpec
from client import DEADLINE_S, Client, refused
from messages import FIRST, SUM, control, decide, decision, features, fixed, offers, outcome, reward, rule, softmax
from messages import uniform as uniform_policy
from service import RunningService, wait_until

NOT_FOUND = grpc.StatusCode.NOT_FOUND
LEARNED = decision_service_pb2.MODE_LEARNED
# Serving takes a new version over within a second.
SWAP_S = 1.2
OFFERS = ("a", "b", "c")


# Each alters policy or reward, and so has to be trained first.
CHANGES: dict[str, dict[str, Any]] = {
    "policy": {"policy": softmax(5), "reward": reward(1)},
    "reward": {"reward": reward(1, [rule(weight=3)])},
    "bits": {"policy": PolicySpec(vw=VwSpec(bits=12)), "reward": reward(1)},
    "both": {"policy": softmax(5), "reward": reward(1, [rule(weight=-1)])},
}
EXPERIENCED = (*(f"change-{change}" for change in CHANGES), "detour", "control", "gone")


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    """A client of a service in which the placements that are about to be changed have learned that a is liked."""
    with Client(service.address) as connected:
        for name in EXPERIENCED:
            connected.apply(name, reward=reward(1))
            train(connected, name, 0, 40)
        for name in EXPERIENCED:
            connected.wait_learned(name, 40)
        yield connected


def serving_version(client: Client, placement: str) -> int:
    """Waits until a version that has learned decides, and returns it."""

    def version() -> int:
        return client.decide(decide(placement, "", offers(*OFFERS))).policy_version

    return wait_until(version, f"a version of {placement} that serves")


def train(client: Client, placement: str, start: int, count: int, favourite: str = "a") -> None:
    """Makes `count` decisions from number `start` on and clicks wherever the favourite offer was drawn."""
    context = features(categorical={"device": "mobile"})
    requests = [decide(placement, f"train {i}", offers(*OFFERS), context=context) for i in range(start, start + count)]
    answers = client.decide_all(requests)
    clicks = [outcome(placement, a.event_id) for a in answers if a.choices[0].offer_id == favourite]
    if clicks:
        client.record(*clicks)


def pmf(answer: decision_service_pb2.DecideResponse) -> dict[str, float]:
    return {scored.offer_id: scored.probability for scored in answer.ranking}


def filled(name: str, **fields: Any) -> placement_pb2.Placement:
    """The placement of this name with every default written out, as the comments of the proto say them."""
    squarecb = SquareCbSpec(gamma_scale=10, gamma_exponent=0.5)
    defaults = {
        "policy": vw(squarecb=squarecb),
        "reward": reward(600, [rule("click", weight=1, aggregation=FIRST)], min=-1000, max=1000),
        "store_failure": placement_pb2.STORE_FAILURE_ANSWER,
    }
    return placement_pb2.Placement(name=name, **{**defaults, **fields})


def vw(**said: Any) -> PolicySpec:
    defaults: dict[str, Any] = {
        "crossings": placement_pb2.CROSSINGS_CONTEXT_PAIRS_OFFER,
        "context_alone": False,
        "learning_rate": 1.5,
        "bits": 18,
        "cb_type": placement_pb2.CB_TYPE_MTR,
        "power_t": 0.5,
    }
    return PolicySpec(vw=VwSpec(**(defaults | said)))


LISTED = [
    placement_pb2.Crossing(context=["device"], offer=["category"]),
    placement_pb2.Crossing(context=["user", "time_of_day"], slot=True, offer_id=True),
]


# What is sent, and what of it comes back besides the other defaults.
DEFAULTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing said": ({}, {}),
    "empty policy": ({"policy": PolicySpec()}, {}),
    "empty vw": ({"policy": PolicySpec(vw=VwSpec())}, {}),
    "empty reward": ({"reward": placement_pb2.RewardSpec()}, {}),
    "empty epsilon": (
        {"policy": PolicySpec(vw=VwSpec(epsilon=EpsilonSpec()))},
        {"policy": vw(epsilon=EpsilonSpec(epsilon=0.1))},
    ),
    "empty softmax": (
        {"policy": PolicySpec(vw=VwSpec(softmax=SoftmaxSpec()))},
        {"policy": vw(softmax=SoftmaxSpec(**{"lambda": 10}))},
    ),
    # 0 is a value here, not an absence.
    "explicit zeros": (
        {"policy": PolicySpec(vw=VwSpec(squarecb=SquareCbSpec(gamma_exponent=0)))},
        {"policy": vw(squarecb=SquareCbSpec(gamma_scale=10, gamma_exponent=0))},
    ),
    "a list of crossings": (
        {"policy": PolicySpec(vw=VwSpec(epsilon=EpsilonSpec(), explicit_crossings=LISTED))},
        {
            "policy": vw(
                epsilon=EpsilonSpec(epsilon=0.1),
                explicit_crossings=LISTED,
                crossings=placement_pb2.CROSSINGS_EXPLICIT,
            )
        },
    ),
    "control without a baseline": (
        {"control": control(0.2)},
        {"control": control(0.2, uniform=UniformSpec())},
    ),
    "bare outcome rule": (
        {"reward": reward(60, [rule("buy"), rule("pay", aggregation=SUM)], max=5)},
        {
            "reward": reward(
                60, [rule("buy", weight=1, aggregation=FIRST), rule("pay", weight=1, aggregation=SUM)], min=-1000, max=5
            )
        },
    ),
}


@pytest.mark.parametrize(("sent", "expected"), DEFAULTS.values(), ids=DEFAULTS.keys())
def test_every_default_is_filled_in_and_applying_again_changes_nothing(
    client: Client, sent: dict[str, Any], expected: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    name = re.sub("[^a-z0-9]+", "-", f"defaults-{request.node.callspec.id}")
    first = client.apply(name, **sent)
    assert (first.placement, first.revision, first.changed) == (filled(name, **expected), 1, True)
    again = client.apply(name, **sent)
    assert (again.placement, again.revision, again.changed) == (first.placement, 1, False)
    written_out = client.placements.ApplyPlacement(
        placement_service_pb2.ApplyPlacementRequest(placement=first.placement), timeout=DEADLINE_S
    )
    assert (written_out.revision, written_out.changed) == (1, False)


def test_a_change_takes_the_default_for_what_is_absent_and_the_revision_grows(client: Client) -> None:
    client.apply("absent", control=control(0.5), reward=reward(5))
    changed = client.apply("absent", reward=reward(5))
    assert (changed.revision, changed.changed) == (2, True)
    assert not changed.placement.HasField("control")
    stored = client.placements.GetPlacement(placement_service_pb2.GetPlacementRequest(placement="absent"))
    assert (stored.placement, stored.revision) == (changed.placement, 2)


def test_placements_are_listed_by_name(client: Client) -> None:
    for name in ("list-b", "list-a", "list.c", "list_0"):
        client.apply(name)
    listed = client.placements.ListPlacements(placement_service_pb2.ListPlacementsRequest()).placements
    names = [known.placement.name for known in listed]
    assert names == sorted(names)
    assert {"list-b", "list-a", "list.c", "list_0"} <= set(names)
    assert all(known.revision >= 1 and known.HasField("status") for known in listed)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_spec_decides_with_the_old_version_until_the_new_one_has_learned_everything(
    client: Client, change: str
) -> None:
    name = f"change-{change}"
    learned, old = client.status(name), serving_version(client, name)
    applied = client.apply(name, **CHANGES[change])
    assert applied.changed

    def taken_over() -> bool:
        answer = client.decide(decide(name, "", offers(*OFFERS)))
        assert (answer.mode, answer.policy_version >= old) == (LEARNED, True)
        serving = [version for version in client.versions(name) if version.serving]
        assert len(serving) == 1
        caught_up = serving[0].version > old and serving[0].interactions >= learned.interactions
        served = answer.policy_version >= serving[0].version
        return caught_up and served and serving[0].policy == applied.placement.policy

    wait_until(taken_over, "the new spec to take over")
    context = features(categorical={"device": "mobile"})
    direction = pmf(client.decide(decide(name, "", offers(*OFFERS), context=context)))
    # What was learned from the log: a was clicked, so it is liked; with weight -1 a click is bad.
    assert (direction["a"] == max(direction.values())) == (change != "both")


def test_a_change_to_uniform_and_back_does_not_forget(client: Client) -> None:
    client.apply("detour", reward=reward(1), policy=uniform_policy())
    third = dict.fromkeys(OFFERS, 1 / 3)
    wait_until(lambda: pmf(client.decide(decide("detour", "", offers(*OFFERS)))) == third, "uniform draws")
    train(client, "detour", 40, 20)
    client.apply("detour", reward=reward(1))
    wait_until(lambda: client.status("detour").learned >= 60, "all 60 interactions to be learned")
    back = client.decide(decide("detour", "", offers(*OFFERS)))
    assert back.policy_version > 0
    assert max(pmf(back), key=pmf(back).__getitem__) == "a"


def test_a_changed_control_group_works_at_once_and_keeps_the_version(client: Client) -> None:
    version = serving_version(client, "control")
    client.apply("control", reward=reward(1), control=control(1, fixed=fixed("b").fixed))
    answer = client.decide(decide("control", "", offers(*OFFERS)))
    assert (answer.mode, answer.choices[0].offer_id) == (decision_service_pb2.MODE_CONTROL, "b")
    client.apply("control", reward=reward(1))
    assert client.decide(decide("control", "", offers(*OFFERS))).policy_version >= version


def test_a_deleted_placement_is_gone_and_a_new_one_of_its_name_starts_from_nothing(client: Client) -> None:
    """Deleted in the middle of learning: some decisions are learned, some pending."""
    train(client, "gone", 40, 60)
    client.delete("gone")
    by_name = {"placement": "gone"}
    service = client.placements
    calls = [
        (client.decisions.Decide, decide("gone", "x", offers(*OFFERS))),
        (client.decisions.GetDecision, decision("gone", "train 0")),
        (service.GetPlacement, placement_service_pb2.GetPlacementRequest(**by_name)),
        (service.ListPolicyVersions, placement_service_pb2.ListPolicyVersionsRequest(**by_name)),
        (service.DeletePlacement, placement_service_pb2.DeletePlacementRequest(**by_name)),
    ]
    assert [refused(rpc, request).code for rpc, request in calls] == [NOT_FOUND] * 5
    (receipt,) = client.record(outcome("gone", "train 0", outcome_id="after"))
    assert receipt.status in (
        reward_service_pb2.OUTCOME_STATUS_INVALID,
        reward_service_pb2.OUTCOME_STATUS_UNKNOWN_EVENT,
    )
    assert_starts_from_nothing(client, "gone")


def assert_starts_from_nothing(client: Client, name: str) -> None:
    again = client.apply(name, reward=reward(1))
    assert (again.revision, again.changed) == (1, True)
    assert (client.counts(name), client.status(name).policy_version) == ((0, 0, 0, 0, 0), 0)
    assert not client.versions(name)
    assert refused(client.decisions.GetDecision, decision(name, "train 0")).code == NOT_FOUND
    answer = client.decide(decide(name, "train 0", offers("only")))
    assert (answer.policy_version, answer.choices[0].offer_id, answer.choices[0].propensity) == (0, "only", 1)
    # Long enough for whatever was on its way for the old one to arrive.
    status = client.wait_learned(name, 1)
    assert (status.decisions, status.interactions, status.learned) == (1, 1, 1)
    assert [version.interactions for version in client.versions(name)] == [1]


def test_thirty_placements_learn_side_by_side(client: Client) -> None:
    names = [f"many-{i}" for i in range(30)]
    for name in names:
        client.apply(name, reward=reward(1))
    answers = client.decide_all(decide(name, "only", offers(*OFFERS)) for name in names)
    assert all(answer.logged for answer in answers)
    for name in names:
        client.wait_learned(name, 1)


def test_the_service_says_that_it_serves(client: Client) -> None:
    health: Any = health_pb2_grpc.HealthStub(client.channel)
    answer = health.Check(health_pb2.HealthCheckRequest(), timeout=DEADLINE_S)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_the_services(client: Client) -> None:
    reflection: Any = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    (answer,) = reflection.ServerReflectionInfo(asked, timeout=DEADLINE_S)
    assert {service.name for service in answer.list_services_response.service} >= {
        "attune.v1.DecisionService",
        "attune.v1.RewardService",
        "attune.v1.PlacementService",
        "grpc.health.v1.Health",
    }
