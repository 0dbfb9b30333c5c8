"""Draws are compared with their probabilities, by how large these are and by place."""

from math import exp, inf

import numpy as np
import pytest

from attune_models.calibration import Calibration, CalibrationBin
from attune_models.types import Pmf


def drawn(pmfs: list[Pmf], seed: int) -> list[int]:
    """Draw from each."""
    rng = np.random.default_rng(seed)
    return [int(rng.choice(len(pmf), p=pmf)) for pmf in pmfs]


def some_pmfs(n: int, seed: int) -> list[Pmf]:
    """Return pmfs of three to seven actions."""
    rng = np.random.default_rng(seed)
    return [rng.dirichlet(np.full(int(rng.integers(3, 8)), 0.7)).tolist() for _ in range(n)]


def largest_z(calibration: Calibration) -> float:
    """Return the most surprising |z|."""
    return max(abs(each.z) for each in calibration.bins())


def test_each_draw_counts_once_in_every_bin_that_it_could_have_gone_into() -> None:
    calibration = Calibration()
    calibration.add([[0.25, 0.25, 0.5], [1.0]], [2, 0])
    assert calibration.bins() == [
        # Two actions of the first draw share a bin: one of both is drawn, or none.
        CalibrationBin("actions with a probability of 0.2 to 0.35", 1.0, 0.5, 0.0),
        CalibrationBin("actions with a probability of 0.5 to 0.65", 1.0, 0.5, 1.0),
        CalibrationBin("actions with a probability of 0.99 to 1", 1.0, 1.0, 1.0),
        CalibrationBin("actions at place 1 of the list", 2.0, 1.25, 1.0),
        CalibrationBin("actions at place 2 of the list", 1.0, 0.25, 0.0),
        CalibrationBin("actions at place 3 of the list", 1.0, 0.5, 1.0),
    ]


def test_draws_with_their_own_probabilities_do_not_surprise() -> None:
    """Of some 20 bins, chance takes none beyond 4 in 99.9 % of all logs; the seed is fixed."""
    pmfs, calibration = some_pmfs(3000, 1), Calibration()
    calibration.add(pmfs, drawn(pmfs, 2))
    assert largest_z(calibration) < 4.0


def test_probabilities_that_were_smoothed_after_the_draw_are_found() -> None:
    pmfs, calibration = some_pmfs(3000, 1), Calibration()
    smoothed = [[0.8 * p + 0.2 / len(pmf) for p in pmf] for pmf in pmfs]
    calibration.add(smoothed, drawn(pmfs, 2))
    assert largest_z(calibration) > 8.0


def test_a_log_that_says_uniform_and_always_shows_the_first_is_found() -> None:
    """All probabilities share a bin, which is right by itself: the places give it away."""
    calibration = Calibration()
    calibration.add([[0.25] * 4] * 200, [0] * 200)
    by_name = {each.name: each.z for each in calibration.bins()}
    assert by_name["actions with a probability of 0.2 to 0.35"] == 0.0
    assert by_name["actions at place 1 of the list"] > 20.0
    assert by_name["actions at place 2 of the list"] < -10.0


def test_a_z_is_a_bound_on_what_chance_does_even_where_next_to_nothing_was_expected() -> None:
    """Two draws where .01 were expected: Poisson's probability of that is 5e-5, below the bound exp(-z^2 / 2)."""
    rare = CalibrationBin("", 1000.0, 0.01, 2.0)
    poisson = 1.0 - exp(-0.01) * 1.01
    assert poisson < exp(-(rare.z**2) / 2.0) < 10.0 * poisson
    assert rare.ratio == 200.0


def test_of_many_draws_z_is_that_of_the_binomial_distribution() -> None:
    assert CalibrationBin("", 1e6, 3e5, 301_000.0).z == pytest.approx(1000.0 / (1e6 * 0.3 * 0.7) ** 0.5, rel=0.01)


@pytest.mark.parametrize(
    ("bin_", "z"),
    [
        (CalibrationBin("", 0.0, 0.0, 0.0), 0.0),  # empty
        (CalibrationBin("", 10.0, 10.000000001, 10.0), 0.0),  # rounding beyond what is possible
        (CalibrationBin("", 10.0, 10.0 * (1.0 - 1e-16), 10.0), 0.0),  # rounding below
    ],
)
def test_rounding_is_not_surprising(bin_: CalibrationBin, z: float) -> None:
    assert bin_.z == z


def test_weights_of_a_bin_that_was_never_drawn_are_wrong_by_any_factor() -> None:
    assert CalibrationBin("", 100.0, 10.0, 0.0).ratio == inf
    assert CalibrationBin("", 100.0, 10.0, 10.0).ratio == 1.0


def test_counts_have_the_same_bits_however_the_log_is_cut() -> None:
    pmfs = some_pmfs(500, 3)
    chosen = drawn(pmfs, 4)
    whole, cut = Calibration(), Calibration()
    whole.add(pmfs, chosen)
    for start in range(0, 500, 7):
        cut.add(pmfs[start : start + 7], chosen[start : start + 7])
    cut.add([], [])
    assert whole.counts.tobytes() == cut.counts.tobytes()


def test_an_action_far_down_a_long_list_has_a_place() -> None:
    calibration = Calibration()
    calibration.add([[0.01] * 100], [99])
    assert calibration.bins()[-1].name == "actions at place 32 or later of the list"
    assert calibration.bins()[-1].seen == 1.0
