"""How far Stirling's formula is from the logarithm of the gamma function: what densities are computed from stably.

The logarithm itself is large where the differences that matter are small; its error term is not.
"""

from math import lgamma, log, pi

_SERIES_FROM = 30.0


def stirling_error(x: float) -> float:
    """Return `log Gamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2)`, for x greater than 0."""
    if x < _SERIES_FROM:
        return lgamma(x) - (x - 0.5) * log(x) + x - 0.5 * log(2.0 * pi)
    return (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * x * x)) / (x * x)) / x
