"""Importance weighting with the propensities of every Vowpal Wabbit policy has no bias."""

from dataclasses import replace

import pytest

from attune_models.policy import PolicySpec
from attune_models.vw import CbType, Crossing, First, Listed, Softmax, VwSpec
from unbiasedness import Environment
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


def test_every_exploration_is_looked_at() -> None:
    assert {spec.cb_type for spec in SPECS.values()} == set(CbType)
