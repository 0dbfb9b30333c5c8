"""The linear policies' state is whole, refused when damaged, and finite whatever is learned."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_models.features import situation
from attune_models.linear import LinearUcbSpec
from attune_models.linear_model import LinearSpec
from attune_models.types import FeatureSet, Interaction, PlainAction, PolicyError, ValueList
from linear_log import asked, every_spec, learned, log, new


@every_spec
@pytest.mark.parametrize("half", [1_000, pytest.param(5_000, marks=pytest.mark.long)])
def test_put_away_and_taken_up_it_goes_on_bit_by_bit(spec: LinearSpec, half: int) -> None:
    """So many interactions, dumped, loaded, as many more: the same as all of them, also the bytes."""
    interactions = log(2 * half)
    whole, first, second = learned(spec, interactions), learned(spec, interactions[:half]), new(spec)
    second.loads(first.dumps())
    for interaction in interactions[half:]:
        second.learn(interaction)
    assert second.dumps() == whole.dumps()
    situations = [asked(i % 7, i % 11, 1 + i % 6) for i in range(200)]
    assert [second.pmf(each) for each in situations] == [whole.pmf(each) for each in situations]


@every_spec
def test_what_is_decided_does_not_change_the_state(spec: LinearSpec) -> None:
    policy = learned(spec, log(30))
    before = policy.dumps()
    policy.pmf(asked(9, 20, 8))
    assert policy.dumps() == before


def damaged(state: bytes) -> Iterator[bytes]:
    yield b""
    yield b"\0" * len(state)
    yield state[: len(state) // 2]
    yield state + b"\0" * 8
    yield state[:1000] + bytes([state[1000] ^ 1]) + state[1001:]
    yield new(LinearUcbSpec(bits=6, offer_bits=5)).dumps()
    yield learned(LinearUcbSpec(bits=7, offer_bits=4), log(3)).dumps()
    yield learned(LinearUcbSpec(bits=7, offer_bits=5), log(200)).dumps()


def test_a_damaged_state_is_refused_and_changes_nothing() -> None:
    """The last ones are whole, but of other specs: another size of either regression, more actions."""
    policy = learned(LinearUcbSpec(bits=7, offer_bits=5, max_actions=6), log(30))
    before = policy.dumps()
    for state in damaged(before):
        with pytest.raises(PolicyError):
            policy.loads(state)
    assert policy.dumps() == before


# --- whatever comes
numbers = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, 1e6, -1e6, 1e-30]))


@every_spec
@settings(deadline=None, max_examples=40)
@given(rounds=st.lists(st.tuples(numbers, numbers, numbers, st.integers(0, 2)), min_size=1, max_size=12))
def test_no_legal_number_breaks_it(spec: LinearSpec, rounds: list[tuple[float, float, float, int]]) -> None:
    policy = new(spec)
    for context, feature, reward, chosen in rounds:
        features = FeatureSet(numeric={"x": context}, dense={"e": ValueList([feature, -context])})
        actions = [PlainAction("a", FeatureSet(numeric={"x": feature})), PlainAction("b", features), PlainAction("c")]
        each = situation(features, actions)
        policy.learn(Interaction(each, chosen, 1 / 3, reward))
        pmf = policy.pmf(each)
        assert sum(pmf) == pytest.approx(1.0, abs=1e-9)
        assert min(pmf) >= 0.0
    policy.loads(policy.dumps())


@every_spec
def test_huge_numbers_for_long_do_not_break_it(spec: LinearSpec) -> None:
    """3,000 rounds of features and rewards up to 1e6, through several refreshes."""
    policy, rng = new(spec), np.random.default_rng(1)
    for i in range(3000):
        x = [float(number) for number in rng.choice([-1e6, -1.0, 0.0, 1e-6, 1.0, 1e6], 4)]
        features = FeatureSet(numeric={"x": x[0]}, dense={"e": ValueList(x[1:])})
        each = situation(features, [PlainAction("a", features), PlainAction("b")])
        policy.learn(Interaction(each, i % 2, 0.5, x[i % 4]))
    assert sum(policy.pmf(each)) == pytest.approx(1.0, abs=1e-9)
    policy.loads(policy.dumps())


@every_spec
@pytest.mark.parametrize("reward", [float("nan"), float("inf"), -1.1e6])
def test_an_impossible_reward_is_refused(spec: LinearSpec, reward: float) -> None:
    policy = new(spec)
    before = policy.dumps()
    with pytest.raises(ValueError, match="expected a reward between"):
        policy.learn(Interaction(asked(1), 0, 0.25, reward))
    assert policy.dumps() == before


@every_spec
def test_a_thousand_actions_and_ten_thousand_features_are_learned(spec: LinearSpec) -> None:
    policy = new(spec)
    actions = [
        PlainAction(f"{i}", FeatureSet(categorical={f"f{10 * i + j}": "x" for j in range(10)})) for i in range(1000)
    ]
    wide = situation(FeatureSet(categorical={"user": "1"}), actions)
    for chosen in (0, 999, *[500] * 20):
        policy.learn(Interaction(wide, chosen, 0.001, float(chosen == 500)))
    pmf = policy.pmf(wide)
    assert sum(pmf) == pytest.approx(1.0, abs=1e-9)
    if isinstance(spec, LinearUcbSpec):
        assert min(pmf) > 0.0
