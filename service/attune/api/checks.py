"""The checks that validation is made of: each yields what is wrong with one field."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from attune.errors import Violation

MAX_ID_BYTES = 256
SURELY_SHORT = MAX_ID_BYTES // 4
"""A string of so many characters has at most MAX_ID_BYTES bytes."""

_NANOS_PER_S = 1_000_000_000
# The beginning of the year 0001, and the last second of 9999: what a Timestamp may hold.
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799


def between(
    field: str, value: float, low: float, high: float, *, above: bool = False, unit: str = ""
) -> Iterator[Violation]:
    """Yield a violation unless a number is between two others.

    Args:
        field: Its name.
        value: The number.
        low: The smallest there may be.
        high: The largest there may be.
        above: Whether it must be more than the smallest.
        unit: Written behind the bounds.
    """
    # Written so that NaN, which compares false with everything, is refused too.
    if not (low < value <= high if above else low <= value <= high):
        bound = f"more than {low:.15g}, at most {high:.15g}" if above else f"{low:.15g} to {high:.15g}"
        yield Violation(field, f"expected {bound}{unit}, got {value:.15g}")


def count(message: Any, field: str, low: int, high: int) -> Iterator[Violation]:
    """Yield a violation unless a whole number is between two others, or 0, which stands for the default."""
    value = getattr(message, field)
    if value and not low <= value <= high:
        yield Violation(field, f"expected {low} to {high}, or 0 for the default, got {value}")


def optional(
    message: Any, field: str, check: Callable[..., Iterator[Violation]], *args: float, **kwargs: bool
) -> Iterator[Violation]:
    """Yield what a check finds in a field that is there."""
    if message.HasField(field):
        yield from check(field, getattr(message, field), *args, **kwargs)


def enum_violations(field: str, value: int, enum: Any) -> Iterator[Violation]:
    """Yield a violation unless a number is that of a member of an enum."""
    if value not in enum.values():
        yield Violation(field, f"expected one of {', '.join(enum.keys()[1:])}, got {value}")


def prefixed(prefix: str, violations: Iterable[Violation]) -> Iterator[Violation]:
    """Yield violations of a message as those of what it is a field of; of one without a field, the whole of it is."""
    for violation in violations:
        yield Violation(f"{prefix}.{violation.field}".rstrip("."), violation.description)


def id_violations(field: str, value: str) -> Iterator[Violation]:
    """Yield what is wrong with an id or a name."""
    if not value:
        yield Violation(field, f"expected 1 to {MAX_ID_BYTES} bytes of UTF-8, got nothing")
    elif len(value) > SURELY_SHORT and (size := len(value.encode())) > MAX_ID_BYTES:
        yield Violation(field, f"expected 1 to {MAX_ID_BYTES} bytes of UTF-8, got {size}")


def timestamp_violations(field: str, time: Timestamp) -> Iterator[Violation]:
    """Yield what is wrong with a time; one that is absent is right."""
    if not (_FIRST_S <= time.seconds <= _LAST_S and 0 <= time.nanos < _NANOS_PER_S):
        yield Violation(field, f"expected a time from 0001 to 9999, got {time.seconds} s and {time.nanos} ns")


def duration_violations(field: str, duration: Duration, low_s: float, high_s: float) -> Iterator[Violation]:
    """Yield what is wrong with a duration."""
    if not 0 <= duration.nanos < _NANOS_PER_S:
        yield Violation(field, f"expected 0 to 999999999 nanoseconds beside the seconds, got {duration.nanos}")
    yield from between(field, duration.seconds + duration.nanos / _NANOS_PER_S, low_s, high_s, unit=" s")
