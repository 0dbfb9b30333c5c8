"""The wealth of the mixture against its closed form in scipy, and its bound against vw-estimators."""

from itertools import product
from math import log
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, special

from attune_models.gamma_mixture import log_wealth, lower_bound, reaches
from attune_models.stirling import stirling_error
from vw_estimators import Vector, vectors


@pytest.mark.parametrize("rho", [0.5, 1.0, 10.0, 100.0])
def test_the_wealth_is_the_closed_form(rho: float) -> None:
    """Proposition 9 of Howard et al., whose terms cancel: so to 1e-6 where they are large."""

    def log_gamma(shape: float, end: float) -> float:
        return float(np.log(special.gammainc(shape, end)) + special.gammaln(shape))

    for variance, deviations in product((0.0, 0.1, 1.0, 10.0, 1e4, 1e6), (0.0, 0.1, 1.0, 3.0, 10.0)):
        excess, shape = deviations * (variance**0.5 + 1.0), variance + rho
        expected = excess + variance + rho * log(rho) - shape * log(shape + excess)
        expected += log_gamma(shape, shape + excess) - log_gamma(rho, rho)
        assert log_wealth(excess, variance, rho) == pytest.approx(expected, abs=1e-12 * max(1e3, variance))


def test_the_wealth_is_what_the_mixture_integrates_to() -> None:
    """Of exp(lambda S - psi(lambda) V) over the gamma distribution of 1 - lambda below 1."""

    def integrand(rate: float, excess: float, variance: float, rho: float) -> float:
        psi = -np.log1p(-rate) - rate
        density = rho**rho * np.exp(-rho * (1.0 - rate)) * (1.0 - rate) ** (rho - 1.0) / special.gamma(rho)
        return float(np.exp(rate * excess - psi * variance) * density / special.gammainc(rho, rho))

    for arguments in ((0.0, 0.0, 10.0), (3.0, 2.0, 10.0), (40.0, 120.0, 10.0), (5.0, 9.0, 1.0)):
        expected, _ = integrate.quad(integrand, 0.0, 1.0, arguments, epsabs=1e-12)
        assert log_wealth(*arguments) == pytest.approx(log(expected), abs=1e-8)


def test_a_bound_is_where_the_wealth_meets_the_threshold() -> None:
    bound = lower_bound(300.0, 450.0, 1000, 10.0, log_threshold=3.7, floor=0.0)
    assert log_wealth(300.0 - 1000 * bound, 450.0, 10.0) == pytest.approx(3.7, abs=1e-9)
    assert not reaches(300.0 - 1000 * (bound + 1e-9), 450.0, 10.0, 3.7)


def test_little_wealth_rules_nothing_out() -> None:
    assert lower_bound(3.0, 20.0, 10, 10.0, log_threshold=3.7, floor=-0.5) == -0.5
    assert not reaches(-5.0, 2.0, 10.0, 3.7)


def test_the_bounds_are_those_of_vw_estimators(reference_data: Path) -> None:
    """Its confidence sequence is this mixture with rho = 1, and predictions that may be above 1; within 1e-6."""
    for vector in vectors(reference_data):
        width = vector.reward_high - vector.reward_low
        low = _reference_bound(vector, (vector.reward - vector.reward_low) / width)
        high = 1.0 - _reference_bound(vector, (vector.reward_high - vector.reward) / width)
        scaled = [vector.reward_low + width * bound for bound in (low, high)]
        assert scaled == pytest.approx(vector.interval["cs"], abs=1e-6), vector.name


def _reference_bound(vector: Vector, scaled: np.ndarray) -> float:
    earned, n = vector.weight * scaled, len(scaled)
    before = np.concatenate(([0.0], np.cumsum(earned)[:-1]))
    variance = float(((earned - (before + 0.5) / np.arange(1.0, n + 1.0)) ** 2).sum())
    bound = lower_bound(float(earned.sum()), variance, n, 1.0, log_threshold=log(40.0), floor=0.0)
    return min(bound, 1.0)


def test_digits_are_left_where_sums_are_huge() -> None:
    """A weight of 1e20 counts as 1e20 and 1e40: their wealth is that of a deviation of so many."""
    for variance in (1e12, 1e20, 1e40, 1e78):
        expected = 0.5 * 25.0 - 0.5 * log(variance / 10.0) - stirling_error(10.0)
        expected += np.log(special.ndtr(5.0)) - np.log(special.gammainc(10.0, 10.0))
        assert log_wealth(5.0 * variance**0.5, variance, 10.0) == pytest.approx(expected, abs=1e-4)
