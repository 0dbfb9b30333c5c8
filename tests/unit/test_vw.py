"""Vowpal Wabbit's probabilities are exact and follow what was learned, by the formulas of each exploration."""

import math

import numpy as np
import pytest

from attune_models.types import Interaction, Situation
from attune_models.vw import Crossings, Epsilon, Exploration, Softmax, SquareCb, VwPolicy, VwSpec
from paired_users import (
    FLOAT32,
    SMALL,
    best_of,
    every_exploration,
    interactions,
    situation_for,
    trained,
)


def gaps(policy: VwPolicy) -> np.ndarray:
    """Return how far each action's predicted reward is below the best, as softmax with lambda 1 states it."""
    scores = np.log(policy.pmf(situation_for("1")))
    return np.asarray(scores.max() - scores)


@every_exploration
@pytest.mark.parametrize("n_actions", [1, 2, 7, 1000])
def test_before_anything_is_learned_the_draw_is_uniform(exploration: Exploration, n_actions: int) -> None:
    pmf = VwPolicy(VwSpec(exploration)).pmf(situation_for("1", n_actions))
    assert pmf == pytest.approx([1 / n_actions] * n_actions, rel=2e-2 if n_actions == 1000 else FLOAT32)
    assert math.fsum(pmf) == pytest.approx(1.0, abs=1e-12)
    assert {type(probability) for probability in pmf} == {float}


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5, 1.0])
def test_epsilon_gives_the_best_action_all_but_its_share(epsilon: float) -> None:
    pmf = trained(VwSpec(Epsilon(epsilon))).pmf(situation_for("1"))
    expected = [epsilon / 4] * 4
    expected[1] += 1 - epsilon
    assert pmf == pytest.approx(expected, abs=FLOAT32)


@pytest.mark.parametrize("inverse_temperature", [0.0, 0.5, 10.0])
def test_softmax_is_exponential_in_the_predicted_reward(inverse_temperature: float) -> None:
    """Exploration does not change what is learned, so the predictions are those of softmax with lambda 1."""
    pmf = trained(VwSpec(Softmax(inverse_temperature))).pmf(situation_for("1"))
    raw = np.exp(-inverse_temperature * gaps(trained(VwSpec(Softmax(1.0)))))
    assert pmf == pytest.approx(raw / raw.sum(), abs=1e-4)


@pytest.mark.parametrize(("scale", "exponent"), [(10.0, 0.5), (2.0, 0.25), (100.0, 0.0)])
def test_squarecb_is_inverse_in_the_gap(scale: float, exponent: float) -> None:
    """`p(a) = 1 / (K + gamma gap(a))`, the best gets the rest; predictions as those of softmax on weights of 1."""
    n_rounds = 200
    squarecb, softmax = VwPolicy(VwSpec(SquareCb(scale, exponent))), VwPolicy(VwSpec(Softmax(1.0)))
    for interaction in interactions(n_rounds):
        unweighted = Interaction(interaction.situation, interaction.chosen, 1.0, interaction.reward)
        squarecb.learn(unweighted)
        softmax.learn(unweighted)
    expected = 1 / (4 + scale * n_rounds**exponent * gaps(softmax))
    best = int(gaps(softmax).argmin())
    expected[best] = 1 - (expected.sum() - expected[best])
    assert squarecb.pmf(situation_for("1")) == pytest.approx(expected, rel=1e-3)


@every_exploration
def test_taste_depends_on_the_context_with_crossings_and_only_with_them(exploration: Exploration) -> None:
    """Most probable action of two users: their own, or the same one."""

    def best(crossings: Crossings) -> list[int]:
        policy = trained(VwSpec(exploration, crossings), 600)
        return [best_of(policy.pmf(situation_for(user))) for user in ("1", "2")]

    assert best(Crossings.CONTEXT_PAIRS_ACTION) == [1, 2]
    assert best(Crossings.CONTEXT_ACTION) == [1, 2]
    assert len(set(best(Crossings.NONE))) == 1


@every_exploration
def test_an_action_counts_the_same_wherever_it_stands_in_the_list(exploration: Exploration) -> None:
    first, last = VwPolicy(VwSpec(exploration, bits=SMALL)), VwPolicy(VwSpec(exploration, bits=SMALL))
    forward = situation_for("1")
    backward = Situation(forward.context, forward.action_ids[::-1], forward.actions[::-1])
    for _ in range(5):
        first.learn(Interaction(forward, 0, 0.05, 1.0))
        last.learn(Interaction(backward, 3, 0.05, 1.0))
    assert last.pmf(forward) == pytest.approx(first.pmf(forward), abs=1e-12)


@pytest.mark.parametrize("exploration", [SquareCb(), SquareCb(2.0, 0.0)], ids=["default", "constant gamma"])
def test_under_squarecb_every_interaction_weighs_the_same(exploration: Exploration) -> None:
    """Whatever the propensity, and wherever the action stands: Vowpal Wabbit forgets the last one of the list."""
    policies = [VwPolicy(VwSpec(exploration, bits=SMALL)) for _ in range(3)]
    for interaction in interactions(60):
        for policy, propensity in zip(policies, (1.0, 0.25, 1e-12), strict=True):
            policy.learn(Interaction(interaction.situation, interaction.chosen, propensity, interaction.reward))
    first, *others = [policy.dumps() for policy in policies]
    assert others == [first, first]


@pytest.mark.parametrize("exploration", [Epsilon(), Softmax()], ids=["epsilon", "softmax"])
@pytest.mark.parametrize("chosen", [0, 3], ids=["first", "last"])
def test_under_other_explorations_what_was_improbable_weighs_more(exploration: Exploration, chosen: int) -> None:
    improbable, probable = VwPolicy(VwSpec(exploration)), VwPolicy(VwSpec(exploration))
    for policy, propensity in ((improbable, 0.01), (probable, 1.0)):
        policy.learn(Interaction(situation_for("1"), 0, 1.0, 0.5))
        policy.learn(Interaction(situation_for("1"), chosen, propensity, 1.0))
    assert improbable.dumps() != probable.dumps()


@every_exploration
def test_rewards_raise_and_punishments_lower_the_probability(exploration: Exploration) -> None:
    rewarded, punished = VwPolicy(VwSpec(exploration)), VwPolicy(VwSpec(exploration))
    for _ in range(20):
        rewarded.learn(Interaction(situation_for("1"), 2, 0.25, 1.0))
        punished.learn(Interaction(situation_for("1"), 2, 0.25, -1.0))
    assert best_of(rewarded.pmf(situation_for("1"))) == 2
    assert punished.pmf(situation_for("1"))[2] < 0.25


@pytest.mark.parametrize(
    ("reward", "propensity"),
    [
        (math.nan, 0.5),  # no reward
        (math.inf, 0.5),  # one such cost makes every later prediction NaN
        (-math.inf, 0.5),  # the same
        (math.nextafter(1e6, math.inf), 0.5),  # just beyond the limit
        (math.nextafter(-1e6, -math.inf), 0.5),  # just beyond the limit
        (1e39, 0.5),  # infinite in float32
        (-1e300, 0.5),  # infinite in float32
        (1.0, 0.0),  # what has probability 0 is not drawn
        (1.0, -0.1),  # no probability
        (1.0, 1.5),  # no probability
        (1.0, math.nan),  # no probability
    ],
)
def test_what_cannot_be_learned_from_is_refused(reward: float, propensity: float) -> None:
    policy = VwPolicy(VwSpec(bits=SMALL))
    with pytest.raises(ValueError, match=r"expected a reward between -1e6 and 1e6 and a propensity in \(0, 1\], got "):
        policy.learn(Interaction(situation_for("1"), 0, propensity, reward))
    assert policy.dumps() == VwPolicy(VwSpec(bits=SMALL)).dumps()


@every_exploration
def test_a_single_action_is_certain(exploration: Exploration) -> None:
    policy = VwPolicy(VwSpec(exploration))
    for reward in (1.0, -5.0, 0.0):
        policy.learn(Interaction(situation_for("1", 1), 0, 1.0, reward))
        assert policy.pmf(situation_for("1", 1)) == [1.0]


def test_a_propensity_counts_as_one_in_a_million_at_least() -> None:
    tiny, least = VwPolicy(VwSpec(Epsilon())), VwPolicy(VwSpec(Epsilon()))
    tiny.learn(Interaction(situation_for("1"), 0, 1e-12, 1.0))
    least.learn(Interaction(situation_for("1"), 0, 1e-6, 1.0))
    assert tiny.dumps() == least.dumps()
