"""How numbers of a report are written: as many decimals as can be told apart, and a minus that is one."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from attune.reports.axes import decimals
from attune.reports.report import Estimate, EvaluationReport

UNKNOWN = "–"  # noqa: RUF001 - a dash stands for a number that is not there

_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How rewards are written in one report: all with the same decimals.

    Attributes:
        places: How many decimals.
    """

    places: int

    def value(self, number: float) -> str:
        """Return a reward."""
        return _written(number, f"z,.{self.places}f")

    def change(self, number: float) -> str:
        """Return a difference of rewards, with its sign."""
        return _written(number, f"+z,.{self.places}f")

    def interval(self, estimate: Estimate, *, signed: bool = False) -> str:
        """Return the first interval of an estimate, in brackets; a dash where it has none."""
        if not estimate.intervals:
            return UNKNOWN
        write = self.change if signed else self.value
        interval = estimate.intervals[0]
        return f"[{write(interval.low)}, {write(interval.high)}]"


def format_of(report: EvaluationReport) -> NumberFormat:
    """Return how to write a report's rewards: three digits of what was really earned, two of how sure that is."""
    widths = (decimals(interval.high - interval.low, 2) for interval in report.logged.intervals[:1])
    # Where nothing was earned, what could have been earned says how large rewards are.
    values = (report.logged.value, *(one.value for target in report.targets for one in target.estimates))
    first = next((value for value in values if value and math.isfinite(value)), 1.0)
    return NumberFormat(max(decimals(first, 3), *widths, 0))


def plain(number: float) -> str:
    """Return a number of any kind with four digits."""
    if math.isfinite(number) and number == round(number) and abs(number) < 1e15:  # noqa: PLR2004 - floats beyond are whole
        return f"{number:,.0f}".replace("-", _MINUS)
    return _written(number, ",.4g")


def percent(share: float) -> str:
    """Return a probability in percent; never 100 %: no estimate is that sure."""
    for places in (0, 1, 2):
        shown = f"{100 * share:.{places}f}"
        if float(shown) < 100:  # noqa: PLR2004 - percent
            return f"{shown.rstrip('0').rstrip('.') if places else shown} %"
    return "more than 99.99 %"


def _written(number: float, pattern: str) -> str:
    if math.isnan(number):
        return UNKNOWN
    if math.isinf(number):
        return "∞" if number > 0 else f"{_MINUS}∞"
    return format(number, pattern).replace("-", _MINUS)


def listed(words: Iterable[str]) -> str:
    """Return words as an enumeration: `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
