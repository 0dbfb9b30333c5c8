"""The probability of being the largest Gaussian is what simulation, closed forms and finer integration say it is."""

from math import erfc, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import special

from attune_models import normal
from attune_models.gaussian_argmax import probabilities

DRAWS = 10_000_000


def phi(x: float) -> float:
    return 0.5 * erfc(-x / sqrt(2.0))


def argmax(means: list[float], deviations: list[float]) -> list[float]:
    result: list[float] = probabilities(np.array(means, float), np.array(deviations, float)).tolist()
    return result


def simulated(means: NDArray[np.float64], deviations: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return how often each of the Gaussians is the largest of 10^7 draws."""
    rng, wins, at_once = np.random.default_rng(seed), np.zeros(len(means)), 100_000
    for _ in range(DRAWS // at_once):
        draws = rng.standard_normal((at_once, len(means)))
        draws *= deviations
        draws += means
        wins += np.bincount(draws.argmax(axis=1), minlength=len(means))
    return wins / DRAWS


# --- the normal distribution function


def test_the_distribution_function_is_that_of_the_standard_library() -> None:
    x = np.concatenate([np.linspace(-40.0, 40.0, 100_001), np.linspace(-9.0, 9.0, 100_003), [-np.inf, np.inf, 0.0]])
    expected = np.array([phi(each) for each in x])
    assert np.abs(normal.cdf(x) - expected).max() < 1e-12


def test_the_distribution_function_keeps_shapes_and_arguments() -> None:
    x = np.array([[0.0, 1.0], [-1.0, 20.0]])
    before = x.copy()
    assert normal.cdf(x).shape == normal.density(x).shape == (2, 2)
    assert np.array_equal(x, before)


def test_the_density_is_the_formula() -> None:
    expected = [1 / sqrt(2 * np.pi), np.exp(-0.5) / sqrt(2 * np.pi), np.exp(-50.0) / sqrt(2 * np.pi), 0.0]
    assert normal.density(np.array([0.0, -1.0, 10.0, 1e100])).tolist() == pytest.approx(expected, rel=1e-14)


# --- closed forms


@pytest.mark.parametrize(
    ("means", "deviations"),
    [
        ((0.0, 0.0), (1.0, 1.0)),  # alike
        ((0.3, 0.0), (1.0, 2.0)),  # overlapping
        ((1.0, 0.0), (1e-6, 1.0)),  # six orders of magnitude apart
        ((1e-9, 0.0), (1e-9, 3e-9)),  # tiny
        ((1e9, 1e9 - 1), (1.0, 1e-3)),  # far from 0
        ((0.0, 2.0), (0.0, 1.0)),  # one of them certain
        ((2.0, 0.0), (1e-12, 1.0)),  # one of them nearly so
        ((5.0, 0.0), (1.0, 0.1)),  # clear
        ((0.0, 1e9), (1e9, 1.0)),  # huge
    ],
)
def test_of_two_it_is_a_normal_probability(means: tuple[float, float], deviations: tuple[float, float]) -> None:
    """`P(X_1 > X_2) = Phi((m_1 - m_2) / sqrt(s_1^2 + s_2^2))`."""
    expected = phi((means[0] - means[1]) / np.hypot(*deviations))
    assert argmax(list(means), list(deviations)) == pytest.approx([expected, 1 - expected], abs=1e-8)


@pytest.mark.parametrize("n_actions", [1, 2, 3, 10, 100, 1000])
@pytest.mark.parametrize("deviation", [1e-12, 1.0, 1e9])
def test_alike_means_equally_probable(n_actions: int, deviation: float) -> None:
    assert argmax([0.7] * n_actions, [deviation] * n_actions) == pytest.approx([1 / n_actions] * n_actions, rel=1e-9)


def test_a_clear_winner_is_certain() -> None:
    assert argmax([0.0, 100.0, 0.0], [1.0, 1.0, 2.0]) == [0.0, 1.0, 0.0]


# --- certain values


@pytest.mark.parametrize(
    ("means", "deviations", "expected"),
    [
        ([3.0], [0.0], [1.0]),  # alone
        ([1.0, 2.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]),  # the largest
        ([2.0, 2.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.0]),  # a tie is shared
        ([0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.25, 0.25, 0.5]),  # a tie against one that is above half of the time
        ([0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.0, 0.5]),  # the lower certain value never wins
        ([0.0, 0.0], [1e-300, 1e-310], [0.5, 0.5]),  # too narrow to compute with counts as certain
    ],
)
def test_ties_between_certain_values_are_shared(
    means: list[float], deviations: list[float], expected: list[float]
) -> None:
    assert argmax(means, deviations) == pytest.approx(expected, abs=1e-9)


# --- simulation


@pytest.mark.parametrize(
    ("n_actions", "orders"),
    [
        (3, 0.0),  # equal deviations
        (10, 1.0),  # deviations within an order of magnitude
        (10, 4.0),  # over four orders
    ],
)
@pytest.mark.long
def test_it_is_the_share_of_wins_in_ten_million_draws(n_actions: int, orders: float) -> None:
    """Bound: 4.5 standard errors of a share, `sqrt(p (1 - p) / n)`, and 5e-7 where p is near 0 and that is no bound."""
    rng = np.random.default_rng(n_actions)
    means, deviations = rng.normal(size=n_actions), 10.0 ** -rng.uniform(0.0, orders, n_actions)
    expected = probabilities(means, deviations)
    bound = 4.5 * np.sqrt(expected * (1.0 - expected) / DRAWS) + 5e-7
    assert (np.abs(simulated(means, deviations, seed=1) - expected) <= bound).all()


# --- finer integration


def by_panels(means: NDArray[np.float64], deviations: NDArray[np.float64], n_panels: int) -> NDArray[np.float64]:
    """Integrate by another rule, with another distribution function: each integral on its own points."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    result = np.empty(len(means))
    for action, (mean, deviation) in enumerate(zip(means, deviations, strict=True)):
        edges = np.linspace(-8.0, 8.0, n_panels + 1)
        x = (0.5 * (edges[1:] + edges[:-1])[:, np.newaxis] + 8.0 / n_panels * nodes).ravel()
        z = (mean + deviation * x - means[:, np.newaxis]) / deviations[:, np.newaxis]
        below = special.ndtr(z)
        below[action] = 1.0
        result[action] = (normal.density(x) * below.prod(axis=0)).reshape(-1, 20).sum(axis=0) @ weights * 8.0 / n_panels
    return result


@pytest.mark.parametrize("seed", range(4))
def test_another_rule_gives_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    means, deviations = rng.normal(size=6), 10.0 ** -rng.uniform(0.0, 1.5, 6)
    assert probabilities(means, deviations) == pytest.approx(by_panels(means, deviations, 100), abs=1e-8)


# --- whatever comes


@settings(deadline=None, max_examples=200)
@given(
    gaussians=st.lists(
        st.tuples(st.floats(-1e9, 1e9), st.one_of(st.just(0.0), st.floats(0.0, 1e9))), min_size=1, max_size=30
    )
)
def test_it_is_a_distribution_whatever_comes(gaussians: list[tuple[float, float]]) -> None:
    means, deviations = (np.array(column) for column in zip(*gaussians, strict=True))
    result = probabilities(means, deviations)
    assert (result >= 0.0).all()
    assert result.sum() == pytest.approx(1.0, abs=1e-12)


@settings(deadline=None, max_examples=100)
@given(
    one=st.tuples(st.floats(-10, 10), st.floats(1e-9, 10)),
    other=st.tuples(st.floats(-10, 10), st.floats(1e-9, 10)),
)
def test_any_two_agree_with_the_closed_form(one: tuple[float, float], other: tuple[float, float]) -> None:
    expected = phi((one[0] - other[0]) / np.hypot(one[1], other[1]))
    assert argmax([one[0], other[0]], [one[1], other[1]])[0] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("n_actions", [2, 30, 1000])
def test_order_does_not_matter(n_actions: int) -> None:
    rng = np.random.default_rng(0)
    means, deviations = rng.normal(size=n_actions), 10.0 ** -rng.uniform(0.0, 6.0, n_actions)
    backwards = probabilities(means[::-1].copy(), deviations[::-1].copy())[::-1]
    assert backwards == pytest.approx(probabilities(means, deviations), abs=1e-12)
