"""Learning curves and histograms in constant memory."""

import numpy as np
import pytest

from attune.evaluation.curves import MOST_POINTS, Curve, Mark, Pace, histogram
from attune.reports.report import WeightBin


def walk(n: int, most_at_once: int = 1000) -> list[int]:
    """Returns at how many samples the curve of a log of n has its points."""
    pace, curve = Pace(most_at_once), Curve()
    while pace.seen < n:
        if pace.advance(min(pace.room(), n - pace.seen)):
            curve.add(pace.seen, pace.step, Mark(pace.seen, 0.0, b""))
    curve.add(pace.seen, pace.step, Mark(pace.seen, 0.0, b""))
    return [point.samples for point in curve.marks()]


@pytest.mark.parametrize("n", [1, 3, 255, 256, 257, 1000, 100_000])
def test_a_curve_has_so_many_points_at_most_and_ends_with_the_log(n: int) -> None:
    points = walk(n)
    assert points[-1] == n
    assert len(points) <= MOST_POINTS + 1
    assert points == sorted(set(points))
    if n >= 256:
        assert len(points) >= MOST_POINTS // 2
        assert len(set(np.diff(points[:-1]).tolist())) == 1  # all equally far apart


def test_where_the_points_are_does_not_depend_on_how_much_is_taken_at_once() -> None:
    assert walk(5000, 7) == walk(5000, 1000)


def test_weights_are_counted_by_powers_of_two() -> None:
    weights = histogram()
    weights.add(np.array([0.0, 1e-9, 0.5, 0.75, 1.0, 1.999, 2.0]))
    bins = {(each.low, each.high): each.count for each in weights.bins() if each.count}
    assert bins == {(0.0, 2.0**-10): 2, (0.5, 1.0): 2, (1.0, 2.0): 2, (2.0, 4.0): 1}
    assert weights.bins()[0] == WeightBin(0.0, 2.0**-10, 2)


def test_a_huge_weight_has_a_bin_and_no_weight_none() -> None:
    weights = histogram()
    assert weights.bins() == []
    weights.add(np.array([1e300]))
    assert [each.count for each in weights.bins()] == [1]
