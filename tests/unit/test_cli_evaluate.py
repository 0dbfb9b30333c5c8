"""`attune evaluate`: what is typed, and what people see."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from rich.console import Console

from attune.cli import evaluation_page, evaluation_targets
from attune.cli.evaluate import evaluate
from attune.cli.evaluation_run import Log, check_order, command, opened
from attune.cli.evaluation_table import problems, shown
from attune.cli.evaluation_targets import Origin
from attune.errors import InvalidInputError, SettingError
from attune.reports.report import Estimate, EvaluationReport, Interval, TargetReport

FILES = Origin(None, "", seen=False)
SWEEP = "policy: {linear_ucb: {}}\ngrid: {linear_ucb.exploration: [0.5, 1], min_probability: [0, 0.1]}\n"


def names(*words: str) -> list[str]:
    """Returns the names of the targets that were typed."""
    return [target.name for target in evaluation_targets.parsed(words, FILES, None)]


def test_targets_keep_the_order_in_which_they_were_typed(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text("name: b\n---\nname: a\npolicy: {uniform: {}}\n")
    assert names("fixed:red", str(tmp_path / "two.yaml"), "uniform") == ["fixed:red", "b", "a", "uniform"]


def test_a_sweep_is_as_many_targets_as_it_has_combinations(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    found = evaluation_targets.parsed([str(tmp_path / "sweep.yaml")], FILES, None)
    assert [target.name for target in found] == [
        "exploration=0.5 min_probability=0",
        "exploration=0.5 min_probability=0.1",
        "exploration=1 min_probability=0",
        "exploration=1 min_probability=0.1",
    ]
    assert "exploration: 0.5" in found[0].spec


def test_a_spec_that_could_not_be_applied_cannot_be_evaluated(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("name: x\npolicy:\n  vw: {bits: 99}\n")
    with pytest.raises(InvalidInputError, match=r"bad.yaml:3: placements\[0\].policy.vw.bits"):
        names(str(file))
    file.write_text("grid: {vw.bits: [18, 99]}\n")
    with pytest.raises(InvalidInputError, match=r"bad.yaml: bits=99: policy.vw.bits"):
        names(str(file))


def test_a_target_may_not_be_called_what_the_log_is_called(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("name: logged\n")
    with pytest.raises(SettingError, match="names of their own, got logged more than once"):
        names(str(tmp_path / "one.yaml"))


@pytest.mark.parametrize("word", ["best", "fixed:", "version:x", "no.yaml"])
def test_what_is_no_target_is_refused_with_what_is_one(word: str) -> None:
    with pytest.raises(SettingError, match="--target: expected uniform, fixed:OFFER, version:NUMBER"):
        names(word)


def typed(*words: str) -> str:
    """Returns what the report says was typed."""
    said: list[str] = []
    program = typer.Typer(add_completion=False)
    program.command()(evaluate)
    click_command = typer.main.get_command(program)
    with click_command.make_context("attune evaluate", list(words)) as context:
        said.append(command(context))  # type: ignore[arg-type]
    return said[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        # What is at its default is left out; what has a space is quoted.
        ("log --target uniform --confidence 0.95", "attune evaluate log --target uniform"),
        ("a|b c --target x --target y", "attune evaluate 'a|b c' --target x --target y"),
        # Flags, numbers, pairs, choices.
        (
            "log --target x --no-model --limit 5 --reward-range 0 2.5 --format dsjson --force",
            "attune evaluate log --target x --format dsjson --limit 5 --no-model --reward-range 0.0 2.5 --force",
        ),
        # A report is shown around: no password.
        (
            "home --target x --redis-url redis://me:secret@host:1/0",
            "attune evaluate home --target x --redis-url 'redis://***@host:1/0'",
        ),
    ],
)
def test_a_report_says_what_to_type_to_have_it_again(words: str, said: str) -> None:
    assert typed(*words.replace("a|b c", "a|b\u00a0c").split(" ")).replace("\u00a0", " ") == said


def target(name: str, verdict: str, value: float | None) -> TargetReport:
    """Returns a target with or without an estimate."""
    estimates = [] if value is None else [Estimate("dr", value, [Interval("bootstrap", value - 0.01, value + 0.01)])]
    return TargetReport(
        name=name,
        description="what it is",
        learns=False,
        samples=900,
        main="dr",
        estimates=estimates,
        difference=estimates[0] if estimates else None,
        verdict=verdict,
        reasons=["Because."],
        diagnostics={"effective_sample_size": 812.3},
        curve=[],
        weights=[],
        segments=[],
    )


def text(*targets: TargetReport, complete: bool = True, baseline: str = "logged", confidence: float = 0.95) -> str:
    """Returns what people see of a report."""
    report = EvaluationReport(
        source="a [red]log[/red]",
        samples=900,
        left_out={"not_shown": 7},
        refused=25,
        problems=[f"row {i}: wrong" for i in range(25)],
        logged=Estimate("logged", 0.25, [Interval("bootstrap", 0.2, 0.3)]),
        baseline=baseline,
        confidence=confidence,
        targets=targets,
        complete=complete,
        seconds=1.0,
        command="attune evaluate log",
    )
    assert list(problems(report))[-2:] == ["row 19: wrong", "5 more rows were skipped"]
    console = Console(width=200)
    with console.capture() as captured:
        console.print(shown(report))
    return captured.get()


def test_a_table_has_a_row_for_each_target_and_no_number_where_it_is_refused() -> None:
    lines = text(target("[bold]good[/bold]", "trust", 0.3), target("bad", "refuse", None)).splitlines()
    assert lines[0] == "a [red]log[/red]: 900 decisions, 7 left out (not shown), 25 bad rows skipped"
    good = next(line for line in lines if line.startswith("[bold]good[/bold] "))
    assert good.split()[1:] == (
        ["900", "0.30000", "0.29000", "to", "0.31000", "+0.30000", "0.29000", "to", "0.31000", "812", "trust"]
    )
    bad = next(line for line in lines if line.startswith("bad "))
    assert bad.split() == ["bad", "900", "refused", "812", "refuse"]
    assert "refuse  bad (what it is)" in lines
    assert lines.count("  Because.") == 2


def test_what_is_not_refused_is_not_said_to_be_where_there_is_no_number() -> None:
    (row,) = (line for line in text(target("none", "caution", None)).splitlines() if line.startswith("none "))
    assert row.split() == ["none", "900", "-", "812", "caution"]


def test_the_table_names_its_intervals_its_baseline_and_small_rewards_as_they_are() -> None:
    """Not 100 %, not as markup, and not as 0."""
    lines = text(target("rare", "trust", 0.0000123), baseline="[red]b", confidence=0.9999).splitlines()
    assert "99.99 % interval" in lines[2]
    assert "minus [red]b" in lines[2]
    assert any("1.23e-05" in line for line in lines)


def test_a_page_that_cannot_be_written_is_refused_before_the_work_is_done(tmp_path: Path) -> None:
    evaluation_page.check(None)
    evaluation_page.check(tmp_path / "new page.html")
    (tmp_path / "old.html").write_text("")
    evaluation_page.check(tmp_path / "old.html")
    for wrong in (tmp_path, tmp_path / "no directory" / "page.html"):
        with pytest.raises(SettingError, match="--html: expected a file that can be written"):
            evaluation_page.check(wrong)
    assert [file.name for file in tmp_path.iterdir()] == ["old.html"]


def test_a_policy_that_learns_needs_a_log_in_order(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("name: learner\npolicy: {linear_ucb: {}}\n")
    learner = evaluation_targets.parsed([str(tmp_path / "one.yaml")], FILES, None)
    log = Log("log", None, None, None, any_order=True, data_dir=None, redis_url=None, config_file=None)
    check_order(log, evaluation_targets.parsed(["uniform", "fixed:a"], FILES, None))
    check_order(replace(log, any_order=False), learner)
    with pytest.raises(SettingError, match="--any-order: expected targets that do not learn, got learner"):
        check_order(log, learner)


def test_csv_without_a_mapping_is_told_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("a,b\n")
    log = Log(
        str(tmp_path / "log.csv"), None, None, None, any_order=False, data_dir=None, redis_url=None, config_file=None
    )
    with pytest.raises(SettingError, match=r"log.csv: expected --mapping"):
        opened(log, None)


def test_what_was_interrupted_says_so() -> None:
    assert "INTERRUPTED" in text(target("good", "trust", 0.3), complete=False).splitlines()[0]


def test_its_help_does_not_wait_for_what_only_evaluating_needs() -> None:
    code = (
        "import sys; from attune.cli import app; app.run(['evaluate', '--help']); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: attune evaluate" in done.stdout
    assert "(default: by their endings)" in " ".join(done.stdout.replace("\u2502", " ").split())
    assert {"grpc", "numpy", "redis", "vowpalwabbit", "google.protobuf"} & set(done.stderr.split()) == set()
