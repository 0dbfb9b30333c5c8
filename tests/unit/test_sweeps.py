"""Sweeps: everything is evaluated once, whoever is interrupted when."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from attune.errors import SettingError
from attune.evaluation import workers
from attune.evaluation.grid import Candidate
from attune.evaluation.sweep_results import SweepResults, digest
from attune.evaluation.sweeps import Sweep, batches, run
from attune.evaluation.workers import Evaluate, InProcess, Workers
from attune.reports.report import EvaluationReport
from attune.v1.placement_pb2 import PolicySpec
from evaluation_reports import report, target

CANDIDATES = [Candidate(f"p{i}", PolicySpec(min_probability=i / 100)) for i in range(20)]


class Bench:
    """Evaluates made-up policies, and remembers which."""

    def __init__(self, interrupted_at: int | None = None, baseline: str = "logged") -> None:
        """Prepare.

        Args:
            interrupted_at: The pass in which somebody presses Ctrl-C, zero-based.
            baseline: The baseline's name.
        """
        self.passes: list[list[str]] = []
        self._interrupted_at = interrupted_at
        self._baseline = baseline

    def __call__(self, batch: Sequence[Candidate]) -> EvaluationReport:
        """Evaluate: a policy earns its own floor."""
        targets = [target(one.name, one.policy.min_probability) for one in batch]
        if self._baseline != "logged":
            targets.append(target(self._baseline, 0.5, difference=None))
        complete = len(self.passes) != self._interrupted_at
        self.passes.append([one.name for one in batch])
        return report(*targets, complete=complete, baseline=self._baseline)


class Backwards:
    """Yields the last report first, as workers may."""

    jobs = 3

    def map(self, evaluate: Evaluate, parts: Sequence[Sequence[Candidate]]) -> Iterator[EvaluationReport]:
        """Evaluate."""
        return reversed([evaluate(part) for part in parts])


class Interrupted:
    """Yields one report, and then somebody presses Ctrl-C."""

    jobs = 5

    def map(self, evaluate: Evaluate, parts: Sequence[Sequence[Candidate]]) -> Iterator[EvaluationReport]:
        """Evaluate."""
        yield evaluate(parts[0])
        raise KeyboardInterrupt


Swept = Callable[..., EvaluationReport | None]


@pytest.fixture
def swept(tmp_path: Path) -> Swept:
    """Return a function that runs a sweep of all candidates, always in the same directory."""

    def go(bench: Evaluate, who: Workers | None = None, candidates: Sequence[Candidate] = CANDIDATES) -> object:
        digests = {one.name: digest({"policy": one.policy.SerializeToString().hex()}) for one in candidates}
        sweep = Sweep(candidates, digests, SweepResults(tmp_path / "kept"))
        return run(sweep, bench, who or InProcess(), lambda _done, _all: None, "attune sweep")

    return go  # type: ignore[return-value]


def names(found: EvaluationReport | None) -> list[str]:
    assert found is not None
    return [one.name for one in found.targets]


def test_passes_are_as_few_as_keep_every_job_busy() -> None:
    assert [len(batch) for batch in batches(CANDIDATES, 1)] == [8, 8, 4]
    assert [len(batch) for batch in batches(CANDIDATES, 4)] == [5, 5, 5, 5]
    assert [len(batch) for batch in batches(CANDIDATES, 100)] == [1] * 20
    assert batches([], 4) == []


def test_a_sweep_is_one_report_in_the_order_of_the_file(swept: Swept) -> None:
    for who in (InProcess(), Backwards()):
        found = swept(Bench(), who)
        assert names(found) == [one.name for one in CANDIDATES]
        assert found is not None
        assert (found.complete, found.command) == (True, "attune sweep")


def test_what_is_done_is_not_done_again(swept: Swept) -> None:
    first, second = Bench(), Bench()
    whole = swept(first)
    assert names(swept(second)) == names(whole)
    assert len(first.passes) == 3
    assert second.passes == []


def test_a_pass_that_was_interrupted_is_made_again_and_those_before_are_not(swept: Swept) -> None:
    found = swept(Bench(interrupted_at=1))
    assert names(found) == [f"p{i}" for i in range(8)]
    assert found is not None
    assert not found.complete
    again = Bench()
    assert names(swept(again)) == [one.name for one in CANDIDATES]
    assert again.passes == [[f"p{i}" for i in range(8, 16)], [f"p{i}" for i in range(16, 20)]]


def test_ctrl_c_keeps_what_has_come_back(swept: Swept) -> None:
    assert names(swept(Bench(), Interrupted())) == ["p0", "p1", "p2", "p3"]


def test_before_anything_is_done_there_is_no_report(swept: Swept) -> None:
    assert swept(Bench(interrupted_at=0)) is None


def test_a_policy_that_is_called_otherwise_is_the_same(swept: Swept) -> None:
    swept(Bench())
    renamed = [Candidate(f"other {one.name}", one.policy) for one in CANDIDATES]
    bench = Bench()
    assert names(swept(bench, candidates=renamed)) == [one.name for one in renamed]
    assert bench.passes == []


def test_a_damaged_result_is_computed_again(swept: Swept, tmp_path: Path) -> None:
    swept(Bench())
    damaged = sorted((tmp_path / "kept").iterdir())[3]
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:1000])
    bench = Bench()
    assert names(swept(bench)) == [one.name for one in CANDIDATES]
    assert [len(names_) for names_ in bench.passes] == [1]
    assert damaged.read_bytes() == whole


def test_a_baseline_that_is_a_policy_is_in_the_report_once(swept: Swept) -> None:
    found = swept(Bench(baseline="uniform"))
    assert names(found) == [*(one.name for one in CANDIDATES), "uniform"]
    assert names(swept(Bench(baseline="uniform"))) == names(found)


def test_a_library_that_is_missing_is_named_with_what_to_install() -> None:
    with pytest.raises(SettingError, match=r"no_such_library is not installed: pip install 'attune\[sweep\]'"):
        workers._library("no_such_library", "sweep")  # noqa: SLF001 - every library there is, is installed here
