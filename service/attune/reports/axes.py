"""Axes of charts: where a number is drawn, and which numbers are written beside them. Pure: numbers in, numbers out."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MARGIN = 0.05
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Axis:
    """Numbers along a line of pixels.

    Attributes:
        low: The number at `start`; more than 0 on a logarithmic axis.
        high: The number at `end`; more than `low`.
        start: Where `low` is, in pixels.
        end: Where `high` is; less than `start` for an axis that goes up.
        log: Whether equal factors are equally far apart, instead of equal steps.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return where a number is drawn; what lies outside, at the nearer end."""
        low, high, value = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, about: int = 6) -> list[float]:
        """Return the round numbers to write beside the axis.

        Args:
            about: How many there should be.
        """
        return _powers(self.low, self.high, about) if self.log else _round_steps(self.low, self.high, about)


def spanning(values: Iterable[float], start: float, end: float) -> Axis:
    """Return an axis on which all finite numbers have room.

    Args:
        values: What is drawn.
        start: Where it begins, in pixels.
        end: Where it ends.
    """
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    size = max(abs(low), abs(high))
    if high - low > _LEAST * max(size, 1.0):
        margin = (high - low) * _MARGIN
    else:  # all the same, but for rounding: ticks would be, too
        margin = size * _MARGIN if size > _LEAST else 1.0
    return Axis(low - margin, high + margin, start, end)


def decimals(value: float, digits: int) -> int:
    """Return how many decimals show so many digits of a number; 0 to 6."""
    if not math.isfinite(value) or not value:
        return 0
    return min(max(digits - 1 - math.floor(math.log10(abs(value))), 0), 6)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move positions apart, so that labels do not lie on each other.

    Args:
        wanted: Where they would be, in pixels.
        gap: How far apart they have to be.
        low: The smallest position there may be.
        high: The largest; it gives way where there is no room.

    Returns:
        Where they are instead, in the order they came in.
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = [0.0] * len(wanted)
    for place, index in enumerate(order):
        highest = high - gap * (len(order) - 1 - place)
        before = placed[order[place - 1]] + gap if place else low
        placed[index] = max(min(wanted[index], highest), before)
    return placed


def _round_steps(low: float, high: float, about: int) -> list[float]:
    raw = (high - low) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in _STEPS if factor * power >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # Rounded, as 3 x 0.1 is not 0.3.
    return [round(index * step, 12) for index in range(first, last + 1)]


def _powers(low: float, high: float, about: int) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    every = max(1, math.ceil((last - first + 1) / about))
    return [10.0**power for power in range(first, last + 1, every)]
