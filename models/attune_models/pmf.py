"""Probability mass functions over actions: made exact, floored, drawn from.

What is logged is what was drawn from: every function here returns float64 that sums to 1 up to rounding, and `draw`
never returns an action of probability 0.
"""

import math
from hashlib import blake2b

import numpy as np

from attune_models.types import FloatArray

_MANTISSA_BITS = 53


def uniform(n_actions: int) -> FloatArray:
    """Return the same probability for each action: float64, shape (n_actions,)."""
    return np.full(n_actions, 1.0 / n_actions)


def one_hot(n_actions: int, action: int) -> FloatArray:
    """Return probability 1 for one action: float64, shape (n_actions,).

    Args:
        n_actions: How many actions there are.
        action: Position of the one, zero-based.
    """
    pmf = np.zeros(n_actions)
    pmf[action] = 1.0
    return pmf


def normalised(raw: FloatArray) -> FloatArray:
    """Scale non-negative numbers so that they sum to 1.

    Args:
        raw: float64, shape (n_actions,); probabilities of lower precision, for example.

    Raises:
        ValueError: A number is negative or not finite, or all are 0.
    """
    total = float(raw.sum())
    if not (math.isfinite(total) and total > 0.0 and raw.min() >= 0.0):
        raise ValueError(f"expected non-negative finite numbers with a positive sum, got {raw!r}")
    result: FloatArray = raw / total
    return result


def floored(pmf: FloatArray, min_probability: float) -> FloatArray:
    """Mix with the uniform distribution so that no action is less probable than a floor.

    `p' = (1 - K m) p + m` for K actions and floor m; uniform where K m > 1. Every importance weight is then at most
    1 / m.

    Args:
        pmf: float64, shape (n_actions,), sums to 1.
        min_probability: The floor m, 0 to 1.
    """
    mass = min_probability * len(pmf)
    if mass >= 1.0:
        return uniform(len(pmf))
    return (1.0 - mass) * pmf + min_probability


def unit_interval(*key: str) -> float:
    """Turn a key into a number in [0, 1), uniform over keys and the same in every process.

    Args:
        key: Strings; each is length-prefixed, so ("a", "bc") and ("ab", "c") are different keys.
    """
    digest = blake2b(digest_size=8)
    for part in key:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return (int.from_bytes(digest.digest(), "big") >> (64 - _MANTISSA_BITS)) / (1 << _MANTISSA_BITS)


def draw(pmf: FloatArray, u: float) -> int:
    """Draw an action by inverting the cumulative distribution.

    Args:
        pmf: float64, shape (n_actions,), sums to 1 up to rounding.
        u: A uniform number in [0, 1).

    Returns:
        The position of an action with positive probability.
    """
    # side="right" skips actions of probability 0: their cumulative value equals their predecessor's.
    position = int(np.cumsum(pmf).searchsorted(u, side="right"))
    # Rounding can leave the last cumulative value just below u.
    return position if position < len(pmf) else int(np.flatnonzero(pmf)[-1])
