"""Turns measurements into the text that is printed and written to `results.md`."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

from benchmarks import evaluation, learner_speed, policy_cost, replay, requirements
from benchmarks.measure import Throughput
from benchmarks.results import Results
from benchmarks.workload import SIZES


def markdown(results: Results) -> str:
    """Writes everything down, for a terminal and for Markdown alike."""
    parts = [
        "# Results of `python -m benchmarks`",
        "\n".join(f"- {name}: {text}" for name, text in results.machine.items()),
        requirements.markdown(results.requirements),
        _throughput(results),
        _further_offers(results),
        _latency(results),
        learner_speed.markdown(results.learner),
        _memory(results),
        _second_opinions(results),
        policy_cost.markdown(results.costs),
        evaluation.markdown(results.evaluated),
        replay.markdown(results.replays),
    ]
    return "\n\n".join([*parts, ""])


def _throughput(results: Results) -> str:
    n_runs = len(results.empty)
    lines = [
        f"## Closed loop: {n_runs} runs of {results.seconds:g} s each, all rows in turn, then again",
        "",
        "Contexts have 4 features and are all different; offers have 4 features. Of batches, everything is by decision",
        "or outcome. Every decision that counts is in the store with its probabilities, every outcome too; the daemon",
        "stores nothing. Medians, and in brackets the lowest and the highest run. CPU in microseconds for each.",
        "",
        *_table(
            "what is done",
            "per second",
            "/ empty call",
            "server CPU",
            "store CPU",
            "client CPU",
            "server busy",
            "client busy",
            "unlogged",
        ),
        *(_throughput_row(name, runs, results.empty) for name, runs in results.rows.items()),
    ]
    return "\n".join(lines)


def _throughput_row(name: str, runs: Sequence[Throughput], empty: Sequence[Throughput]) -> str:
    to_empty = median(run.rate / other.rate for run, other in zip(runs, empty, strict=True))
    cells = [
        _spread(runs, lambda run: run.rate, ",.0f"),
        f"{to_empty:.2f}",
        _spread(runs, lambda run: run.server_us, ".1f"),
        _spread(runs, lambda run: run.store_us, ".1f"),
        f"{median(run.client_us for run in runs):.1f}",
        f"{median(run.server_share for run in runs):.0%}",
        f"{median(run.client_share for run in runs):.0%}",
        str(sum(run.unlogged for run in runs)),
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _spread(runs: Sequence[Throughput], value: Callable[[Throughput], float], form: str) -> str:
    values = [value(run) for run in runs]
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def _further_offers(results: Results) -> str:
    lines = ["What a further offer of the catalogue costs, in microseconds of server CPU, median of the runs:", ""]
    for small, large in pairwise(SIZES):
        runs = zip(results.catalogue(small), results.catalogue(large), strict=True)
        each = median((more.server_us - fewer.server_us) / (large - small) for fewer, more in runs)
        lines.append(f"- from {small:,} to {large:,} offers: {each:.2f}")
    return "\n".join(lines)


def _latency(results: Results) -> str:
    lines = [
        f"## Open loop, K = 50 catalogue: {results.latency_seconds:g} s a run, starts at random times",
        "",
        "Milliseconds from the intended start, so that what waits behind a stall counts. Medians of the runs, and in",
        "brackets the lowest and the highest; max is the highest of all. Shares are of the saturated rate of",
        "the second before each run.",
        "",
        *_table(
            "load", "calls per second", "runs", "calls", "p50", "p90", "p99", "p99.9", "max", "unlogged", "refused"
        ),
    ]
    for share, runs in results.latencies.items():
        quantiles = [[run.p50_ms, run.p90_ms, run.p99_ms, run.p999_ms] for run in runs]
        cells = [f"{median(each):.2f} ({min(each):.2f} to {max(each):.2f})" for each in zip(*quantiles, strict=True)]
        calls, unlogged = sum(run.calls for run in runs), sum(run.unlogged for run in runs)
        refused = sum(run.refused for run in runs)
        worst, rate = max(run.max_ms for run in runs), median(run.per_second for run in runs)
        counts = f"{rate:,.0f} | {len(runs)} | {calls:,}"
        lines.append(f"| {share} | {counts} | {' | '.join(cells)} | {worst:.2f} | {unlogged} | {refused} |")
    return "\n".join(lines)


def _memory(results: Results) -> str:
    rows = [f"| {name} | {used / 1e6:,.1f} MB |" for name, used in results.memory.items()]
    rows += [f"| a pending decision: {name} | {used:,.0f} B |" for name, used in results.pending.items()]
    return "\n".join(["## Memory", "", *_table("what", "resident, or in the store"), *rows])


def _second_opinions(results: Results) -> str:
    if not results.second_opinions:
        return "h2load is not installed: no second opinion on the load generator."
    lines = ["## The same closed loop by h2load, one request again and again", ""]
    lines += _table("what is done", "per second", "client CPU")
    return "\n".join(
        [
            *lines,
            *(f"| {name} | {run.rate:,.0f} | {run.client_us:.0f} |" for name, run in results.second_opinions.items()),
        ]
    )


def _table(*columns: str) -> tuple[str, str]:
    return f"| {' | '.join(columns)} |", f"|{'|'.join(' --- ' for _ in columns)}|"
