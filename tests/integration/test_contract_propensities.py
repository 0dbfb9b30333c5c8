"""The stated probabilities are the ones that offers are drawn with, after every mask, floor and control split.

Draws are seeded by the event ids, so a placement that has learned nothing gives the same counts in every run. Where
the model learns meanwhile, the probabilities differ from decision to decision; then an offer's count N has the
expectation sum(p_i) and the variance sum(p_i (1 - p_i)) over the decisions i, whatever the p_i depend on before draw i.
Bounds are four standard errors: a correct service fails one comparison in 16,000, and there are about 80 in here.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_LEARNED, DecideRequest, DecideResponse
from client import Client, refused
from messages import control, decide, features, fixed, numbered_offers, offers, outcome, reward, softmax, uniform
from service import RunningService, wait_until

OFFERS = ("a", "b", "c", "d")
DRAWS = 2000
FLOOR = 0.05
SE = 4.0


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    """A client of a service with `floored` and `free`, which have learned that a is liked, then b."""
    floor = softmax(10)
    floor.min_probability = FLOOR
    with Client(service.address) as connected:
        connected.apply("floored", policy=floor, reward=reward(1))
        connected.apply("free", policy=softmax(1000), reward=reward(1))
        for name in ("floored", "free"):
            answers = connected.decide_all(request(name, f"train {i}") for i in range(100))
            worth = {"a": 1.0, "b": 0.9, "c": 0.8, "d": 0.0}
            connected.record(*(outcome(name, a.event_id, value=worth[a.choices[0].offer_id]) for a in answers))
        for name in ("floored", "free"):
            head = connected.wait_learned(name, 100).policy_version
            # Serving takes a version over within a second.
            wait_until(
                lambda name=name, head=head: connected.decide(request(name, "")).policy_version == head,
                "the version to serve",
            )
        yield connected


def request(placement: str, event_id: str, ids: Sequence[str] = OFFERS, **fields: Any) -> DecideRequest:
    context = features(categorical={"device": "mobile"})
    return decide(placement, event_id, offers(*ids), context=context, **fields)


def draws(
    client: Client, placement: str, count: int = DRAWS, prefix: str = "draw", **fields: Any
) -> list[DecideResponse]:
    """Makes decisions about the four offers, with event ids that differ only in a number."""
    return client.decide_all(request(placement, f"{prefix} {i}", **fields) for i in range(count))


def pmf(answer: DecideResponse) -> dict[str, float]:
    return {scored.offer_id: scored.probability for scored in answer.ranking}


def assert_counts_match(answers: Sequence[DecideResponse], ids: Sequence[str] = OFFERS) -> None:
    """Checks that each offer was drawn as often as its probabilities say, within four standard errors."""
    drawn = Counter(answer.choices[0].offer_id for answer in answers)
    stated = [pmf(answer) for answer in answers]
    assert set(drawn) <= set(ids)
    for offer_id in ids:
        probabilities = [probability[offer_id] for probability in stated]
        variance = math.fsum(p * (1 - p) for p in probabilities)
        assert abs(drawn[offer_id] - math.fsum(probabilities)) <= SE * math.sqrt(variance), (offer_id, drawn)


def assert_importance_weights_average_to_one(answers: Sequence[DecideResponse], ids: Sequence[str] = OFFERS) -> None:
    """Checks mean(1{a_i = k} / p_ik) = 1, whose variance is sum(1 / p_ik - 1) / n^2, within four standard errors."""
    stated = [pmf(answer) for answer in answers]
    for offer_id in ids:
        probabilities = [probability[offer_id] for probability in stated]
        weights = [1 / a.choices[0].propensity for a in answers if a.choices[0].offer_id == offer_id]
        error = math.sqrt(math.fsum(1 / p - 1 for p in probabilities)) / len(answers)
        assert abs(math.fsum(weights) / len(answers) - 1) <= SE * error, offer_id


def assert_chosen_is_as_stated(answers: Sequence[DecideResponse]) -> None:
    """Checks that the propensity of each choice is its probability in the ranking, bit for bit."""
    stated = [pmf(answer)[answer.choices[0].offer_id] for answer in answers]
    assert [answer.choices[0].propensity for answer in answers] == stated


def test_a_learned_policy_draws_with_the_probabilities_it_states(client: Client) -> None:
    answers = draws(client, "floored")
    assert {answer.mode for answer in answers} == {MODE_LEARNED}
    assert min(answer.policy_version for answer in answers) > 0
    # Not uniform, or the test would show little.
    assert max(pmf(answers[0]).values()) > 0.3
    assert_chosen_is_as_stated(answers)
    assert_counts_match(answers)
    assert_importance_weights_average_to_one(answers)


@pytest.mark.parametrize("count", [2, 7, 30])
def test_uniform_draws_are_uniform_also_over_event_ids_that_hardly_differ(client: Client, count: int) -> None:
    client.apply("uniform", policy=uniform())
    ids = [f"o{i}" for i in range(count)]
    answers = client.decide_all(decide("uniform", f"{count}.{i}", numbered_offers(count)) for i in range(1000))
    assert {p for answer in answers for p in pmf(answer).values()} == {1 / count}
    assert_chosen_is_as_stated(answers)
    assert_counts_match(answers, ids)


def test_the_same_event_ids_draw_independently_in_two_placements(client: Client) -> None:
    """Two uniform draws from four agree in a quarter of the cases; the standard error is sqrt(.25 x .75 / n)."""
    for name in ("twin", "niwt"):
        client.apply(name, policy=uniform())
    pairs = zip(draws(client, "twin", 1000), draws(client, "niwt", 1000), strict=True)
    agreed = sum(one.choices[0].offer_id == two.choices[0].offer_id for one, two in pairs)
    assert abs(agreed / 1000 - 0.25) <= SE * math.sqrt(0.25 * 0.75 / 1000)


def test_the_draw_depends_on_the_event_id_and_not_on_time_or_order(client: Client) -> None:
    client.apply("seeded", policy=uniform())
    first = [answer.choices[0].offer_id for answer in draws(client, "seeded", 100)]
    client.delete("seeded")
    client.apply("seeded", policy=uniform())
    again = client.decide_all(request("seeded", f"draw {i}") for i in reversed(range(100)))
    assert [answer.choices[0].offer_id for answer in reversed(again)] == first


def test_no_offer_is_drawn_with_less_than_the_floor(client: Client) -> None:
    """`free` has the same experience without a floor and shows that the floor had something to lift."""
    assert min(pmf(draws(client, "free", 1, "no floor")[0]).values()) < FLOOR
    for answer in draws(client, "floored", 50, "floor"):
        assert min(pmf(answer).values()) >= FLOOR
        assert abs(math.fsum(pmf(answer).values()) - 1) <= 1e-9


def test_a_floor_above_one_in_k_makes_the_draw_uniform(client: Client) -> None:
    answer = client.decide(decide("floored", "many offers", numbered_offers(21)))
    assert set(pmf(answer).values()) == {1 / 21}


def test_the_floor_holds_for_a_fixed_policy(client: Client) -> None:
    client.apply("fixed-floor", policy=fixed("b", min_probability=0.1))
    answer = client.decide(request("fixed-floor", "x"))
    assert pmf(answer) == pytest.approx({"a": 0.1, "b": 0.7, "c": 0.1, "d": 0.1}, abs=1e-12)
    assert min(pmf(answer).values()) >= 0.1


# Fixed to b: what is sent, what is excluded, what is shown.
@pytest.mark.parametrize(
    ("policy_offer", "ids", "excluded", "shown"),
    [
        ("b", "abc", "", "b"),  # the plain case
        ("b", "acd", "", "a"),  # not a candidate: the first of the request
        ("b", "cba", "b", "c"),  # excluded: the first that is left
        ("b", "cba", "bc", "a"),  # the first is excluded as well
        ("", "dca", "", "d"),  # no offer named: the first of the request
    ],
)
def test_a_fixed_policy_shows_its_offer_or_else_the_first_eligible(
    client: Client, policy_offer: str, ids: str, excluded: str, shown: str
) -> None:
    name = f"fixed-{policy_offer}x"
    client.apply(name, policy=fixed(policy_offer))
    answer = client.decide(request(name, f"{ids}-{excluded}", ids, excluded_offer_ids=excluded))
    (choice,) = answer.choices
    assert (choice.offer_id, choice.propensity, answer.mode) == (shown, 1.0, MODE_LEARNED)
    assert set(pmf(answer)) == set(ids) - set(excluded)


@pytest.mark.parametrize("placement", ["floored", "free"])
def test_excluded_offers_are_never_drawn_and_the_probabilities_are_over_the_rest(
    client: Client, placement: str
) -> None:
    # Twice the same and one that is no candidate: both are ignored.
    answers = draws(client, placement, 500, "excluded", excluded_offer_ids=["a", "nobody", "c", "a"])
    assert {frozenset(pmf(answer)) for answer in answers} == {frozenset("bd")}
    assert all(abs(math.fsum(pmf(answer).values()) - 1) <= 1e-9 for answer in answers)
    assert_chosen_is_as_stated(answers)
    assert_counts_match(answers, "bd")
    stored = client.get(placement, "excluded 0")
    assert [eligible.offer.id for eligible in stored.offers] == ["b", "d"]


def test_when_all_but_one_are_excluded_that_one_is_certain(client: Client) -> None:
    (answer,) = draws(client, "floored", 1, "one left", excluded_offer_ids=["a", "b", "c"])
    assert (pmf(answer), answer.choices[0].propensity) == ({"d": 1.0}, 1.0)
    refusal = refused(client.decisions.Decide, request("floored", "none left", excluded_offer_ids=[*OFFERS, "e"]))
    assert refusal.violations[0][0] == "excluded_offer_ids"


@pytest.mark.parametrize("size", [0, 1, 3, 4, 1000])
def test_the_ranking_has_as_many_offers_as_asked_for_most_probable_first(client: Client, size: int) -> None:
    answer = client.decide(request("floored", f"ranking {size}", ranking_size=size))
    stored = {known.offer.id: known.probability for known in client.get("floored", f"ranking {size}").offers}
    assert len(answer.ranking) == min(size, 4)
    assert [scored.probability for scored in answer.ranking] == sorted(stored.values(), reverse=True)[:size]
    assert pmf(answer).items() <= stored.items()
    assert stored[answer.choices[0].offer_id] == answer.choices[0].propensity


def test_a_customer_stays_in_one_group_and_control_has_its_share(client: Client) -> None:
    """1,000 customers, each twice; the standard error of the share of customers is sqrt(.3 x .7 / 1,000)."""
    client.apply("sticky", policy=fixed("a"), control=control(0.3))
    once, again = (
        client.decide_all(request("sticky", f"{visit} {i}", customer_id=f"customer {i}") for i in range(1000))
        for visit in ("first visit", "second visit")
    )
    groups = [answer.mode for answer in once]
    assert [answer.mode for answer in again] == groups
    share = groups.count(MODE_CONTROL) / 1000
    assert abs(share - 0.3) <= SE * math.sqrt(0.3 * 0.7 / 1000)
    in_control = [answer for answer in (*once, *again) if answer.mode == MODE_CONTROL]
    assert {p for answer in in_control for p in pmf(answer).values()} == {1 / 4}
    assert {(answer.choices[0].propensity, answer.policy_version) for answer in in_control} == {(1 / 4, 0)}
    assert_counts_match(in_control)
    assert {a.choices[0].offer_id for a in once if a.mode == MODE_LEARNED} == {"a"}


def test_without_a_customer_the_group_and_the_draw_are_independent(client: Client) -> None:
    """Both follow from the event id. If they used the same number, each group would see a part of the offers only."""
    client.apply("split", policy=uniform(), control=control(0.3))
    answers = draws(client, "split")
    groups = {mode: [a for a in answers if a.mode == mode] for mode in (MODE_CONTROL, MODE_LEARNED)}
    share = len(groups[MODE_CONTROL]) / DRAWS
    assert abs(share - 0.3) <= SE * math.sqrt(0.3 * 0.7 / DRAWS)
    for group in groups.values():
        assert_counts_match(group)
        assert_importance_weights_average_to_one(group)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_nothing_or_everything_is_exact(client: Client, share: float) -> None:
    client.apply("edge", policy=uniform(), control=control(share))
    modes = {answer.mode for answer in draws(client, "edge", 200, f"share {share}")}
    assert modes == {MODE_CONTROL if share else MODE_LEARNED}


def test_a_fixed_baseline_shows_its_offer_to_the_whole_control_group(client: Client) -> None:
    client.apply("baseline", policy=uniform(), control=control(0.5, fixed=fixed("c").fixed))
    answers = [answer for answer in draws(client, "baseline", 200) if answer.mode == MODE_CONTROL]
    assert 50 < len(answers) < 150
    assert {(a.choices[0].offer_id, a.choices[0].propensity, a.policy_version) for a in answers} == {("c", 1.0, 0)}
    stored = client.get("baseline", answers[0].event_id)
    assert (stored.mode, stored.choices) == (MODE_CONTROL, answers[0].choices)
