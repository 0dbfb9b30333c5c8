"""What a Vowpal Wabbit model file is made of, looked at before it is written or read, and where a policy forgets.

A file is a header, with the options and the counters, and then a record for each weight that is not 0. Vowpal Wabbit
loads NaN without a word, and half a file too.
"""

import re

import numpy as np
from numpy.typing import NDArray

from attune_models.types import PolicyError

# Of a weight: its position, its value, and what its step size depends on (sum of squared gradients, scale of the
# feature). The same whatever the options; a policy of several regressions has the weights of each.
_WEIGHT = np.dtype([("index", "<u4"), ("numbers", "<f4", 3)])
GRADIENTS = 1
"""Position of the sum of squared gradients among the numbers of a weight, in the file as in memory."""
# The header grows by this once chance was used, which bag and rnd do.
_RANDOM_STATE = re.compile(rb" --random_seed \d+")


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
    endless = (np.arange(numbers.shape[1]) == GRADIENTS) & (numbers == np.inf)
    if not (np.isfinite(numbers) | endless).all():
        raise PolicyError("expected finite weights, got some that are not")


def discounted_gradients(state: bytes, header_bytes: int, discount: float) -> tuple[list[int], list[float]]:
    """Return the positions of all weights that were ever moved and their sums of squared gradients, discounted.

    Args:
        state: The file.
        header_bytes: As in `check_weights`.
        discount: What the sums are multiplied with; between 0 and 1.

    Raises:
        PolicyError: The file does not end with a whole weight.
    """
    weights = _weights(state, header_bytes)
    sums = weights["numbers"][:, GRADIENTS] * np.float32(discount)
    return weights["index"].tolist(), sums.tolist()


def _weights(state: bytes, header_bytes: int) -> NDArray[np.void]:
    random_state = _RANDOM_STATE.search(state, 0, header_bytes)
    size = len(state) - header_bytes - (len(random_state.group()) if random_state else 0)
    if size < 0 or size % _WEIGHT.itemsize:
        raise PolicyError(f"expected a model file of whole weights, got {len(state)} bytes")
    return np.frombuffer(state, _WEIGHT, offset=len(state) - size)
