"""A tally of any chunks is the estimate on all rounds, and takes no more memory for more of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune_models.estimator import Estimator
from attune_models.estimators import DoublyRobust, Ips, SelfNormalisedDr, Snips, default_estimators
from attune_models.rounds import Rounds
from attune_models.slot_estimators import CascadeDr
from attune_models.tally import Tally
from rounds import chunks, part, some_rounds, some_slot_rounds

EVERY = [pytest.param(each, id=each.name) for each in default_estimators()]


def tallied(estimator: Estimator[Rounds], rounds: Rounds, sizes: list[int], most_cells: int = 64) -> Tally[Rounds]:
    tally = Tally(estimator, most_cells)
    for chunk in chunks(rounds, sizes):
        tally.add(chunk)
    return tally


@pytest.mark.parametrize("estimator", EVERY)
def test_a_tally_is_the_estimate_on_all_rounds(estimator: Estimator[Rounds]) -> None:
    rounds = some_rounds(1000)
    tally = tallied(estimator, rounds, [1, 0, 300, 7, 450])
    columns = estimator.columns(rounds)
    assert tally.n_rounds == 1000
    assert tally.estimate == pytest.approx(estimator.per_round(rounds).mean(), abs=1e-14)
    assert tally.means == pytest.approx(columns.mean(axis=0), abs=1e-13)
    assert tally.covariance == pytest.approx(np.atleast_2d(np.cov(columns.T)), abs=1e-12)
    assert tally.cells.sum(axis=0) == pytest.approx(columns.sum(axis=0), abs=1e-9)


@given(sizes=st.lists(st.integers(0, 60), max_size=6), most_cells=st.sampled_from([2, 4, 6, 50, 400]))
def test_no_chunking_changes_anything(sizes: list[int], most_cells: int) -> None:
    """Nor where cells are merged within a chunk, or several times in one."""
    rounds = some_rounds(400)
    once = tallied(SelfNormalisedDr(), rounds, [], most_cells)
    chunked = tallied(SelfNormalisedDr(), rounds, sizes, most_cells)
    assert (chunked.n_rounds, chunked.rows_per_cell) == (once.n_rounds, once.rows_per_cell)
    assert chunked.cells == pytest.approx(once.cells, abs=1e-12)
    assert chunked.estimate == pytest.approx(once.estimate, abs=1e-14)
    assert chunked.variance == pytest.approx(once.variance, rel=1e-11)


@pytest.mark.parametrize(
    ("n_rounds", "most_cells", "n_cells", "rows_per_cell"),
    [
        (63, 64, 63, 1),
        (64, 64, 64, 1),
        # The first round that has no room makes one cell of two neighbours.
        (65, 64, 33, 2),
        (128, 64, 64, 2),
        (129, 64, 33, 4),
        (1000, 6, 4, 256),
    ],
)
def test_cells_are_sums_over_successive_rounds(
    n_rounds: int, most_cells: int, n_cells: int, rows_per_cell: int
) -> None:
    rounds = some_rounds(n_rounds)
    tally = tallied(Snips(), rounds, [10], most_cells)
    columns = Snips().columns(rounds)
    sums = [columns[start : start + rows_per_cell].sum(axis=0) for start in range(0, n_rounds, rows_per_cell)]
    assert tally.rows_per_cell == rows_per_cell
    assert tally.cells.shape == (n_cells, 2)
    assert tally.cells == pytest.approx(np.array(sums), abs=1e-12)


def test_there_are_never_more_cells_than_allowed() -> None:
    tally: Tally[Rounds] = Tally(Ips(), 32)
    sizes = set()
    for seed in range(200):
        tally.add(some_rounds(17, seed))
        sizes.add(len(tally.cells))
    assert max(sizes) == 32
    assert tally.n_rounds == 3400
    assert len(tally.cells) == -(-3400 // tally.rows_per_cell) >= 16


def test_the_variance_of_a_mean_is_the_sample_variance_by_the_number() -> None:
    rounds = some_rounds(300)
    tally = tallied(DoublyRobust(), rounds, [100])
    assert tally.variance == pytest.approx(DoublyRobust().per_round(rounds).var(ddof=1) / 300, rel=1e-12)


def test_the_variance_of_a_ratio_is_that_of_its_residuals() -> None:
    """SNIPS with estimate v: the variance of `w (r - v) / mean w`; what constant rewards earn is certain."""
    rounds = some_rounds(300)
    tally = tallied(Snips(), rounds, [100])
    residuals = rounds.weight * (rounds.reward - tally.estimate) / rounds.weight.mean()
    assert tally.variance == pytest.approx(residuals.var(ddof=1) / 300, rel=1e-10)
    constant = tallied(Snips(), replace(rounds, reward=np.full(300, 0.4)), [])
    assert constant.estimate == pytest.approx(0.4, rel=1e-12)
    assert 0.0 <= constant.variance < 1e-17


@pytest.mark.parametrize("estimator", EVERY)
def test_no_rounds_have_no_estimate_and_one_has_no_variance(estimator: Estimator[Rounds]) -> None:
    tally: Tally[Rounds] = Tally(estimator)
    tally.add(some_rounds(0))
    assert (tally.n_rounds, len(tally.cells)) == (0, 0)
    assert np.isnan([tally.estimate, tally.variance, *tally.covariance.ravel()]).all()
    tally.add(replace(some_rounds(1), weight=np.ones(1), matched=np.ones(1, bool)))
    assert tally.n_rounds == 1
    assert np.isfinite(tally.estimate)
    assert np.isnan([tally.variance, *tally.covariance.ravel()]).all()


def test_a_ratio_without_weight_is_not_defined_until_there_is_some() -> None:
    rounds = some_rounds(50)
    tally: Tally[Rounds] = Tally(Snips())
    tally.add(replace(rounds, weight=np.zeros(50)))
    assert np.isnan([tally.estimate, tally.variance]).all()
    tally.add(part(rounds, 0, 10))
    expected = (rounds.weight * rounds.reward)[:10].sum() / rounds.weight[:10].sum()
    assert tally.estimate == pytest.approx(expected, rel=1e-12)
    assert np.isfinite(tally.variance)


def test_rounds_of_several_slots_are_tallied_the_same() -> None:
    """Chunks may have different numbers of slots: each has as many as its longest round."""
    tally: Tally[Any] = Tally(CascadeDr(), 16)
    tally.add(some_slot_rounds(30, 2))
    tally.add(some_slot_rounds(20, 3))
    kernels = [CascadeDr().per_round(some_slot_rounds(n, k)) for n, k in [(30, 2), (20, 3)]]
    assert tally.estimate == pytest.approx(np.concatenate(kernels).mean(), abs=1e-14)


@pytest.mark.parametrize("most_cells", [0, 1, 7])
def test_cells_are_merged_in_pairs_so_their_number_is_even(most_cells: int) -> None:
    with pytest.raises(ValueError, match=f"most_cells: expected an even number, at least 2, got {most_cells}"):
        Tally(Ips(), most_cells)
