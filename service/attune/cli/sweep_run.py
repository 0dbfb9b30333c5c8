"""From what was typed after `attune sweep` to a report: what to try, what is done, who does the rest."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import typer

from attune import __version__
from attune.cli import evaluation_page, evaluation_targets, sweep_files, sweep_table
from attune.cli import evaluation_run as run
from attune.cli.evaluation_run import Cut, Log, Wishes
from attune.cli.evaluation_targets import Origin
from attune.cli.interrupts import interruptible
from attune.cli.output import show
from attune.cli.progress import bar
from attune.errors import SettingError
from attune.evaluation import sweeps
from attune.evaluation.evaluator import LOGGED, Evaluator, Question, Watcher
from attune.evaluation.grid import Candidate
from attune.evaluation.sweep_results import SweepResults, digest
from attune.evaluation.sweeps import MOST_IN_A_PASS, Sweep
from attune.evaluation.targets import Target
from attune.evaluation.workers import Backend, InProcess, Joblib
from attune.logs import csv_mapping
from attune.reports import report_json
from attune.reports.ranking import best, ranked
from attune.reports.report import EvaluationReport


@dataclass(frozen=True, slots=True)
class Work:
    """Who works, and where what is done is kept; the fields are what was typed."""

    jobs: int
    backend: Backend
    cluster: str
    keep: Path


@dataclass(frozen=True, slots=True)
class Pass:
    """What every pass over the log has in common. It can be sent to another process, or to another machine.

    Attributes:
        log: Where the log is.
        cut: Which decisions count.
        wishes: How to estimate.
        baseline: What differences are from: `logged`, or a target.
        force: Whether estimates are shown although they are refused.
        files: Which files there were when the sweep began, see `identity`.
    """

    log: Log
    cut: Cut
    wishes: Wishes
    baseline: str
    force: bool
    files: Sequence[Sequence[Any]] = ()

    def __call__(self, batch: Sequence[Candidate]) -> EvaluationReport:
        """Evaluate a batch, with nobody looking on."""
        return self.evaluate(batch, Watcher(lambda _done, _all: None, lambda: False))

    def evaluate(self, batch: Sequence[Candidate], watcher: Watcher) -> EvaluationReport:
        """Evaluate a batch.

        Raises:
            ExpectedError: The log cannot be read, or is not the one that the sweep began with.
        """
        if identity(self.log) != self.files:
            raise SettingError(f"SOURCE: expected {self.log.source} to stay as it was, but it has changed: start again")
        reward = run.reward_of(self.log)
        source = run.opened(self.log, reward)
        baseline = list(self.baseline_targets())
        targets = [*(evaluation_targets.of_candidate(candidate, reward) for candidate in batch), *baseline]
        run.check_order(self.log, targets)
        # For as many as there may be, not as there are: a report is not to depend on who shares the pass.
        terms = run.terms_of(self.wishes, MOST_IN_A_PASS, source)
        name = baseline[0].name if baseline else LOGGED
        question = Question(
            targets, name, terms, source.control_share, self.cut.skip_bad, self.cut.limit, self.force, MOST_IN_A_PASS
        )
        return Evaluator(source.source, question, watcher).run("")

    def baseline_targets(self) -> Iterator[Target]:
        """Yield the baseline, where it is a target.

        Raises:
            ExpectedError: It is none, or something is wrong with it.
        """
        if self.baseline != LOGGED:
            if self.baseline.startswith("version:"):
                raise SettingError(
                    "--baseline: expected logged, uniform, fixed:OFFER or a placement file, got a version"
                )
            found = evaluation_targets.parsed([self.baseline], Origin(None, "", seen=False), run.reward_of(self.log))
            if len(found) != 1:
                raise SettingError(f"--baseline: expected one policy, got {len(found)} in {self.baseline}")
            yield found[0]


def swept(grid: Path, one_pass: Pass, work: Work, typed: str) -> EvaluationReport | None:
    """Evaluate what a sweep file says to try, except what is done.

    Args:
        grid: The sweep file.
        one_pass: How to evaluate.
        work: Who works.
        typed: What to type to have the report again.

    Returns:
        A report of all that is done; None when it is nothing.

    Raises:
        ExpectedError: Something was typed wrong, cannot be read, or is not what it should be.
    """
    candidates = sweep_files.expand(grid)
    reward = run.reward_of(one_pass.log)
    for candidate in candidates:
        evaluation_targets.check_candidate(grid, candidate, reward)
    baseline = [target.name for target in one_pass.baseline_targets()]
    if baseline and baseline[0] in {candidate.name for candidate in candidates}:
        raise SettingError(f"--baseline: expected a name of its own, got {baseline[0]}, a candidate's")
    _check_places(one_pass.log, work.keep)
    known = replace(one_pass, files=identity(one_pass.log))
    sweep = Sweep(candidates, _digests(candidates, known), SweepResults(work.keep))
    with bar("policies") as progress, ExitStack() as stack:
        if work.jobs == 1 and work.backend == "local":
            watcher = Watcher(lambda _done, _all: None, stack.enter_context(interruptible()))
            return sweeps.run(sweep, lambda batch: known.evaluate(batch, watcher), InProcess(), progress, typed)
        workers = Joblib(work.jobs, work.backend, work.cluster)
        return sweeps.run(sweep, known, workers, progress, typed)


def tell(report: EvaluationReport, html: Path | None, *, as_json: bool) -> None:
    """Print a report, the best first, and write its page where that was asked for."""
    ordered = replace(report, targets=ranked(report))
    if as_json:
        typer.echo(_as_json(ordered))
    else:
        show(sweep_table.shown(ordered))
    if html is not None:
        evaluation_page.write(html, ordered)


def _as_json(report: EvaluationReport) -> str:
    said: dict[str, Any] = json.loads(report_json.as_json(report))
    found = best(report)
    said["best"] = None if found is None else asdict(found) | {"target": found.target.name}
    return json.dumps(said, indent=2, ensure_ascii=False, allow_nan=False)


def identity(log: Log) -> list[list[Any]]:
    """Return which files a log has: path, size in bytes and time of the last change in nanoseconds of each.

    Raises:
        SettingError: The mapping cannot be read.
    """
    mapping = csv_mapping.load(log.mapping) if log.mapping else None
    source = Path(log.source).resolve()
    files = [source] if source.is_file() else sorted(file for file in source.rglob("*") if _is_part(file, source))
    if mapping and mapping.offers.file and source.is_file():
        files.append(source.parent / mapping.offers.file)
    found = [(file, file.stat()) for file in files if file.is_file()]
    return [[str(file), stat.st_size, stat.st_mtime_ns] for file, stat in found]


def _is_part(file: Path, source: Path) -> bool:
    return not any(part.startswith(".") for part in file.relative_to(source).parts)


def _check_places(log: Log, keep: Path) -> None:
    source = Path(log.source)
    if not source.exists():
        raise SettingError(
            f"SOURCE: expected a file or directory that exists, got {log.source!r}: a placement's log grows while it "
            "is read, so write it to files first (attune export)"
        )
    if keep.resolve().is_relative_to(source.resolve()):
        raise SettingError(f"--keep: expected a directory outside of the log, got {keep}")


def _digests(candidates: Sequence[Candidate], known: Pass) -> Mapping[str, str]:
    """Return, by candidate, the name of everything that its report depends on."""
    log = known.log
    contents = {name: _content(path) for name, path in (("mapping", log.mapping), ("reward", log.reward_from))}
    common: dict[str, Any] = {
        "attune": __version__,
        "files": known.files,
        "format": log.file_format and log.file_format.value,
        "any_order": log.any_order,
        "cut": asdict(known.cut),
        "wishes": asdict(known.wishes),
        "baseline": known.baseline,
        "baseline_spec": _content(Path(known.baseline)) if Path(known.baseline).is_file() else None,
        "force": known.force,
        **contents,
    }
    specs: Callable[[Candidate], str] = lambda one: one.policy.SerializeToString(deterministic=True).hex()  # noqa: E731
    return {candidate.name: digest({**common, "policy": specs(candidate)}) for candidate in candidates}


def _content(path: Path | None) -> str | None:
    return None if path is None else path.read_bytes().hex()
