"""`attune sweep` as a process: killed, interrupted, with one worker and with two, it ends with the same report."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from attune.cli import app

MAPPING = """
action: offer
propensity: p
reward: reward
offers: {ids: [a, b, c]}
context: {categorical: [device]}
"""
# Three passes, so that there is something left to do when the first one is done.
GRID = """
grid:
  fixed.offer_id: [a, b, c]
  min_probability: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
"""
N = 400
QUICK = ["--no-model", "--estimator", "snips", "--resamples", "100", "--json"]


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory with a log, its mapping and a sweep file, and go there."""
    rng = random.Random(1)
    with (tmp_path / "log.csv").open("w", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(["offer", "p", "reward", "device"])
        for _ in range(N):
            offer = rng.choice("abc")
            sheet.writerow([offer, 1 / 3, int(rng.random() < 0.1 * (1 + "abc".index(offer))), rng.choice("xy")])
    (tmp_path / "map.yaml").write_text(MAPPING)
    (tmp_path / "grid.yaml").write_text(GRID)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(keep: str, *more: str) -> list[str]:
    return ["sweep", "log.csv", "--mapping", "map.yaml", "--grid", "grid.yaml", "--keep", keep, *QUICK, *more]


def started(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a sweep as whoever types it does: in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "attune", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def kept(directory: Path) -> dict[str, int]:
    """Return the files of what is done, with the time of their last change."""
    return {file.name: file.stat().st_mtime_ns for file in directory.glob("*.json")}


def until_something_is_done(process: subprocess.Popen[bytes], directory: Path) -> None:
    patience = time.monotonic() + 60
    while not kept(directory):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < patience
        time.sleep(0.002)


def said(text: str | bytes) -> dict[str, Any]:
    """Return a report without what differs between runs: how long it took, and where it was kept."""
    return {name: value for name, value in json.loads(text).items() if name not in ("seconds", "command")}


@pytest.mark.long
def test_a_sweep_that_was_killed_goes_on_from_what_is_done(logged: Path, capfd: pytest.CaptureFixture[str]) -> None:
    killed = started(words("killed"))
    until_something_is_done(killed, logged / "killed")
    killed.kill()
    killed.communicate()
    before = kept(logged / "killed")
    assert 0 < len(before) < 24

    assert app.run(words("killed")) == 0
    resumed = said(capfd.readouterr().out)
    after = kept(logged / "killed")
    assert len(after) == len(resumed["targets"]) == 24
    # What was done before the kill was not done again.
    assert {name: after[name] for name in before} == before
    assert resumed["best"]["target"].startswith("offer_id=c")
    assert resumed["best"]["compared"] == 24


@pytest.mark.long
def test_two_workers_end_with_the_same_report_as_one(logged: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (logged / "grid.yaml").write_text("grid: {fixed.offer_id: [a, b, c]}")
    assert app.run(words("one", "--limit", "200")) == 0
    two = started(words("two", "--limit", "200", "--jobs", "2"))
    out, err = two.communicate(timeout=60)
    assert (two.returncode, err) == (0, b"")
    assert said(out) == said(capfd.readouterr().out)
    assert set(kept(logged / "two")) == set(kept(logged / "one"))


def test_ctrl_c_ends_a_sweep_with_what_is_done_and_what_to_type_to_go_on(logged: Path) -> None:
    sweep = started(words("stopped"))
    until_something_is_done(sweep, logged / "stopped")
    os.killpg(sweep.pid, signal.SIGINT)
    out, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 130
    found = json.loads(out)
    assert not found["complete"]
    assert len(found["targets"]) == len(kept(logged / "stopped"))
    assert err.decode().startswith("attune: interrupted; to go on: attune sweep log.csv --grid grid.yaml")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["home_hero"], "SOURCE: expected a file or directory that exists, got 'home_hero'"),
        (["."], "--keep: expected a directory outside of the log"),
    ],
)
def test_what_cannot_be_swept_is_refused(
    logged: Path, changed: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = words(str(logged / "kept"))
    assert app.run([arguments[0], *changed, *arguments[2:]]) == 78
    assert message in capfd.readouterr().err


def test_a_candidate_that_could_not_be_applied_is_named(logged: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (logged / "grid.yaml").write_text("grid: {vw.bits: [16, 99]}")
    assert app.run(words("kept")) == 78
    assert capfd.readouterr().err == (
        "attune: grid.yaml: bits=99: policy.vw.bits: expected 10 to 24, or 0 for the default, got 99\n"
    )


def test_a_log_that_has_changed_is_another_log(logged: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (logged / "grid.yaml").write_text("grid: {fixed.offer_id: [a]}")
    assert app.run(words("kept")) == 0
    first = said(capfd.readouterr().out)
    with (logged / "log.csv").open("a", newline="") as file:
        csv.writer(file).writerow(["a", 1 / 3, 1, "x"])
    assert app.run(words("kept")) == 0
    second = said(capfd.readouterr().out)
    assert (first["samples"], second["samples"]) == (N, N + 1)
    assert len(kept(logged / "kept")) == 2


def test_people_see_a_table_and_a_page_with_the_best_first(logged: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (logged / "grid.yaml").write_text("grid: {fixed.offer_id: [a, c]}")
    arguments = [word for word in words("kept", "--html", "page.html", "--baseline", "uniform") if word != "--json"]
    assert app.run(arguments) == 0
    out = " ".join(capfd.readouterr().out.split())
    assert out.index("offer_id=c 400") < out.index("uniform 400") < out.index("offer_id=a 400")
    assert "“offer_id=c” would have earned more than “uniform”:" in out
    assert "It is the best of 2, and the best of many always looks better than it is." in out
    assert "would have earned more than “uniform”" in (logged / "page.html").read_text()
