"""All that one run of `python -m benchmarks` found."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import evaluation, policy_cost, replay
from benchmarks.h2load import SecondOpinion
from benchmarks.learner_speed import LearnerCost
from benchmarks.measure import Latency, Throughput
from benchmarks.requirements import Requirement


@dataclass(frozen=True, slots=True)
class Results:
    """What was measured; runs in the order in which they alternated.

    Attributes:
        machine: What it ran on, in words, by name.
        seconds: Length of a run in closed loop.
        rows: What was loaded in closed loop: runs by name.
        compared: What is asked of two things that were loaded in turn.
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
    compared: list[Requirement]
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

    def catalogue(self, n_offers: int) -> list[Throughput]:
        """Returns those of `Decide` with so many offers of the catalogue."""
        return self.rows[f"Decide, K = {n_offers:,}"]

    @property
    def requirements(self) -> list[Requirement]:
        """Every figure that something is asked of."""
        learning, p99_ms = self.learner[0].ratios, [run.p99_ms for run in self.latencies["50 %"]]
        return [
            *self.compared,
            Requirement("learner / bare vw.learn loop, K = 10, rate", 0.40, is_least=True, runs=learning),
            Requirement("p99 at 50 % load, K = 50 catalogue, ms", 5.0, is_least=False, runs=p99_ms),
        ]
