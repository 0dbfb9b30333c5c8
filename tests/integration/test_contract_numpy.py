"""The policies written in NumPy, through the contract: applied, decided with, learned, and followed by decisions.

One service; every placement learns the same story: Tom likes a, Anna likes b, and c is liked by nobody. All learn it at
the same time, within one reward window.
"""

from collections import Counter
from collections.abc import Iterator

import pytest

from attune.v1 import decision_service_pb2, placement_pb2
from attune.v1.placement_pb2 import (
    REWARD_MODEL_GAUSSIAN,
    LinearModelSpec,
    LinearThompsonSpec,
    LinearUcbSpec,
    PolicySpec,
    PopularitySpec,
)
from client import Client, refused
from messages import apply, decide, features, offers, outcome, reward
from service import RunningService, wait_until

LEARNED = decision_service_pb2.MODE_LEARNED
OFFERS = ("a", "b", "c")
LIKED = {"Tom": "a", "Anna": "b"}
N_DECISIONS = 160
# Each costs up to some milliseconds of the server's one thread; a long queue would be answered unlogged.
AT_ONCE = 16
POLICIES = {
    "linear_ucb": PolicySpec(linear_ucb=LinearUcbSpec()),
    "linear_thompson": PolicySpec(linear_thompson=LinearThompsonSpec(), min_probability=0.05),
    "popularity": PolicySpec(popularity=PopularitySpec(), min_probability=0.05),
    "gaussian popularity": PolicySpec(popularity=PopularitySpec(rewards=REWARD_MODEL_GAUSSIAN)),
    "forgetful linear_ucb": PolicySpec(linear_ucb=LinearUcbSpec(model=LinearModelSpec(bits=6)), half_life=1000),
}
CONTEXTUAL = [policy for policy in POLICIES if "linear" in policy]
NAMES = {policy: policy.replace(" ", "-") for policy in POLICIES}


def request(policy: str, event_id: str, user: str) -> decision_service_pb2.DecideRequest:
    return decide(NAMES[policy], event_id, offers(*OFFERS), context=features(categorical={"user": user}))


@pytest.fixture(scope="module")
def first(service: RunningService) -> Iterator[tuple[Client, dict[str, list[decision_service_pb2.DecideResponse]]]]:
    """A client, and the decisions that each placement has learned from."""
    with Client(service.address) as connected:
        for policy, spec in POLICIES.items():
            connected.apply(NAMES[policy], policy=spec, reward=reward(1))
        decided = {policy: story(connected, policy) for policy in POLICIES}
        for name in NAMES.values():
            connected.wait_learned(name, N_DECISIONS)
        yield connected, decided


def story(client: Client, policy: str) -> list[decision_service_pb2.DecideResponse]:
    """Decides for Tom and Anna in turns, and clicks on what they like."""
    users = [("Tom", "Anna")[i % 2] for i in range(N_DECISIONS)]
    requests = [request(policy, f"{i}", user) for i, user in enumerate(users)]
    answers = [
        answer for i in range(0, N_DECISIONS, AT_ONCE) for answer in client.decide_all(requests[i : i + AT_ONCE])
    ]
    liked = [a for a, user in zip(answers, users, strict=True) if a.choices[0].offer_id == LIKED[user]]
    client.record(*(outcome(NAMES[policy], answer.event_id) for answer in liked))
    return answers


@pytest.fixture(scope="module")
def client(first: tuple[Client, dict[str, list[decision_service_pb2.DecideResponse]]]) -> Client:
    """A client of a service whose placements have learned."""
    return first[0]


def probabilities(client: Client, policy: str, user: str) -> dict[str, float]:
    """The probabilities stated by the newest version."""

    def answered() -> decision_service_pb2.DecideResponse | None:
        answer = client.decide(request(policy, "", user))
        return answer if answer.policy_version == client.status(NAMES[policy]).policy_version else None

    answer = wait_until(answered, f"the newest version of {policy} to decide")
    assert answer.mode == LEARNED
    return {scored.offer_id: scored.probability for scored in answer.ranking}


@pytest.mark.parametrize("policy", POLICIES)
def test_before_anything_is_learned_offers_are_equal(
    first: tuple[Client, dict[str, list[decision_service_pb2.DecideResponse]]], policy: str
) -> None:
    answer = first[1][policy][0]
    assert (answer.policy_version, answer.mode, answer.logged) == (0, LEARNED, True)
    assert [scored.probability for scored in answer.ranking] == pytest.approx([1 / 3] * 3, abs=1e-6)


@pytest.mark.parametrize("policy", POLICIES)
def test_everything_is_learned_into_a_version_that_serves(client: Client, policy: str) -> None:
    newest = client.versions(NAMES[policy])[0]
    assert newest.version > 0
    assert newest.serving
    assert newest.interactions >= N_DECISIONS
    assert newest.policy == client.apply(NAMES[policy], policy=POLICIES[policy], reward=reward(1)).placement.policy


@pytest.mark.parametrize("policy", CONTEXTUAL)
def test_decisions_follow_what_each_customer_likes(client: Client, policy: str) -> None:
    for user, liked in LIKED.items():
        stated = probabilities(client, policy, user)
        assert max(stated, key=stated.__getitem__) == liked
        assert stated[liked] > 0.6


@pytest.mark.parametrize("policy", sorted(set(POLICIES) - set(CONTEXTUAL)))
def test_popularity_follows_what_is_liked_whoever_asks(client: Client, policy: str) -> None:
    tom, anna = probabilities(client, policy, "Tom"), probabilities(client, policy, "Anna")
    assert tom == anna
    assert tom["c"] < 0.2 < max(tom.values())


@pytest.mark.parametrize("policy", POLICIES)
def test_the_probabilities_that_are_stored_are_those_that_were_drawn_from(client: Client, policy: str) -> None:
    """A few draws by hand: the drawn offer is the one whose probability is stated as its propensity."""
    answers = client.decide_all(request(policy, f"after {i}", "Tom") for i in range(AT_ONCE))
    for answer in answers:
        choice = answer.choices[0]
        stored = client.get(NAMES[policy], answer.event_id)
        assert list(stored.choices) == [choice]
        assert choice.propensity == {s.offer_id: s.probability for s in answer.ranking}[choice.offer_id]
    assert Counter(answer.mode for answer in answers) == {LEARNED: AT_ONCE}


def test_a_floor_holds_for_hopeless_offers(client: Client) -> None:
    for policy in ("linear_thompson", "popularity"):
        assert min(probabilities(client, policy, "Tom").values()) >= 0.05


def test_what_is_refused_names_the_field(client: Client) -> None:
    model = LinearModelSpec(offer_bits=8)
    placement = placement_pb2.Placement(
        name="large", policy=PolicySpec(linear_ucb=LinearUcbSpec(model=model, exploration=-1))
    )
    violations = refused(client.placements.ApplyPlacement, apply(placement)).violations
    assert [field for field, _ in violations] == [
        "policy.linear_ucb.exploration",
        "policy.linear_ucb.model",
    ]
