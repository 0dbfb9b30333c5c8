"""What is asked of the decision path, as ratios of figures of one run, and what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks import customers
from benchmarks.measure import Throughput
from benchmarks.results import Results
from benchmarks.workload import SIZES


@dataclass(frozen=True, slots=True)
class Requirement:
    """One figure.

    Attributes:
        figure: What is measured.
        asked: What it has to be.
        is_least: Whether it has to be at least that, else at most.
        measured: The median of the runs.
        lowest: The lowest of them.
        highest: The highest of them.
    """

    figure: str
    asked: float
    is_least: bool
    measured: float
    lowest: float
    highest: float

    @property
    def is_met(self) -> bool:
        """Whether it is as asked."""
        return self.measured >= self.asked if self.is_least else self.measured <= self.asked


def requirements(results: Results) -> list[Requirement]:
    """Returns every figure that something is asked of, in the order in which it is asked."""
    empty, inline = results.empty, results.inline
    smallest, *_, largest = SIZES
    further = [
        (large.server_us - small.server_us) / (largest - smallest)
        for small, large in zip(results.catalogue(smallest), results.catalogue(largest), strict=True)
    ]
    latency = results.latencies["50 %"]
    return [
        _least("Decide, K = 10 catalogue / empty call, rate", 0.65, _rates(results.catalogue(10), empty)),
        _least("Decide, K = 10 inline / empty call, rate", 0.50, _rates(inline, empty)),
        _most("a further offer of the catalogue, 10 to 1,000, server CPU us", 0.5, further),
        *(
            _least(f"DecideBatch, K = {size} / vw --daemon, decisions per CPU second of the server", asked, ratios)
            for size, asked in ((10, 1.0), (50, 1.6), (200, 2.3))
            for ratios in [_costs(results.daemon(size), results.batch(size))]
        ),
        _least("learner / bare vw.learn loop, K = 10, rate", 0.40, results.learner[0].ratios),
        _most(
            "Decide, K = 10 catalogue, with profile, caps and rules / without, server CPU",
            1.35,
            customers.costs(results.customers, results.catalogue(10)),
        ),
        _most("p99 at 50 % load, K = 50 catalogue, ms", 5.0, [run.p99_ms for run in latency]),
    ]


def markdown(results: Results) -> str:
    """Writes the section."""
    rows = [
        f"| {each.figure} | {'at least' if each.is_least else 'at most'} {each.asked:g} | **{each.measured:.2f}** | "
        f"{each.lowest:.2f} to {each.highest:.2f} | {'yes' if each.is_met else '**no**'} |"
        for each in requirements(results)
    ]
    lines = ["## What is asked", "", "| figure | asked | measured, median | min to max | met |"]
    memory = "Memory that grows is measured by `make bench-memory`, which takes twelve minutes."
    return "\n".join([*lines, "| --- | --- | --- | --- | --- |", *rows, "", memory])


def _rates(ours: Sequence[Throughput], others: Sequence[Throughput]) -> list[float]:
    return [mine.rate / other.rate for mine, other in zip(ours, others, strict=True)]


def _costs(others: Sequence[Throughput], ours: Sequence[Throughput]) -> list[float]:
    return [other.server_us / mine.server_us for other, mine in zip(others, ours, strict=True)]


def _least(figure: str, asked: float, runs: Sequence[float]) -> Requirement:
    return Requirement(figure, asked, True, median(runs), min(runs), max(runs))  # noqa: FBT003 - named right above


def _most(figure: str, asked: float, runs: Sequence[float]) -> Requirement:
    return Requirement(figure, asked, False, median(runs), min(runs), max(runs))  # noqa: FBT003 - named right above
