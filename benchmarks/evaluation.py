"""What an evaluation costs, apart from its policies: `python -m benchmarks.evaluation`, and a section of `make bench`.

A log of 1,000,000 rounds is estimated by IPS, SNIPS and DR and resampled 1,000 times, round by round. Beside it the
same resampling as anybody would write it: a loop that for every resample and estimator takes the mean of a `choice` of
the kernel; and a better one, that draws once for the three. A resample is the same work as any other, so of the loops
only 200 are timed. All take turns, so that a slow minute of the machine hits all of them.

Peak memory is measured in processes of their own, which read the log in chunks as a real one is read: the same
evaluation, and 10,000,000 rounds with all estimators in the number of cells that evaluation takes by default.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import numpy as np

from attune_models.bootstrap import bootstrap
from attune_models.estimator import Estimator
from attune_models.estimators import DoublyRobust, Ips, Snips, default_estimators
from attune_models.rounds import FloatArray, Rounds
from attune_models.tally import MOST_CELLS, Tally

N_ROUNDS = 1_000_000
LONG_LOG = 10_000_000
CELLS_OF_SINGLE_ROUNDS = 1 << 20
RESAMPLES = 1_000
LOOP_RESAMPLES = 200
TURNS = 8
THREE: tuple[Estimator[Rounds], ...] = (Ips(), Snips(), DoublyRobust())
_CHUNK = 50_000

Way: TypeAlias = Callable[[int, int], object]
"""Resamples; given how often and a seed."""


@dataclass(frozen=True, slots=True)
class WayCost:
    """What one way of resampling costs.

    Attributes:
        way: What it does.
        resamples: How many were made, over all turns.
        wall_ms: Milliseconds per resample of each turn, on the wall.
        cpu_ms: The same on the cores.
    """

    way: str
    resamples: int
    wall_ms: list[float]
    cpu_ms: list[float]


@dataclass(frozen=True, slots=True)
class Memory:
    """The peak memory of a process that evaluates.

    Attributes:
        n_rounds: Length of the log.
        estimators: How many.
        rows_per_cell: How many successive rounds are resampled as one.
        peak_mb: Largest resident size, in millions of bytes, the interpreter and NumPy included.
        seconds: From the first round to the last percentile, on the wall; making the rounds up is included.
    """

    n_rounds: int
    estimators: int
    rows_per_cell: int
    peak_mb: float
    seconds: float


@dataclass(frozen=True, slots=True)
class EvaluationCosts:
    """All that was found: ours first, then the loops."""

    ways: list[WayCost]
    memory: list[Memory]


def log(n_rounds: int, seed: int = 1) -> Iterator[Rounds]:
    """Yields made-up rounds in chunks: 5 % clicks, weights of mean 1 up to about 20, a model that knows little."""
    rng = np.random.default_rng(seed)
    for start in range(0, n_rounds, _CHUNK):
        n = min(_CHUNK, n_rounds - start)
        reward, weight = (rng.random(n) < 0.05).astype(np.float64), rng.gamma(0.5, 2.0, n)  # noqa: PLR2004
        yield Rounds(reward, weight, rng.random(n) < 0.1, 0.1 * rng.random(n), 0.1 * rng.random(n))  # noqa: PLR2004


def tallied(estimators: Sequence[Estimator[Rounds]], n_rounds: int, most_cells: int) -> list[Tally[Any]]:
    """Reads a log into tallies."""
    tallies: list[Tally[Any]] = [Tally(estimator, most_cells) for estimator in estimators]
    for rounds in log(n_rounds):
        for tally in tallies:
            tally.add(rounds)
    return tallies


def measure() -> EvaluationCosts:
    """Measures everything once; takes a minute."""
    # First the memory: the peak of a process begins with what the one that started it holds.
    memory = [_memory(N_ROUNDS, short=True), _memory(LONG_LOG, short=False)]
    return EvaluationCosts(compared(), memory)


def compared() -> list[WayCost]:
    """Times the three ways in turns."""
    tallies = tallied(THREE, N_ROUNDS, CELLS_OF_SINGLE_ROUNDS)
    kernels = [np.concatenate([estimator.per_round(rounds) for rounds in log(N_ROUNDS)]) for estimator in THREE]
    ways: dict[str, tuple[Way, int]] = {
        "ours": (partial(bootstrap, tallies), RESAMPLES),
        "loop of `choice` and `mean`": (partial(loop, kernels), LOOP_RESAMPLES),
        "loop that draws once for the three": (partial(loop_that_draws_once, kernels), LOOP_RESAMPLES),
    }
    turns = [[_turn(way, times // TURNS, seed) for way, times in ways.values()] for seed in range(TURNS)]
    return [
        WayCost(name, times, *(list(each) for each in zip(*costs, strict=True)))
        for (name, (_, times)), costs in zip(ways.items(), zip(*turns, strict=True), strict=True)
    ]


def loop(kernels: Sequence[FloatArray], resamples: int, seed: int) -> FloatArray:
    """Resamples each kernel by itself; returns means, shape (resamples, n_kernels)."""
    rng = np.random.default_rng(seed)
    return np.array([[rng.choice(kernel, len(kernel)).mean() for kernel in kernels] for _ in range(resamples)])


def loop_that_draws_once(kernels: Sequence[FloatArray], resamples: int, seed: int) -> FloatArray:
    """Resamples all kernels together; returns means, shape (resamples, n_kernels)."""
    rng, n_rounds = np.random.default_rng(seed), len(kernels[0])
    draws = (rng.choice(n_rounds, n_rounds) for _ in range(resamples))
    return np.array([[kernel[rows].mean() for kernel in kernels] for rows in draws])


def _turn(way: Way, resamples: int, seed: int) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    way(resamples, seed)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return 1e3 * wall / resamples, 1e3 * cpu / resamples


def _memory(n_rounds: int, *, short: bool) -> Memory:
    """Evaluates in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.evaluation", "--one", str(n_rounds), *(["--short"] if short else [])]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, check=True)  # noqa: S603
    return Memory(**json.loads(done.stdout))


def evaluated_once(n_rounds: int, *, short: bool) -> dict[str, float]:
    """Evaluates in this process; returns what `Memory` has."""
    start = time.perf_counter()
    estimators, most_cells = (THREE, CELLS_OF_SINGLE_ROUNDS) if short else (default_estimators(), MOST_CELLS)
    tallies = tallied(estimators, n_rounds, most_cells)
    np.nanpercentile(bootstrap(tallies, RESAMPLES, seed=1), [2.5, 97.5], axis=0)
    return {
        "n_rounds": n_rounds,
        "estimators": len(tallies),
        "rows_per_cell": tallies[0].rows_per_cell,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "seconds": time.perf_counter() - start,
    }


def markdown(costs: EvaluationCosts) -> str:
    """Writes the section."""
    ours, *loops = costs.ways
    lines = [
        "## Cost of an evaluation: IPS, SNIPS and DR, resampled round by round",
        "",
        f"{N_ROUNDS:,} rounds; milliseconds per resample, median of {TURNS} turns in alternation. Ours in two threads.",
        "",
        "| way | resamples | wall | CPU | wall / ours, median | min to max | CPU / ours |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        _row(ours, ours),
        *(_row(loop, ours) for loop in loops),
        "",
        f"From the rounds to intervals, {RESAMPLES:,} resamples, in a process of its own:",
        "",
        "| rounds | estimators | rounds resampled as one | peak memory | seconds |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {each.n_rounds:,} | {each.estimators} | {each.rows_per_cell} | **{each.peak_mb:,.0f} MB** | "
            f"{each.seconds:.1f} |"
            for each in costs.memory
        ),
    ]
    return "\n".join(lines)


def _row(cost: WayCost, ours: WayCost) -> str:
    ratios = [way / own for way, own in zip(cost.wall_ms, ours.wall_ms, strict=True)]
    by_cpu = median(cost.cpu_ms) / median(ours.cpu_ms)
    times = f"{median(cost.wall_ms):.1f} | {median(cost.cpu_ms):.1f}"
    spread = f"**{median(ratios):.1f}** | {min(ratios):.1f} to {max(ratios):.1f} | {by_cpu:.1f}"
    return f"| {cost.way} | {cost.resamples:,} | {times} | {spread} |"


def main() -> None:
    """Prints the section; or, as a process that is measured, what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation", description=__doc__)
    parser.add_argument("--one", type=int, metavar="ROUNDS", help="evaluate once, print time and memory as JSON")
    parser.add_argument("--short", action="store_true", help="of three estimators, by single rounds")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(evaluated_once(arguments.one, short=arguments.short)))
    else:
        print(markdown(measure()))


if __name__ == "__main__":
    main()
