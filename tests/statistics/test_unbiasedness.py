"""What is logged can be trusted: importance weighting with the logged propensities has no bias.

Each round logs a reward r of the action a that was drawn with probability p(a). Whatever the policy has learned
before, `E[r / (K p(a))]` is the value of the uniform policy, as long as p is exactly what was drawn from and no p is 0.
The mean over independent runs must therefore lie within a few standard errors of the truth, which is known here.
"""

from collections.abc import Sequence

import numpy as np
import pytest

from attune_models import pmf as pmfs
from attune_models.baselines import UniformSpec
from attune_models.features import situation
from attune_models.policy import PolicySpec, build
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation
from attune_models.vw import Epsilon, Softmax, SquareCb, VwSpec

RUNS = 200
ROUNDS = 200
# Probability of a reward of 1, by context and action.
MEAN_REWARDS = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.7]])
VALUE_OF_UNIFORM = float(MEAN_REWARDS.mean())
SITUATIONS: Sequence[Situation] = [
    situation(FeatureSet(categorical={"user": user}), map(PlainAction, ("a", "b", "c"))) for user in ("Tom", "Anna")
]

POLICIES = {
    "squarecb": PolicySpec(VwSpec(SquareCb(), bits=10)),
    "epsilon": PolicySpec(VwSpec(Epsilon(), bits=10)),
    "softmax": PolicySpec(VwSpec(Softmax(5.0), bits=10)),
    "uniform": PolicySpec(UniformSpec()),
    "floored squarecb": PolicySpec(VwSpec(SquareCb(), bits=10), min_probability=0.05),
    "floored softmax": PolicySpec(VwSpec(Softmax(100.0), bits=10), min_probability=0.02),
}


def estimate(spec: PolicySpec, run: int) -> float:
    """Return the estimate of one run: the policy draws, logs and learns, the log is weighted."""
    policy, rng = build(spec), np.random.default_rng(run)
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


def estimates(spec: PolicySpec) -> np.ndarray:
    """Return the estimates of all runs; float64, shape (RUNS,)."""
    return np.array([estimate(spec, run) for run in range(RUNS)])


@pytest.mark.parametrize("spec", POLICIES.values(), ids=POLICIES)
def test_importance_weighting_finds_the_value_of_another_policy(spec: PolicySpec) -> None:
    """Bound: 3 standard errors of the mean over the runs, which a true mean misses with probability .0027.

    Seeds are fixed. The standard error itself is bounded, too, so that a wide scatter cannot hide a bias: a mean off by
    a tenth of the true value of .37 would be noticed.
    """
    values = estimates(spec)
    standard_error = values.std(ddof=1) / np.sqrt(RUNS)
    assert abs(values.mean() - VALUE_OF_UNIFORM) <= 3 * standard_error
    assert standard_error <= VALUE_OF_UNIFORM / 30
