"""What is learned: outcomes folded into one reward, and features that stay apart whatever they are called.

The reward itself is not in any reply. It shows in the model: two placements that learned the same decisions with the
same rewards state bit-equal probabilities, and two that learned different rewards do not.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from attune.v1 import features_pb2
from client import Client
from messages import FIRST, SUM, decide, features, offers, outcome, reward, rule, softmax
from service import RunningService

# A decision between one offer needs no luck: its propensity is 1 in every placement.
TRAINED, OTHER = "a", "b"
# The window of a second, a snapshot within half a second, and two seconds for a slow machine.
ENOUGH_S = 3.5


@dataclass(frozen=True, slots=True)
class Fold:
    """Outcomes of one decision and the reward they come to.

    Attributes:
        expected: The reward.
        outcomes: Name, value (None: absent) and time (seconds after the decision) of each, in the order of arrival.
        rules: What each is worth.
        spec: The rest of the reward spec.
    """

    expected: float
    outcomes: Sequence[tuple[str, float | None, int]]
    rules: Sequence[Any] = (rule("click"),)
    spec: dict[str, float] = field(default_factory=dict)


PAY = (rule("click", weight=2.0, aggregation=FIRST), rule("pay", weight=0.5, aggregation=SUM))
FOLDS = {
    "first is the earliest": Fold(3.0, [("click", 3.0, 0), ("click", 7.0, 1)]),
    "the earliest counts, not what arrived first": Fold(2.0, [("click", 7.0, 20), ("click", 2.0, 10)]),
    "a sum": Fold(5.0, [("click", 2.0, 0), ("click", 3.0, 0)], [rule("click", aggregation=SUM)]),
    "a sum with something taken back": Fold(2.0, [("click", 5.0, 0), ("click", -3.0, 1)], [rule(aggregation=SUM)]),
    "weights of two names": Fold(4.0, [("pay", 3.0, 0), ("click", 1.0, 1), ("pay", 1.0, 2)], PAY),
    "only one of two names came": Fold(2.0, [("pay", 4.0, 0)], PAY),
    "a negative weight": Fold(-1.0, [("click", 1.0, 0)], [rule(weight=-1.0)]),
    "no value means one": Fold(1.0, [("click", None, 0)]),
    "zero is a value": Fold(0.0, [("click", 0.0, 0)], spec={"default_reward": 0.5}),
    "nothing came": Fold(0.5, [], spec={"default_reward": 0.5}),
    "nothing came and nothing was said": Fold(0.0, []),
    "the default is not added to what came": Fold(2.0, [("click", 2.0, 0)], spec={"default_reward": 0.5}),
    "not above max": Fold(3.0, [("click", 50.0, 0)], spec={"max": 3.0}),
    "not below min": Fold(-2.0, [("click", -50.0, 0)], spec={"min": -2.0}),
    "the default is bounded as well": Fold(1.0, [], spec={"default_reward": 9.0, "max": 1.0}),
}


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    """A client of a service."""
    with Client(service.address) as connected:
        yield connected


def learn_fold(client: Client, placement: str, fold: Fold) -> None:
    """Makes one decision, sends its outcomes one by one, and the first of them twice.

    When they happened is said in milliseconds after the decision, all of which have passed.
    """
    client.apply(placement, policy=softmax(), reward=reward(1, fold.rules, **fold.spec))
    client.decide(decide(placement, "trained", offers(TRAINED)))
    start_ms = client.get(placement, "trained").decided_at.ToMilliseconds()
    time.sleep(0.03)
    for i, (name, value, after_ms) in enumerate(fold.outcomes):
        at_s = (start_ms + after_ms) / 1000
        sent = outcome(placement, "trained", name, outcome_id=str(i), value=value, at_s=at_s)
        client.record(*([sent, sent] if i == 0 else [sent]))


@pytest.fixture(scope="module")
def folded(client: Client) -> dict[str, dict[str, float]]:
    """The probabilities stated by a placement for each fold, and for each reward sent as one plain outcome."""
    plain = {f"reward {f.expected:g}": Fold(f.expected, [("click", f.expected, 0)]) for f in FOLDS.values()}
    cases = {**FOLDS, **plain}
    names = {case: f"fold-{i}" for i, case in enumerate(cases)}
    for case, fold in cases.items():
        learn_fold(client, names[case], fold)
    for name in names.values():
        client.wait_learned(name, 1)
    return {case: stated(client, name, features())[0] for case, name in names.items()}


def stated(
    client: Client, placement: str, *contexts: features_pb2.Features, ids: Sequence[str] = (TRAINED, OTHER)
) -> list[dict[str, float]]:
    """The probabilities of the offers in each context, all by the newest version."""
    for attempt in range(100):
        requests = [
            decide(placement, f"probe {attempt} {i}", offers(*ids), context=known) for i, known in enumerate(contexts)
        ]
        answers = client.decide_all(requests)
        if {answer.policy_version for answer in answers} == {client.status(placement).policy_version} - {0}:
            return [{scored.offer_id: scored.probability for scored in answer.ranking} for answer in answers]
    raise AssertionError(f"expected {placement} to decide with its newest version, got an older one a hundred times")


@pytest.mark.parametrize("case", FOLDS)
def test_outcomes_fold_into_the_reward_that_is_learned(folded: dict[str, dict[str, float]], case: str) -> None:
    assert folded[case] == folded[f"reward {FOLDS[case].expected:g}"]


def test_different_rewards_lead_to_different_models(folded: dict[str, dict[str, float]]) -> None:
    """Without this the comparison above would show nothing."""
    rewards = sorted({fold.expected for fold in FOLDS.values()})
    probabilities = [folded[f"reward {expected:g}"][TRAINED] for expected in rewards]
    assert probabilities == sorted(set(probabilities))


# Pairs of contexts that a careless encoding takes for the same.
PAIRS = {
    "number and text": (features({"x": 1}), features(categorical={"x": "1"})),
    "tag and text": (features(tags={"x": ["v"]}), features(categorical={"x": "v"})),
    "vector and number": (features(dense={"x": [1]}), features({"x": 1})),
    "components": (features(dense={"x": [1, 0]}), features(dense={"x": [0, 1]})),
    "two tags and one": (features(tags={"x": ["a", "b"]}), features(tags={"x": ["ab"]})),
    "a tag with a comma": (features(tags={"x": ["a", "b"]}), features(tags={"x": ["a,b"]})),
    "equals sign": (features(categorical={"a": "b=c"}), features(categorical={"a=b": "c"})),
    "bar": (features(categorical={"a": "b|c"}), features(categorical={"a|b": "c"})),
    "colon": (features(categorical={"a": "b:c"}), features(categorical={"a:b": "c"})),
    "space": (features(categorical={"a": "b c"}), features(categorical={"a b": "c"})),
    "space and its escape": (features(categorical={"a": "b c"}), features(categorical={"a": "b_c"})),
    "percent": (features(categorical={"a": "%20"}), features(categorical={"a": " "})),
    "after a NUL": (features(categorical={"a": "b\0c"}), features(categorical={"a": "b\0d"})),
    "line end": (features(categorical={"a": "b\n"}), features(categorical={"a": "b"})),
    "letter case": (features(categorical={"a": "B"}), features(categorical={"a": "b"})),
    "two ways to write é": (features(categorical={"a": "é"}), features(categorical={"a": "e\u0301"})),
    "leading zero": (features(categorical={"a": "1"}), features(categorical={"a": "01"})),
    "numbers as names": (features({"1": 1}), features({"01": 1})),
    "numbers as other names": (features({"7": 1}), features({"+7": 1})),
    "nothing and something": (features(categorical={"a": ""}), features(categorical={"a": "b"})),
}


def learn_pair(client: Client, placement: str, pair: tuple[features_pb2.Features, features_pb2.Features]) -> None:
    """Learns from 40 decisions in each context that one is liked here and the other there."""
    client.apply(placement, policy=softmax(), reward=reward(1))
    requests = [decide(placement, f"{i % 2} {i}", offers(TRAINED, OTHER), context=pair[i % 2]) for i in range(80)]
    answers = client.decide_all(requests)
    liked = (TRAINED, OTHER)
    clicks = [a.event_id for a in answers if a.choices[0].offer_id == liked[int(a.event_id[0])]]
    client.record(*(outcome(placement, event_id) for event_id in clicks))


@pytest.fixture(scope="module")
def paired(client: Client) -> dict[str, list[dict[str, float]]]:
    """The probabilities stated in both contexts of each pair."""
    names = {pair: f"pair-{i}" for i, pair in enumerate(PAIRS)}
    for pair, name in names.items():
        learn_pair(client, name, PAIRS[pair])
    for name in names.values():
        client.wait_learned(name, 80)
    return {pair: stated(client, name, *PAIRS[pair]) for pair, name in names.items()}


@pytest.mark.parametrize("pair", PAIRS)
def test_features_that_look_alike_are_learned_apart(paired: dict[str, list[dict[str, float]]], pair: str) -> None:
    one, other = paired[pair]
    assert one[TRAINED] > one[OTHER]
    assert other[OTHER] > other[TRAINED]


def test_the_order_of_tags_and_a_repeated_tag_do_not_matter(client: Client) -> None:
    tags = features(tags={"x": ["p", "q"]})
    learn_pair(client, "tags", (tags, features(tags={"x": ["q"]})))
    client.wait_learned("tags", 80)
    turned, repeated = features(tags={"x": ["q", "p"]}), features(tags={"x": ["p", "q", "p", "p"]})
    plain, *others = stated(client, "tags", tags, turned, repeated)
    assert others == [plain, plain]


# VW takes a name that is a number for an index: the first two pairs would share a weight.
IDS = (("1", "01"), ("7", "+7"), ("a b", "a_b"), ("x|", "x:"), ("n\0a", "n\0b"))


@pytest.fixture(scope="module")
def told_apart(client: Client) -> list[dict[str, float]]:
    """The probabilities of the two offers of each pair of ids, of which the first was always clicked."""
    names = {f"ids-{i}": ids for i, ids in enumerate(IDS)}
    for name, (liked, other) in names.items():
        client.apply(name, policy=softmax(), reward=reward(1))
        answers = client.decide_all(decide(name, f"{i}", offers(liked, other)) for i in range(40))
        client.record(*(outcome(name, a.event_id) for a in answers if a.choices[0].offer_id == liked))
    for name in names:
        client.wait_learned(name, 40)
    return [stated(client, name, features(), ids=ids)[0] for name, ids in names.items()]


@pytest.mark.parametrize("pair", range(len(IDS)), ids=[repr(ids) for ids in IDS])
def test_offers_without_features_are_learned_apart_by_their_ids(told_apart: list[dict[str, float]], pair: int) -> None:
    liked, other = IDS[pair]
    assert told_apart[pair][liked] > told_apart[pair][other]


# Within the limits of the contract; the last three are NaN to VW's own reader of numbers.
NUMBERS = (1e6, -1e6, 1e-30, 5e-324, -1e-120, 2e-150, 2.3452504751845215e-198)


@pytest.fixture(scope="module")
def after_a_number(client: Client) -> dict[float, int]:
    """The interactions learned by placements whose first of 20 decisions had an extreme number."""
    names = {number: f"number-{i}" for i, number in enumerate(NUMBERS)}
    for number, name in names.items():
        client.apply(name, policy=softmax(), reward=reward(1))
        contexts = [features({"x": number if i == 0 else 1.0}) for i in range(20)]
        requests = [decide(name, str(i), offers(TRAINED, OTHER), context=known) for i, known in enumerate(contexts)]
        client.record(*(outcome(name, answer.event_id) for answer in client.decide_all(requests)))
    time.sleep(ENOUGH_S)
    return {number: client.status(name).learned for number, name in names.items()}


@pytest.mark.parametrize("number", NUMBERS)
def test_no_accepted_number_stops_a_placement_from_learning(after_a_number: dict[float, int], number: float) -> None:
    """The training log is learned again after every restart: what poisons a model once would poison it for ever."""
    assert after_a_number[number] == 20
