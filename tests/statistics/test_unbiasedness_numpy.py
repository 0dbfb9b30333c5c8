"""What the policies written in NumPy log can be trusted: importance weighting with their propensities has no bias.

Each round logs a reward r of the action a that was drawn with probability p(a). Whatever the policy has learned before,
`E[r / (K p(a))]` is the value of the uniform policy, as long as p is exactly what was drawn from and no p is 0.

Thompson sampling comes as close to 0 as it is sure, and what is never drawn in 200 runs is missing in every estimate.
So its rewards are noisy enough here for it to stay unsure, and it is tested with a floor as well.
"""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from attune_models import pmf as pmfs
from attune_models.features import situation
from attune_models.linear import LinearThompsonSpec, LinearUcbSpec
from attune_models.policy import PolicySpec, build
from attune_models.popularity import PopularitySpec, RewardModel
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation

RUNS = 200
ROUNDS = 100
# Probability of a reward of 1, by context and action.
MEAN_REWARDS = np.array([[0.6, 0.5, 0.3], [0.4, 0.5, 0.6]])
VALUE_OF_UNIFORM = float(MEAN_REWARDS.mean())
SITUATIONS: Sequence[Situation] = [
    situation(FeatureSet(categorical={"user": user}), map(PlainAction, ("a", "b", "c"))) for user in ("Tom", "Anna")
]

POLICIES = {
    "ucb": PolicySpec(LinearUcbSpec(bits=5, offer_bits=4)),
    "thompson": PolicySpec(LinearThompsonSpec(bits=5, offer_bits=4, exploration=1.0)),
    "forgetful thompson": PolicySpec(LinearThompsonSpec(bits=5, offer_bits=4, exploration=1.0, half_life=30.0)),
    "forgetful ucb": PolicySpec(LinearUcbSpec(bits=5, offer_bits=4, half_life=30.0)),
    "bernoulli popularity": PolicySpec(PopularitySpec()),
    "gaussian popularity": PolicySpec(PopularitySpec(RewardModel.GAUSSIAN)),
    "forgetful popularity": PolicySpec(PopularitySpec(half_life=30.0)),
    "floored thompson": PolicySpec(LinearThompsonSpec(bits=5, offer_bits=4), min_probability=0.05),
    "floored ucb": PolicySpec(LinearUcbSpec(bits=5, offer_bits=4), min_probability=0.05),
    "floored popularity": PolicySpec(PopularitySpec(), min_probability=0.05),
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


def estimates(spec: PolicySpec) -> NDArray[np.float64]:
    return np.array([estimate(spec, run) for run in range(RUNS)])


# The quickest of each kind at once; the others take a minute: `make test-long`.
QUICK = {"gaussian popularity"}
CASES = [
    pytest.param(spec, id=name, marks=[] if name in QUICK else [pytest.mark.long]) for name, spec in POLICIES.items()
]


@pytest.mark.parametrize("spec", CASES)
def test_importance_weighting_finds_the_value_of_another_policy(spec: PolicySpec) -> None:
    """Bound: 3 standard errors of the mean over the runs, which a true mean misses with probability .0027.

    Seeds are fixed. The standard error itself is bounded, too, so that a wide scatter cannot hide a bias: a mean off by
    a tenth of the true value would be noticed.
    """
    values = estimates(spec)
    standard_error = values.std(ddof=1) / np.sqrt(RUNS)
    assert abs(values.mean() - VALUE_OF_UNIFORM) <= 3 * standard_error
    assert standard_error <= VALUE_OF_UNIFORM / 30
