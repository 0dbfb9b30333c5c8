"""Sweeps: many candidates on one log, several in each pass, several passes at once; what is done is never done again.

    candidates --results: what is done--> pending --batches--> workers --reports--> results, one report of all

A candidate's report does not depend on those that share its pass, nor on how many workers there are: so a sweep that
was interrupted, and went on elsewhere, ends with the same report.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from attune.evaluation.grid import Candidate
from attune.evaluation.sweep_results import SweepResults
from attune.evaluation.workers import Evaluate, Workers
from attune.reports.report import EvaluationReport

MOST_IN_A_PASS = 8
"""More would save little reading, take more memory, and lose more when a sweep is interrupted."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is to be done.

    Attributes:
        candidates: The policies to try, each with a name of its own.
        digests: By name, what the report of a candidate is stored under.
        results: Where reports are kept; None to keep none.
    """

    candidates: Sequence[Candidate]
    digests: Mapping[str, str]
    results: SweepResults | None


def run(
    sweep: Sweep, evaluate: Evaluate, workers: Workers, progress: Callable[[int, int | None], None], command: str
) -> EvaluationReport | None:
    """Evaluate all candidates that are not done yet.

    Args:
        sweep: What is to be done.
        evaluate: Evaluates a batch of candidates; a report that is not complete is not kept, and ends the sweep.
        workers: Who does it.
        progress: Is told how many candidates are done, and how many there are.
        command: What to type to have the report again.

    Returns:
        A report of all that is done: `complete` says whether that is everything. None when it is nothing.
    """
    began = time.monotonic()
    done = _kept(sweep)
    pending = [candidate for candidate in sweep.candidates if candidate.name not in done]
    progress(len(done), len(sweep.candidates))
    try:
        for report in workers.map(evaluate, batches(pending, workers.jobs)):
            if not report.complete:
                break
            for single in _singles(report, sweep.digests):
                done[single.targets[0].name] = single
                if sweep.results:
                    sweep.results.save(sweep.digests[single.targets[0].name], single)
            progress(len(done), len(sweep.candidates))
    except KeyboardInterrupt:
        pass
    return _merged(sweep.candidates, done, time.monotonic() - began, command)


def batches(pending: Sequence[Candidate], jobs: int) -> list[Sequence[Candidate]]:
    """Return what to evaluate in one pass each: as few passes as keep every job busy.

    Args:
        pending: What is to be done.
        jobs: How many passes are made at once.
    """
    size = max(1, min(MOST_IN_A_PASS, -(-len(pending) // jobs)))
    return [pending[first : first + size] for first in range(0, len(pending), size)]


def _kept(sweep: Sweep) -> dict[str, EvaluationReport]:
    """Return what is done, by candidate."""
    if sweep.results is None:
        return {}
    found = ((candidate.name, sweep.results.load(sweep.digests[candidate.name])) for candidate in sweep.candidates)
    # Its name is not part of what a report depends on: the same policy may have been called otherwise.
    return {name: _renamed(report, name) for name, report in found if report is not None}


def _renamed(report: EvaluationReport, name: str) -> EvaluationReport:
    target, *baseline = report.targets
    return replace(report, targets=[replace(target, name=name), *baseline])


def _singles(report: EvaluationReport, digests: Mapping[str, str]) -> Iterator[EvaluationReport]:
    """Yield a report of each candidate, with the baseline behind it, which is evaluated in every pass."""
    baseline = [target for target in report.targets if target.name not in digests]
    for target in report.targets:
        if target.name in digests:
            yield replace(report, targets=[target, *baseline])


def _merged(
    candidates: Sequence[Candidate], done: Mapping[str, EvaluationReport], seconds: float, command: str
) -> EvaluationReport | None:
    reports = [done[candidate.name] for candidate in candidates if candidate.name in done]
    if not reports:
        return None
    targets = [report.targets[0] for report in reports] + list(reports[0].targets[1:])
    complete = len(reports) == len(candidates)
    return replace(reports[0], targets=targets, complete=complete, seconds=seconds, command=command)
