"""A bound process ends with its parent, whatever ends the parent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from attune.process import bound, ending, python
from service import is_alive, wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
# Starts a bound process, says which one it is, and waits.
PARENT = f"""
import subprocess, sys, time
from attune.process import bound
print(subprocess.Popen(bound({SLEEP!r})).pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_bound_process_ends_with_its_parent(number: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    assert parent.stdout
    with parent.stdout as said:
        child = int(said.readline())
    assert is_alive(child)
    parent.send_signal(number)
    parent.wait()
    wait_until(lambda: not is_alive(child), "the child to end", timeout_s=5)


def test_a_process_whose_parent_has_ended_before_it_could_be_bound_does_not_run() -> None:
    command = bound([sys.executable, "-c", "print('running')"])
    command[command.index(str(os.getpid()))] = "1"  # as if this process, its parent, had been another one
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (69, b"")


def test_a_bound_process_is_the_program_itself_with_its_arguments_and_exit_code() -> None:
    code = "import os, sys; print(os.getpid(), sys.argv[1:]); sys.exit(7)"
    with subprocess.Popen(bound([sys.executable, "-c", code, "a b", "--", ""]), stdout=subprocess.PIPE) as process:
        assert process.communicate()[0].decode() == f"{process.pid} ['a b', '--', '']\n"
    assert process.returncode == 7


def test_a_program_that_is_not_there_is_named() -> None:
    done = subprocess.run(bound(["/no/such/program"]), capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (1, "cannot run /no/such/program: No such file or directory\n")


def test_modules_in_the_current_directory_are_not_imported(tmp_path: Path) -> None:
    (tmp_path / "signal.py").write_text("raise SystemExit('imported the wrong signal')")
    (tmp_path / "ctypes.py").write_text("raise SystemExit('imported the wrong ctypes')")
    subprocess.run(bound(python("json.tool", "--help")), cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("code", "description"),
    [(0, "ended with exit code 0"), (69, "ended with exit code 69"), (-9, "was killed by SIGKILL")],
)
def test_endings_are_described(code: int, description: str) -> None:
    assert ending(code) == description
