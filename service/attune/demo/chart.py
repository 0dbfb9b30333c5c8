"""Draws curves in a terminal, in braille: two by four dots for each character. Pure: numbers in, text out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from attune.demo.simulation import FloatArray

BLANK = 0x2800
# Bit of each dot of a braille character, by row and column.
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
AXIS_WIDTH = 5
LABEL_WIDTH = 21
TICKS = 4
NOTHING = -1
IntGrid = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Curve:
    """A line in the chart.

    Attributes:
        name: Written beside its last point, with its value.
        style: Colour, as rich spells it.
        values: float64, shape (n_points,), equally spaced over the whole width; NaN where not known (yet).
        dotted: Whether to leave out every other dot.
    """

    name: str
    style: str
    values: FloatArray
    dotted: bool = False


@dataclass(frozen=True, slots=True)
class Marker:
    """Something that happened.

    Attributes:
        position: Where, as a share of the width, 0 to 1.
        label: Written above the chart.
        style: Colour, as rich spells it.
    """

    position: float
    label: str
    style: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Size and scale of a chart.

    Attributes:
        width: Of everything, in characters.
        height: Of the curves, in lines.
        top: Value at the upper edge; the lower edge is 0.
        seconds: Value at the right edge; the left edge is 0.
    """

    width: int
    height: int
    top: float
    seconds: float

    @property
    def columns(self) -> int:
        """Characters of a line that curves are drawn in."""
        return max(20, self.width - AXIS_WIDTH - LABEL_WIDTH - 1)

    def row(self, value: float) -> int:
        """Return the line of a value, zero-based from above."""
        share = min(max(value / self.top, 0.0), 1.0)
        return min(int((1 - share) * self.height), self.height - 1)


def draw_chart(frame: Frame, curves: Sequence[Curve], markers: Sequence[Marker] = ()) -> Text:
    """Draw curves over time.

    Args:
        frame: Size and scale.
        curves: The most important first: it lies on top of the others.
        markers: Vertical lines with a label above.
    """
    dots, owners = _plot(frame, curves)
    labels = _labels(frame, curves)
    text = _header(frame, markers)
    for row in range(frame.height):
        text.append(_axis_label(frame, row), "dim")
        for column in range(frame.columns):
            text.append(*_cell(dots[row, column], owners[row, column], curves, _marker_at(frame, markers, column)))
        text.append(" ").append_text(labels.get(row, Text())).append("\n")
    return text.append_text(_time_axis(frame))


def _plot(frame: Frame, curves: Sequence[Curve]) -> tuple[IntGrid, IntGrid]:
    """Return the braille bits of each character, and which curve gives it its colour."""
    dots = np.zeros((frame.height, frame.columns), np.int64)
    owners = np.full((frame.height, frame.columns), NOTHING)
    for index in reversed(range(len(curves))):
        for row, column in _pixels(frame, curves[index]):
            dots[row // 4, column // 2] |= DOTS[row % 4][column % 2]
            owners[row // 4, column // 2] = index
    return dots, owners


def _pixels(frame: Frame, curve: Curve) -> list[tuple[int, int]]:
    """Return the dots of a curve as (row, column), zero-based from above and from the left, without gaps."""
    known = np.flatnonzero(np.isfinite(curve.values))
    if not len(known):
        return []
    position = np.linspace(0, len(curve.values) - 1, 2 * frame.columns)
    columns = np.flatnonzero((position >= known[0]) & (position <= known[-1]))
    values = np.interp(position[columns], known, curve.values[known])
    highest = 4 * frame.height - 1
    rows = np.rint((1 - np.clip(values / frame.top, 0, 1)) * highest).astype(np.int64).tolist()
    pixels: list[tuple[int, int]] = []
    for column, row, previous in zip(columns.tolist(), rows, rows[:1] + rows[:-1], strict=True):
        if not (curve.dotted and column % 4 > 1):
            step = 1 if row >= previous else -1
            pixels += [(between, column) for between in range(previous, row, step)[1:]] + [(row, column)]
    return pixels


def _cell(bits: int, owner: int, curves: Sequence[Curve], marker: Marker | None) -> tuple[str, str]:
    """Return the character of a cell and its style."""
    if owner != NOTHING:
        return chr(BLANK + int(bits)), curves[owner].style
    return ("┊", marker.style) if marker else (" ", "")


def _marker_column(frame: Frame, marker: Marker) -> int:
    return min(int(marker.position * frame.columns), frame.columns - 1)


def _marker_at(frame: Frame, markers: Sequence[Marker], column: int) -> Marker | None:
    return next((marker for marker in markers if _marker_column(frame, marker) == column), None)


def _header(frame: Frame, markers: Sequence[Marker]) -> Text:
    """Return a line with the label of each marker: left of it in the left half, else right of it."""
    line = Text(" " * AXIS_WIDTH)
    for marker in sorted(markers, key=lambda marker: marker.position):
        left = marker.position < 1 / 2
        label = f"{marker.label} ▾" if left else f"▾ {marker.label}"
        start = AXIS_WIDTH + _marker_column(frame, marker) + (1 - len(label) if left else 0)
        line.append(" " * (start - len(line))).append(label, marker.style)
    return line.append("\n")


def _axis_label(frame: Frame, row: int) -> str:
    """Return the value at the upper edge, in the middle and at the lower edge."""
    values = {0: frame.top, frame.height // 2: frame.top / 2, frame.height - 1: 0.0}
    return f"{values[row]:>{AXIS_WIDTH - 2}.1f} ┤" if row in values else f"{'│':>{AXIS_WIDTH}}"


def _labels(frame: Frame, curves: Sequence[Curve]) -> dict[int, Text]:
    """Return the name and last value of each curve by line: one on each line, as near to its curve as can be."""
    known = [(curve, curve.values[np.isfinite(curve.values)]) for curve in curves]
    last = sorted(((float(values[-1]), curve) for curve, values in known if len(values)), key=lambda label: -label[0])
    labels: dict[int, Text] = {}
    row = -1
    for place, (value, curve) in enumerate(last):
        lowest = frame.height - len(last) + place
        row = max(row + 1, min(frame.row(value), lowest))
        labels[row] = Text(f"{value:.2f} {curve.name}", curve.style)
    return labels


def _time_axis(frame: Frame) -> Text:
    """Return the line below the chart."""
    line = Text(f"{'└':>{AXIS_WIDTH}}" + "─" * frame.columns + "\n", "dim")
    ticks = " " * AXIS_WIDTH
    for tick in range(TICKS + 1):
        label = f"{tick * frame.seconds / TICKS:g} s"
        column = AXIS_WIDTH + tick * frame.columns // TICKS
        ticks = ticks.ljust(max(column - (len(label) if tick else 0), len(ticks))) + label
    return line.append(ticks, "dim")
