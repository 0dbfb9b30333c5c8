"""Hashed features: from encoded tokens to vectors of a fixed length, the same in every process and release.

A token goes to one of 2^bits coordinates with a sign, both from its BLAKE2 digest, so that collisions cancel out on
average (Weinberger, Dasgupta, Langford, Smola, Attenberg, "Feature Hashing for Large Scale Multitask Learning", 2009).
The product of two tokens goes to the sum of their coordinates with the product of their signs: the sketch of all
products comes from the two sketches, without one hash for each (Pham, Pagh, "Fast and Scalable Polynomial Kernels via
Explicit Feature Maps", 2013).

Every vector also has the constant 1, at coordinate 0: the products of two sketches hold both sketches, too. Numbers
enter as asinh(x), which is x near 0 and a logarithm far away: one price in the millions does not drown all else.
Vectors are divided by the root of their number of tokens: one of words only has norm 1, up to collisions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import combinations
from math import asinh, sqrt

import numpy as np
from numpy.typing import NDArray

MAX_PAIRED = 10
"""Most categorical context features that are paired: their pairs, 45 then, multiply the cost of a decision.

The slot and `PAIRED_STAGE` are paired, but do not count: they must not change what else is a feature.
"""

UNPAIRED = ("customer.", "said.")
"""What the names begin with of what a service knows of a customer by itself: crossed with actions, but not paired.

Else a customer of whom much is known would have more than `MAX_PAIRED`, and lose the pairs of all other features.
"""

PAIRED_STAGE = "customer.stage="
"""What is paired of it all the same."""

# Callers choose names and values: each cache stays below 100 MiB, whatever they send.
_CACHED_TOKENS = 65_536
_MAX_CACHED_TOKEN = 256
_CACHED_ACTIONS = 16_384
_MAX_CACHED_ACTION = 2048
_CACHED_LISTS = 8
_MAX_PRODUCTS = 1 << 20


@dataclass(frozen=True, slots=True)
class Sketch:
    """A sparse vector whose length is still open.

    Attributes:
        hashes: int64, shape (n_tokens,), not negative; the low bits are coordinates, which may repeat.
        values: float64, shape (n_tokens,).
    """

    hashes: NDArray[np.int64]
    values: NDArray[np.float64]

    def dense(self, bits: int) -> NDArray[np.float64]:
        """Return the vector: float64, shape (2^bits,)."""
        return _sums(self.hashes & ((1 << bits) - 1), self.values, 1 << bits)


@dataclass(frozen=True, slots=True)
class SketchList:
    """Several sketches behind each other.

    Attributes:
        sketch: All of their tokens.
        rows: int64, shape (n_tokens,); zero-based, which vector a token belongs to.
        n_rows: How many vectors.
    """

    sketch: Sketch
    rows: NDArray[np.int64]
    n_rows: int


def context_sketch(encoded: str, *, pairs: bool) -> Sketch:
    """Sketch a context.

    Args:
        encoded: See `attune_models.features.encode`.
        pairs: Whether every pair of categorical features counts as a feature as well, as long as there are at most
            MAX_PAIRED of them.
    """
    tokens = encoded.split(" ") if encoded else []
    if pairs:
        # No token has a space, so a pair is not any token's name.
        tokens += [f"{tokens[one]} {tokens[other]}" for one, other in paired(tokens)]
    return _sketch(tokens)


def paired(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Return the pairs of context tokens that become features: positions, zero-based; none where there are too many."""
    categorical = [i for i, token in enumerate(tokens) if is_paired(token)]
    n_counting = sum(not tokens[i].startswith(("=", PAIRED_STAGE)) for i in categorical)
    return list(combinations(categorical, 2)) if n_counting <= MAX_PAIRED else []


def is_paired(token: str) -> bool:
    """Tell whether a token of a context is one of those that are paired."""
    # A categorical token, and no other, has a "=" in it.
    return "=" in token and (not token.startswith(UNPAIRED) or token.startswith(PAIRED_STAGE))


@lru_cache(_CACHED_LISTS)
def action_sketches(encoded: tuple[str, ...]) -> SketchList:
    """Sketch the features of the actions of a situation, which are often the same ones again; ids are left out.

    Args:
        encoded: See `attune_models.features.encode_action`.
    """
    sketches = [action_sketch(action) for action in encoded]
    sizes = [len(sketch.hashes) for sketch in sketches]
    joined = Sketch(
        np.concatenate([sketch.hashes for sketch in sketches]), np.concatenate([sketch.values for sketch in sketches])
    )
    return SketchList(joined, np.repeat(np.arange(len(sizes)), sizes), len(sizes))


def products(context: Sketch, actions: SketchList, bits: int) -> NDArray[np.float64]:
    """Return the sketch of all products of a context token and an action token, for each action.

    Returns:
        float64, shape (n_actions, 2^bits).
    """
    if len(context.hashes) * len(actions.rows) > _MAX_PRODUCTS:
        return _many_products(context, actions, bits)
    size = 1 << bits
    places = (context.hashes[:, np.newaxis] + actions.sketch.hashes) & (size - 1)
    places += actions.rows * size
    values = context.values[:, np.newaxis] * actions.sketch.values
    return _sums(places.ravel(), values.ravel(), actions.n_rows * size).reshape(-1, size)


def _many_products(context: Sketch, actions: SketchList, bits: int) -> NDArray[np.float64]:
    # The same numbers as a cyclic convolution: at most size^2 products for each action, however many tokens.
    size = 1 << bits
    coordinates = np.arange(size)
    shifted = context.dense(bits)[(coordinates - coordinates[:, np.newaxis]) & (size - 1)]
    places = (actions.sketch.hashes & (size - 1)) + actions.rows * size
    dense = _sums(places, actions.sketch.values, actions.n_rows * size).reshape(-1, size)
    return np.asarray(dense @ shifted)


def _sums(places: NDArray[np.int64], values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    # NumPy's annotations say integers, which is so without weights only.
    return np.asarray(np.bincount(places, values, size), np.float64)


def action_sketch(encoded: str) -> Sketch:
    """Sketch the features of an action; its id is left out.

    Args:
        encoded: See `attune_models.features.encode_action`.
    """
    return _cached_action_sketch(encoded) if len(encoded) <= _MAX_CACHED_ACTION else _action_sketch(encoded)


def _action_sketch(encoded: str) -> Sketch:
    # The first token is the id. It says nothing about other actions, and an unseen one would collide with what does.
    return _sketch(encoded.split(" ")[1:])


_cached_action_sketch = lru_cache(_CACHED_ACTIONS)(_action_sketch)


def _sketch(tokens: Sequence[str]) -> Sketch:
    hashes, values = [0], [1.0]
    for token in tokens:
        # Only the token of a number has a colon in it.
        name, colon, number = token.partition(":")
        place, sign = hashed(name + colon)
        hashes.append(place)
        values.append(sign * asinh(float(number)) if colon else sign)
    return Sketch(np.array(hashes), np.array(values) / sqrt(len(values)))


def hashed(name: str) -> tuple[int, float]:
    """Return where a name goes: a number of 32 bits, whose low bits are a coordinate, and a sign of 1 or -1."""
    return _cached_hash(name) if len(name) <= _MAX_CACHED_TOKEN else _hash(name)


def _hash(name: str) -> tuple[int, float]:
    digest = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
    return digest & 0xFFFF_FFFF, 1.0 if digest >> 63 else -1.0


_cached_hash = lru_cache(_CACHED_TOKENS)(_hash)
