"""Axes of charts: where numbers are drawn, which are written, and that labels do not lie on each other."""

import math

import pytest

from attune.reports.axes import Axis, decimals, spanning, spread


def test_numbers_are_drawn_between_the_ends_and_never_beyond() -> None:
    axis = Axis(10, 20, 100, 200)
    assert [axis.at(value) for value in (10, 15, 20, 5, math.inf, -math.inf)] == [100, 150, 200, 100, 200, 100]


def test_an_axis_may_go_up_and_may_be_logarithmic() -> None:
    assert Axis(0, 1, 300, 0).at(0.25) == 225
    axis = Axis(0.01, 100, 0, 400, log=True)
    assert [axis.at(value) for value in (0.01, 1, 10)] == pytest.approx([0, 200, 300])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.0279, 0.0642, [0.03, 0.04, 0.05, 0.06]),
        (-0.024, 0.016, [-0.02, -0.01, 0, 0.01]),
        (0, 10_000, [0, 2000, 4000, 6000, 8000, 10_000]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert Axis(low, high, 0, 1).ticks() == expected


def test_logarithmic_ticks_are_powers_of_ten_and_not_too_many() -> None:
    assert Axis(0.05, 200, 0, 1, log=True).ticks() == [0.1, 1, 10, 100]
    assert len(Axis(1e-10, 1e20, 0, 1, log=True).ticks()) <= 6


@pytest.mark.parametrize(
    "values",
    [
        [],
        [math.nan],
        [0.0],
        [5.0, 5.0],
        [math.inf, 1.0],
        [-3.0, 4.0],
        [7.0, 7.000000000000002],  # the mean of sevens, and that of resamples
        [0.0, 1e-16],  # the difference of two such means
        [1e-7, 3e-7],
    ],
)
def test_whatever_is_drawn_has_an_axis(values: list[float]) -> None:
    axis = spanning(values, 0, 100)
    assert axis.low < axis.high
    assert all(0 < axis.at(value) < 100 for value in values if math.isfinite(value))
    ticks = axis.ticks()
    assert ticks == sorted(set(ticks)) != []


def test_decimals_show_as_many_digits_as_were_asked_for() -> None:
    assert [decimals(value, 3) for value in (0.05, 0.5, 5, 500, 5e6, 1e-9, 0.0, math.nan)] == [4, 3, 2, 0, 0, 6, 0, 0]


def test_labels_are_moved_apart_in_their_order() -> None:
    assert spread([50, 10, 52], 16, 0, 100) == [50, 10, 66]
    assert spread([95, 96, 97], 16, 0, 100) == [68, 84, 100]
    assert spread([], 16, 0, 100) == []
