"""Probability mass functions over actions: made exact, floored, drawn from.

What is logged is what was drawn from: every function here returns double precision that sums to 1 up to rounding, and
`draw` never returns an action of probability 0. A pmf is a plain list, because that is what Vowpal Wabbit gives and the
journal takes: for the ten actions of a usual decision, one array operation costs more than all of them on a list.
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate
from math import fsum, inf

from attune_models.types import Pmf, PolicyError

_MANTISSA_BITS = 53
_LEAST = 2.0**-_MANTISSA_BITS
_BEGINNING = 2
"""Parts of a key that come again and again: what the draw is for, and of which placement."""
_ROUNDING = 1e-9
"""More than summing a thousand probabilities rounds, less than any damage."""


def uniform(n_actions: int) -> Pmf:
    """Return the same probability for each action."""
    return [1.0 / n_actions] * n_actions


def one_hot(n_actions: int, action: int) -> Pmf:
    """Return probability 1 for one action.

    Args:
        n_actions: How many actions there are.
        action: Position of the one, zero-based.
    """
    pmf = [0.0] * n_actions
    pmf[action] = 1.0
    return pmf


def normalised(raw: Sequence[float]) -> Pmf:
    """Scale non-negative numbers so that they sum to 1.

    Args:
        raw: One number for each action; probabilities of lower precision, for example.

    Raises:
        ValueError: A number is negative or not finite, or all are 0.
    """
    # A NaN fails the comparisons. fsum is exact, and so the same in every release of Python.
    if not (raw and min(raw) >= 0.0 and max(raw) < inf and (total := fsum(raw)) > 0.0):
        raise ValueError(f"expected non-negative finite numbers with a positive sum, got {raw!r}")
    return [number / total for number in raw]


def checked(pmf: Pmf) -> Pmf:
    """Return a pmf that is one.

    Args:
        pmf: Probability of each action, as a policy computed it.

    Raises:
        PolicyError: It is none: the numbers that it was computed from make no sense.
    """
    # Written so that NaN, which compares false with everything, is refused too.
    if not (min(pmf) >= 0.0 and abs(fsum(pmf) - 1.0) <= _ROUNDING):
        raise PolicyError(f"expected probabilities that sum to 1, got {pmf[:10]!r}, which sum to {fsum(pmf)!r}")
    return pmf


def floored(pmf: Pmf, min_probability: float) -> Pmf:
    """Mix with the uniform distribution so that no action is less probable than a floor.

    `p' = (1 - K m) p + m` for K actions and floor m; uniform where K m > 1. Every importance weight is then at most
    1 / m.

    Args:
        pmf: Probability of each action, sums to 1.
        min_probability: The floor m, 0 to 1.
    """
    mass = min_probability * len(pmf)
    if mass >= 1.0:
        return uniform(len(pmf))
    return [(1.0 - mass) * probability + min_probability for probability in pmf]


def unit_interval(*key: str) -> float:
    """Turn a key into a number in [0, 1), uniform over keys and the same in every process.

    Args:
        key: Strings; each is length-prefixed, so ("a", "bc") and ("ab", "c") are different keys.
    """
    n_begun = _BEGINNING if len(key) > _BEGINNING else 0
    digest = _begun(key[:n_begun]).copy()
    for part in key[n_begun:]:
        encoded = part.encode()
        digest.update(_length(len(encoded)) + encoded)
    return (int.from_bytes(digest.digest(), "big") >> (64 - _MANTISSA_BITS)) * _LEAST


@lru_cache(1024)
def _length(n_bytes: int) -> bytes:
    return n_bytes.to_bytes(4, "big")


@lru_cache(1024)
def _begun(key: tuple[str, ...]) -> "blake2b":
    prefixed = [_length(len(part)) + part for part in map(str.encode, key)]
    return blake2b(b"".join(prefixed), digest_size=8)


def draw(pmf: Pmf, u: float) -> int:
    """Draw an action by inverting the cumulative distribution.

    Args:
        pmf: Probability of each action, sums to 1 up to rounding.
        u: A uniform number in [0, 1).

    Returns:
        The position of an action with positive probability, zero-based.
    """
    # To the right of equals: an action of probability 0 has the cumulative value of its predecessor.
    position = bisect_right(list(accumulate(pmf)), u)
    if position < len(pmf):
        return position
    # Rounding can leave the last cumulative value just below u.
    return max(i for i, probability in enumerate(pmf) if probability > 0.0)
