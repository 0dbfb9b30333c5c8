"""States of NumPy policies with numbers that no policy would write, and a checksum that is right."""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune_models.state import pack, unpack

_MAGIC = b"attune-state-1\n"
_MARK = 1234.5678e9


def poisoned(kind: str, state: bytes, number: float, at: Callable[[str], Any]) -> bytes:
    """Returns a state in which a number stands in some places.

    Args:
        kind: Which policy wrote it.
        state: The state.
        number: The number.
        at: Index of the places in the array of this name; None for none.
    """
    facts, arrays = unpack(kind, state)
    return _repacked(kind, facts, {name: _marked(array, at(name)) for name, array in arrays.items()}, number)


def _marked(array: NDArray[np.float64], index: Any) -> NDArray[np.float64]:
    marked = array.copy()
    if index is not None:
        marked[index] = _MARK
    return marked


def _repacked(kind: str, facts: Any, arrays: Mapping[str, NDArray[np.float64]], number: float) -> bytes:
    # Not packed with the number itself: that is refused.
    body = pack(kind, facts, arrays)[len(_MAGIC) + 4 :].replace(struct.pack("<d", _MARK), struct.pack("<d", number))
    return _MAGIC + zlib.crc32(body).to_bytes(4, "little") + body
