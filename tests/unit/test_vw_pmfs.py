"""Probabilities of predictions: the formulas, ties, and what is no number. The library is the reference elsewhere."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune_models.types import PolicyError
from attune_models.vw_explorations import Bag, Epsilon, Exploration, First, Softmax, SquareCb
from attune_models.vw_pmfs import greedy, inverse_gap_weighted, needs_predictions_only, pmf_of, softmax_rows

COMPUTED: list[Exploration] = [SquareCb(), SquareCb(1000.0, 1.0), Epsilon(), Softmax(), First(5)]
# Ties and near ties are what differs between ways to compute.
SCORES = st.one_of(st.floats(-1e50, 1e50), st.floats(-1, 1), st.sampled_from([0.0, -0.0, 1.0, 1.0 + 2**-52]))


def test_inverse_gap_weighting_gives_the_first_best_what_is_left() -> None:
    expected = [1 / (3 + 2 * 0.5), 0.0, 1 / (3 + 2 * 0.0)]
    expected[1] = 1 - sum(expected)
    assert inverse_gap_weighted([0.0, 0.5, 0.5], 2.0) == pytest.approx(expected, rel=1e-12)


def test_the_best_share_or_the_first_of_them_takes_all() -> None:
    scores = [1.0, 2.0, 2.0, 0.0]
    assert greedy(scores, 0.2, shared=True) == pytest.approx([0.05, 0.45, 0.45, 0.05])
    assert greedy(scores, 0.2, shared=False) == pytest.approx([0.05, 0.85, 0.05, 0.05])


def test_softmax_is_the_same_wherever_scores_are_centred() -> None:
    odds = [1.0, math.exp(2.0 * 0.5)]
    expected = [each / sum(odds) for each in odds]
    for centre in (0.0, 1e3, -1e3):
        assert softmax_rows(np.array([[0.0, 0.5]]) + centre, 2.0)[0] == pytest.approx(expected, rel=1e-9)


def test_first_is_uniform_as_long_as_something_is_left() -> None:
    scores = [0.0, 1.0]
    assert pmf_of(First(10, 0.1), 1).one(scores) == [0.5, 0.5]
    assert pmf_of(First(10, 0.1), 0).one(scores) == pytest.approx([0.05, 0.95])


@given(st.lists(st.floats(-1e50, 1e50), min_size=1, max_size=70), st.sampled_from(COMPUTED), st.integers(0, 10**9))
def test_it_is_a_distribution_whatever_is_predicted(scores: list[float], exploration: Exploration, count: int) -> None:
    pmf = pmf_of(exploration, count).one(scores)
    assert min(pmf) >= 0.0
    assert math.fsum(pmf) == pytest.approx(1.0, abs=1e-9)


@given(
    st.integers(1, 40).flatmap(lambda n: st.lists(st.lists(SCORES, min_size=n, max_size=n), min_size=1, max_size=5)),
    st.sampled_from(COMPUTED),
    st.integers(0, 10**9),
)
def test_a_list_and_rows_of_an_array_give_the_same_bits(
    scores: list[list[float]], exploration: Exploration, count: int
) -> None:
    pmf = pmf_of(exploration, count)
    expected = [pmf.one(each) for each in scores]
    assert pmf.many(np.array(scores)).tolist() == expected
    assert [pmf.of(np.array(each)) for each in scores] == expected


def test_long_rows_have_the_bits_of_a_list() -> None:
    scores = np.random.default_rng(1).normal(size=(7, 1000))
    for exploration in COMPUTED:
        pmf = pmf_of(exploration, 1000)
        expected = [pmf.one(each) for each in scores.tolist()]
        assert pmf.many(scores).tolist() == expected
        assert [pmf.of(each) for each in scores] == expected


@pytest.mark.parametrize("n_actions", [3, 100])
@pytest.mark.parametrize("exploration", COMPUTED[:-1])
def test_what_is_no_number_is_refused(exploration: Exploration, n_actions: int) -> None:
    scores = np.zeros((3, n_actions))
    scores[1, 1] = math.nan
    pmf = pmf_of(exploration, 0)
    with pytest.raises(PolicyError, match="expected finite scores"):
        pmf.many(scores)
    with pytest.raises(PolicyError, match="expected finite scores"):
        pmf.of(scores[1])
    with pytest.raises(PolicyError, match="expected finite scores"):
        pmf.one(scores[1].tolist())


def test_votes_are_not_made_of_one_prediction() -> None:
    assert not needs_predictions_only(Bag())
    with pytest.raises(PolicyError, match="expected an exploration that needs predictions only"):
        pmf_of(Bag(), 0).of(np.zeros(3))
