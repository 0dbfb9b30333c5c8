"""Learned numbers as bytes: what the policies written in NumPy put away and take up again.

A header in JSON (what wrote it, small facts, the shape of each array), then the arrays as little-endian float64. Equal
numbers give equal bytes; nothing in it can run. A checksum finds half a state and a changed one.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune_models.types import PolicyError

_MAGIC = b"attune-state-1\n"
_CHECKSUM_BYTES = 4
_NUMBER = np.dtype("<f8")
_LARGEST = 1e100
"""Rewards of a million, learned for ever, come nowhere near; and what is computed from such numbers stays finite."""


def pack(kind: str, facts: Any, arrays: Mapping[str, NDArray[np.float64]]) -> bytes:
    """Return the bytes of a state.

    Args:
        kind: Which policy wrote it, and in which version of its layout.
        facts: What JSON can hold.
        arrays: float64, any shapes.

    Raises:
        PolicyError: A number is not finite, or absurdly large; such a state must not go anywhere.
    """
    for name, array in arrays.items():
        _check_numbers(name, array)
    shapes = [[name, list(array.shape)] for name, array in arrays.items()]
    header = json.dumps({"kind": kind, "facts": facts, "shapes": shapes}, allow_nan=False, sort_keys=True)
    body = b"".join([header.encode(), b"\n", *(array.astype(_NUMBER).tobytes() for array in arrays.values())])
    return _MAGIC + zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "little") + body


def unpack(kind: str, state: bytes) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    """Return the facts and the arrays of a state; the arrays are copies, their shapes are for the caller to check.

    Raises:
        PolicyError: The bytes are no whole state of this kind, or hold numbers that are not finite, or absurdly large.
    """
    body_start = len(_MAGIC) + _CHECKSUM_BYTES
    body = state[body_start:]
    if not state.startswith(_MAGIC) or zlib.crc32(body).to_bytes(4, "little") != state[len(_MAGIC) : body_start]:
        raise PolicyError(f"expected a whole state of {kind}, got {len(state)} bytes that are not one")
    text, _, numbers = body.partition(b"\n")
    with refusing(kind):
        header = json.loads(text)
        if header["kind"] != kind:
            raise PolicyError(f"expected a state of {kind}, got one of {header['kind']}")
        return header["facts"], _arrays(header["shapes"], numbers)


@contextmanager
def refusing(kind: str) -> Iterator[None]:
    """Turn what goes wrong while facts are read into a `PolicyError`: a checksum keeps out accidents, not intent."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise PolicyError(f"expected a state of {kind}, got something else: {error!r}") from error


def check_finite(name: str, array: NDArray[np.float64]) -> None:
    """Refuse numbers that are infinite or none.

    Raises:
        PolicyError: One is.
    """
    if not np.isfinite(array).all():
        raise PolicyError(f"{name}: expected finite numbers, got some that are not")


def check_shapes(arrays: Mapping[str, NDArray[np.float64]], expected: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse arrays that are not those expected.

    Raises:
        PolicyError: One is missing, superfluous or of another shape.
    """
    shapes = {name: array.shape for name, array in arrays.items()}
    if shapes != dict(expected):
        raise PolicyError(f"expected arrays of shapes {dict(expected)}, got {shapes}")


def _arrays(shapes: list[tuple[str, list[int]]], numbers: bytes) -> dict[str, NDArray[np.float64]]:
    flat = np.frombuffer(numbers, _NUMBER).astype(np.float64)
    arrays, start = {}, 0
    for name, shape in shapes:
        end = start + prod(shape)
        arrays[name] = flat[start:end].reshape(shape).copy()
        _check_numbers(name, arrays[name])
        start = end
    if start != len(flat):
        raise PolicyError(f"expected {start} numbers, got {len(flat)}")
    return arrays


def check_not_negative(name: str, *numbers: float) -> None:
    """Refuse numbers below 0.

    Raises:
        PolicyError: One is.
    """
    if min(numbers) < 0:
        raise PolicyError(f"{name}: expected numbers of at least 0, got {min(numbers)!r}")


def _check_numbers(name: str, array: NDArray[np.float64]) -> None:
    # Written so that NaN, which compares false with everything, is refused too.
    if not (np.abs(array) <= _LARGEST).all():
        raise PolicyError(f"{name}: expected finite numbers, none beyond {_LARGEST:g}, got some that are not")
