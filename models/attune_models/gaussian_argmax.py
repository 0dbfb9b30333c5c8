"""How probable it is that each of several independent Gaussians is the largest: Thompson sampling without sampling.

`P(a) = integral of phi((x - m_a) / s_a) / s_a * product over b != a of Phi((x - m_b) / s_b) dx`

All K integrals share their points, so that one product serves them all. The points are uniform in t where
`x = low + B (e^t - 1)`: an action matters from `low`, the highest of all lower ends `m - REACH s`, to its own upper
end, at most `2 REACH s` above. So the narrowest action that still matters at x is at least `(x - low) / (2 REACH)`
wide, and steps that widen in that proportion resolve deviations that differ by many orders of magnitude. The integrand
is analytic and vanishes at both ends: there the trapezoidal rule converges exponentially (Trefethen, Weideman, "The
Exponentially Convergent Trapezoidal Rule", 2014).
"""

import numpy as np
from numpy.typing import NDArray

from attune_models import normal

_REACH = 6.5
"""Beyond so many deviations lies a probability of 4e-11."""
_STEP = 0.35
"""Distance of the points in deviations of the narrowest action. The largest of 1,000 has a deviation of 0.35."""
_NARROWEST = 1e-15
"""Narrower deviations count as this, times the widest; see `probabilities`."""
_NOTHING = 1e-250
"""A deviation that counts as 0: its square and its inverse would leave the range of numbers."""
_SMALLEST_FACTOR = 1e-30
"""Stands for a distribution function of 0, by which the product could not be divided."""


def probabilities(means: NDArray[np.float64], deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability that each of several independent Gaussians is the largest, with an error below 1e-6.

    A deviation of 0 is a certain value; ties between certain values are shared equally. Deviations below 1e-15 of the
    widest that matters count as that, so they are certain for all purposes. Where an action wins with less than 4e-11,
    its probability may be 0.

    Args:
        means: float64, shape (n_actions,), finite.
        deviations: float64, shape (n_actions,), finite, not negative; same unit as the means.

    Returns:
        float64, shape (n_actions,); sums to 1 up to rounding.
    """
    floor = int(np.argmax(means - _REACH * deviations))
    # Seen from the action that sets the lower end: nothing is lost where deviations are tiny next to means.
    centres = means - means[floor]
    # At exactly 0 stand the ties between certain values.
    matters = centres + _REACH * (deviations + deviations[floor]) >= 0.0
    result = np.zeros(len(means))
    result[matters] = _integrals(centres[matters], deviations[matters])
    result /= result.sum()
    return result


def _integrals(centres: NDArray[np.float64], deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    widest = deviations.max()
    if len(centres) == 1 or widest <= _NOTHING:
        return np.ones(len(centres))
    widths = np.maximum(deviations, _NARROWEST * widest)
    points, weights = _points(centres, widths)
    standard = (points - centres[:, np.newaxis]) / widths[:, np.newaxis]
    below = np.maximum(normal.cdf(standard), _SMALLEST_FACTOR)
    densities = normal.density(standard)
    densities /= below
    weights *= np.multiply.reduce(below, axis=0)
    # Not a matrix product: what BLAS returns may depend on the number of cores.
    densities *= weights
    integrals: NDArray[np.float64] = densities.sum(axis=1) / widths
    return integrals


def _points(
    centres: NDArray[np.float64], widths: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where to look, and dx there: two arrays of shape (n_points,)."""
    low = float((centres - _REACH * widths).max())
    high = float((centres + _REACH * widths).max())
    start = 2.0 * _REACH * float(widths.min())
    end = np.log1p((high - low) / start)
    n_steps = int(np.ceil(end * 4.0 * _REACH / _STEP))
    growth = np.exp(np.arange(n_steps + 1) * (end / n_steps))
    return low + start * (growth - 1.0), growth * (start * end / n_steps)
