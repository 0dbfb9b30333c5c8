"""What a Vowpal Wabbit model file is made of, for whoever writes, reads or explains it, and where a policy forgets.

A file is a header, with the options and the counters, and then a record for each weight that is not 0. Vowpal Wabbit
loads NaN without a word, and half a file too.
"""

import re
import struct
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from attune_models.types import PolicyError

# Of a weight: its position, its value, and what its step size depends on (sum of squared gradients, scale of the
# feature). The same whatever the options; a policy of several regressions has the weights of each.
_WEIGHT = np.dtype([("index", "<u4"), ("numbers", "<f4", 3)])
_VALUE, _GRADIENTS = 0, 1
# The header grows by this once chance was used, which bag and rnd do.
_RANDOM_STATE = re.compile(rb" --random_seed \d+")
# The end of the header: what regularisation still has to take off every weight (L1) and to multiply it by (L2).
_REGULARISATION = struct.Struct("<dd")
# Before the first option stands the length of all of them; behind them stand the length and the value of a checksum,
# and then what the exploration counts.
_FIRST_OPTION, _LENGTH, _CHECKSUM_BYTES, _COUNT = b" --", struct.Struct("<I"), 8, struct.Struct("<Q")


def read_weights(state: bytes, header_bytes: int, bits: int) -> NDArray[np.float32]:
    """Read the weights of a sound model file, as predictions see them.

    Args:
        state: The file.
        header_bytes: See `check_weights`.
        bits: The model has 2^bits weights.

    Returns:
        float32, shape (2^bits,).
    """
    records = _weights(state, header_bytes)
    raw = records["numbers"][:, _VALUE]
    pull, factor = _REGULARISATION.unpack_from(state, len(state) - records.nbytes - _REGULARISATION.size)
    weights = np.zeros(1 << bits, np.float32)
    weights[records["index"]] = np.sign(raw) * np.maximum(np.abs(raw) - pull, 0.0) * factor
    return weights


def read_count(state: bytes, header_bytes: int) -> int:
    """Read what an exploration that counts has counted.

    Args:
        state: A sound model file of a policy that explores by `SquareCb` or `First`.
        header_bytes: See `check_weights`.

    Returns:
        By `SquareCb`: interactions learned from. By `First`: interactions that are still to be uniform.

    Raises:
        PolicyError: The header is not what it should be.
    """
    options = state.find(_FIRST_OPTION, 0, header_bytes)
    if options < _LENGTH.size:
        raise PolicyError("expected a model file with options, got one without")
    (length,) = _LENGTH.unpack_from(state, options - _LENGTH.size)
    at = options + length + _CHECKSUM_BYTES
    if at + _COUNT.size > header_bytes:
        raise PolicyError(f"expected {header_bytes} bytes of header, got options of {length} bytes")
    (count,) = _COUNT.unpack_from(state, at)
    return int(count)


def check_weights(state: bytes, header_bytes: int) -> None:
    """Look at every number that the weights of a model file are made of.

    Args:
        state: The file.
        header_bytes: Size of the file of an untrained model with the same arguments, which is all header.

    Raises:
        PolicyError: It does not end with a whole weight, or holds a number that is not finite.
    """
    numbers = _weights(state, header_bytes)["numbers"]
    # A sum of squared gradients that is too large for a float32 is no damage: its weight will not change any more.
    endless = (np.arange(numbers.shape[1]) == _GRADIENTS) & (numbers == np.inf)
    if not (np.isfinite(numbers) | endless).all():
        raise PolicyError("expected finite weights, got some that are not")


def discounted(
    state: bytes, header_bytes: int, discount: float
) -> Iterator[tuple[int, Iterable[int], Iterable[float]]]:
    """Yield what a policy forgets: weights and sums of squared gradients, but not the scales of features.

    Args:
        state: The file.
        header_bytes: As in `check_weights`.
        discount: What the numbers are multiplied with; between 0 and 1.

    Yields:
        Which number of a weight it is, as in memory; the positions of the weights; the discounted numbers.

    Raises:
        PolicyError: The file does not end with a whole weight.
    """
    weights = _weights(state, header_bytes)
    positions = weights["index"].tolist()
    for number in (_VALUE, _GRADIENTS):
        yield number, positions, (weights["numbers"][:, number] * np.float32(discount)).tolist()


def _weights(state: bytes, header_bytes: int) -> NDArray[np.void]:
    random_state = _RANDOM_STATE.search(state, 0, header_bytes)
    size = len(state) - header_bytes - (len(random_state.group()) if random_state else 0)
    if size < 0 or size % _WEIGHT.itemsize:
        raise PolicyError(f"expected a model file of whole weights, got {len(state)} bytes")
    return np.frombuffer(state, _WEIGHT, offset=len(state) - size)
