"""Explanations of decisions, over gRPC and on the command line, after the service has learned what drives clicks."""

import json
from collections.abc import Iterator
from itertools import chain, pairwise
from math import log
from random import Random

import pytest

from attune.cli import app
from attune.v1.decision_service_pb2 import MODE_CONTROL, Decision, EligibleOffer, GetDecisionRequest
from attune.v1.features_pb2 import (
    FEATURE_SOURCE_CONTEXT,
    FEATURE_SOURCE_OFFER,
    FEATURE_SOURCE_UNSPECIFIED,
    Features,
)
from attune.v1.placement_pb2 import LinearUcbSpec, PolicySpec, PopularitySpec
from client import DEADLINE_S, Client
from messages import control, decide, features, numbered_offers, offer, outcome, reward, softmax, uniform
from service import RunningService

DEVICES = ("mobile", "desktop")
DAYS = ("mon", "tue", "wed")
# On each device only one offer is clicked on, always; the day and the price say nothing.
LIKED = {"mobile": "free shipping", "desktop": "10 % off"}
OFFERS = [
    offer("free shipping", features({"price": 1.0}, {"kind": "ship|ping"})),
    offer("10 % off", features({"price": 2.0}, {"kind": "price=cut"})),
    offer("nothing"),
]
# Each decision of a linear policy costs up to some milliseconds; a long queue would be answered unlogged.
AT_ONCE = 16
PLACEMENT = "explained"
POLICIES = {
    PLACEMENT: softmax(5.0),
    "linear": PolicySpec(linear_ucb=LinearUcbSpec()),
    "popular": PolicySpec(popularity=PopularitySpec()),
}


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    """A client of a service in which a placement has learned."""
    with Client(service.address) as connected:
        learn(connected)
        yield connected


def context(device: str, day: str) -> Features:
    return features({"hour": 0.5}, {"device": device, "day": day}, {"tags ü": ["a b", device]})


def learn(client: Client) -> None:
    """Learn from 160 decisions in each placement, then decide two more."""
    random = Random(1)
    visits = [(random.choice(DEVICES), random.choice(DAYS)) for _ in range(160)]
    for placement, policy in POLICIES.items():
        client.apply(placement, policy=policy, reward=reward(1))
        requests = [decide(placement, f"{i}", OFFERS, context=context(*visit)) for i, visit in enumerate(visits)]
        batches = (client.decide_all(requests[i : i + AT_ONCE]) for i in range(0, len(requests), AT_ONCE))
        answers = zip(chain.from_iterable(batches), visits, strict=True)
        clicked = [answer.event_id for answer, visit in answers if answer.choices[0].offer_id == LIKED[visit[0]]]
        client.record(*(outcome(placement, event_id) for event_id in clicked))
    for placement, policy in POLICIES.items():
        client.wait_learned(placement, 160)
        # From now on nothing more is learned, so that the version stays the same.
        client.apply(placement, policy=policy, reward=reward(600))
        for device in DEVICES:
            client.decide(decide(placement, device, OFFERS, context=context(device, "mon")))


def explained(client: Client, event_id: str, placement: str = PLACEMENT) -> Decision:
    request = GetDecisionRequest(placement=placement, event_id=event_id, explain=True)
    return client.decisions.GetDecision(request, timeout=DEADLINE_S).decision


def amounts(explained_offer: EligibleOffer) -> dict[tuple[int, str, str], float]:
    return {(each.source, each.name, each.value): each.amount for each in explained_offer.contributions}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("placement", [PLACEMENT, "linear"])
def test_what_drives_clicks_moves_the_right_offer_most(client: Client, placement: str, device: str) -> None:
    offers = {each.offer.id: each for each in explained(client, device, placement).offers}
    right = offers[LIKED[device]]
    assert right.score == max(each.score for each in offers.values())
    of_context = {key[1:]: amount for key, amount in amounts(right).items() if key[0] == FEATURE_SOURCE_CONTEXT}
    # The device is a tag, too: both say the same and share what it explains.
    largest = sorted(of_context, key=of_context.__getitem__, reverse=True)[:2]
    assert set(largest) == {("device", device), ("tags ü", device)}
    wrong = amounts(offers[LIKED[DEVICES[1 - DEVICES.index(device)]]])
    assert wrong[FEATURE_SOURCE_CONTEXT, "device", device] < 0.0 < of_context["device", device]


def test_contributions_are_in_the_caller_s_names_and_sum_to_the_score(client: Client) -> None:
    expected = {
        (FEATURE_SOURCE_UNSPECIFIED, "", ""),
        (FEATURE_SOURCE_CONTEXT, "hour", ""),
        (FEATURE_SOURCE_CONTEXT, "device", "mobile"),
        (FEATURE_SOURCE_CONTEXT, "day", "mon"),
        (FEATURE_SOURCE_CONTEXT, "tags ü", "a b"),
        (FEATURE_SOURCE_CONTEXT, "tags ü", "mobile"),
        (FEATURE_SOURCE_OFFER, "", "free shipping"),
        (FEATURE_SOURCE_OFFER, "price", ""),
        (FEATURE_SOURCE_OFFER, "kind", "ship|ping"),
    }
    decided = explained(client, "mobile")
    assert set(amounts(decided.offers[0])) == expected
    for each in decided.offers:
        parts = [contribution.amount for contribution in each.contributions]
        assert sum(parts) == pytest.approx(each.score, rel=1e-9, abs=1e-12)
        assert parts == sorted(parts, key=abs, reverse=True)


def test_popularity_is_explained_by_the_offer_itself(client: Client) -> None:
    for each in explained(client, "mobile", "popular").offers:
        assert set(amounts(each)) <= {(FEATURE_SOURCE_UNSPECIFIED, "", ""), (FEATURE_SOURCE_OFFER, "", each.offer.id)}
        assert sum(amounts(each).values()) == pytest.approx(each.score)


def test_what_was_chosen_for_later_slots_is_explained(client: Client) -> None:
    client.decide(decide(PLACEMENT, "slots", numbered_offers(200), slots=20))
    decided = explained(client, "slots")
    scored = {each.offer.id for each in decided.offers if each.HasField("score")}
    assert len(decided.choices) == 20
    assert {choice.offer_id for choice in decided.choices} <= scored


def test_the_scores_are_those_that_were_decided_by(client: Client) -> None:
    """Softmax: the log of a ratio of probabilities is lambda times the difference of the scores."""
    offers = explained(client, "desktop").offers
    for one, other in pairwise(offers):
        expected = log(one.probability / other.probability) / 5.0
        assert one.score - other.score == pytest.approx(expected, abs=1e-5)


def test_nothing_is_explained_unless_it_is_asked_for(client: Client) -> None:
    asked, plain = explained(client, "mobile"), client.get(PLACEMENT, "mobile")
    assert asked.explained_by == asked.policy_version > 0
    assert plain.explained_by == 0
    assert not any(each.HasField("score") or each.contributions for each in plain.offers)
    asked.ClearField("explained_by")
    for each in asked.offers:
        each.ClearField("score")
        each.ClearField("contributions")
    assert asked == plain


def test_a_decision_of_the_control_group_is_explained_by_what_serves(client: Client) -> None:
    serving = client.status(PLACEMENT).policy_version
    client.apply(PLACEMENT, policy=softmax(5.0), reward=reward(600), control=control(1.0))
    client.decide(decide(PLACEMENT, "control", OFFERS, context=context("mobile", "mon")))
    client.apply(PLACEMENT, policy=softmax(5.0), reward=reward(600))
    decided = explained(client, "control")
    assert (decided.mode, decided.policy_version, decided.explained_by) == (MODE_CONTROL, 0, serving)
    assert [each.score for each in decided.offers] == [each.score for each in explained(client, "mobile").offers]


def test_a_decision_before_anything_was_learned_has_scores_of_nothing(client: Client) -> None:
    client.apply("new", policy=softmax())
    client.decide(decide("new", "first", OFFERS))
    decided = explained(client, "first", "new")
    assert decided.explained_by == 0
    assert [(each.HasField("score"), each.score, len(each.contributions)) for each in decided.offers] == [
        (True, 0.0, 0)
    ] * 3


def test_a_policy_without_scores_explains_nothing(client: Client) -> None:
    client.apply("uniform", policy=uniform())
    client.decide(decide("uniform", "e", OFFERS))
    assert not any(each.HasField("score") for each in explained(client, "e", "uniform").offers)


def test_of_a_thousand_offers_fifty_are_explained(client: Client) -> None:
    client.decide(decide(PLACEMENT, "many", numbered_offers(1000), context=context("mobile", "mon")))
    decided = explained(client, "many")
    scored = [each for each in decided.offers if each.HasField("score")]
    assert len(scored) == 50
    assert decided.choices[0].offer_id in {each.offer.id for each in scored}


def test_the_command_shows_a_table(client: Client, service: RunningService, capsys: pytest.CaptureFixture[str]) -> None:
    decided = explained(client, "mobile")
    assert app.run(["explain", PLACEMENT, "mobile", "--top", "1", "--address", service.address]) == 0
    said, header, *lines = capsys.readouterr().out.splitlines()
    version = decided.policy_version
    assert said == f"{PLACEMENT} mobile: decided by version {version}, explained by version {version}"
    assert header.split()[:3] == ["offer", "probability", "score"]
    assert len(lines) == 6, "for each offer a line for the largest and one for the rest"
    best = max(decided.offers, key=lambda each: each.probability)
    assert lines[0].startswith(best.offer.id)
    assert f"{best.probability:.4f}" in lines[0]
    assert f"{best.score:+.4f}" in lines[0]


@pytest.mark.usefixtures("client")
def test_the_command_prints_json(service: RunningService, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["explain", PLACEMENT, "desktop", "--json", "--address", service.address]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["event_id"] == "desktop"
    assert {each["offer"]["id"] for each in printed["offers"]} == {each.id for each in OFFERS}
    assert {part["name"] for part in printed["offers"][0]["contributions"] if "name" in part} >= {"device", "price"}


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("arguments", [(PLACEMENT, "not there"), ("not-there", "mobile")])
def test_what_is_not_there_is_an_error_like_any_other(
    service: RunningService, capsys: pytest.CaptureFixture[str], arguments: tuple[str, str]
) -> None:
    assert app.run(["explain", *arguments, "--address", service.address]) == 1
    assert capsys.readouterr().err.startswith("attune: not found: ")
