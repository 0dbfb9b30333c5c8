"""Turns measurements into the text that is printed and written to `results.md`."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks import evaluation, policy_cost, replay
from benchmarks.h2load import SecondOpinion
from benchmarks.measure import CONNECTIONS, IN_FLIGHT, Latency, Throughput
from benchmarks.workload import OFFERS, REQUESTS


@dataclass(frozen=True, slots=True)
class Results:
    """All that one run of `python -m benchmarks` found; `empty` and `decide` in the order in which they alternated."""

    machine: dict[str, str]
    pinning: str
    seconds: float
    empty: list[Throughput]
    decide: list[Throughput]
    empty_latency: Latency
    decide_latency: Latency
    empty_h2load: SecondOpinion | None
    decide_h2load: SecondOpinion | None
    costs: policy_cost.PolicyCosts
    evaluated: evaluation.EvaluationCosts
    replays: list[replay.LoopCost]

    @property
    def ratio(self) -> float:
        """Median rate of `Decide` over the median rate of the empty call."""
        return median(run.rate for run in self.decide) / median(run.rate for run in self.empty)

    @property
    def cpu_ratio(self) -> float:
        """The same by server CPU per call, which other work on the machine disturbs less."""
        return median(run.server_us for run in self.empty) / median(run.server_us for run in self.decide)


def markdown(results: Results) -> str:
    """Writes everything down, for a terminal and for Markdown alike."""
    parts = ["# Results of `python -m benchmarks`", _machine(results), _throughput(results), _verdict(results)]
    parts += [_latency(results), _second_opinion(results), policy_cost.markdown(results.costs)]
    return "\n\n".join([*parts, evaluation.markdown(results.evaluated), replay.markdown(results.replays), ""])


def _machine(results: Results) -> str:
    return "\n".join(f"- {name}: {text}" for name, text in {**results.machine, "cores": results.pinning}.items())


def _throughput(results: Results) -> str:
    runs = [row for pair in zip(results.empty, results.decide, strict=True) for row in pair]
    names = ["empty call", "Decide"] * len(results.decide)
    columns = ("call", "per second", "server CPU", "store CPU", "client CPU", "server busy", "client busy", "unlogged")
    lines = [
        f"## Closed loop: {CONNECTIONS} connections x {IN_FLIGHT} calls in flight, {results.seconds:g} s a run",
        "",
        f"`Decide` has 4 context features, {OFFERS} inline offers of 4 features each; {REQUESTS} different requests.",
        "Every counted decision is in the store. CPU in microseconds per call. Load generator: benchmarks/h2.py.",
        "",
        *_table(columns),
        *(_throughput_row(name, run) for name, run in zip(names, runs, strict=True)),
    ]
    return "\n".join(lines)


def _throughput_row(name: str, run: Throughput) -> str:
    costs = f"{run.server_us:.0f} | {run.store_us:.0f} | {run.client_us:.0f}"
    return f"| {name} | {run.rate:,.0f} | {costs} | {run.server_share:.0%} | {run.client_share:.0%} | {run.unlogged} |"


def _verdict(results: Results) -> str:
    by_pair = [decide.rate / empty.rate for empty, decide in zip(results.empty, results.decide, strict=True)]
    pairs = f"pair by pair {min(by_pair):.1%} to {max(by_pair):.1%}"
    by_cpu = f"by server CPU per call {results.cpu_ratio:.1%}"
    lines = [
        f"- empty call: {_spread([run.rate for run in results.empty])} per second",
        f"- Decide: {_spread([run.rate for run in results.decide])} per second",
        f"- **Decide runs at {results.ratio:.1%} of the rate of the empty call** ({pairs}; {by_cpu})",
    ]
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    return f"median {median(values):,.0f}, {min(values):,.0f} to {max(values):,.0f}"


def _latency(results: Results) -> str:
    rows = {"empty call": results.empty_latency, "Decide": results.decide_latency}
    lines = [
        "## Open loop: starts at random times, latency from the intended start, in milliseconds",
        "",
        *_table(("call", "per second", "p50", "p99", "max", "unlogged")),
    ]
    for name, run in rows.items():
        figures = f"{run.p50_ms:.2f} | {run.p99_ms:.2f} | {run.max_ms:.2f}"
        lines.append(f"| {name} | {run.per_second:,.0f} | {figures} | {run.unlogged} |")
    return "\n".join(lines)


def _second_opinion(results: Results) -> str:
    if results.empty_h2load is None or results.decide_h2load is None:
        return "h2load is not installed: no second opinion on the load generator."
    rows = {"empty call": results.empty_h2load, "Decide, one request": results.decide_h2load}
    lines = ["## The same closed loop by h2load", "", *_table(("call", "per second", "client CPU"))]
    return "\n".join([*lines, *(f"| {name} | {run.rate:,.0f} | {run.client_us:.0f} |" for name, run in rows.items())])


def _table(columns: Sequence[str]) -> tuple[str, str]:
    return f"| {' | '.join(columns)} |", f"|{'|'.join(' --- ' for _ in columns)}|"
