"""What is logged can be trusted: importance weighting with the logged propensities has no bias.

How that is seen is in `unbiasedness`; the policies of Vowpal Wabbit and NumPy one by one are in the files beside this.
"""

import pytest

from attune_models.baselines import UniformSpec
from attune_models.policy import PolicySpec
from attune_models.vw import Epsilon, Softmax, SquareCb, VwSpec
from unbiasedness import Environment

ENVIRONMENT = Environment(((0.6, 0.3, 0.1), (0.2, 0.3, 0.7)), n_rounds=200)
POLICIES = {
    "squarecb": PolicySpec(VwSpec(SquareCb(), bits=10)),
    "epsilon": PolicySpec(VwSpec(Epsilon(), bits=10)),
    "softmax": PolicySpec(VwSpec(Softmax(5.0), bits=10)),
    "uniform": PolicySpec(UniformSpec()),
    "floored squarecb": PolicySpec(VwSpec(SquareCb(), bits=10), min_probability=0.05),
    "floored softmax": PolicySpec(VwSpec(Softmax(100.0), bits=10), min_probability=0.02),
}


# The others are checked in every run by the file for Vowpal Wabbit, with other parameters.
IN_EVERY_RUN = {"uniform", "floored squarecb"}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(spec, id=name, marks=[] if name in IN_EVERY_RUN else [pytest.mark.long])
        for name, spec in POLICIES.items()
    ],
)
def test_importance_weighting_finds_the_value_of_another_policy(spec: PolicySpec) -> None:
    """A mean off by a tenth of the true value of .37 would be noticed."""
    ENVIRONMENT.check(spec, widest=1 / 30)
