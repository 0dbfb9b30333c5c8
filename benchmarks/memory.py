"""Whether the server's memory grows: `python -m benchmarks.memory` (`make bench-memory`).

Loads `Decide` with 50 offers of the catalogue at half of the saturated rate, in open loop. The reward window is short,
so that the learner learns all the while and the server takes over a new version twice a second, as in real use. What
counts is the resident memory of the server in the last minute, less that in the first one after the warm-up.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import grpc
from tests.support.service import RunningService

from benchmarks import workload
from benchmarks.measure import Target
from benchmarks.processes import Processes, resident_bytes
from benchmarks.targets import DECIDE, Asked, DecideTarget, Service, learn

N_OFFERS = 50
ASKED_BYTES = 1_000_000
_LOOK_S = 10.0
_WINDOW_S = 10
_SATURATED_S = 3.0
_COMPARED_S = 60.0


@dataclass(frozen=True, slots=True)
class Growth:
    """What a run showed.

    Attributes:
        rate: Decisions per second.
        decisions: How many there were after the warm-up.
        server_bytes: Resident memory of the server, every `_LOOK_S` after the warm-up.
        store_bytes: The same of the store.
        learner_bytes: The same of the learner.
    """

    rate: float
    decisions: int
    server_bytes: list[int]
    store_bytes: list[int]
    learner_bytes: list[int]

    @property
    def grown_bytes(self) -> float:
        """By how much the server grew, from the first minute to the last one."""
        return grown(self.server_bytes)


def grown(resident: Sequence[int]) -> float:
    """Returns the median of the last minute less the median of the first one, or of thirds where there is less."""
    n_looks = max(1, min(int(_COMPARED_S / _LOOK_S), len(resident) // 3))
    return median(resident[-n_looks:]) - median(resident[:n_looks])


def measure(warm_up_s: float, seconds: float) -> Growth:
    """Runs for so long."""
    with (
        tempfile.TemporaryDirectory(prefix="attune-bench-") as directory,
        RunningService(Path(directory)) as running,
        grpc.insecure_channel(running.address) as channel,
    ):
        pids = running.children()
        service = Service(Processes(running.address, pids["server"], pids["store"]), channel)
        target = _target(service)
        rate = target.throughput(_SATURATED_S).rate / 2
        service.apply(workload.by_catalogue(N_OFFERS), _WINDOW_S)
        _loaded(target, warm_up_s, rate)
        looks, decisions = [], 0
        for _ in range(max(1, round(seconds / _LOOK_S))):
            decisions += _loaded(target, _LOOK_S, rate)
            looks.append([resident_bytes(pids[role]) for role in ("server", "store", "learner")])
            resident = " ".join(f"{each / 1e6:8.2f}" for each in looks[-1])
            print(f"{len(looks) * _LOOK_S:5.0f} s, resident MB: {resident}", flush=True)
    server, store, learner = (list(column) for column in zip(*looks, strict=True))
    return Growth(rate, decisions, server, store, learner)


def _target(service: Service) -> DecideTarget:
    service.put_catalogue()
    asked, numbers = Asked(workload.by_catalogue(N_OFFERS), N_OFFERS), workload.days()
    requests = workload.catalogue_requests(N_OFFERS)
    learn(service, asked, workload.ever_other(requests, numbers))
    name = f"Decide, K = {N_OFFERS}"
    return DecideTarget(name, DECIDE, service, asked, workload.ever_other(requests, numbers))


def _loaded(target: Target, seconds: float, rate: float) -> int:
    """Loads for so long; returns how many calls there were. Versions change meanwhile, so replies are not compared."""
    load = target.open_loop(seconds, rate)
    if load.failures:
        print(f"{len(load.failures)} calls were refused: the machine had other things to do")
        load.failures.clear()
    return Target.counted(target, load)


def markdown(growth: Growth) -> str:
    """Writes what was found."""
    minutes = len(growth.server_bytes) * _LOOK_S / 60
    verdict = "yes" if growth.grown_bytes < ASKED_BYTES else "**no**"
    roles = {"server": growth.server_bytes, "store": growth.store_bytes, "learner": growth.learner_bytes}
    rows = [
        f"| {role} | {each[0] / 1e6:.2f} | {each[-1] / 1e6:.2f} | {grown(each) / 1e6:+.2f} |"
        for role, each in roles.items()
    ]
    lines = [
        f"{growth.decisions:,} decisions in {minutes:.1f} minutes, {growth.rate:,.0f} per second: half of saturation.",
        "",
        "| process | MB after the warm-up | MB in the end | grown, last minute less first |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        f"The server is to grow by less than {ASKED_BYTES / 1e6:g} MB: {verdict}. The store keeps the log: it grows.",
    ]
    return "\n".join(lines)


def main() -> int:
    """Measures and prints; returns 1 where the server grew by too much."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--warm-up", type=float, default=120.0, help="seconds before anything counts (default 120)")
    parser.add_argument("--seconds", type=float, default=600.0, help="seconds that count (default 600)")
    arguments = parser.parse_args()
    growth = measure(arguments.warm_up, arguments.seconds)
    print(markdown(growth))
    return int(growth.grown_bytes >= ASKED_BYTES)


if __name__ == "__main__":
    sys.exit(main())
