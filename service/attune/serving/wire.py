"""Protobuf's wire format, as far as messages are put together from bytes here.

Fields come one after the other: a tag, which is the field's number and kind, and the value; before bytes, their length.
"""

from functools import lru_cache
from typing import Final

VARINT: Final = 0
DOUBLE: Final = 1
BYTES: Final = 2

_SHORT = [bytes((number,)) for number in range(0x80)]


def tag(field_number: int, kind: int) -> bytes:
    """Return what a field begins with; its kind is `VARINT`, `DOUBLE` or `BYTES`."""
    return varint(field_number << 3 | kind)


def varint(number: int) -> bytes:
    """Return how a number that is not negative is written: seven bits to a byte, the lowest first."""
    if number < len(_SHORT):
        return _SHORT[number]
    written = bytearray()
    while number >= len(_SHORT):
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*written, number))


@lru_cache(8192)
def begun(field: bytes, number: int) -> bytes:
    """Return a field's tag and a number behind it: its value, or how many bytes it has."""
    return field + varint(number)
