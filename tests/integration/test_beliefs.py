"""Beliefs over gRPC: what is decided before anything was learned, and that mistakes in them are named."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from attune.cli import app
from attune.v1.decision_service_pb2 import MODE_LEARNED, DecideRequest
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import Belief, Placement, PolicySpec, RewardSpec, UniformSpec
from client import Client, refused
from messages import apply, decide, features, offer, offers, outcome, reward
from service import RunningService, wait_until

ROOT = Path(__file__).parents[2]
OFFERS = ("ten_percent", "free_shipping", "gift", "newsletter")
BELIEVED = "free_shipping"
DRAWS = 200
MOBILE, DESKTOP = (features(categorical={"device": device}) for device in ("mobile", "desktop"))
BELIEF = Belief(context=MOBILE, offer=offer(BELIEVED), reward=0.5, strength=50)


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    """A client of a service with a placement that believes and one that does not."""
    with Client(service.address) as connected:
        # Nothing closes in the hour that this takes.
        connected.apply("believing", policy=PolicySpec(beliefs=[BELIEF]), reward=reward(3600))
        connected.apply("open", reward=reward(3600))
        yield connected


def request(placement: str, event_id: str, context: Features = MOBILE) -> DecideRequest:
    return decide(placement, event_id, offers(*OFFERS), context=context)


def probability(client: Client, placement: str, event_id: str, context: Features = MOBILE) -> float:
    """Ask with which probability the believed offer is drawn."""
    answer = client.decide(request(placement, event_id, context))
    return {scored.offer_id: scored.probability for scored in answer.ranking}[BELIEVED]


def test_the_first_decisions_are_drawn_with_what_is_believed(client: Client) -> None:
    answers = client.decide_all(request("believing", f"first {i}") for i in range(DRAWS))
    assert {(answer.mode, answer.policy_version, answer.logged) for answer in answers} == {(MODE_LEARNED, 0, True)}
    stated = {scored.probability for answer in answers for scored in answer.ranking if scored.offer_id == BELIEVED}
    (p,) = stated
    assert p > 0.8
    drawn = sum(answer.choices[0].offer_id == BELIEVED for answer in answers)
    # Four standard errors of the number of draws.
    assert abs(drawn - DRAWS * p) <= 4 * math.sqrt(DRAWS * p * (1 - p))
    without = client.decide_all(request("open", f"first {i}") for i in range(DRAWS))
    assert drawn > 2 * sum(answer.choices[0].offer_id == BELIEVED for answer in without)


def test_the_stored_decision_says_so_too(client: Client) -> None:
    answer = client.decide(request("believing", "stored"))
    stored = client.get("believing", "stored")
    assert (stored.mode, stored.policy_version) == (MODE_LEARNED, 0)
    assert stored.choices == answer.choices


def test_elsewhere_a_belief_counts_less(client: Client) -> None:
    assert 0.25 < probability(client, "believing", "elsewhere", DESKTOP) < probability(client, "believing", "there")


def test_without_beliefs_every_offer_is_as_probable(client: Client) -> None:
    assert probability(client, "open", "any") == 0.25


def test_what_is_applied_is_shown_and_applying_it_again_changes_nothing(client: Client) -> None:
    wordy = Belief(
        context=features({"age": 30}, {"device": "mobile", "segment": "new"}, {"likes": ["x", "y"]}, {"e": [0.5, 1]}),
        offer=offer("a", features(categorical={str(i): "x" for i in range(20)})),
        reward=0.5,
        strength=5,
    )
    policy = PolicySpec(beliefs=[wordy, BELIEF])
    assert list(client.apply("again", policy=policy).placement.policy.beliefs) == [wordy, BELIEF]
    assert not client.apply("again", policy=policy).changed


def test_a_changed_belief_is_learned_beside_all_that_happened(client: Client) -> None:
    """Offer `gift` is what is clicked on; a belief that comes later moves it, and does not make it forgotten."""
    client.apply("late", reward=reward(1))
    answers = client.decide_all(request("late", f"train {i}") for i in range(200))
    client.record(*(outcome("late", a.event_id) for a in answers if a.choices[0].offer_id == "gift"))
    before = client.wait_learned("late", 200).policy_version
    client.apply("late", reward=reward(1), policy=PolicySpec(beliefs=[BELIEF]))

    def replaced() -> bool:
        return client.status("late").policy_version > before

    wait_until(replaced, "a version that believes")
    version = client.versions("late")[0]
    assert (version.interactions, list(version.policy.beliefs)) == (200, [BELIEF])
    wait_until(
        lambda: client.decide(request("late", "")).policy_version == version.version,
        "the version that believes to serve",
    )
    ranking = client.decide(request("late", "")).ranking
    assert [scored.offer_id for scored in ranking[:2]] == ["gift", BELIEVED]


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (
            PolicySpec(
                beliefs=[BELIEF, BELIEF, Belief(context=features({"price": math.nan}), offer=offer("a"), strength=1)]
            ),
            'policy.beliefs[2].context.numeric["price"]',
        ),
        (PolicySpec(beliefs=[Belief(strength=1)]), "policy.beliefs[0].offer.id"),
        (PolicySpec(beliefs=[Belief(offer=offer("a"), reward=7, strength=1)]), "policy.beliefs[0].reward"),
        (PolicySpec(beliefs=[BELIEF] * 101), "policy.beliefs"),
        (PolicySpec(uniform=UniformSpec(), beliefs=[BELIEF]), "policy.beliefs"),
    ],
    ids=["a feature", "no offer", "the reward", "too many", "uniform"],
)
def test_a_bad_belief_is_refused_by_its_path(client: Client, policy: PolicySpec, field: str) -> None:
    placement = Placement(name="bad", policy=policy, reward=RewardSpec(max=5))
    refusal = refused(client.placements.ApplyPlacement, apply(placement))
    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
    assert [path for path, _ in refusal.violations] == [field]


def test_the_documented_file_can_be_applied_and_its_mistakes_have_lines(
    client: Client, service: RunningService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "beliefs.md").read_text(), re.DOTALL | re.MULTILINE)
    file = tmp_path / "shop.yaml"
    for said in ("home_hero: created (revision 1)\n", "home_hero: unchanged (revision 1)\n"):
        file.write_text(text)
        assert app.run(["apply", "--address", service.address, str(file)]) == 0
        assert capsys.readouterr().out == said
    answer = client.decide(
        decide("home_hero", "first", offers(*OFFERS), context=features({}, {"device": "mobile", "customer": "new"}))
    )
    assert answer.ranking[0].offer_id == "free_shipping"
    file.write_text(text.replace("customer: new", f"customer: {'x' * 300}"))
    assert app.run(["apply", "--address", service.address, str(file)]) == 78
    line = text[: text.index("customer: new")].count("\n") + 1
    where = f'shop.yaml:{line}: placements[0].policy.beliefs[0].context.categorical["customer"]: expected at most 256'
    assert where in capsys.readouterr().err
