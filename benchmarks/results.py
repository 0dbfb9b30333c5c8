"""All that one run of `python -m benchmarks` found."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import customers, evaluation, policy_cost, replay
from benchmarks.h2load import SecondOpinion
from benchmarks.learner_speed import LearnerCost
from benchmarks.measure import Latency, Throughput


@dataclass(frozen=True, slots=True)
class Results:
    """What was measured; runs in the order in which they alternated.

    Attributes:
        machine: What it ran on, in words, by name.
        seconds: Length of a run in closed loop.
        rows: What was loaded in closed loop: runs by name.
        latency_seconds: Length of a run in open loop.
        latencies: `Decide` with 50 offers of the catalogue in open loop: runs by share of the saturated rate.
        second_opinions: The same closed loop by h2load, by name; empty where it is not installed.
        memory: Bytes, by what takes them.
        pending: Bytes of a pending decision in the store, by what it draws from.
        learner: The learner beside a bare loop.
        costs: Policies by themselves.
        evaluated: An evaluation by itself.
        replays: A replay beside bare loops.
    """

    machine: dict[str, str]
    seconds: float
    rows: dict[str, list[Throughput]]
    latency_seconds: float
    latencies: dict[str, list[Latency]]
    second_opinions: dict[str, SecondOpinion]
    memory: dict[str, int]
    pending: dict[str, float]
    learner: Sequence[LearnerCost]
    costs: policy_cost.PolicyCosts
    evaluated: evaluation.EvaluationCosts
    replays: list[replay.LoopCost]

    @property
    def empty(self) -> list[Throughput]:
        """The runs of the empty call."""
        return self.rows["empty call"]

    @property
    def inline(self) -> list[Throughput]:
        """Those of `Decide` with inline offers."""
        return next(runs for name, runs in self.rows.items() if name.endswith("inline"))

    def catalogue(self, n_offers: int) -> list[Throughput]:
        """Returns those of `Decide` with so many offers of the catalogue."""
        return self.rows[f"Decide, K = {n_offers:,}"]

    @property
    def customers(self) -> list[Throughput]:
        """The runs of `Decide` for customers of whom something is known, under caps and rules."""
        return self.rows[customers.FIGURE]

    def batch(self, n_offers: int) -> list[Throughput]:
        """Returns those of `DecideBatch`."""
        return next(runs for name, runs in self.rows.items() if _is_of("DecideBatch", name, n_offers))

    def daemon(self, n_offers: int) -> list[Throughput]:
        """Returns those of the daemon."""
        return next(runs for name, runs in self.rows.items() if _is_of("vw --daemon", name, n_offers))


def _is_of(kind: str, name: str, n_offers: int) -> bool:
    return name.startswith(kind) and name.endswith(f"K = {n_offers:,}")
