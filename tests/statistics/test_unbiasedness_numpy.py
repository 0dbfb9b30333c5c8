"""What the policies written in NumPy log can be trusted: importance weighting with their propensities has no bias.

Thompson sampling comes as close to 0 as it is sure, and what is never drawn in 200 runs is missing in every estimate.
So its rewards are noisy enough here for it to stay unsure, and it is tested with a floor as well.
"""

import pytest

from attune_models.linear import LinearThompsonSpec, LinearUcbSpec
from attune_models.policy import PolicySpec
from attune_models.popularity import PopularitySpec, RewardModel
from unbiasedness import Environment

MEAN_REWARDS = ((0.6, 0.5, 0.3), (0.4, 0.5, 0.6))
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
# The quickest at once; all of them, for longer, take a minute: `make test-long`.
QUICK = "gaussian popularity"
CASES = [
    pytest.param(POLICIES[QUICK], 50, id=f"{QUICK}, half as long"),
    *(pytest.param(spec, 100, id=name, marks=pytest.mark.long) for name, spec in POLICIES.items()),
]


@pytest.mark.parametrize(("spec", "n_rounds"), CASES)
def test_importance_weighting_finds_the_value_of_another_policy(spec: PolicySpec, n_rounds: int) -> None:
    """A mean off by a tenth of the true value would be noticed."""
    Environment(MEAN_REWARDS, n_rounds).check(spec, widest=1 / 30)
