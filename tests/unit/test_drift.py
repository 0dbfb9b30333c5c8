"""Halves of a log are compared, as it was logged and as chance would have earned."""

import numpy as np
import pytest

from attune_models.drift import N_WINDOWS, Drift
from attune_models.rounds import FloatArray


def counted(reward: FloatArray, weight: FloatArray | None = None) -> Drift:
    """Return what is known after these rewards."""
    drift = Drift()
    drift.add(reward, np.ones(len(reward)) if weight is None else weight)
    return drift


def test_halves_have_their_means_and_the_error_of_their_difference() -> None:
    reward = np.random.default_rng(1).random(128)
    change = counted(reward).logged()
    first, second = reward[:64], reward[64:]
    assert change.first == pytest.approx(first.mean())
    assert change.second == pytest.approx(second.mean())
    assert change.error == pytest.approx(np.sqrt(first.var() / 64 + second.var() / 64))
    assert change.z == pytest.approx((second.mean() - first.mean()) / change.error)


@pytest.mark.parametrize("n_rows", [1, 2, 63, 64, 65, 128, 129, 1000, 10_007])
def test_no_row_is_lost_and_halves_are_halves(n_rows: int) -> None:
    drift = counted(np.ones(n_rows))
    assert drift.windows[:, 0].sum() == n_rows
    halves = drift._halves()  # noqa: SLF001 - how many rows each has does not show otherwise
    assert sum(rows for rows, _ in halves) == n_rows
    # The middle is at the border of a window: of 32 to 64 windows, so at most a 32nd off.
    assert abs(halves[0][0] - n_rows / 2) <= max(1.0, n_rows / 32)
    assert [totals[0] for _, totals in halves] == [rows for rows, _ in halves]


def test_an_empty_log_and_one_of_a_single_row_have_not_drifted() -> None:
    assert counted(np.zeros(0)).logged().z == 0.0
    assert counted(np.ones(1)).uniform().z == 0.0
    assert counted(np.zeros(4)).uniform().share == 0.0


def test_the_windows_have_the_same_bits_however_the_log_is_cut() -> None:
    rng = np.random.default_rng(2)
    reward, weight = rng.random(1000), rng.random(1000)
    whole, cut = counted(reward, weight), Drift()
    for start in range(0, 1000, 13):
        cut = Drift(cut.rows, cut.windows)
        cut.add(reward[start : start + 13], weight[start : start + 13])
    assert whole.rows == cut.rows
    assert whole.windows.tobytes() == cut.windows.tobytes()


def test_memory_does_not_grow() -> None:
    assert counted(np.ones(5000)).windows.shape[0] == N_WINDOWS


def test_a_policy_that_learns_is_no_drift_of_the_world() -> None:
    """It draws the better of two actions more and more: what is earned grows, what chance would have earned does not.

    The mean grows from about .57 to .70, with a standard error of .015; the second z is standard normal, and beyond 4
    once in 16,000 times.
    """
    rng = np.random.default_rng(3)
    best = np.linspace(0.5, 0.95, 4000)
    is_best = rng.random(4000) < best
    reward = (rng.random(4000) < np.where(is_best, 0.8, 0.2)).astype(float)
    drift = counted(reward, 0.5 / np.where(is_best, best, 1.0 - best))
    assert drift.logged().z > 4.0
    assert abs(drift.uniform().z) < 4.0
    assert drift.uniform().first == pytest.approx(0.5, abs=4.0 * drift.uniform().error)


def test_a_world_that_changes_is() -> None:
    rng = np.random.default_rng(4)
    reward = (rng.random(4000) < np.where(np.arange(4000) < 2000, 0.5, 0.3)).astype(float)
    change = counted(reward, rng.choice([0.6, 1.0, 3.0], 4000)).uniform()
    assert change.z < -6.0
    assert change.share == pytest.approx(0.4, abs=0.1)
