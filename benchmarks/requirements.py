"""What is asked of the decision path, and what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Requirement:
    """One figure.

    Attributes:
        figure: What is measured.
        asked: What it has to be.
        is_least: Whether it has to be at least that, else at most.
        runs: What each run showed; at least two.
    """

    figure: str
    asked: float
    is_least: bool
    runs: Sequence[float]

    @property
    def measured(self) -> float:
        """The median of the runs."""
        return median(self.runs)

    @property
    def middle(self) -> tuple[float, float]:
        """Between which two figures the middle half of the runs lies: their quartiles."""
        lower, _, upper = quantiles(self.runs, n=4, method="inclusive")
        return lower, upper

    @property
    def is_met(self) -> bool:
        """Whether it is as asked."""
        return self.measured >= self.asked if self.is_least else self.measured <= self.asked

    def described(self) -> dict[str, object]:
        """Returns everything that is known of it, by name, for programs."""
        lower, upper = self.middle
        return {
            "figure": self.figure,
            "asked": self.asked,
            "is_least": self.is_least,
            "measured": self.measured,
            "lower_quartile": lower,
            "upper_quartile": upper,
            "runs": list(self.runs),
            "is_met": self.is_met,
        }


def markdown(requirements: Sequence[Requirement]) -> str:
    """Writes the section."""
    lines = [
        "## What is asked",
        "",
        "| figure | asked | measured, median | middle half of the runs | runs | met |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(each) for each in requirements),
        "",
        "Two things are compared in turns of half a second each. Memory that grows is measured by `make bench-memory`,",
        "which takes twelve minutes, and overload by `python -m benchmarks.overload`.",
    ]
    return "\n".join(lines)


def _row(each: Requirement) -> str:
    lower, upper = each.middle
    return (
        f"| {each.figure} | {'at least' if each.is_least else 'at most'} {each.asked:g} | **{each.measured:.2f}** | "
        f"{lower:.2f} to {upper:.2f} | {len(each.runs)} | {'yes' if each.is_met else '**no**'} |"
    )
