"""The checks that `attune.api.validation` is made of: each yields what is wrong with one field."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from attune.errors import Violation


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
