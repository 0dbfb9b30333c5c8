"""Which target did best, and how sure that is after many were looked at."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from attune.reports.ranking import best, ranked
from attune.reports.report import Estimate, Interval
from evaluation_reports import LOGGED, estimate, refused, report, target


def test_the_best_first_and_what_has_no_number_last() -> None:
    forced = refused("forced", estimates=[estimate(0.9, 0.1)])
    found = ranked(report(target("low", 0.04), refused("none"), forced, target("high", 0.06)))
    assert [one.name for one in found] == ["high", "low", "forced", "none"]


def test_a_refused_target_is_never_the_best_but_counts_among_the_compared() -> None:
    forced = refused("forced", estimates=[estimate(0.9, 0.1)], difference=estimate(0.85, 0.1))
    found = best(report(target("low", 0.04), forced, target("high", 0.06)))
    assert found is not None
    assert (found.target.name, found.compared) == ("high", 3)


def test_the_baseline_is_not_compared_with_itself() -> None:
    baseline = target("uniform", 0.9, difference=None)
    found = best(report(baseline, target("high", 0.06), baseline="uniform"))
    assert found is not None
    assert (found.target.name, found.compared) == ("high", 1)


def test_where_nothing_can_be_compared_there_is_no_best() -> None:
    assert best(report(refused("none"))) is None
    assert best(report()) is None


def test_one_comparison_needs_no_correction() -> None:
    found = best(report(target("one", LOGGED + 0.01, half=0.01)))
    assert found is not None
    assert (found.adjusted_low, found.adjusted_high) == pytest.approx((found.low, found.high))
    # Its 95 % interval just touches 0: so it is sure by 95 %.
    assert found.confidence == pytest.approx(0.95)
    assert found.adjusted_confidence == found.confidence


def test_doubts_add_up_with_every_comparison() -> None:
    others = [target(f"low{i}", 0.04) for i in range(9)]
    found = best(report(target("one", LOGGED + 0.01, half=0.01), *others))
    assert found is not None
    assert found.adjusted_confidence == pytest.approx(1 - 10 * 0.05)
    wider = NormalDist().inv_cdf(1 - 0.05 / 20) / NormalDist().inv_cdf(1 - 0.05 / 2)
    assert found.adjusted_low == pytest.approx(0.01 - 0.01 * wider)
    assert found.adjusted_high == pytest.approx(0.01 + 0.01 * wider)


def test_of_an_interval_that_is_not_symmetric_the_side_towards_0_counts() -> None:
    uneven = Estimate("snips", 0.01, [Interval("bootstrap", 0.0, 0.5)])
    found = best(report(target("one", 0.06, difference=uneven)))
    assert found is not None
    assert found.confidence == pytest.approx(0.95)


@pytest.mark.parametrize(("difference", "half"), [(0.0, 0.0), (0.01, 0.0), (0.0, 0.01)])
def test_intervals_without_width_and_no_difference_at_all_have_an_answer(difference: float, half: float) -> None:
    found = best(report(target("one", 0.05, difference=estimate(difference, half))))
    assert found is not None
    assert found.confidence == (1.0 if difference else 0.0)


def test_the_corrected_interval_of_the_best_of_many_holds_the_truth() -> None:
    """Of 20 targets that all earn what was logged, the best excludes 0 far too often; corrected, it does not."""
    rng = np.random.default_rng(1)
    runs, alone, corrected = 400, 0, 0
    one = NormalDist().inv_cdf(0.975)
    known = target("any", LOGGED)
    for _ in range(runs):
        targets = [replace(known, difference=estimate(float(noise), one)) for noise in rng.normal(size=20)]
        found = best(report(*targets))
        assert found is not None
        alone += found.low > 0
        corrected += found.adjusted_low > 0
    # 1 - 0.975^20 = 40 % are expected, and at most 2.5 %: bounds at 4 standard errors.
    assert abs(alone / runs - (1 - 0.975**20)) < 4 * (0.4 * 0.6 / runs) ** 0.5
    assert corrected / runs < 0.025 + 4 * (0.025 * 0.975 / runs) ** 0.5
