"""Importance weighting with the propensities of every Vowpal Wabbit policy has no bias.

As in `test_unbiasedness.py`: each round logs a reward r of the action a that was drawn with probability p(a), and
whatever the policy has learned before, `E[r / (K p(a))]` is the value of the uniform policy.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from attune_models import pmf as pmfs
from attune_models.features import situation
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation
from attune_models.vw import CbType, First, Softmax, VwPolicy, VwSpec
from vw_policies import SPECS

RUNS = 200
ROUNDS = 40
# Probability of a reward of 1, by context and action.
MEAN_REWARDS = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.7]])
VALUE_OF_UNIFORM = float(MEAN_REWARDS.mean())
SITUATIONS: Sequence[Situation] = [
    situation(FeatureSet(categorical={"user": user}), map(PlainAction, ("a", "b", "c"))) for user in ("Tom", "Anna")
]


def shortened(spec: VwSpec) -> VwSpec:
    """Return the spec with a small model, a uniform phase that ends within a run, and a softmax that is not greedy."""
    match spec.exploration:
        case First():
            return replace(spec, bits=10, exploration=First(15))
        case Softmax():
            return replace(spec, bits=10, exploration=Softmax(3.0))
        case _:
            return replace(spec, bits=10)


def estimate(spec: VwSpec, run: int) -> float:
    """Return the estimate of one run: the policy draws, logs and learns, the log is weighted."""
    policy, rng = VwPolicy(spec), np.random.default_rng(run)
    contexts, luck = rng.integers(2, size=ROUNDS), rng.random(ROUNDS)
    contributions = np.empty(ROUNDS)
    for i in range(ROUNDS):
        asked = SITUATIONS[contexts[i]]
        pmf = policy.pmf(asked)
        # Seeded as the service seeds it: by the placement and the id of the decision.
        action = pmfs.draw(pmf, pmfs.unit_interval("draw", "placement", f"{run}-{i}"))
        reward = float(luck[i] < MEAN_REWARDS[contexts[i], action])
        contributions[i] = reward / (len(pmf) * pmf[action])
        policy.learn(Interaction(asked, action, pmf[action], reward))
    return float(contributions.mean())


# One learner and one that mixes on its own, at once; the others take half a minute: `make test-long`.
QUICK = {"squarecb mtr", "cover mtr"}


CASES = [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.long]) for name in SPECS]


@pytest.mark.parametrize("name", CASES)
def test_importance_weighting_finds_the_value_of_another_policy(name: str) -> None:
    """Bound: 3 standard errors of the mean over the runs, which a true mean misses with probability .0027.

    Seeds are fixed. The standard error itself is bounded, too, so that a wide scatter cannot hide a bias: one of a
    quarter of the true value of .37 would be noticed for any policy, and one of a tenth for the median one.
    """
    values = np.array([estimate(shortened(SPECS[name]), run) for run in range(RUNS)])
    standard_error = values.std(ddof=1) / np.sqrt(RUNS)
    print(f"{name}: {values.mean():.4f}, truth {VALUE_OF_UNIFORM:.4f}, standard error {standard_error:.4f}")  # noqa: T201
    assert abs(values.mean() - VALUE_OF_UNIFORM) <= 3 * standard_error
    assert standard_error <= VALUE_OF_UNIFORM / 12


def test_every_exploration_is_looked_at() -> None:
    assert {spec.cb_type for spec in SPECS.values()} == set(CbType)
