"""From what was typed after `attune evaluate` to a report: opens the log, makes the targets, and evaluates them."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import typer

from attune.cli import evaluation_targets, placement_files
from attune.cli.evaluation_targets import Origin
from attune.cli.export import FileFormat
from attune.cli.interrupts import interruptible
from attune.cli.progress import bar
from attune.cli.stores import located
from attune.errors import SettingError
from attune.evaluation import choices
from attune.evaluation.accounts import Terms
from attune.evaluation.evaluator import LOGGED, Evaluator, Question, Watcher
from attune.evaluation.targets import Target
from attune.logs import opening
from attune.logs.opening import Opened
from attune.reports.report import EvaluationReport
from attune.settings import Settings
from attune.store.keys import PLACEMENT_NAME
from attune.store_url import redacted
from attune.v1.placement_pb2 import RewardSpec

# Whoever types a name with one of these means a file, which is not there.
_SUFFIXES = {".parquet", ".dsjson", ".json", ".jsonl", ".log", ".csv", ".gz"}


@dataclass(frozen=True, slots=True)
class Log:
    """Where the log is; the fields are what was typed."""

    source: str
    file_format: FileFormat | None
    mapping: Path | None
    reward_from: Path | None
    any_order: bool
    data_dir: Path | None
    redis_url: str | None
    config_file: Path | None

    @property
    def placement(self) -> str:
        """The placement whose log it is; empty for files."""
        return "" if Path(self.source).exists() else self.source

    def settings(self) -> Settings:
        """Find the store.

        Raises:
            SettingError: A setting is wrong.
            StoreUnavailableError: No URL is set, and no store runs in the data directory.
        """
        data_dir = None if self.data_dir is None else str(self.data_dir)
        return located(self.config_file, {"store.data_dir": data_dir, "store.url": self.redis_url})


@dataclass(frozen=True, slots=True)
class Cut:
    """Which decisions count; the fields are what was typed."""

    limit: int
    skip_bad: bool
    seen: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for; the fields are what was typed."""

    targets: Sequence[str]
    baseline: str
    force: bool


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to estimate; the fields are what was typed."""

    estimators: Sequence[str]
    model: bool
    confidence: float
    resamples: int
    reward_range: tuple[float, float] | None
    segments: Sequence[str]
    seed: int


def evaluated(log: Log, cut: Cut, asked: Asked, wishes: Wishes, typed: str) -> EvaluationReport:
    """Evaluate.

    Args:
        log: Where the log is.
        cut: Which decisions count.
        asked: What was asked for.
        wishes: How to estimate.
        typed: What to type to have the report again.

    Raises:
        ExpectedError: Something was typed wrong, cannot be read, or is not what it should be.
    """
    reward = reward_of(log)
    source = opened(log, reward)
    needs_store = any(word.startswith("version:") for word in asked.targets)
    origin = Origin(log.settings() if needs_store else None, log.placement, cut.seen)
    targets = evaluation_targets.parsed(asked.targets, origin, reward)
    check_order(log, targets)
    names = [LOGGED, *(target.name for target in targets)]
    if asked.baseline not in names:
        raise SettingError(f"--baseline: expected one of {', '.join(names)}, got {asked.baseline!r}")
    terms = terms_of(wishes, len(targets), source)
    question = Question(targets, asked.baseline, terms, source.control_share, cut.skip_bad, cut.limit, asked.force)
    with bar("decisions") as progress, interruptible() as stopped:
        return Evaluator(source.source, question, Watcher(progress, stopped)).run(typed)


def check_order(log: Log, targets: Sequence[Target]) -> None:
    """Refuse policies that learn where decisions may go back in time.

    Raises:
        SettingError: There is one.
    """
    learning = next((target.name for target in targets if target.learns), None)
    if log.any_order and learning is not None:
        raise SettingError(
            f"--any-order: expected targets that do not learn, got {learning}: it would be asked about decisions that "
            "are older than what it has learned from"
        )


def command(context: typer.Context, name: str = "evaluate") -> str:
    """Return what was typed, without what is at its default, and without the password of a store's URL."""
    words = [word for parameter in context.command.params for word in _typed(parameter, context)]
    return shlex.join(["attune", name, *words])


def _typed(parameter: Any, context: typer.Context) -> Iterator[str]:
    value = context.params.get(parameter.name)
    if value in (None, (), []) or value == parameter.get_default(context):
        return
    if parameter.param_type_name == "argument":
        yield str(value)
    elif isinstance(value, bool):
        yield parameter.opts[0] if value else parameter.secondary_opts[0]
    elif isinstance(value, list | tuple) and parameter.multiple:
        yield from (word for each in value for word in (parameter.opts[0], _word(each, parameter)))
    else:
        yield parameter.opts[0]
        yield from (_word(each, parameter) for each in (value if isinstance(value, tuple) else (value,)))


def _word(value: object, parameter: Any) -> str:
    text = str(value.value if isinstance(value, Enum) else value)
    return redacted(text) if parameter.name == "redis_url" else text


def reward_of(log: Log) -> RewardSpec | None:
    """Return the reward spec that was named; None for the log's own.

    Raises:
        InvalidInputError: Something is wrong in its file.
        SettingError: It is not a file of one placement.
    """
    if log.reward_from is None:
        return None
    documents = placement_files.read([log.reward_from])
    if len(documents) != 1:
        raise SettingError(
            f"--reward-from: expected a file of one placement, got {len(documents)} in {log.reward_from}"
        )
    reward: RewardSpec = documents[0].placement.reward
    return reward


def opened(log: Log, reward: RewardSpec | None) -> Opened:
    """Open the log.

    Args:
        log: Where it is.
        reward: What `reward_of` returned.

    Raises:
        ExpectedError: There is none, or it cannot be read.
    """
    if not log.placement:
        form = None if log.file_format is None else log.file_format.value
        if form is None and log.mapping is None and log.source.endswith((".csv", ".csv.gz")):
            raise SettingError(
                f"{log.source}: expected --mapping, a file that says what the columns of CSV mean: "
                "examples/open-bandit.yaml explains it"
            )
        return opening.files([Path(log.source)], form, log.mapping, reward, any_order=log.any_order)
    is_name = PLACEMENT_NAME.fullmatch(log.source) and Path(log.source).suffix not in _SUFFIXES
    if log.mapping or log.file_format or not is_name:
        raise SettingError(
            f"SOURCE: expected a placement's name, or a file or directory that exists, got {log.source!r}"
        )
    settings = log.settings()
    return opening.running(settings.store.url, settings.store.timeout_ms / 1000, log.source, reward)


def terms_of(wishes: Wishes, n_targets: int, source: Opened) -> Terms:
    """Return on what terms targets are evaluated.

    Args:
        wishes: How to estimate.
        n_targets: How many targets share the memory there is.
        source: The log.

    Raises:
        SettingError: A wish cannot be fulfilled.
    """
    return Terms(
        estimators=choices.estimators(wishes.estimators, model=wishes.model),
        confidence=wishes.confidence,
        resamples=wishes.resamples,
        seed=wishes.seed,
        bounds=choices.reward_range(wishes.reward_range, source.reward),
        segments=wishes.segments,
        cells=choices.cells(n_targets),
    )
