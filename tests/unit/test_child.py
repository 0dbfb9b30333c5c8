"""Children are heard, stopped and started again; tiny real processes stand in for the server and the learner."""

import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attune.child import FIRST_DELAY_S, HEALTHY_S, LONGEST_DELAY_S, Child, Keeper, stop
from attune.errors import StoreUnavailableError
from attune.settings import LogSettings, Settings
from blas import MANY, SAY_THREADS
from service import wait_until

START = "import os, signal, sys, time\nready = int(os.environ['ATTUNE_READY_FD'])\n"
SAY_READY = "os.write(ready, b'x\\n')\ntime.sleep(60)"


def never() -> bool:
    return False


@pytest.fixture
def child() -> Iterator[Callable[[str], Child]]:
    """Makes children that run a piece of Python; what is left of them is killed at the end."""
    made: list[Child] = []

    def make(code: str) -> Child:
        made.append(Child("child", [sys.executable, "-c", START + code]))
        return made[-1]

    yield make
    for one in made:
        stop([one], 0, hurry=lambda: True)


def test_a_child_says_when_it_is_ready(child: Callable[[str], Child]) -> None:
    one = child("time.sleep(.1); os.write(ready, b'127.0.0.1:'); os.write(ready, b'5\\n'); time.sleep(60)")
    one.start(Settings())
    assert one.ready() is None
    assert wait_until(one.ready, "the child to be ready") == "127.0.0.1:5"
    assert one.ready() == "127.0.0.1:5"
    assert one.alive()


def test_a_child_that_ends_without_a_word_was_never_ready(child: Callable[[str], Child]) -> None:
    one = child("sys.exit(69)")
    one.start(Settings())
    wait_until(lambda: not one.alive(), "the child to end")
    assert one.ready() is None
    assert (one.exit_code, one.last_ending()) == (69, "ended with exit code 69")


def test_a_child_is_handed_exactly_the_settings(child: Callable[[str], Child]) -> None:
    one = child("os.write(ready, (os.environ['ATTUNE_SETTINGS_JSON'] + '\\n').encode()); time.sleep(60)")
    one.start(Settings(log=LogSettings(level="debug")))
    assert json.loads(str(wait_until(one.ready, "the settings")))["log"] == {"level": "debug", "format": "text"}


@pytest.mark.parametrize(("environment", "arenas"), [({}, "2"), ({"MALLOC_ARENA_MAX": "8"}, "8")])
def test_a_child_keeps_its_memory_in_few_arenas_unless_told_otherwise(
    child: Callable[[str], Child], monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], arenas: str
) -> None:
    """Each thread would have some of its own, and the holes of former versions of a policy would add up in them."""
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    one = child("os.write(ready, (os.environ['MALLOC_ARENA_MAX'] + '\\n').encode()); time.sleep(60)")
    one.start(Settings())
    assert wait_until(one.ready, "the number of arenas") == arenas


def test_a_child_computes_in_one_thread_whatever_the_environment_says(
    child: Callable[[str], Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads share sums, and so change last bits: two learners would not get the same model."""
    for variable, number in MANY.items():
        monkeypatch.setenv(variable, number)
    one = child(SAY_THREADS + "os.write(ready, said.encode()); time.sleep(60)")
    one.start(Settings())
    assert wait_until(one.ready, "the number of threads") == "1"


def test_a_child_may_take_its_time_to_end(child: Callable[[str], Child]) -> None:
    one = child("signal.signal(signal.SIGTERM, lambda *_: (time.sleep(.2), sys.exit(3)))\n" + SAY_READY)
    one.start(Settings())
    wait_until(one.ready, "the child to be ready")
    stop([one], 10, hurry=never)
    assert one.exit_code == 3


@pytest.mark.parametrize(("timeout_s", "hurry"), [(0.1, never), (60.0, lambda: True)])
def test_a_child_that_does_not_end_is_killed(
    child: Callable[[str], Child], timeout_s: float, hurry: Callable[[], bool]
) -> None:
    one = child("signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SAY_READY)
    one.start(Settings())
    wait_until(one.ready, "the child to be ready")
    stop([one], timeout_s, hurry=hurry)
    assert one.exit_code == -signal.SIGKILL


def test_no_file_is_left_open_by_many_starts(child: Callable[[str], Child]) -> None:
    one = child("sys.exit()")
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(5):
        one.start(Settings())
        wait_until(lambda: not one.alive(), "the child to end")
    stop([one], 0, hurry=never)
    assert len(list(Path("/dev/fd").iterdir())) == before


class Mortal:
    """Something to keep running that dies on command."""

    pid = 7

    def __init__(self) -> None:
        """Come to life."""
        self.running = True
        self.starts: list[float] = []

    def start(self) -> None:
        """Come to life again."""
        self.starts.append(time.monotonic())
        self.running = True

    def alive(self) -> bool:
        """Say whether it lives."""
        return self.running

    def last_ending(self) -> str:
        """Say how it died."""
        return "was killed by SIGKILL"


def test_what_dies_is_started_again_with_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    mortal = Mortal()
    keeper = Keeper("learner", mortal.start, mortal)
    keeper.tend()
    assert caplog.records == []
    mortal.running = False
    died = time.monotonic()
    while not mortal.starts:
        keeper.tend()
    assert mortal.starts[0] - died >= FIRST_DELAY_S
    assert caplog.messages == ["learner (pid 7) was killed by SIGKILL; starting it again in 0.1 s"]


def delays(monkeypatch: pytest.MonkeyPatch, lives_s: list[float]) -> list[float]:
    """Return how long a keeper waits after each of these lives, on a clock that jumps."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    mortal = Mortal()
    keeper = Keeper("x", mortal.start, mortal)
    waited = []
    for life_s in lives_s:
        now += life_s
        mortal.running = False
        keeper.tend()
        died = now
        while not mortal.running:
            now += 0.05
            keeper.tend()
        waited.append(now - died)
    return waited


def test_the_delay_doubles_with_each_early_death_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_DELAY_S, LONGEST_DELAY_S]
    assert delays(monkeypatch, [0.0] * 8) == pytest.approx(expected, abs=0.06)


def test_after_a_healthy_life_the_delay_starts_again_from_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert delays(monkeypatch, [0.0, 0.0, HEALTHY_S]) == pytest.approx([0.1, 0.2, 0.1], abs=0.06)


def test_a_store_that_cannot_be_started_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    mortal = Mortal()

    def fail() -> None:
        mortal.starts.append(0)
        raise StoreUnavailableError("no space left")

    keeper = Keeper("store", fail, mortal)
    mortal.running = False
    while len(mortal.starts) < 2:
        keeper.tend()
    assert keeper.restarts == 2
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == ["no space left"] * 2
