"""How probable it is that each of several independent Beta variables is the largest, by numerical integration.

`P(a) = integral of f_a(x) * product over b != a of F_b(x) dx`, taken over the log-odds y = log(x / (1 - x)): there the
density of Beta(alpha, beta) is `x^alpha (1 - x)^beta / B(alpha, beta)`, smooth and log-concave on the whole line, and
needs nothing but exponentials. The distribution functions come from integrating the same densities.

All K integrals share their points: Gauss-Legendre nodes in panels that widen away from the highest of all lower ends,
for the reason given in `gaussian_argmax`. Densities are integrated from the right end to each node by integrating the
polynomial through the panel's nodes exactly.
"""

from functools import cache
from math import log, pi

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from attune_models.stirling import stirling_error

_TAIL = 24.0
"""Log-densities this far below their peak count as -infinity: e^-24 is 4e-11."""
_NEWTON_STEPS = 10
_NODES = 12
_PANEL = 4.0
"""Width of the first panels, in deviations of the narrowest variable."""
_SMALLEST_FACTOR = 1e-30


def probabilities(alphas: NDArray[np.float64], betas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability that each of several independent Beta variables is the largest, error below 1e-6.

    Args:
        alphas: float64, shape (n_actions,), 0.5 to 1e9; pseudo-observations of reward 1.
        betas: float64, shape (n_actions,), 0.5 to 1e9; pseudo-observations of reward 0.

    Returns:
        float64, shape (n_actions,); sums to 1 up to rounding. Where an action wins with less than 1e-9, its
        probability may be 0.
    """
    lows, highs = _ends(alphas, betas)
    matters = highs >= lows.max()
    result = np.zeros(len(alphas))
    result[matters] = 1.0
    if np.count_nonzero(matters) > 1:
        result[matters] = _integrals(alphas[matters], betas[matters], lows[matters], highs[matters])
        result /= result.sum()
    return result


def _integrals(
    alphas: NDArray[np.float64], betas: NDArray[np.float64], lows: NDArray[np.float64], highs: NDArray[np.float64]
) -> NDArray[np.float64]:
    points, growth = _points(1.0 / np.sqrt(alphas * betas / (alphas + betas)), lows, highs)
    # Weighted by dy, shape (n_actions, n_panels, n_nodes): what follows integrates over panels of the same length.
    masses = np.exp(_log_densities(alphas, betas, points)) * growth
    to_right, whole = _quadrature()
    panels = masses @ whole
    beyond = np.cumsum(panels[:, ::-1], axis=1)[:, ::-1] - panels
    below = np.maximum(1.0 - beyond[:, :, np.newaxis] - masses @ to_right, _SMALLEST_FACTOR)
    wins = masses / below * np.multiply.reduce(below, axis=0)
    integrals: NDArray[np.float64] = (wins @ whole).sum(axis=1)
    return integrals


def _points(
    deviations: NDArray[np.float64], lows: NDArray[np.float64], highs: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return log-odds, and dy at each in units of half a panel; two arrays of shape (n_panels, n_nodes)."""
    low, high = float(lows.max()), float(highs.max())
    # How many deviations the longest variable is long: what matters at y is at least (y - low) / length wide.
    length = float(((highs - lows) / deviations).max())
    start = length * float(deviations.min())
    end = np.log1p((high - low) / start)
    n_panels = int(np.ceil(end * 2.0 * length / _PANEL))
    half = 0.5 * end / n_panels
    nodes, _ = _nodes()
    growth = np.exp(half * (2.0 * np.arange(n_panels)[:, np.newaxis] + 1.0 + nodes))
    return low + start * (growth - 1.0), growth * (start * half)


@cache
def _nodes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes in [-1, 1] and their weights, each of shape (n_nodes,). They take as long as all else."""
    nodes, weights = legendre.leggauss(_NODES)
    return np.asarray(nodes), np.asarray(weights)


@cache
def _quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for values at the nodes in [-1, 1], what integrates them to the right of each node, and from -1 to 1.

    Returns:
        Matrix of shape (n_nodes, n_nodes), from the right; weights of shape (n_nodes,).
    """
    nodes, weights = _nodes()
    to_series = np.linalg.inv(legendre.legvander(nodes, _NODES - 1))
    antiderivatives = legendre.legint(np.eye(_NODES), axis=0)
    at_nodes = legendre.legval(np.ones(1), antiderivatives) - legendre.legval(nodes, antiderivatives)
    return np.asarray(to_series.T @ at_nodes), weights


def _log_densities(
    alphas: NDArray[np.float64], betas: NDArray[np.float64], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return log-densities over the log-odds: shape (n_actions, *points.shape)."""
    heights = np.array([_log_height(*pair) for pair in zip(alphas.tolist(), betas.tolist(), strict=True)])
    alpha, beta, height = (array[:, np.newaxis, np.newaxis] for array in (alphas, betas, heights))
    total = alpha + beta
    # Relative to the peak: log B alone would cancel with almost all of the rest.
    return np.asarray(
        height
        + alpha * (_log_odds_to_log(points) - np.log(alpha / total))
        + beta * (_log_odds_to_log(-points) - np.log(beta / total))
    )


def _log_height(alpha: float, beta: float) -> float:
    """Return the log-density over the log-odds at its peak, alpha / (alpha + beta)."""
    total = alpha + beta
    scale = 0.5 * (log(alpha) + log(beta) - log(total) - log(2.0 * pi))
    return scale - stirling_error(alpha) - stirling_error(beta) + stirling_error(total)


def _log_odds_to_log(points: NDArray[np.float64]) -> NDArray[np.float64]:
    # log(1 / (1 + e^-y)), without overflow.
    return np.asarray(-np.logaddexp(0.0, -points))


def _ends(alphas: NDArray[np.float64], betas: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return between which log-odds the densities lie, up to tails; both of shape (n_actions,).

    Newton's method on a concave function, from outside: every step ends outside, so that stopping early is safe.
    """
    # The upper end is minus the lower end of 1 - x.
    rising = np.concatenate([alphas, betas])
    falling = np.concatenate([betas, alphas])
    total = rising + falling
    lowest = rising * np.log(rising / total) + falling * np.log(falling / total) - _TAIL
    ends = lowest / rising
    for _ in range(_NEWTON_STEPS):
        logs = _log_odds_to_log(ends)
        slopes = rising - total * np.exp(logs)
        ends -= (rising * logs + falling * (logs - ends) - lowest) / slopes
    n_actions = len(alphas)
    return ends[:n_actions], -ends[n_actions:]
