"""The incomplete beta function and its inverse, against scipy."""

import pytest
from scipy import special

from attune_models.incomplete_beta import distribution, quantile

SHAPES = (0.02, 0.5, 1.0, 3.7, 40.0, 2500.5, 1e6)


@pytest.mark.parametrize("alpha", SHAPES)
@pytest.mark.parametrize("beta", SHAPES)
def test_the_distribution_is_scipys(alpha: float, beta: float) -> None:
    mean = alpha / (alpha + beta)
    deviation = (mean * (1.0 - mean) / (alpha + beta + 1.0)) ** 0.5
    for x in (mean + step * deviation for step in (-8, -2, -0.1, 0, 0.1, 2, 8)):
        inside = min(max(0.0, x), 1.0)
        assert distribution(alpha, beta, inside) == pytest.approx(special.betainc(alpha, beta, inside), abs=1e-10)


@pytest.mark.parametrize("alpha", SHAPES)
@pytest.mark.parametrize("beta", SHAPES[1:])
def test_quantiles_are_scipys(alpha: float, beta: float) -> None:
    for probability in (0.001, 0.025, 0.5, 0.975):
        expected = special.betaincinv(alpha, beta, probability)
        assert quantile(alpha, beta, probability) == pytest.approx(expected, rel=1e-8, abs=1e-15)
