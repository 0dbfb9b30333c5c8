"""Probabilities sum to 1, floors hold, and a draw never gives what has probability 0."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_models import pmf as pmfs
from attune_models.types import Pmf, PolicyError

LAST_BELOW_1 = math.nextafter(1.0, 0.0)
# The second is how the exact sum says that there is none.
REFUSED = r"expected non-negative finite numbers with a positive sum, got \["

distributions = (
    st.lists(st.one_of(st.just(0.0), st.floats(0.0, 1.0), st.floats(0.0, 1e-12)), min_size=1, max_size=50)
    .filter(lambda raw: sum(raw) > 1e-300)
    .map(pmfs.normalised)
)
units = st.one_of(st.floats(0.0, 1.0, exclude_max=True), st.sampled_from([0.0, 5e-324, LAST_BELOW_1]))


def test_uniform_gives_each_action_the_same() -> None:
    assert pmfs.uniform(4) == [0.25, 0.25, 0.25, 0.25]


def test_one_hot_gives_one_action_everything() -> None:
    assert pmfs.one_hot(3, 1) == [0.0, 1.0, 0.0]


def test_normalised_scales_to_1() -> None:
    assert pmfs.normalised([1.0, 3.0]) == [0.25, 0.75]


@pytest.mark.parametrize(
    "raw",
    [
        [0.5, -0.1],  # a negative number
        [0.5, math.nan],  # not a number
        [math.inf, 0.5],  # not finite
        [math.inf, -math.inf],  # sums to NaN
        [0.0, 0.0],  # nothing to scale
        [],  # no action
    ],
)
def test_normalised_refuses_what_is_no_distribution(raw: list[float]) -> None:
    with pytest.raises(ValueError, match=REFUSED):
        pmfs.normalised(raw)


@pytest.mark.parametrize("pmf", [[1.0], [0.0, 1.0], [0.1] * 10, [0.5, 0.5 - 1e-12]])
def test_checked_gives_a_distribution_back(pmf: Pmf) -> None:
    assert pmfs.checked(pmf) is pmf


@pytest.mark.parametrize(
    "pmf",
    [
        [0.0, 0.0],  # everything was hopeless
        [0.5, 0.6],
        [1.5, -0.5],  # sums to 1
        [math.nan, 1.0],
        [1.0, math.nan],
        [math.inf, 0.0],
    ],
)
def test_checked_refuses_what_is_no_distribution(pmf: Pmf) -> None:
    with pytest.raises(PolicyError, match="expected probabilities that sum to 1, got "):
        pmfs.checked(pmf)


@settings(deadline=None)
@given(distributions, st.floats(0.0, 1.0))
def test_a_floored_pmf_sums_to_1_and_keeps_its_floor(pmf: Pmf, floor: float) -> None:
    floored = pmfs.floored(pmf, floor)
    assert math.fsum(floored) == pytest.approx(1.0, abs=1e-12)
    assert min(floored) >= min(floor, 1.0 / len(pmf))


@settings(deadline=None)
@given(distributions, st.floats(1e-6, 1.0))
def test_a_floor_of_m_bounds_importance_weights_by_1_over_m(pmf: Pmf, floor: float) -> None:
    """Where the floor fits, K m <= 1; else the draw is uniform and the weights are at most K."""
    least = min(pmfs.floored(pmf, floor))
    assert 1.0 / least <= max(1.0 / floor, len(pmf)) * (1 + 1e-15)


@pytest.mark.parametrize(
    ("floor", "expected"),
    [
        (0.0, [1.0, 0.0, 0.0, 0.0]),  # no floor
        (0.1, [0.7, 0.1, 0.1, 0.1]),  # (1 - 4 x 0.1) x 1 + 0.1
        (0.25, [0.25, 0.25, 0.25, 0.25]),  # K m = 1
        (0.3, [0.25, 0.25, 0.25, 0.25]),  # K m > 1: no pmf has such a floor, uniform is nearest
        (1.0, [0.25, 0.25, 0.25, 0.25]),  # the largest setting
    ],
)
def test_a_floor_mixes_with_the_uniform_distribution(floor: float, expected: list[float]) -> None:
    assert pmfs.floored(pmfs.one_hot(4, 0), floor) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("u", "expected"),
    [
        (0.0, 1),  # the first action has probability 0
        (0.2499, 1),  # just below the first edge
        (0.25, 3),  # on the edge; the third action has probability 0
        (LAST_BELOW_1, 3),  # the largest u: the last action has probability 0
    ],
)
def test_draw_inverts_the_cumulative_distribution(u: float, expected: int) -> None:
    assert pmfs.draw([0.0, 0.25, 0.0, 0.75, 0.0], u) == expected


@settings(deadline=None, max_examples=200)
@given(distributions, units)
def test_draw_never_returns_an_action_of_probability_0(pmf: Pmf, u: float) -> None:
    assert pmf[pmfs.draw(pmf, u)] > 0.0


@pytest.mark.parametrize("n_actions", [3, 7, 10, 49, 1000])
def test_draw_finds_an_action_where_rounding_leaves_the_sum_below_u(n_actions: int) -> None:
    pmf = [*(probability * (1.0 - 1e-12) for probability in pmfs.uniform(n_actions)), 0.0]
    assert pmfs.draw(pmf, LAST_BELOW_1) == n_actions - 1


def test_draw_follows_the_probabilities() -> None:
    """For n evenly spaced u, each action's count is n p up to 1, by the definition of the inverse."""
    pmf, n = [0.5, 0.125, 0.375], 1000
    counts = np.bincount([pmfs.draw(pmf, (i + 0.5) / n) for i in range(n)])
    assert np.abs(counts - n * np.array(pmf)).max() <= 1


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (("draw", "home_hero", "0190f8a4-0000-7000-8000-000000000000"), 0.4260622736373689),  # as the service draws
        (("control", "home_hero", "customer-1"), 0.48005729636862426),  # as the service assigns groups
        (("",), 0.30670447259107914),  # the shortest key
        (("größe", "😀"), 0.05430147521586359),  # UTF-8
    ],
)
def test_unit_interval_is_the_same_in_every_release(key: tuple[str, ...], expected: float) -> None:
    """A change here moves customers between groups and breaks the repetition of draws."""
    assert pmfs.unit_interval(*key) == expected


def test_unit_interval_tells_keys_apart_that_join_to_the_same_text() -> None:
    assert (
        len({pmfs.unit_interval(*key) for key in [("a", "bc"), ("ab", "c"), ("abc",), ("abc", ""), ("", "abc")]}) == 5
    )


def test_unit_interval_is_uniform() -> None:
    """Kolmogorov and Smirnov: of uniform numbers, D > 1.95 / sqrt(n) has probability .001; the keys are fixed."""
    n = 20_000
    values = np.sort([pmfs.unit_interval("draw", "home_hero", str(i)) for i in range(n)])
    grid = np.arange(n + 1) / n
    deviation = max(np.abs(values - grid[:-1]).max(), np.abs(values - grid[1:]).max())
    assert deviation <= 1.95 / math.sqrt(n)
    assert 0.0 <= values[0] <= values[-1] < 1.0
