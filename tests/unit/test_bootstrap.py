"""Resamples are rounds drawn with replacement, the same for everything that is compared."""

from math import factorial
from typing import Any

import numpy as np
import pytest

from attune_models.bootstrap import bootstrap, percentile_bootstrap, percentiles, resampled_sums
from attune_models.estimators import DoublyRobust, Ips, Replay, Snips, default_estimators
from attune_models.rounds import FloatArray, Rounds
from attune_models.tally import Tally
from rounds import part, some_rounds

BLOCK = 1 << 14


def tallies_of(rounds: Rounds, most_cells: int = 65_536) -> list[Tally[Any]]:
    tallies: list[Tally[Any]] = [Tally(estimator, most_cells) for estimator in default_estimators()]
    for tally in tallies:
        tally.add(rounds)
    return tallies


def test_how_often_each_row_comes_is_multinomial() -> None:
    """Three rows have ten outcomes: each within 4 standard errors of its probability, 10,000 times."""
    counts = resampled_sums(np.eye(3), 10_000, seed=5)
    outcomes, times = np.unique(counts.astype(int), axis=0, return_counts=True)
    assert len(outcomes) == 10
    for outcome, n_times in zip(outcomes, times, strict=True):
        probability = 6 / np.prod([factorial(each) for each in outcome]) / 27
        assert abs(n_times / 10_000 - probability) < 4 * (probability * (1 - probability) / 10_000) ** 0.5


def test_rows_of_all_blocks_are_drawn_alike() -> None:
    """Two full blocks and a part of one: sums have the mean and the variance of n draws, within 4 standard errors."""
    n, resamples = 2 * BLOCK + 1000, 600
    values = np.random.default_rng(3).exponential(size=n)
    where = np.arange(n)
    columns = np.stack([np.ones(n), values, where == 0, where == BLOCK, where == n - 1, where >= 2 * BLOCK])
    sums = resampled_sums(columns.astype(np.float64), resamples, seed=7)
    assert set(sums[:, 0]) == {float(n)}
    for column, drawn in zip(columns[1:], sums[:, 1:].T, strict=True):
        mean, variance = column.sum(), n * column.var()
        assert abs(drawn.mean() - mean) < 4 * (variance / resamples) ** 0.5
        # Var(s^2) = (mu_4 - sigma^4) / n: sums are nearly normal or Poisson, with a fourth moment of at most 4 sigma^4.
        assert abs(drawn.var() / variance - 1) < 4 * (3 / resamples) ** 0.5


def test_rows_of_a_block_come_independently_of_those_of_another() -> None:
    """As multinomial counts do: their correlation is -1 / (n - 1), next to nothing."""
    n = 2 * BLOCK
    halves = np.stack([np.arange(n) < BLOCK, np.arange(n) >= BLOCK]).astype(np.float64)
    values = np.random.default_rng(4).normal(size=n)
    sums = resampled_sums(np.concatenate([halves, halves * values]), 1000, seed=8)
    assert (sums[:, 0] + sums[:, 1] == n).all()
    assert abs(np.corrcoef(sums[:, 2], sums[:, 3])[0, 1]) < 4 / 1000**0.5


def test_the_seed_decides_and_the_number_of_threads_does_not() -> None:
    columns = np.random.default_rng(1).random((3, 20_000))
    one = resampled_sums(columns, 130, seed=1, threads=1)
    assert one.shape == (130, 3)
    assert resampled_sums(columns, 130, seed=1, threads=3).tolist() == one.tolist()
    assert len(np.unique(np.concatenate([one, resampled_sums(columns, 130, seed=2)])[:, 0])) == 260
    # More resamples begin with the same ones.
    assert resampled_sums(columns, 64, seed=1).tolist() == one[:64].tolist()


def test_all_tallies_are_resampled_by_the_same_draws() -> None:
    """A tally's resamples do not depend on what is beside it, and the same tally twice differs by nothing."""
    tallies = tallies_of(some_rounds(500))
    together = bootstrap(tallies, 100, seed=3)
    assert together.shape == (100, len(tallies))
    for i, tally in enumerate(tallies):
        alone = bootstrap([tally, tally], 100, seed=3)
        assert alone[:, 0] == pytest.approx(together[:, i], abs=1e-13)
        assert alone[:, 0].tolist() == alone[:, 1].tolist()


def test_resamples_of_single_rounds_are_estimates_on_drawn_rounds() -> None:
    """Each resample, made again from how often each round came."""
    rounds = some_rounds(60)
    tallies = tallies_of(rounds)
    counts = resampled_sums(np.eye(60), 20, seed=9)
    resampled = bootstrap(tallies, 20, seed=9)
    for times, estimates in zip(counts.astype(int), resampled, strict=True):
        rows = np.repeat(np.arange(60), times)
        arrays = (rounds.reward, rounds.weight, rounds.matched, rounds.q_logged, rounds.q_target)
        drawn = Rounds(*(each[rows] for each in arrays))
        expected = [tally.estimator.per_round(drawn).mean() for tally in tallies]
        assert estimates == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("most_cells", [4096, 300])
def test_the_spread_is_the_standard_error(most_cells: int) -> None:
    """By single rounds and by cells of 16: the delta method's standard error, within 4 of its own.

    The spread of 1,000 resamples has a relative standard error of 1 / sqrt(2000). Of 250 cells it has another of
    1 / sqrt(500), for a cell's variance is estimated from as many.
    """
    tallies = tallies_of(some_rounds(4000, seed=2), most_cells)
    assert tallies[0].rows_per_cell == (1 if most_cells == 4096 else 16)
    spread = bootstrap(tallies, 1000, seed=4).std(axis=0)
    error = 1 / 2000 if most_cells == 4096 else 1 / 2000 + 1 / 500
    expected = [tally.variance**0.5 for tally in tallies]
    assert spread == pytest.approx(expected, rel=4 * error**0.5)


def test_a_last_cell_of_fewer_rounds_counts_for_fewer() -> None:
    """Constant rewards of matched rounds: every resample has a mean weight of 1, whatever cells it drew."""
    tally: Tally[Rounds] = Tally(Ips(), 8)
    tally.add(Rounds(np.full(13, 0.25), np.ones(13), np.ones(13, bool), np.zeros(13), np.zeros(13)))
    assert (tally.rows_per_cell, len(tally.cells)) == (2, 7)
    assert bootstrap([tally], 50, seed=1).tolist() == [[0.25]] * 50


def test_a_ratio_is_resampled_as_a_ratio() -> None:
    """Constant rewards: SNIPS is certain, IPS is not."""
    rounds = some_rounds(200)
    constant = Rounds(np.full(200, 0.5), rounds.weight, rounds.matched, rounds.q_logged, rounds.q_target)
    tallies: list[Tally[Any]] = [Tally(Snips()), Tally(Ips())]
    for tally in tallies:
        tally.add(constant)
    spread = bootstrap(tallies, 100, seed=1).std(axis=0)
    assert spread[0] < 1e-15
    assert spread[1] > 1e-3


def test_a_resample_without_a_match_has_no_estimate() -> None:
    rounds = some_rounds(20)
    one = Rounds(rounds.reward, rounds.weight, np.arange(20) == 0, rounds.q_logged, rounds.q_target)
    tally: Tally[Rounds] = Tally(Replay())
    tally.add(one)
    undefined = np.isnan(bootstrap([tally], 400, seed=1)).mean()
    probability = (1 - 1 / 20) ** 20
    assert abs(undefined - probability) < 4 * (probability * (1 - probability) / 400) ** 0.5


def test_no_rounds_and_one_are_resampled_too() -> None:
    empty, single = tallies_of(some_rounds(0)), tallies_of(part(some_rounds(3), 2, 3))
    assert np.isnan(bootstrap(empty, 5, seed=1)).all()
    assert bootstrap(empty, 5, seed=1).shape == (5, len(empty))
    expected = [[tally.estimate for tally in single]] * 5
    assert bootstrap(single, 5, seed=1) == pytest.approx(np.array(expected), nan_ok=True)


def test_tallies_of_other_rounds_are_refused() -> None:
    tallies: list[Tally[Any]] = [Tally(Ips()), Tally(Snips())]
    tallies[0].add(some_rounds(5))
    with pytest.raises(
        ValueError, match=r"expected one number of rounds and rounds per cell, got \[\(0, 1\), \(5, 1\)\]"
    ):
        bootstrap(tallies, 5, seed=1)


def _as_open_bandit_pipeline(kernel: FloatArray, resamples: int, seed: int) -> list[float]:
    random = np.random.RandomState(seed)
    return [float(np.mean(random.choice(kernel, size=len(kernel)))) for _ in range(resamples)]


def test_percentile_bootstrap_draws_as_open_bandit_pipeline_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where not all draws are in memory at once: here 7 resamples of 300."""
    rounds = some_rounds(300)
    kernels = [estimator.per_round(rounds) for estimator in (Ips(), Snips(), DoublyRobust())]
    expected = np.array([_as_open_bandit_pipeline(kernel, 25, 12) for kernel in kernels]).T
    assert percentile_bootstrap(np.stack(kernels, axis=1), 25, 12) == pytest.approx(expected, abs=1e-15)
    monkeypatch.setattr("attune_models.bootstrap._MOST_DRAWS", 2100)
    assert percentile_bootstrap(kernels[0], 25, 12) == pytest.approx(expected[:, 0], abs=1e-15)


def test_percentiles_are_the_ends_of_the_middle() -> None:
    resampled = np.stack([np.arange(101.0), -np.arange(101.0)], axis=1)
    assert percentiles(resampled, 0.9) == pytest.approx(np.array([[5.0, -95.0], [95.0, -5.0]]), abs=1e-12)
    assert percentiles(resampled[:, 0], 0.5).tolist() == [25.0, 75.0]
    assert np.isnan(percentiles(np.array([1.0, np.nan]))).all()
