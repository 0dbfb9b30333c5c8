"""`attune.store.density`: waiting for others pays where they are dense, or the thread is busy."""

import time

import pytest

from attune.store.density import Density


def _asked(density: Density, gap_s: float, calls: int, n_times: int = 200) -> bool:
    """Asks again and again, each time after some calls that came so far apart; returns the last answer."""
    now_s, pays = 0.0, False
    for _ in range(n_times):
        for _ in range(calls):
            density.came()
        now_s += calls * gap_s
        pays = density.pays(now_s)
    return pays


def _work(seconds: float) -> None:
    """Keeps the thread on a core for so long, by its own time."""
    until_s = time.thread_time() + seconds
    while time.thread_time() < until_s:
        pass


@pytest.mark.parametrize(("gap_s", "pays"), [(0.0005, True), (0.0009, True), (0.0011, False), (0.5, False)])
@pytest.mark.parametrize("calls", [1, 20])
def test_it_pays_where_calls_come_less_than_a_millisecond_apart(gap_s: float, calls: int, *, pays: bool) -> None:
    assert _asked(Density(), gap_s, calls) == pays


def test_it_pays_where_the_thread_is_busy_though_calls_are_far_apart() -> None:
    density, now_s = Density(), 0.0
    density.pays(now_s)
    for _ in range(20):
        density.came()
        _work(0.004)
        now_s += 0.005
        pays = density.pays(now_s)
    assert pays


def test_it_stops_to_pay_when_the_thread_is_idle_again() -> None:
    density = Density()
    density.pays(0.0)
    _work(0.05)
    assert density.pays(0.05)
    assert not _asked(density, 0.02, 1, n_times=20)
