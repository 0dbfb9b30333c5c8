"""Charts of a report, as inline SVG: intervals, learning curves, weights. Plain values in, markup out.

Each has a title and a description for those who cannot see it; the page has the same numbers as a table. Colours are
classes, so that the page's style decides on them; what they say is also said by words or by the kind of line.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attune.reports.axes import Axis, spanning, spread
from attune.reports.markup import Child, Markup, element, joined
from attune.reports.report import CurvePoint, WeightBin

WIDTH = 800
PLOT_LEFT = 16.0
PLOT_RIGHT = 545.0
LABELS = PLOT_RIGHT + 12

_ROW = 44.0
_TOP = 26.0
_HALF_BOX = 5.0
_CURVES_TOP, _CURVES_BOTTOM = 14.0, 294.0
CURVES_LEFT = 64.0
_LABEL_GAP = 16.0
_BARS_TOP, _BARS_BOTTOM = 14.0, 174.0
_ZERO_WIDTH = 28.0
_LONGEST_NAME = 88
_LONGEST_LABEL = 26
_KINDS_OF_LINE = 6
# Where a learning curve starts, its band is so wide that nothing else could be seen: it is cut off there.
_SETTLED = 0.25


@dataclass(frozen=True, slots=True)
class Row:
    """A row of intervals.

    Attributes:
        name: Written above the interval.
        kind: `logged`, `trust`, `caution` or `refuse`; the class of its colour and the shape of its mark.
        value: The estimate; None where there is no number to show.
        low: Lower bound.
        high: Upper bound.
        note: Written beside it: the numbers, or why there are none.
    """

    name: str
    kind: str
    value: float | None
    low: float
    high: float
    note: str


@dataclass(frozen=True, slots=True)
class Series:
    """A learning curve: its name and its points, the fewest samples first."""

    name: str
    points: Sequence[CurvePoint]


def intervals(rows: Sequence[Row], reference: float, reference_name: str, title: str, description: str) -> Markup:
    """Draw estimates with their intervals below each other (a forest plot).

    Args:
        rows: From above.
        reference: Where the line is that everything is compared with; NaN for none.
        reference_name: Written above that line.
        title: Of the chart, for screen readers.
        description: What is to be seen.
    """
    bottom = _TOP + _ROW * len(rows)
    known = [bound for row in rows if row.value is not None for bound in (row.low, row.value, row.high)]
    axis = spanning([*known, reference], PLOT_LEFT, PLOT_RIGHT)
    body = [_x_axis(axis, _TOP, bottom)]
    if math.isfinite(reference):
        body.append(_reference(axis.at(reference), bottom, reference_name))
    body += [_interval(row, axis, _TOP + _ROW * place) for place, row in enumerate(rows)]
    return _chart(bottom + 24, title, description, *body)


def curves(series: Sequence[Series], reference: float, reference_name: str, title: str, description: str) -> Markup:
    """Draw learning curves with their bands.

    Args:
        series: At most six can be told apart.
        reference: A value to compare with, a horizontal line; NaN for none.
        reference_name: Written beside that line.
        title: Of the chart, for screen readers.
        description: What is to be seen.
    """
    points = [point for one in series for point in one.points]
    most = max((point.samples for point in points), default=1)
    settled = [point for point in points if point.samples >= most * _SETTLED] or points
    shown = [bound for point in settled for bound in (point.low, point.value, point.high)]
    y_axis = spanning([*shown, reference], _CURVES_BOTTOM, _CURVES_TOP)
    x_axis = Axis(0, most, CURVES_LEFT, PLOT_RIGHT)
    body = [_x_axis(x_axis, _CURVES_TOP, _CURVES_BOTTOM), _y_axis(y_axis)]
    if math.isfinite(reference):
        y = y_axis.at(reference)
        body.append(element("line", class_="reference", x1=CURVES_LEFT, x2=PLOT_RIGHT, y1=y, y2=y))
    body += [_band(one, place, x_axis, y_axis) for place, one in enumerate(series)]
    body += [_curve(one, place, x_axis, y_axis) for place, one in enumerate(series)]
    body += _curve_labels(series, reference, reference_name, y_axis)
    body.append(_label("decisions", (CURVES_LEFT + PLOT_RIGHT) / 2, _CURVES_BOTTOM + 36, "middle", "quiet"))
    return _chart(_CURVES_BOTTOM + 44, title, description, *body)


def histogram(bins: Sequence[WeightBin], title: str, description: str) -> Markup:
    """Draw how often importance weights of each size are, both on logarithmic axes; weights of 0 have a bar apart.

    Args:
        bins: From the smallest weights on.
        title: Of the chart, for screen readers.
        description: What is to be seen.
    """
    most = max((one.count for one in bins), default=1)
    y_axis = Axis(0.7, max(most, 2), _BARS_BOTTOM, _BARS_TOP, log=True)
    ends = [end for one in bins if one.low > 0 for end in (one.low, one.high) if math.isfinite(end)]
    left = CURVES_LEFT + _ZERO_WIDTH + 8
    low, high = (min(ends), max(ends)) if ends else (0.1, 10.0)
    x_axis = Axis(low, high if high > low else 10 * low, left, PLOT_RIGHT, log=True)
    body = [_x_axis(x_axis, _BARS_TOP, _BARS_BOTTOM), _y_axis(y_axis, 4)]
    for one in bins:
        span = (x_axis.at(one.low), x_axis.at(one.high)) if one.low > 0 else (CURVES_LEFT, CURVES_LEFT + _ZERO_WIDTH)
        if one.count:
            body.append(_bar(one, *span, y_axis))
    if any(one.low <= 0 for one in bins):
        body.append(_label("0", CURVES_LEFT + _ZERO_WIDTH / 2, _BARS_BOTTOM + 18, "middle", "tick"))
    body.append(_label("importance weight", (left + PLOT_RIGHT) / 2, _BARS_BOTTOM + 36, "middle", "quiet"))
    return _chart(_BARS_BOTTOM + 44, title, description, *body)


def short(name: str, most: int) -> str:
    """Return a name that has room: the end of a longer one is left out."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _chart(height: float, title: str, description: str, *body: Child) -> Markup:
    described = (element("title", title), element("desc", description))
    return element("svg", *described, *body, viewBox=f"0 0 {WIDTH} {height:.0f}", role="img", class_="chart")


def _interval(row: Row, axis: Axis, top: float) -> Markup:
    middle = top + 30
    parts: list[Child] = [element("title", f"{row.name}: {row.note}")]
    parts.append(_label(short(row.name, _LONGEST_NAME), PLOT_LEFT, top + 16, "start", "name"))
    if row.value is not None:
        low, high = axis.at(row.low), axis.at(row.high)
        parts.append(element("line", x1=low, x2=high, y1=middle, y2=middle))
        parts += [element("line", x1=x, x2=x, y1=middle - 4, y2=middle + 4) for x in (low, high)]
        parts.append(_mark(row.kind, axis.at(row.value), middle))
        parts.append(_label(row.note, LABELS, middle + 4, "start", "note"))
    else:
        parts.append(_label(row.note, PLOT_LEFT, middle + 4, "start", "note"))
    return element("g", *parts, class_=f"interval {row.kind}")


def _mark(kind: str, x: float, y: float) -> Markup:
    """Return the mark of an estimate: its shape says as much as its colour."""
    half = _HALF_BOX
    match kind:
        case "trust":
            return element("circle", cx=x, cy=y, r=half)
        case "logged":
            return element("rect", x=x - half, y=y - half, width=2 * half, height=2 * half)
        case _:
            corners = ((x, y - half - 1), (x + half + 1, y + half), (x - half - 1, y + half))
            return element("polygon", points=_points(corners))


def _reference(x: float, bottom: float, name: str) -> Markup:
    # Near an end, the label goes to the other side, where it has room.
    anchor = "start" if x < WIDTH / 4 else "end" if x > WIDTH / 2 else "middle"
    line = element("line", class_="reference", x1=x, x2=x, y1=_TOP - 6, y2=bottom)
    return joined(line, _label(name, x, _TOP - 12, anchor, "quiet"))


def _band(series: Series, place: int, x_axis: Axis, y_axis: Axis) -> Markup:
    known = [point for point in series.points if not (math.isnan(point.low) or math.isnan(point.high))]
    upper = [(x_axis.at(point.samples), y_axis.at(point.high)) for point in known]
    lower = [(x_axis.at(point.samples), y_axis.at(point.low)) for point in reversed(known)]
    return element("polygon", class_=f"band line{place % _KINDS_OF_LINE}", points=_points([*upper, *lower]))


def _curve(series: Series, place: int, x_axis: Axis, y_axis: Axis) -> Markup:
    known = [point for point in series.points if math.isfinite(point.value)]
    corners = [(x_axis.at(point.samples), y_axis.at(point.value)) for point in known]
    return element("polyline", class_=f"curve line{place % _KINDS_OF_LINE}", points=_points(corners))


def _curve_labels(series: Sequence[Series], reference: float, name: str, y_axis: Axis) -> Iterator[Markup]:
    """Yield the name of each line beside its end, with a piece of the line itself."""
    labels = [(one.points[-1].value, one.name, f"line{place % 6}") for place, one in enumerate(series) if one.points]
    labels += [(reference, name, "reference")]
    labels = [label for label in labels if math.isfinite(label[0])]
    places = spread([y_axis.at(value) for value, _, _ in labels], _LABEL_GAP, _CURVES_TOP, _CURVES_BOTTOM)
    for y, (_, label, style) in zip(places, labels, strict=True):
        kind = style if style == "reference" else f"curve {style}"
        yield element("line", class_=kind, x1=LABELS - 6, x2=LABELS + 14, y1=y, y2=y)
        yield _label(short(label, _LONGEST_LABEL), LABELS + 20, y + 4, "start", "note")


def _bar(one: WeightBin, left: float, right: float, y_axis: Axis) -> Markup:
    top = y_axis.at(one.count)
    says = element("title", f"{one.low:.3g} to {one.high:.3g}: {one.count:,}")
    width = max(right - left - 1, 1.0)
    return element("g", says, element("rect", x=left, y=top, width=width, height=_BARS_BOTTOM - top), class_="bar")


def _x_axis(axis: Axis, top: float, bottom: float) -> Markup:
    parts: list[Child] = []
    ticks = axis.ticks()
    for tick in ticks:
        x = axis.at(tick)
        parts.append(element("line", class_="grid", x1=x, x2=x, y1=top, y2=bottom))
        parts.append(_label(_number(tick, ticks, log=axis.log), x, bottom + 18, "middle", "tick"))
    return joined(*parts, element("line", class_="axis", x1=axis.start, x2=axis.end, y1=bottom, y2=bottom))


def _y_axis(axis: Axis, about: int = 5) -> Markup:
    parts: list[Child] = []
    ticks = axis.ticks(about)
    for tick in ticks:
        y = axis.at(tick)
        parts.append(element("line", class_="grid", x1=CURVES_LEFT, x2=PLOT_RIGHT, y1=y, y2=y))
        parts.append(_label(_number(tick, ticks, log=axis.log), CURVES_LEFT - 8, y + 4, "end", "tick"))
    return joined(*parts)


def _number(tick: float, ticks: Sequence[float], *, log: bool) -> str:
    """Return a tick with as many decimals as its neighbours need."""
    if log or len(ticks) < 2:  # noqa: PLR2004 - one has no neighbour
        return f"{tick:,.0f}" if 1 <= tick < 1e6 else f"{tick:g}"  # noqa: PLR2004 - a million is 1e+06
    step = ticks[1] - ticks[0]
    places = max(0, -math.floor(math.log10(step)))
    if round(step * 10**places, 6) % 1:  # 0.25
        places += 1
    return f"{tick:,.{places}f}".replace("-", "\N{MINUS SIGN}")


def _label(said: str, x: float, y: float, anchor: str, style: str) -> Markup:
    return element("text", said, x=x, y=y, text_anchor=anchor, class_=style)


def _points(corners: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in corners)
