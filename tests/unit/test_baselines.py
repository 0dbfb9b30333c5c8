"""Policies that learn nothing choose by rule, and have no state."""

import pytest

from attune_models.baselines import FixedPolicy, FixedSpec, UniformPolicy
from attune_models.features import situation
from attune_models.types import FeatureSet, Interaction, PlainAction, PolicyError, Situation


def situation_of(*action_ids: str) -> Situation:
    return situation(FeatureSet(), map(PlainAction, action_ids))


def test_uniform_gives_each_action_the_same_probability() -> None:
    assert UniformPolicy().pmf(situation_of("a", "b", "c", "d")) == [0.25] * 4


@pytest.mark.parametrize(
    ("fixed", "expected"),
    [
        ("b", [0.0, 1.0, 0.0]),  # it is there
        ("x", [1.0, 0.0, 0.0]),  # it is not eligible: the first stands in
        ("", [1.0, 0.0, 0.0]),  # none is named
    ],
)
def test_fixed_always_chooses_its_action_or_the_first(fixed: str, expected: list[float]) -> None:
    assert FixedPolicy(FixedSpec(fixed)).pmf(situation_of("a", "b", "c")) == expected


def test_fixed_finds_its_action_wherever_it_stands() -> None:
    policy = FixedPolicy(FixedSpec("b"))
    assert policy.pmf(situation_of("b", "a")) == [1.0, 0.0]
    assert policy.pmf(situation_of("a", "b")) == [0.0, 1.0]


@pytest.mark.parametrize("policy", [UniformPolicy(), FixedPolicy(FixedSpec("b"))], ids=["uniform", "fixed"])
def test_a_baseline_learns_nothing_and_has_no_state(policy: UniformPolicy | FixedPolicy) -> None:
    abc = situation_of("a", "b", "c")
    before = policy.pmf(abc)
    policy.learn(Interaction(abc, chosen=2, propensity=1.0, reward=1000.0))
    assert policy.pmf(abc) == before
    assert policy.dumps() == b""
    policy.loads(b"")


def test_a_baseline_refuses_the_state_of_another_policy() -> None:
    with pytest.raises(PolicyError, match="expected an empty state, got 7 bytes"):
        UniformPolicy().loads(b"weights")
