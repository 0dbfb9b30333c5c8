"""How numbers of a report are written."""

import math

import pytest

from attune.reports.number_format import NumberFormat, format_of, percent, plain
from attune.reports.report import Estimate
from evaluation_reports import report, target

MINUS = "\N{MINUS SIGN}"


def test_rewards_have_the_same_decimals_and_nothing_is_less_than_nothing() -> None:
    form = NumberFormat(3)
    assert [form.value(number) for number in (0.25, -0.0001, 1234.5)] == ["0.250", "0.000", "1,234.500"]
    assert [form.change(number) for number in (0.25, -0.0001, -2)] == ["+0.250", "+0.000", f"{MINUS}2.000"]
    assert form.value(math.nan) == "\N{EN DASH}"
    assert [form.value(-math.inf), form.value(math.inf)] == [f"{MINUS}∞", "∞"]


@pytest.mark.parametrize(("logged", "places"), [(0.05, 4), (0.5, 3), (5, 2), (500, 0), (0, 4), (math.nan, 4)])
def test_decimals_are_those_of_three_digits_of_what_was_earned(logged: float, places: int) -> None:
    # Where nothing was earned, of what could have been: 0.06.
    assert format_of(report(target("a", 0.06), logged=Estimate("logged", logged, []))).places == places


def test_decimals_are_enough_to_see_how_wide_an_interval_is() -> None:
    assert format_of(report()).places == 4  # 0.05 +- 0.004


def test_whole_numbers_have_no_decimals_and_others_have_four_digits() -> None:
    assert [plain(number) for number in (10_000.0, -3, 48.2, 0.00012345, 1e20)] == [
        "10,000",
        f"{MINUS}3",
        "48.2",
        "0.0001234",
        "1e+20",
    ]


def test_nothing_is_sure_by_100_percent() -> None:
    shares = (0.95, 0.5, 0.999, 0.9996, 0.99999, 1.0, 0.0)
    assert [percent(share) for share in shares] == [
        "95 %",
        "50 %",
        "99.9 %",
        "99.96 %",
        "more than 99.99 %",
        "more than 99.99 %",
        "0 %",
    ]
