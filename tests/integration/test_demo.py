"""`attune demo` runs as a user would run it, and what it promises holds."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from attune.cli.app import run
from service import _descendants, is_alive

COMMAND = [sys.executable, "-m", "attune", "demo"]
SECONDS, RATE = 12, 100


def run_demo(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, **(env or {})},
    )


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory a short run kept its data in."""
    return tmp_path_factory.mktemp("demo") / "kept"


@pytest.fixture(scope="module")
def short_run(kept: Path) -> subprocess.CompletedProcess[str]:
    """A short run with a JSON result."""
    # A user's own settings must not lead the demo to the user's own store.
    unreachable = {"ATTUNE__STORE__URL": "redis://127.0.0.1:1"}
    arguments = ["--seconds", str(SECONDS), "--rate", str(RATE), "--json", "--keep", str(kept)]
    return run_demo(*arguments, env=unreachable)


@pytest.fixture(scope="module")
def result(short_run: subprocess.CompletedProcess[str]) -> Any:
    assert short_run.returncode == 0, short_run.stderr
    return json.loads(short_run.stdout)


def test_every_check_holds_and_every_customer_was_served(result: Any) -> None:
    assert len(result["checks"]) == 7
    assert all(check["holds"] for check in result["checks"])
    assert result["checks"][0]["expected"] == SECONDS * RATE


def test_the_killed_learner_was_replaced_while_customers_came(result: Any) -> None:
    assert result["recovery"]["version"] > 0
    assert 0 < result["recovery"]["took_s"] < SECONDS


def test_the_versions_that_were_learned_decided(result: Any) -> None:
    assert result["versions"]["used"] > 1
    assert result["versions"]["serving"] >= result["recovery"]["version"]


def test_one_in_five_customers_is_in_the_control_group(result: Any) -> None:
    """The share of 1,200 independent customers; the bound is four standard errors."""
    whole = result["stretches"][-1]
    share = whole["control_decisions"] / (SECONDS * RATE)
    assert share == pytest.approx(0.2, abs=4 * (0.2 * 0.8 / (SECONDS * RATE)) ** 0.5)
    assert whole["control_decisions"] + whole["learned_decisions"] + result["fallbacks"] == SECONDS * RATE


def test_the_progress_is_told_in_plain_lines_where_there_is_no_terminal(
    short_run: subprocess.CompletedProcess[str],
) -> None:
    assert "killed with SIGKILL" in short_run.stderr
    assert "the taste of all customers changed" in short_run.stderr
    assert "\x1b[" not in short_run.stderr


@pytest.mark.usefixtures("result")
def test_the_data_is_kept_on_request_and_a_second_run_does_not_touch_it(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert any(kept.iterdir())
    assert run(["demo", "--keep", str(kept)]) == 2
    refusal = capsys.readouterr().err
    assert "--keep" in refusal
    assert "expected a new or empty directory" in refusal


@pytest.mark.parametrize(
    "arguments",
    [
        ("--seconds", "5"),  # too short to kill a learner and see it replaced
        ("--rate", "5000"),  # more than a Python client can send honestly
        ("--seed", "-1"),  # no generator has this seed
    ],
)
def test_settings_out_of_range_are_refused(arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", *arguments]) == 2
    assert arguments[0] in capsys.readouterr().err


# Ctrl-C is what a reader of the demo types.
@pytest.mark.parametrize("ending", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_ending_the_demo_early_ends_its_service_and_removes_its_data(ending: signal.Signals, short_path: Path) -> None:
    demo = subprocess.Popen(
        [*COMMAND, "--seconds", "30", "--rate", "50"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(short_path)},
    )
    directory = wait_for_directory(short_path, demo)
    time.sleep(1.0)  # somewhere in the middle of starting or of serving
    below = _descendants(demo.pid)
    demo.send_signal(ending)
    assert demo.wait(timeout=30) != 0
    assert not directory.exists()
    assert not any(is_alive(pid) for pid, _ in below)


def wait_for_directory(parent: Path, demo: subprocess.Popen[bytes]) -> Path:
    """Return the directory the demo has made for its service, once there is one."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and demo.poll() is None:
        if found := list(parent.glob("attune-demo-*")):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no attune-demo-* in {parent} after 30 s, exit code {demo.poll()}")
