"""`python -m benchmarks` (`make bench`): what a decision costs, next to an empty call on the same kind of server.

First an evaluation, the policies and a replay by themselves, as long as nothing else runs. Then it starts the real
service and an empty server side by side, loads them in turn, and prints what it saw; the same goes to
`benchmarks/results.md` and, for programs, `benchmarks/results.json`. Linux only.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from tests.support.service import RunningService

from benchmarks import evaluation, h2load, machine, policy_cost, replay
from benchmarks.measure import DecideTarget, Target
from benchmarks.processes import Processes, empty_server, pin_apart
from benchmarks.report import Results, markdown

HERE = Path(__file__).parent


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
    figures = {**dataclasses.asdict(results), "ratio": results.ratio, "cpu_ratio": results.cpu_ratio}
    (HERE / "results.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def measure(arguments: argparse.Namespace) -> Results:
    """Runs everything once."""
    # First, while this process is small: see there.
    evaluated = evaluation.measure()
    costs, replays = policy_cost.measure(), replay.measure()
    with _service() as (service, pids), empty_server() as idle, grpc.insecure_channel(service.address) as channel:
        described = machine.describe(pids["store"])
        others = [service.pid, pids["store"], pids["learner"], os.getpid()]
        pinning = pin_apart([pids["server"], idle.server], others)
        empty = Target(idle)
        decide = DecideTarget(Processes(service.address, pids["server"], pids["store"]), channel)
        seconds, per_second = arguments.seconds, arguments.per_second
        pairs = [(empty.throughput(seconds), decide.throughput(seconds)) for _ in range(arguments.runs)]
        return Results(
            machine=described,
            pinning=pinning,
            seconds=seconds,
            empty=[first for first, _ in pairs],
            decide=[second for _, second in pairs],
            empty_latency=empty.latency(seconds, per_second),
            decide_latency=decide.latency(seconds, per_second),
            empty_h2load=h2load.throughput(empty, round(seconds)),
            decide_h2load=h2load.throughput(decide, round(seconds)),
            costs=costs,
            evaluated=evaluated,
            replays=replays,
        )


@contextmanager
def _service() -> Iterator[tuple[RunningService, dict[str, int]]]:
    """Runs the service on a data directory of its own; gives it and its processes by role."""
    with tempfile.TemporaryDirectory(prefix="attune-bench-") as directory, RunningService(Path(directory)) as service:
        yield service, service.children()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a run (default 4)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each call, in alternation (default 3)")
    parser.add_argument("--per-second", type=float, default=200.0, help="rate of the open loop (default 200)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
