"""Importance weighting with the propensities of every Vowpal Wabbit policy has no bias."""

from dataclasses import replace

import numpy as np
import pytest

from attune_models import pmf as pmfs
from attune_models.policy import PolicySpec
from attune_models.types import Interaction
from attune_models.vw import CbType, Crossing, Epsilon, First, Listed, Softmax, VwSpec
from unbiasedness import SITUATIONS, Environment, Served
from vw_policies import SPECS

ENVIRONMENT = Environment(((0.6, 0.3, 0.1), (0.2, 0.3, 0.7)), n_rounds=40)


def shortened(spec: VwSpec) -> VwSpec:
    """Return the spec with a small model, a uniform phase that ends within a run, and a softmax that is not greedy."""
    match spec.exploration:
        case First():
            return replace(spec, bits=10, exploration=First(15))
        case Softmax():
            return replace(spec, bits=10, exploration=Softmax(3.0))
        case _:
            return replace(spec, bits=10)


# The default is looked at in every run, in test_unbiasedness.py; these take half a minute.
@pytest.mark.long
@pytest.mark.parametrize("name", SPECS)
def test_importance_weighting_finds_the_value_of_another_policy(name: str) -> None:
    """A bias of a quarter of the true value would be noticed for any policy, one of a tenth for the median one."""
    ENVIRONMENT.check(PolicySpec(shortened(SPECS[name])), widest=1 / 12)


@pytest.mark.long
def test_importance_weighting_has_no_bias_with_a_list_of_crossings() -> None:
    """Crossings change what is predicted, and nothing of how it is drawn or logged."""
    ENVIRONMENT.check(PolicySpec(VwSpec(crossings=Listed((Crossing(("user",), ("",)),)), bits=10)), widest=1 / 12)


KNOWN_SETS = {
    "squarecb": VwSpec(),
    "squarecb, half-life": VwSpec(half_life=20),
    "epsilon": VwSpec(Epsilon(0.2)),
    "softmax": VwSpec(Softmax(3.0)),
    "first": VwSpec(First(15)),
}


@pytest.mark.parametrize("name", KNOWN_SETS)
def test_importance_weighting_has_no_bias_with_one_version_and_a_known_set(name: str) -> None:
    """There, probabilities are computed without the library; a bias of a tenth of the true value would be noticed."""
    spec = PolicySpec(replace(KNOWN_SETS[name], bits=10))
    policy, rng, n_draws = Served(spec, newer_every=30), np.random.default_rng(1), 30_000
    for i in range(30):
        policy.learn(Interaction(SITUATIONS[i % 2], i % 3, 1 / 3, float(i % 3 == 2 * (i % 2))))
    pmfs_of = [policy.pmf(asked) for asked in SITUATIONS]
    users, luck, us = rng.integers(2, size=n_draws), rng.random(n_draws), rng.random(n_draws)
    values = np.empty(n_draws)
    for i, user in enumerate(users):
        action = pmfs.draw(pmfs_of[user], us[i])
        values[i] = float(luck[i] < ENVIRONMENT.mean_rewards[user][action]) / (3 * pmfs_of[user][action])
    standard_error = values.std(ddof=1) / np.sqrt(n_draws)
    assert abs(values.mean() - ENVIRONMENT.value_of_uniform) <= 3 * standard_error
    assert standard_error <= ENVIRONMENT.value_of_uniform / 30
    assert len(set(pmfs_of[0])) > 1, "a policy that knows nothing would show nothing"


@pytest.mark.long
@pytest.mark.parametrize("name", KNOWN_SETS)
def test_importance_weighting_has_no_bias_where_the_actions_are_of_a_known_set(name: str) -> None:
    """There, probabilities are computed without the library."""
    ENVIRONMENT.check(PolicySpec(replace(KNOWN_SETS[name], bits=10)), widest=1 / 12, newer_every=20)


def test_every_exploration_is_looked_at() -> None:
    assert {spec.cb_type for spec in SPECS.values()} == set(CbType)
