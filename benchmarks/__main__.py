"""`python -m benchmarks` (`make bench`): what deciding costs, next to an empty call and next to `vw --daemon`.

First what needs no service, as long as nothing else runs: an evaluation, the policies, a replay, the learner, the
memory of pending decisions. Then it starts the real service, an empty server and daemons, loads all of them in turn,
and prints what it saw; the same goes to `benchmarks/results.md` and, for programs, `benchmarks/results.json`. Linux
only.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from benchmarks import evaluation, h2load, learner_speed, pending_memory, policy_cost, replay, vw_daemon
from benchmarks.measure import Latency, Throughput
from benchmarks.pairs import pairs
from benchmarks.processes import resident_bytes
from benchmarks.report import markdown
from benchmarks.results import Results
from benchmarks.setting import Setting, running

HERE = Path(__file__).parent
SHARES = {"25 %": 0.25, "50 %": 0.5, "75 %": 0.75}
_MEASURED_SIZE = 50
_SATURATED_S = 1.0


def main() -> int:
    """Measures, prints and writes; returns the exit code."""
    arguments = _arguments()
    if sys.platform != "linux":
        sys.stderr.write(f"python -m benchmarks: expected Linux (it reads /proc), got {sys.platform}\n")
        return 2
    results = measure(arguments)
    text = markdown(results)
    sys.stdout.write(text)
    (HERE / "results.md").write_text(text, encoding="utf-8")
    figures = {"requirements": [each.described() for each in results.requirements], **dataclasses.asdict(results)}
    (HERE / "results.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def measure(arguments: argparse.Namespace) -> Results:
    """Runs everything once."""
    # First, while this process is small: see there.
    evaluated = evaluation.measure()
    costs, replays = policy_cost.measure(), replay.measure()
    learner, pending = learner_speed.measure(), pending_memory.measure()
    with running() as setting:
        memory = {f"{role}, before it is loaded": resident_bytes(pid) for role, pid in setting.processes.items()}
        rows = _rows(setting, arguments)
        compared = [pair.measure(arguments.turns) for pair in pairs(setting)]
        latencies = _latencies(setting, arguments)
        second_opinions = _second_opinions(setting, arguments)
        memory |= {f"{role}, in the end": resident_bytes(pid) for role, pid in setting.processes.items()}
        return Results(
            machine={**setting.machine, "vw --daemon": vw_daemon.described()},
            seconds=arguments.seconds,
            rows=rows,
            compared=compared,
            latency_seconds=arguments.latency_seconds,
            latencies=latencies,
            second_opinions=second_opinions,
            memory=memory,
            pending=pending,
            learner=learner,
            costs=costs,
            evaluated=evaluated,
            replays=replays,
        )


def _rows(setting: Setting, arguments: argparse.Namespace) -> dict[str, list[Throughput]]:
    """Loads everything in closed loop, in turn, as often as asked for."""
    rows: dict[str, list[Throughput]] = {row.name: [] for row in setting.rows}
    for _ in range(arguments.runs):
        for row in setting.rows:
            rows[row.name].append(row.throughput(arguments.seconds))
    return rows


def _latencies(setting: Setting, arguments: argparse.Namespace) -> dict[str, list[Latency]]:
    """Loads in open loop, each time with a share of the rate that the machine had right before."""
    target = setting.catalogue[_MEASURED_SIZE]
    latencies: dict[str, list[Latency]] = {share: [] for share in SHARES}
    for _ in range(arguments.latency_runs):
        for name, share in SHARES.items():
            saturated = target.throughput(_SATURATED_S).rate
            latencies[name].append(target.latency(arguments.latency_seconds, share * saturated))
    return latencies


def _second_opinions(setting: Setting, arguments: argparse.Namespace) -> dict[str, h2load.SecondOpinion]:
    targets = (setting.empty, setting.inline, setting.catalogue[min(setting.catalogue)])
    said = {target.name: h2load.throughput(target, max(1, round(arguments.seconds))) for target in targets}
    return {name: opinion for name, opinion in said.items() if opinion is not None}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a run in closed loop (default 3)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each, in alternation (default 3)")
    parser.add_argument("--turns", type=int, default=12, help="turns of what is compared in turns (default 12)")
    parser.add_argument("--latency-seconds", type=float, default=3.0, help="length of a run in open loop (default 3)")
    parser.add_argument("--latency-runs", type=int, default=5, help="runs in open loop at each load (default 5)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
