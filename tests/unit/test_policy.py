"""A spec becomes the policy it names, and a floor changes its probabilities and nothing else."""

import pytest

from attune_models import pmf as pmfs
from attune_models.baselines import FixedPolicy, FixedSpec, UniformPolicy, UniformSpec
from attune_models.beliefs import Belief
from attune_models.features import situation
from attune_models.policy import FlooredPolicy, KindSpec, PolicySpec, build, started
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation
from attune_models.vw import VwPolicy, VwSpec


def abc(user: str = "Tom") -> Situation:
    return situation(FeatureSet(categorical={"user": user}), map(PlainAction, ("a", "b", "c")))


@pytest.mark.parametrize(
    ("kind", "policy"),
    [
        (VwSpec(), VwPolicy),  # learned
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


def test_a_floored_policy_learns_and_is_put_away_like_the_policy_in_it() -> None:
    floored, bare = build(PolicySpec(VwSpec(), 0.05)), build(PolicySpec(VwSpec()))
    for i in range(30):
        interaction = Interaction(abc(), chosen=i % 3, propensity=1 / 3, reward=float(i % 3 == 1))
        floored.learn(interaction)
        bare.learn(interaction)
    assert floored.dumps() == bare.dumps()
    taken_up = build(PolicySpec(VwSpec(), 0.05))
    taken_up.loads(bare.dumps())
    expected = pmfs.floored(bare.pmf(abc()), 0.05)
    assert taken_up.pmf(abc()) == floored.pmf(abc()) == expected
    assert min(expected) >= 0.05


def test_a_policy_that_starts_knows_its_beliefs_and_one_that_is_built_does_not() -> None:
    spec = PolicySpec(VwSpec(), 0.05, (Belief("user=Tom", "b", "=b", 1.0, 50),))
    assert build(spec).pmf(abc()) == [pytest.approx(1 / 3)] * 3
    believed = started(spec).pmf(abc())
    assert believed.index(max(believed)) == 1
    assert min(believed) >= 0.05
