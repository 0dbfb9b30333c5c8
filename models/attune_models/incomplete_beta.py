"""The distribution function of a Beta variable, and its quantiles: what Clopper-Pearson intervals are made of."""

from math import exp, log, log1p, pi

from attune_models.stirling import stirling_error

_TINY = 1e-300
_PRECISION = 1e-15
_FARTHEST = 700.0
"""On the scale of log-odds, where small quantiles are as far apart as large ones; e^-700 is about the least number."""
_BISECTIONS = 64


def distribution(alpha: float, beta: float, x: float) -> float:
    """Return the probability that a Beta variable is at most x, absolute error below 1e-10.

    By the continued fraction (Abramowitz and Stegun, 26.5.8), where it converges fast: below the mean; above it, from
    the other end.

    Args:
        alpha: Greater than 0, at most 1e12.
        beta: Greater than 0, at most 1e12.
        x: From 0 to 1.
    """
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (alpha + 1.0) / (alpha + beta + 2.0):
        return 1.0 - distribution(beta, alpha, 1.0 - x)
    return exp(_log_front(alpha, beta, x)) * _fraction(alpha, beta, x)


def quantile(alpha: float, beta: float, probability: float) -> float:
    """Return the x below which a Beta variable is with a given probability; error below 1e-9 of it, or 1e-15.

    Args:
        alpha: Greater than 0, at most 1e12.
        beta: Greater than 0, at most 1e12.
        probability: Between 0 and 1.
    """
    low, high = -_FARTHEST, _FARTHEST
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if distribution(alpha, beta, _from_log_odds(middle)) < probability:
            low = middle
        else:
            high = middle
    return _from_log_odds(0.5 * (low + high))


def _from_log_odds(y: float) -> float:
    return 1.0 / (1.0 + exp(-y))


def _log_front(alpha: float, beta: float, x: float) -> float:
    """Return `log(x^alpha (1 - x)^beta / (alpha B(alpha, beta)))`: relative to the peak, which keeps what matters."""
    total = alpha + beta
    scale = 0.5 * (log(alpha) + log(beta) - log(total) - log(2.0 * pi)) - log(alpha)
    height = scale - stirling_error(alpha) - stirling_error(beta) + stirling_error(total)
    # How far x is from the mean, times total: so written, no digits cancel where one of them is near 1.
    step = x * beta - (1.0 - x) * alpha
    below = _log_ratio(x * total / alpha, step / alpha)
    return height + alpha * below + beta * _log_ratio((1.0 - x) * total / beta, -step / beta)


def _log_ratio(ratio: float, difference: float) -> float:
    """Return the logarithm of a ratio, given its difference from 1: from whichever has the digits."""
    return log1p(difference) if abs(difference) < 0.5 else log(ratio)  # noqa: PLR2004 - about where they are as good


def _fraction(alpha: float, beta: float, x: float) -> float:
    """Return the continued fraction 1 / (1 + d_1 / (1 + d_2 / ...)), by Lentz's method."""
    total, c, d = 1.0, 1.0, 0.0
    step, m = 0.0, 0
    while abs(step - 1.0) > _PRECISION:
        for top in _coefficients(alpha, beta, x, m):
            d = 1.0 / _nonzero(1.0 + top * d)
            c = _nonzero(1.0 + top / c)
            step = c * d
            total *= step
        m += 1
    return 1.0 / total


def _coefficients(alpha: float, beta: float, x: float, m: int) -> tuple[float, ...]:
    odd = -(alpha + m) * (alpha + beta + m) * x / ((alpha + 2 * m) * (alpha + 2 * m + 1.0))
    if m == 0:
        return (odd,)
    even = m * (beta - m) * x / ((alpha + 2 * m - 1.0) * (alpha + 2 * m))
    return even, odd


def _nonzero(x: float) -> float:
    return x if abs(x) > _TINY else _TINY
