"""What is logged can be trusted: importance weighting with the logged propensities has no bias.

How that is seen is in `unbiasedness`; the policies of Vowpal Wabbit and NumPy one by one are in the files beside this.
"""

import pytest

from attune_models.baselines import UniformSpec
from attune_models.policy import PolicySpec
from attune_models.vw import Epsilon, Softmax, SquareCb, VwSpec
from unbiasedness import Environment

MEAN_REWARDS = ((0.6, 0.3, 0.1), (0.2, 0.3, 0.7))
POLICIES = {
    "squarecb": PolicySpec(VwSpec(SquareCb(), bits=10)),
    "epsilon": PolicySpec(VwSpec(Epsilon(), bits=10)),
    "softmax": PolicySpec(VwSpec(Softmax(5.0), bits=10)),
    "uniform": PolicySpec(UniformSpec()),
    "floored squarecb": PolicySpec(VwSpec(SquareCb(), bits=10), min_probability=0.05),
    "floored softmax": PolicySpec(VwSpec(Softmax(100.0), bits=10), min_probability=0.02),
}


# The others are checked in every run by the file for Vowpal Wabbit, with other parameters.
IN_EVERY_RUN = ("uniform", "floored squarecb")


@pytest.mark.parametrize(
    ("spec", "n_rounds"),
    [
        *(pytest.param(POLICIES[name], 100, id=f"{name}, half as long") for name in IN_EVERY_RUN),
        *(pytest.param(spec, 200, id=name, marks=pytest.mark.long) for name, spec in POLICIES.items()),
    ],
)
def test_importance_weighting_finds_the_value_of_another_policy(spec: PolicySpec, n_rounds: int) -> None:
    """A mean off by a tenth of the true value of .37 would be noticed."""
    Environment(MEAN_REWARDS, n_rounds).check(spec, widest=1 / 30)
