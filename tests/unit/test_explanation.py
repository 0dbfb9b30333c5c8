"""What is credited to a feature is its Shapley value, computed here by definition: over all sets of the others."""

from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb, fsum
from random import Random

import numpy as np
import pytest

from attune_models.baselines import FixedPolicy, FixedSpec, UniformPolicy
from attune_models.explanation import Contribution, Explanation, Factors, Source, explained, tokens_of
from attune_models.features import situation
from attune_models.hashing import context_sketch, paired
from attune_models.linear import LinearThompsonPolicy, LinearThompsonSpec, LinearUcbPolicy, LinearUcbSpec
from attune_models.policy import FlooredPolicy, Policy
from attune_models.popularity import PopularityPolicy, PopularitySpec, RewardModel
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation, ValueList
from attune_models.vw import Crossing, Crossings, Epsilon, Listed, Softmax, VwPolicy, VwSpec

CONTEXT = FeatureSet(numeric={"age": -2.5}, categorical={"device": "mobile", "user": "Tom"}, tags={"t": ValueList("x")})
OFFERS = [
    PlainAction("a", FeatureSet(numeric={"price": 0.3}, categorical={"topic": "news"})),
    PlainAction("b", FeatureSet(dense={"e": ValueList([0.5, -2.0])})),
    PlainAction("c"),
]
SITUATION = situation(CONTEXT, OFFERS)


def shapley_values(n_players: int, worth: Callable[[frozenset[int]], float]) -> list[float]:
    """Return Shapley values: what a player adds, averaged over the sizes of sets of others and all sets of a size."""
    values = []
    for player in range(n_players):
        others = [other for other in range(n_players) if other != player]
        added = [
            (worth(frozenset({*some, player})) - worth(frozenset(some))) / (n_players * comb(n_players - 1, size))
            for size in range(n_players)
            for some in combinations(others, size)
        ]
        values.append(fsum(added))
    return values


def without(encoded: str, kept: frozenset[int], first: int) -> str:
    """Return encoded features of which those that are not kept are gone; the first has number `first`."""
    return " ".join(token for i, token in enumerate(tokens_of(encoded), first) if i in kept)


def score_of(policy: Policy, context: str, action: str) -> float:
    """Return the score of one action; policies of which features can be left out know ids as features only."""
    return policy.explain(Situation(context, ["any"], [action]))[0].score


LISTED = Listed(
    (Crossing(("age", "user", "t"), ("topic", "")), Crossing(("device",)), Crossing(("t",), ("price", "e")))
)


@pytest.mark.parametrize("crossings", [*Crossings, LISTED], ids=[*(each.name for each in Crossings), "LISTED"])
@pytest.mark.parametrize("action", range(3))
def test_contributions_are_shapley_values_of_a_score_without_the_feature(
    crossings: Crossings | Listed, action: int
) -> None:
    """Of Vowpal Wabbit, where a feature can really be left out of the example."""
    policy = trained(VwPolicy(VwSpec(Softmax(), crossings, context_alone=True)))
    encoded = SITUATION.actions[action]
    context_tokens, action_tokens = tokens_of(SITUATION.context), tokens_of(encoded)
    first = len(context_tokens)

    def worth(kept: frozenset[int]) -> float:
        return score_of(policy, without(SITUATION.context, kept, 0), without(encoded, kept, first))

    expected = shapley_values(first + len(action_tokens), worth)
    amounts = amounts_of(policy.explain(SITUATION)[action])
    tokens = [(Source.CONTEXT, token) for token in context_tokens] + [(Source.ACTION, token) for token in action_tokens]
    got = [amounts.get((source, *named(token)), 0.0) for source, token in tokens]
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert amounts[Source.CONSTANT, "", ""] == pytest.approx(worth(frozenset()))
    assert min(map(abs, expected)) > 1e-6, "features that do nothing would show nothing"


def named(token: str) -> tuple[str, str]:
    """Return name and value of the tokens of this test, written out."""
    return {
        "age:-2.5": ("age", ""),
        "device=mobile": ("device", "mobile"),
        "user=Tom": ("user", "Tom"),
        "t~x": ("t", "x"),
        "price:0.3": ("price", ""),
        "topic=news": ("topic", "news"),
        "e@0:0.5": ("e", "[0]"),
        "e@1:-2.0": ("e", "[1]"),
        "=a": ("", "a"),
        "=b": ("", "b"),
        "=c": ("", "c"),
    }[token]


def amounts_of(explanation: Explanation) -> dict[tuple[Source, str, str], float]:
    return {(each.source, each.name, each.value): each.amount for each in explanation.contributions}


def trained(policy: Policy, n_rounds: int = 60, seed: int = 1) -> Policy:
    random = Random(seed)
    for _ in range(n_rounds):
        chosen = random.randrange(3)
        policy.learn(Interaction(SITUATION, chosen, 1 / 3, (0.9, 0.2, 0.4)[chosen] + random.gauss(0.0, 0.3)))
    return policy


@pytest.mark.parametrize("seed", range(5))
def test_terms_of_numbers_and_pairs_are_shared_as_shapley_says(seed: int) -> None:
    """Of a made-up sum of products with numbers of any size and sign, three context and two action features."""
    random = Random(seed)
    context = Factors(["a:2.5", "b=x", "c=y"], [(1, 2)])
    action = Factors(["=id", "price:-3.0"])
    numbers = [random.uniform(-5.0, 5.0) for _ in range(5)]
    weights = np.array([[random.gauss(0.0, 1.0) for _ in range(3)] for _ in range(5)])

    def terms(kept: frozenset[int]) -> np.ndarray:
        x = [number if i in kept else 0.0 for i, number in enumerate(numbers)]
        return weights * np.multiply.outer([1.0, x[0], x[1], x[2], x[1] * x[2]], [1.0, x[3], x[4]])

    expected = shapley_values(5, lambda kept: float(terms(kept).sum()))
    explanation = explained(terms(frozenset(range(5))), context, action)
    amounts = amounts_of(explanation)
    names = [("a", ""), ("b", "x"), ("c", "y"), ("", "id"), ("price", "")]
    sources = [Source.CONTEXT] * 3 + [Source.ACTION] * 2
    assert [amounts[source, *name] for source, name in zip(sources, names, strict=True)] == pytest.approx(expected)
    assert sum(amounts.values()) == pytest.approx(explanation.score)


LINEAR = [LinearUcbPolicy(LinearUcbSpec()), LinearThompsonPolicy(LinearThompsonSpec(bits=9, pairs=False, ridge=1.0))]
COLLIDING = [LinearUcbPolicy(LinearUcbSpec(bits=4, offer_bits=2)), LinearUcbPolicy(LinearUcbSpec(max_actions=2))]


@pytest.mark.parametrize("policy", [*LINEAR, *COLLIDING], ids=["ucb", "thompson", "few bits", "few actions"])
def test_a_linear_policy_is_explained_by_the_mean_it_expects(policy: LinearUcbPolicy) -> None:
    trained(policy)
    means, _ = policy._model.estimates(SITUATION)  # noqa: SLF001 - what is explained
    explanations = policy.explain(SITUATION)
    assert [each.score for each in explanations] == pytest.approx(means.tolist(), rel=1e-9)
    for explanation in explanations:
        assert_sound(explanation)


def assert_sound(explanation: Explanation) -> None:
    amounts = [each.amount for each in explanation.contributions]
    assert fsum(amounts) == pytest.approx(explanation.score, rel=1e-9, abs=1e-12)
    assert amounts == sorted(amounts, key=abs, reverse=True)
    assert all(amounts)


def test_what_only_one_action_knows_is_credited_to_its_id() -> None:
    """An action that nothing is known about but its id: an unknown one gets nothing for it."""
    policy = trained(LinearUcbPolicy(LinearUcbSpec()))
    known, new = policy.explain(situation(CONTEXT, [PlainAction("c"), PlainAction("new")]))
    assert amounts_of(known)[Source.ACTION, "", "c"] != 0.0
    assert (Source.ACTION, "", "new") not in amounts_of(new)


def test_linear_contributions_are_shapley_values_with_zero_for_a_feature_that_is_left_out() -> None:
    """By the weights themselves: the worth of a set is the mean with all other numbers 0, scaled as before."""
    policy = trained(LinearUcbPolicy(LinearUcbSpec()))
    tokens = tokens_of(SITUATION.context)
    pairs = paired(tokens)
    sketch = context_sketch(SITUATION.context, pairs=True)
    terms = policy._model._terms(sketch, "a", SITUATION.actions[0])  # noqa: SLF001 - see above
    factors = [frozenset[int](), *(frozenset({i}) for i in range(len(tokens))), *map(frozenset, pairs)]
    columns = [frozenset[int](), *(frozenset({len(tokens) + i}) for i in range(3))]

    def worth(kept: frozenset[int]) -> float:
        return fsum(
            terms[i, j] for i, row in enumerate(factors) for j, column in enumerate(columns) if row | column <= kept
        )

    expected = shapley_values(len(tokens) + 3, worth)
    amounts = amounts_of(policy.explain(SITUATION)[0])
    sources = [Source.CONTEXT] * len(tokens) + [Source.ACTION] * 3
    names = map(named, [*tokens, *tokens_of(SITUATION.actions[0])])
    got = [amounts[source, *name] for source, name in zip(sources, names, strict=True)]
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("rewards", "prior", "means"),
    [
        (RewardModel.BERNOULLI, 0.5, [2 / 3, 1 / 2, 1 / 3]),  # 1 of 1, none, 0 of 1
        (RewardModel.GAUSSIAN, 0.5, [0.75, 0.5, 0.25]),  # half way between the reward and the mean of both
    ],
)
def test_popularity_is_explained_by_what_is_expected_of_anything_and_the_id(
    rewards: RewardModel, prior: float, means: Sequence[float]
) -> None:
    policy = PopularityPolicy(PopularitySpec(rewards))
    for chosen in (0, 2):
        policy.learn(Interaction(SITUATION, chosen, 1 / 3, 1.0 - chosen / 2))
    explanations = policy.explain(SITUATION)
    assert [each.score for each in explanations] == pytest.approx(means)
    constant = Contribution(Source.CONSTANT, "", "", prior)
    assert [each.contributions[0] for each in explanations] == [constant] * 3
    assert [list(each.contributions[1:]) for each in explanations] == [
        [Contribution(Source.ACTION, "", "a", pytest.approx(means[0] - prior))],
        [],
        [Contribution(Source.ACTION, "", "c", pytest.approx(means[2] - prior))],
    ]


@pytest.mark.parametrize("rewards", RewardModel)
def test_popularity_explains_the_means_it_draws_by(rewards: RewardModel) -> None:
    policy = trained(PopularityPolicy(PopularitySpec(rewards, half_life=20.0)))
    explanations = policy.explain(SITUATION)
    for explanation in explanations:
        assert_sound(explanation)
    scores, pmf = [each.score for each in explanations], policy.pmf(SITUATION)
    assert scores.index(max(scores)) == pmf.index(max(pmf))


def test_what_has_no_scores_has_no_explanations() -> None:
    assert UniformPolicy().explain(SITUATION) == []
    assert FixedPolicy(FixedSpec("a")).explain(SITUATION) == []


def test_a_floor_changes_no_explanation() -> None:
    policy = trained(VwPolicy(VwSpec(Epsilon(), bits=10)))
    assert FlooredPolicy(policy, 0.01).explain(SITUATION) == policy.explain(SITUATION)
