"""A spec becomes the policy it names, and a floor changes its probabilities and nothing else."""

import math
from dataclasses import replace
from itertools import product

import pytest

from attune_models import pmf as pmfs
from attune_models.baselines import FixedPolicy, FixedSpec, UniformPolicy, UniformSpec
from attune_models.beliefs import Belief, pseudo_interactions
from attune_models.features import situation
from attune_models.linear import LinearThompsonPolicy, LinearThompsonSpec, LinearUcbPolicy, LinearUcbSpec
from attune_models.policy import FlooredPolicy, KindSpec, PolicySpec, build, started
from attune_models.popularity import PopularityPolicy, PopularitySpec, RewardModel
from attune_models.state import unpack
from attune_models.types import ActionSet, FeatureSet, Interaction, PlainAction, PolicyError, Situation
from attune_models.vw import VwPolicy, VwSpec
from poison import poisoned


def abc(user: str = "Tom") -> Situation:
    return situation(FeatureSet(categorical={"user": user}), map(PlainAction, ("a", "b", "c")))


@pytest.mark.parametrize(
    ("kind", "policy"),
    [
        (VwSpec(), VwPolicy),  # learned
        (LinearUcbSpec(), LinearUcbPolicy),  # learned
        (LinearThompsonSpec(), LinearThompsonPolicy),  # learned
        (PopularitySpec(), PopularityPolicy),  # learned, without the context
        (UniformSpec(), UniformPolicy),  # baseline
        (FixedSpec("a"), FixedPolicy),  # baseline
    ],
)
def test_each_spec_builds_its_policy(kind: KindSpec, policy: type) -> None:
    assert type(build(PolicySpec(kind))) is policy


def test_the_default_is_vowpal_wabbit() -> None:
    assert type(build(PolicySpec())) is VwPolicy


def test_a_floor_of_0_wraps_nothing_and_any_other_does() -> None:
    assert type(build(PolicySpec(UniformSpec(), 0.0))) is UniformPolicy
    assert type(build(PolicySpec(UniformSpec(), 1e-9))) is FlooredPolicy


@pytest.mark.parametrize(
    ("floor", "expected"),
    [
        (0.1, [0.1, 0.8, 0.1]),  # (1 - 3 x 0.1) x 1 + 0.1
        (0.5, [1 / 3, 1 / 3, 1 / 3]),  # more than 1 / 3: uniform
    ],
)
def test_a_floored_policy_mixes_with_the_uniform_one(floor: float, expected: list[float]) -> None:
    assert build(PolicySpec(FixedSpec("b"), floor)).pmf(abc()) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    "kind",
    [VwSpec(), LinearUcbSpec(), LinearThompsonSpec(), PopularitySpec()],
    ids=["vw", "linear_ucb", "linear_thompson", "popularity"],
)
def test_a_floored_policy_learns_and_is_put_away_like_the_policy_in_it(kind: KindSpec) -> None:
    floored, bare = build(PolicySpec(kind, 0.05)), build(PolicySpec(kind))
    for i in range(30):
        interaction = Interaction(abc(), chosen=i % 3, propensity=1 / 3, reward=float(i % 3 == 1))
        floored.learn(interaction)
        bare.learn(interaction)
    assert floored.dumps() == bare.dumps()
    taken_up = build(PolicySpec(kind, 0.05))
    taken_up.loads(bare.dumps())
    expected = pmfs.floored(bare.pmf(abc()), 0.05)
    assert taken_up.pmf(abc()) == floored.pmf(abc()) == expected
    assert min(expected) >= 0.05


@pytest.mark.parametrize("floor", [0.0, 0.05])
@pytest.mark.parametrize(
    "kind", [VwSpec(), LinearUcbSpec(), LinearThompsonSpec(), PopularitySpec(), UniformSpec(), FixedSpec("b")], ids=str
)
def test_many_situations_have_the_probabilities_that_each_has_by_itself(kind: KindSpec, floor: float) -> None:
    policy = started(PolicySpec(kind, floor))
    asked = [abc(), abc("Ida"), replace(abc("Tom"), context="")]
    known = ActionSet(asked[0].action_ids, asked[0].actions)
    for batch in (asked, [replace(each, known=known) for each in asked], []):
        assert policy.pmfs(batch) == [policy.pmf(each) for each in batch]


NUMPY = {
    "linear_ucb": ("linear 1", LinearUcbSpec(bits=4, offer_bits=3)),
    "linear_thompson": ("linear 1", LinearThompsonSpec(bits=4, offer_bits=3)),
    "bernoulli popularity": ("popularity 1", PopularitySpec()),
    "gaussian popularity": ("popularity 1", PopularitySpec(RewardModel.GAUSSIAN)),
}


@pytest.mark.filterwarnings("ignore:(overflow|invalid value|divide by zero):RuntimeWarning")
@pytest.mark.parametrize("number", [1.7e308, 1e200, 1e99, -1e99, -1e200, -1.7e308])
@pytest.mark.parametrize("policy", NUMPY)
def test_a_state_of_impossible_numbers_is_refused_or_still_gives_a_distribution(policy: str, number: float) -> None:
    """They are finite, and a checksum is soon made: what they lead to must be no decision, or one as it should be."""
    kind, spec = NUMPY[policy]
    trained = build(PolicySpec(spec))
    for chosen in (0, 1):
        trained.learn(Interaction(abc(), chosen, 1 / 3, float(chosen)))
    state = trained.dumps()
    _, arrays = unpack(kind, state)
    for name, place in product(arrays, [(..., 0), (..., -1), ...]):
        loaded = build(PolicySpec(spec))
        try:
            loaded.loads(poisoned(kind, state, number, {name: place}.get))
            pmf = loaded.pmf(abc())
        except PolicyError:
            continue
        assert math.fsum(pmf) == pytest.approx(1.0, abs=1e-9)
        assert min(pmf) >= 0.0


def test_a_policy_that_starts_knows_its_beliefs_and_one_that_is_built_does_not() -> None:
    spec = PolicySpec(VwSpec(), 0.05, (Belief("user=Tom", "b", "=b", 1.0, 50),))
    assert build(spec).pmf(abc()) == [pytest.approx(1 / 3)] * 3
    believed = started(spec).pmf(abc())
    assert believed.index(max(believed)) == 1
    assert min(believed) >= 0.05


@pytest.mark.parametrize("kind", [UniformSpec(), FixedSpec("a")])
def test_what_predicts_nothing_has_no_scores(kind: KindSpec) -> None:
    assert build(PolicySpec(kind)).scores(situation(FeatureSet(), [PlainAction("a"), PlainAction("b")])) is None


@pytest.mark.parametrize(
    "kind", [LinearUcbSpec(), LinearThompsonSpec(max_actions=2), PopularitySpec(), VwSpec(bits=10)]
)
def test_scores_are_those_that_are_explained(kind: KindSpec) -> None:
    """Of a known set or not, floored or not, prepared or not."""
    actions = [PlainAction(each, FeatureSet(categorical={"topic": each})) for each in "abcd"]
    asked = situation(FeatureSet({"age": 2.5}, {"user": "Tom", "device": "mobile"}), actions)
    known = ActionSet(asked.action_ids, asked.actions)
    policy = build(PolicySpec(kind, min_probability=0.1))
    policy.prepare(known)
    for i in range(20):
        policy.learn(Interaction(asked, i % 3, 1 / 4, float(i % 3 == 1)))
        for each in (asked, replace(asked, known=known), replace(asked, known=known, positions=[0, 1, 2, 3])):
            scores = policy.scores(each)
            assert scores is not None
            assert scores == pytest.approx([explained.score for explained in policy.explain(asked)], rel=1e-9, abs=1e-9)
    assert len(set(scores)) > 1


def test_beliefs_are_chosen_with_as_they_are_learned() -> None:
    spec = PolicySpec(VwSpec(bits=10), beliefs=(Belief("user=Tom", "b", "=b", 1.0, 50),))
    asked = abc()
    known = replace(asked, known=ActionSet(asked.action_ids, asked.actions))
    assert started(spec).pmf(known) == pytest.approx(started(spec).pmf(asked), rel=0, abs=1e-6)
    policy = build(spec)
    for interaction in pseudo_interactions(spec.beliefs):
        policy.learn(interaction)
    assert policy.dumps() == started(spec).dumps()
