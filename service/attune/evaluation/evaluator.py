"""`attune evaluate`: one walk through a log for all targets, in constant memory.

    samples --(first pass) reward model, spool--> --(second pass) chunks: prepared, weighed, accounted--> report

The first pass is only made when an estimator needs the reward model: what it predicts for a sample has to come from
folds that the sample is not in, and so from the whole log. It can be stopped at any time; what is done is done.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from attune.evaluation.accounts import Account, Terms
from attune.evaluation.curves import Pace
from attune.evaluation.reporting import Against, Evidence, is_refused, logged_estimate, target_report
from attune.evaluation.spool import Spool
from attune.evaluation.tallies import Tallies
from attune.evaluation.targets import Target
from attune.evaluation.weighing import Chunk, Predict, as_logged, prepared, weigh
from attune.logs.counted import CountedSamples
from attune.logs.samples import Sample, SampleSource
from attune.reports.report import EvaluationReport
from attune_models.diagnostics import LogDiagnostics
from attune_models.reward_model import CrossFitted

LOGGED = "logged"
_MOST_AT_ONCE = 2048
_LEAST_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        targets: The policies in question, each with a name of its own.
        baseline: What differences are from: `LOGGED`, or the name of a target.
        terms: On what terms.
        control_share: Share of the decisions that control was to have; None where nobody knows.
        skip_bad: Whether rows are skipped that something is wrong with.
        limit: How many samples to look at, the first ones; 0 for all.
        force: Whether estimates are shown although they are refused.
        sized_for: For how many targets chunks are sized; 0: for those there are. Sums differ in their last digits with
            the size of chunks: who wants the same report whatever else is evaluated says a number.
    """

    targets: Sequence[Target]
    baseline: str
    terms: Terms
    control_share: float | None = None
    skip_bad: bool = False
    limit: int = 0
    force: bool = False
    sized_for: int = 0


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who looks on.

    Attributes:
        progress: Is told how many samples were read, of both passes, and how many there are; None where nobody knows.
        stopped: Says whether to stop; asked after every few samples.
    """

    progress: Callable[[int, int | None], None]
    stopped: Callable[[], bool]


class Evaluator:
    """Evaluates targets on a log, once."""

    def __init__(self, source: SampleSource, question: Question, watcher: Watcher) -> None:
        """Prepare; nothing is read yet.

        Args:
            source: The log.
            question: What is asked.
            watcher: Who looks on.
        """
        self._source, self._question, self._watcher = source, question, watcher
        self._samples = CountedSamples(source, skip_bad=question.skip_bad)
        self._read = 0
        self._complete = True
        terms = question.terms
        self._accounts = {target.name: Account(target, terms) for target in question.targets}
        self._logged = Tallies(terms.estimators.main, terms.cells)
        self._log = LogDiagnostics(question.control_share)
        sized_for = question.sized_for or len(question.targets) or 1
        self._pace = Pace(max(_LEAST_AT_ONCE, _MOST_AT_ONCE // sized_for))

    def run(self, command: str) -> EvaluationReport:
        """Read the log and report.

        Args:
            command: What to type to have the report again.

        Raises:
            BadLogError: Something is wrong with a row, and such rows are not to be skipped; or there is no sample.
            SettingError: The log cannot be read at all.
            StoreUnavailableError: The store did not answer in time.
        """
        began = time.monotonic()
        with Spool() as spool:
            predict = self._fitted(spool) if self._question.terms.estimators.needs_model else None
            if self._complete:
                self._weigh_all(predict, spool)
        return self._report(command, began)

    def _fitted(self, spool: Spool) -> Predict:
        model = CrossFitted()
        for n, sample in enumerate(spool.through(self._limited()), 1):
            for interaction in sample.slots:
                model.learn(sample.event_id, interaction)
            if n % _LEAST_AT_ONCE == 0 and self._is_stopped(_LEAST_AT_ONCE):
                break
        return lambda sample: [model.predict(sample.event_id, slot.situation) for slot in sample.slots]

    def _weigh_all(self, predict: Predict | None, spool: Spool) -> None:
        for samples in self._chunks(spool):
            self._take(prepared(samples, predict, self._question.terms.seed))
            if self._pace.advance(len(samples)):
                self._mark()
            if self._is_stopped(len(samples)):
                break
        self._mark()

    def _take(self, chunk: Chunk) -> None:
        self._log.add(chunk.samples)
        logged = as_logged(chunk)
        self._logged.add(logged)
        weighed = {name: weigh(chunk, account.target) for name, account in self._accounts.items()}
        baseline = weighed.get(self._question.baseline, logged)
        for name, account in self._accounts.items():
            account.add(chunk.samples, weighed[name], baseline, logged)

    def _mark(self) -> None:
        for account in self._accounts.values():
            account.mark(self._pace.seen, self._pace.step)

    def _limited(self) -> Iterator[Sample]:
        return islice(iter(self._samples), self._question.limit or None)

    def _chunks(self, spool: Spool) -> Iterator[list[Sample]]:
        samples = iter(spool) if spool.is_whole else self._limited()
        while chunk := list(islice(samples, self._pace.room())):
            yield chunk

    def _is_stopped(self, n_read: int) -> bool:
        self._read += n_read
        hint = self._source.size_hint
        hint = min(hint, self._question.limit or hint) * (1 + self._question.terms.estimators.needs_model)
        self._watcher.progress(self._read, hint or None)
        self._complete = not self._watcher.stopped()
        return not self._complete

    def _report(self, command: str, began: float) -> EvaluationReport:
        question, samples, log = self._question, self._samples, self._log.figures()
        evidence = Evidence(log, samples.refused / max(samples.refused + samples.samples, 1))
        against = self._against(evidence)
        return EvaluationReport(
            source=self._source.name,
            samples=log.rows,
            left_out=dict(samples.left_out),
            refused=samples.refused,
            problems=[str(problem) for problem in samples.problems],
            logged=logged_estimate(self._logged.main, question.terms),
            baseline=question.baseline,
            confidence=question.terms.confidence,
            targets=[
                target_report(
                    account,
                    evidence,
                    question.terms,
                    against=Against.NOTHING if name == question.baseline else against,
                    force=question.force,
                )
                for name, account in self._accounts.items()
            ],
            complete=self._complete,
            seconds=time.monotonic() - began,
            command=command,
        )

    def _against(self, evidence: Evidence) -> Against:
        baseline = self._accounts.get(self._question.baseline)
        if baseline is None or self._question.force or not is_refused(baseline, evidence):
            return Against.BASELINE
        return Against.REFUSED
