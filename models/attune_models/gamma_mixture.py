"""The wealth of a gambler who bets that a mean is higher than somebody says: what confidence sequences are made of.

Numbers x_t come one by one, none below p_t - 1 for a prediction p_t that was fixed before; m is said to be the mean of
their conditional means. With `S = sum of (x_t - m)` and `V = sum of (x_t - p_t)^2`, every

    exp(lambda S - (-log(1 - lambda) - lambda) V),   0 <= lambda < 1,

starts at 1 and is expected not to grow, if m is right (Fan, Grama and Liu, "Exponential inequalities for martingales
with applications", 2015). So is their mean over any distribution of lambda; under a gamma distribution of 1 - lambda,
cut off at 1, it has a closed form (Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic
confidence sequences", 2021, proposition 9). Ville's inequality: with probability 1 - alpha it never reaches 1 / alpha,
at no time at all. Means m at which it has are ruled out: what is left is above a lower bound.
"""

from functools import cache
from math import log, log1p, pi, sqrt
from typing import TypeVar

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from attune_models.stirling import stirling_error

FloatT = TypeVar("FloatT", float, NDArray[np.float64])

_NODES = 64
_TAIL = 45.0
"""Integrands this much below their peak, on the scale of logarithms, count as 0: e^-45 is 3e-20."""
_BISECTIONS = 60
_SERIES_BELOW = 1e-3
_HALF_LOG_TWO_PI = 0.5 * log(2.0 * pi)


def log_wealth(excess: float, variance: float, rho: float) -> float:
    """Return the logarithm of the gambler's wealth, absolute error below 1e-9.

    Args:
        excess: S above, at least 0: where it is less, the wealth is below 1 and nothing is ruled out.
        variance: V above, at least 0.
        rho: Parameter of the mixture, greater than 0; the bound is tightest where V is about ten times as much.
    """
    return _bound(excess, variance, rho) + _log_lower(variance + rho, excess)


def reaches(excess: float, variance: float, rho: float, log_threshold: float) -> bool:
    """Return whether the logarithm of the wealth is above a threshold; cheap where it is far from it.

    Args:
        excess: As for `log_wealth`; may be negative, then the answer is no.
        variance: As for `log_wealth`.
        rho: As for `log_wealth`.
        log_threshold: Greater than 0.
    """
    if excess <= 0.0 or _bound(excess, variance, rho) <= log_threshold:
        return False
    return log_wealth(excess, variance, rho) > log_threshold


def lower_bound(total: float, variance: float, count: int, rho: float, *, log_threshold: float, floor: float) -> float:
    """Return the lowest mean that is not ruled out.

    Args:
        total: Sum of x_t.
        variance: V above.
        count: How many x_t there were, at least 1.
        rho: As for `log_wealth`.
        log_threshold: Logarithm of the wealth that rules a mean out: -log(alpha).
        floor: What the mean cannot be below.

    Returns:
        At least floor, and at most the mean of x_t where that is above floor.
    """
    if not reaches(total - count * floor, variance, rho, log_threshold):
        return floor
    out, kept = floor, total / count
    for _ in range(_BISECTIONS):
        middle = 0.5 * (out + kept)
        if reaches(total - count * middle, variance, rho, log_threshold):
            out = middle
        else:
            kept = middle
    # The side that is ruled out: a bound that errs by rounding errs downwards.
    return out


def _bound(excess: float, variance: float, rho: float) -> float:
    # With a = V + rho, the closed form is
    #   S + V + rho log rho - a log(a + S) + log gamma(a, a + S) - log gamma(rho, rho);
    # Stirling's formula takes out of it what is large and cancels. Without the last factor, P(a, a + S) <= 1.
    shape = variance + rho
    height = shape * _gap(excess / shape) - 0.5 * log(shape / rho)
    return height + stirling_error(shape) - stirling_error(rho) - _log_lower_at_zero(rho)


@cache
def _log_lower_at_zero(rho: float) -> float:
    return _log_lower(rho, 0.0)


def _log_lower(shape: float, excess: float) -> float:
    """Return `log P(a, a + S)`, P the regularised lower incomplete gamma function; both arguments not negative.

    One minus the integral of the gamma density beyond a + S, where it falls: by Gauss-Legendre, up to where it ends.
    """
    start = shape + excess
    # Log of the density at the start, by Stirling's formula.
    height = 0.5 * log(shape) - log(start) - shape * _gap(excess / shape) - stirling_error(shape)
    if height < -_TAIL:
        return 0.0
    # By log(1 + z) - z <= -z^2 / (2 + 4 z / 3): beyond this the density is below e^-45 of its start.
    length = 2.0 / 3.0 * _TAIL + sqrt(4.0 / 9.0 * _TAIL * _TAIL + 2.0 * _TAIL * max(shape - 1.0, 0.0))
    nodes, weights = _quadrature()
    steps = length * nodes
    # (a - 1) log(1 + step / (a + S)) - step
    logs = (1.0 - shape) * _gaps(steps / start) - (1.0 + excess) / start * steps
    beyond = length * float(weights @ np.exp(logs + (height - _HALF_LOG_TWO_PI)))
    return log1p(-min(beyond, 1.0 - 1e-16))


def _gap(z: float) -> float:
    """Return `z - log(1 + z)` for z of at least 0: by its series where the two are nearly equal."""
    return _series(z) if z < _SERIES_BELOW else z - log1p(z)


def _gaps(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(z < _SERIES_BELOW, _series(np.minimum(z, _SERIES_BELOW)), z - np.log1p(z))


def _series(z: FloatT) -> FloatT:
    return z * z * (1 / 2 - z * (1 / 3 - z * (1 / 4 - z * (1 / 5 - z * (1 / 6 - z / 7)))))


@cache
def _quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and weights on [0, 1], each of shape (64,)."""
    nodes, weights = legendre.leggauss(_NODES)
    return np.asarray(0.5 * (nodes + 1.0)), np.asarray(0.5 * weights)
