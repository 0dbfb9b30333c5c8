"""Popularity counts rewards, draws by exact probabilities, and forgets what it should."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from attune_models.beta_argmax import probabilities
from attune_models.features import situation
from attune_models.policy import PolicySpec, build
from attune_models.popularity import PopularityPolicy, PopularitySpec, RewardModel
from attune_models.state import pack
from attune_models.types import FeatureSet, Interaction, PlainAction, PolicyError, Situation

DRAWS = 10_000_000
SPECS = {
    "bernoulli": PopularitySpec(),
    "gaussian": PopularitySpec(RewardModel.GAUSSIAN),
    "forgetful": PopularitySpec(half_life=100.0),
    "forgetful gaussian": PopularitySpec(RewardModel.GAUSSIAN, half_life=100.0, max_actions=5),
}
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def among(*ids: str) -> Situation:
    return situation(FeatureSet(), map(PlainAction, ids))


def learn(policy: PopularityPolicy, action_id: str, *rewards: float) -> None:
    for reward in rewards:
        policy.learn(Interaction(among(action_id), 0, 1.0, reward))


def log(n_rounds: int, seed: int = 1) -> list[Interaction]:
    """Return interactions with 12 actions, three at a time; later ones are better."""
    rng = np.random.default_rng(seed)
    offered, chosen, luck = rng.integers(10, size=n_rounds), rng.integers(3, size=n_rounds), rng.random(n_rounds)
    return [
        Interaction(among(*(f"{first + i}" for i in range(3))), int(at), 1 / 3, float(u < 0.05 * (first + at)))
        for first, at, u in zip(offered, chosen, luck, strict=True)
    ]


# --- the probability of being the largest Beta variable


def beta_argmax(*parameters: tuple[float, float]) -> list[float]:
    alphas, betas = np.array(parameters, float).T
    result: list[float] = probabilities(alphas, betas).tolist()
    return result


@pytest.mark.parametrize(("alpha", "beta"), [(1, 1), (3, 1), (2, 7), (30, 4), (5, 500)])
@pytest.mark.parametrize(("other_alpha", "other_beta"), [(1, 1), (2, 5), (100, 20)])
def test_of_two_it_is_a_sum_of_binomials(alpha: int, beta: int, other_alpha: int, other_beta: int) -> None:
    """The n-th smallest of n + m - 1 uniform numbers is Beta(n, m): count in how many orders the first is later."""
    n, m = alpha + beta - 1, other_alpha + other_beta - 1
    orders = comb(n + m, n)
    # k of the second's m numbers lie below the first's alpha-th one.
    expected = sum(comb(alpha - 1 + k, k) * comb(n - alpha + m - k, m - k) for k in range(other_alpha, m + 1)) / orders
    assert beta_argmax((alpha, beta), (other_alpha, other_beta)) == pytest.approx([expected, 1 - expected], abs=1e-9)


@pytest.mark.parametrize("n_actions", [1, 2, 10, 1000])
@pytest.mark.parametrize("parameters", [(1.0, 1.0), (0.5, 40.0), (3e5, 7e6)])
def test_alike_means_equally_probable(n_actions: int, parameters: tuple[float, float]) -> None:
    assert beta_argmax(*[parameters] * n_actions) == pytest.approx([1 / n_actions] * n_actions, rel=1e-6)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.long
def test_it_is_the_share_of_wins_in_ten_million_draws(seed: int) -> None:
    """Bound: 4.5 standard errors of a share, `sqrt(p (1 - p) / n)`, and 5e-7 for p near 0."""
    rng = np.random.default_rng(seed)
    alphas, betas = 1.0 + 10.0 ** rng.uniform(-1, 3, 5), 1.0 + 10.0 ** rng.uniform(-1, 3, 5)
    expected, wins, at_once = probabilities(alphas, betas), np.zeros(5), 200_000
    for _ in range(DRAWS // at_once):
        wins += np.bincount(rng.beta(alphas, betas, (at_once, 5)).argmax(axis=1), minlength=5)
    bound = 4.5 * np.sqrt(expected * (1.0 - expected) / DRAWS) + 5e-7
    assert (np.abs(wins / DRAWS - expected) <= bound).all()


@settings(deadline=None, max_examples=200)
@given(parameters=st.lists(st.tuples(st.floats(1, 1e9), st.floats(1, 1e9)), min_size=1, max_size=20))
def test_it_is_a_distribution_whatever_comes(parameters: list[tuple[float, float]]) -> None:
    result = beta_argmax(*parameters)
    assert min(result) >= 0.0
    assert sum(result) == pytest.approx(1.0, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(alpha=st.floats(1, 1e6), beta=st.floats(1, 1e6), other=st.floats(1, 1e6))
def test_swapping_successes_and_failures_swaps_largest_and_smallest(alpha: float, beta: float, other: float) -> None:
    """Of two: `P(X > Y) = P(1 - Y > 1 - X)`."""
    straight = beta_argmax((alpha, beta), (other, beta))
    mirrored = beta_argmax((beta, alpha), (beta, other))
    assert straight == pytest.approx(mirrored[::-1], abs=2e-6), "two integrals, each within 1e-6"


# --- what is learned


def test_its_spec_builds_it() -> None:
    assert type(build(PolicySpec(PopularitySpec()))) is PopularityPolicy


def test_before_anything_is_learned_the_draw_is_uniform() -> None:
    for spec in SPECS.values():
        assert PopularityPolicy(spec).pmf(among("a", "b", "c", "d")) == pytest.approx([0.25] * 4, rel=1e-9)


def test_rewards_of_0_and_1_give_the_beta_posterior() -> None:
    policy = PopularityPolicy(PopularitySpec())
    learn(policy, "a", 1, 1, 0)
    learn(policy, "b", 0, 0, 0, 1)
    assert policy.pmf(among("a", "b", "new")) == beta_argmax((3, 2), (2, 4), (1, 1))


def test_rewards_in_between_count_as_fractions_and_others_are_clipped() -> None:
    policy = PopularityPolicy(PopularitySpec())
    learn(policy, "a", 0.25, 0.5, 7.0, -3.0)
    assert policy.pmf(among("a", "b")) == beta_argmax((2.75, 3.25), (1, 1))


def test_context_does_not_matter() -> None:
    policy = PopularityPolicy(PopularitySpec())
    learn(policy, "a", 1, 0, 1)
    tom = situation(FeatureSet(categorical={"user": "Tom"}), map(PlainAction, ("a", "b")))
    assert policy.pmf(tom) == policy.pmf(among("a", "b"))


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e2])
def test_gaussian_rewards_may_have_any_unit_and_centre(unit: float) -> None:
    """The best of three actions is found, though all means are far from 0 and alike but for a hundredth."""
    policy, rng = PopularityPolicy(PopularitySpec(RewardModel.GAUSSIAN)), np.random.default_rng(1)
    for _ in range(2000):
        action = int(rng.integers(3))
        learn(policy, "abc"[action], unit * (100.0 + 1.0 * action + rng.normal()))
    assert policy.pmf(among("a", "b", "c"))[2] > 0.99


def test_a_half_life_is_the_time_after_which_a_reward_counts_half() -> None:
    policy = PopularityPolicy(PopularitySpec(half_life=10.0))
    learn(policy, "a", 1)
    learn(policy, "b", *[0] * 10)
    failures = sum(0.5 ** (i / 10) for i in range(10))
    assert policy.pmf(among("a", "b")) == pytest.approx(beta_argmax((1.5, 1), (1, 1 + failures)), abs=1e-9)


def test_with_a_half_life_a_change_of_taste_is_followed() -> None:
    policy = PopularityPolicy(PopularitySpec(half_life=100.0))
    for best, worst in (("a", "b"), ("b", "a")):
        for _ in range(500):
            learn(policy, best, 1)
            learn(policy, worst, 0)
        assert policy.pmf(among(best, worst))[0] > 0.99


def test_the_action_learned_from_longest_ago_is_dropped() -> None:
    policy = PopularityPolicy(PopularitySpec(max_actions=2))
    learn(policy, "a", 1, 1)
    learn(policy, "b", 1)
    learn(policy, "a", 1)
    learn(policy, "c", 0)  # b goes, a stays
    assert policy.pmf(among("a", "b", "c")) == beta_argmax((4, 1), (1, 1), (1, 2))


def test_an_action_gone_for_forty_half_lives_takes_no_memory() -> None:
    policy = PopularityPolicy(PopularitySpec(half_life=1.0))
    learn(policy, "gone for good", 1)
    learn(policy, "a", *[0] * 41)
    assert b"gone for good" not in policy.dumps()


# --- state


@every_spec
@pytest.mark.parametrize("half", [1_000, pytest.param(5_000, marks=pytest.mark.long)])
def test_put_away_and_taken_up_it_goes_on_bit_by_bit(spec: PopularitySpec, half: int) -> None:
    interactions = log(2 * half)
    whole, first = PopularityPolicy(spec), PopularityPolicy(spec)
    for interaction in interactions:
        whole.learn(interaction)
    for interaction in interactions[:half]:
        first.learn(interaction)
    second = PopularityPolicy(spec)
    second.loads(first.dumps())
    for interaction in interactions[half:]:
        second.learn(interaction)
    assert second.dumps() == whole.dumps()
    assert [second.pmf(i.situation) for i in interactions[:200]] == [whole.pmf(i.situation) for i in interactions[:200]]


def damaged_states() -> dict[str, bytes]:
    policy = PopularityPolicy(PopularitySpec())
    learn(policy, "a", 1, 0)
    state = policy.dumps()
    facts = {"time": 1, "actions": ["a"], "times": [1]}
    sums, noise = np.ones((1, 2)), np.ones(4)

    def packed(
        facts: object = facts,
        sums: NDArray[np.float64] = sums,
        noise: NDArray[np.float64] = noise,
        kind: str = "popularity 1",
    ) -> bytes:
        return pack(kind, facts, {"sums": sums, "noise": noise})

    return {
        "empty": b"",
        "half": state[: len(state) // 2],
        "longer": state + b"\0",
        "one bit flipped": state[:-1] + bytes([state[-1] ^ 1]),
        "of another kind": packed(kind="popularity 0"),
        "without times": packed(facts={"time": 1, "actions": ["a"]}),
        "an action twice": packed(facts=facts | {"actions": ["a", "a"], "times": [1, 1]}, sums=np.ones((2, 2))),
        "a negative count": packed(sums=-sums),
        "a negative error": packed(noise=-noise),
        "another shape": packed(sums=np.ones((3, 2))),
        "too few numbers": packed(noise=np.ones(3)),
        "facts of another type": packed(facts=[1]),
    }


@pytest.mark.parametrize("state", damaged_states().values(), ids=damaged_states())
def test_a_damaged_state_is_refused_and_changes_nothing(state: bytes) -> None:
    policy = PopularityPolicy(PopularitySpec())
    learn(policy, "b", 1)
    before = policy.dumps()
    with pytest.raises(PolicyError):
        policy.loads(state)
    assert policy.dumps() == before


def test_numbers_that_are_not_finite_are_not_packed() -> None:
    with pytest.raises(PolicyError, match="sums: expected finite numbers"):
        pack("popularity 1", {}, {"sums": np.array([np.nan])})


# --- whatever comes


@every_spec
@settings(deadline=None, max_examples=30)
@given(rewards=st.lists(st.tuples(st.sampled_from("abc"), st.floats(-1e6, 1e6)), max_size=20))
def test_no_legal_reward_breaks_it(spec: PopularitySpec, rewards: list[tuple[str, float]]) -> None:
    policy = PopularityPolicy(spec)
    for action_id, reward in rewards:
        learn(policy, action_id, reward)
    pmf = policy.pmf(among("a", "b", "c", "new"))
    assert sum(pmf) == pytest.approx(1.0, abs=1e-12)
    policy.dumps()


@every_spec
@pytest.mark.parametrize("reward", [float("nan"), float("inf"), 1.1e6])
def test_an_impossible_reward_is_refused(spec: PopularitySpec, reward: float) -> None:
    policy = PopularityPolicy(spec)
    before = policy.dumps()
    with pytest.raises(ValueError, match="expected a reward between"):
        learn(policy, "a", reward)
    assert policy.dumps() == before


@every_spec
@pytest.mark.parametrize("n_actions", [1, 1000])
def test_any_number_of_actions_gets_probabilities(spec: PopularitySpec, n_actions: int) -> None:
    policy = PopularityPolicy(spec)
    for interaction in log(500):
        policy.learn(interaction)
    pmf = policy.pmf(among(*map(str, range(n_actions))))
    assert len(pmf) == n_actions
    assert sum(pmf) == pytest.approx(1.0, abs=1e-12)
