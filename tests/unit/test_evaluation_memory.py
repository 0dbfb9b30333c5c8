"""An evaluation takes as much memory for a long log as for a short one."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from attune.evaluation import choices, targets
from attune.evaluation.accounts import Terms
from attune.evaluation.anytime import RewardRange
from attune.evaluation.evaluator import LOGGED, Evaluator, Question, Watcher
from attune.logs.samples import Sample
from attune.v1.features_pb2 import Features
from sampled import sample

SHORT, LONG = 2_000, 6_000
# A decision that is kept takes about 2 kB: 8,000 more of them 16 MB. What may grow are the ids that duplicates are
# looked for among (16 bytes each) and what the allocator does not give back.
MOST_MB = 5.0


class Endless:
    """A log that is made while it is read."""

    name = "made up"

    def __init__(self, n: int) -> None:
        """Remember how long it is to be."""
        self.size_hint = n

    def read(self) -> Iterator[Sample]:
        """Make it."""
        row = sample(0, (0.25, 0.75), 0, 1.0)
        for i in range(self.size_hint):
            context = Features(categorical={"device": f"d{i % 50}", "visit": str(i)})
            yield replace(row, event_id=f"e{i}", context=context, pmfs=[[0.25, 0.75]])


def evaluate(n: int) -> int:
    """Evaluates a log of so many decisions; returns how many were counted."""
    terms = Terms(choices.estimators([], model=False), 0.95, 100, 1, RewardRange(0.0, 1.0), ("visit",), 1024)
    question = Question([targets.uniform(), targets.FixedTarget("o1")], LOGGED, terms)
    return Evaluator(Endless(n), question, Watcher(lambda *_: None, lambda: False)).run("").samples


@pytest.mark.parametrize("n", [LONG, pytest.param(1_000_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_memory_does_not_grow_with_the_log(n: int) -> None:
    """Asks a process of its own for its peak after a short log and after a long one."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, __file__, str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    counted, grown_mb = done.stdout.split()
    assert int(counted) == n
    # Up to a million ids are remembered, in 16 bytes each, and copied while new ones are sorted in.
    assert float(grown_mb) < MOST_MB + 64e-6 * n


if __name__ == "__main__":
    evaluate(SHORT)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    samples = evaluate(int(sys.argv[1]))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    sys.stdout.write(f"{samples} {grown / (1024 if sys.platform == 'linux' else 1024**2)}\n")
