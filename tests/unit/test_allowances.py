"""Budgets: when a day begins, how money is counted, and what is left."""

from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR
from zoneinfo import ZoneInfo

import pytest

from attune.serving.allowances import Tally, day_of, millionths, zone_of
from attune.store.budgets import DayOfOffer, Used


@pytest.mark.parametrize(
    ("zone", "now", "day", "ends"),
    [
        ("UTC", "2026-11-22T00:00:00+00:00", "2026-11-22", "2026-11-23T00:00:00+00:00"),
        ("UTC", "2026-11-21T23:59:59.999+00:00", "2026-11-21", "2026-11-22T00:00:00+00:00"),
        ("Europe/Istanbul", "2026-11-21T21:00:00+00:00", "2026-11-22", "2026-11-22T21:00:00+00:00"),
        ("Pacific/Kiritimati", "2026-11-21T10:00:00+00:00", "2026-11-22", "2026-11-22T10:00:00+00:00"),
        # the day has 23 hours, and 25
        ("Europe/Berlin", "2026-03-29T12:00:00+00:00", "2026-03-29", "2026-03-29T22:00:00+00:00"),
        ("Europe/Berlin", "2026-10-25T12:00:00+00:00", "2026-10-25", "2026-10-25T23:00:00+00:00"),
        # there is no midnight: clocks go from 0:00 to 1:00
        ("Africa/Cairo", "2026-04-23T12:00:00+00:00", "2026-04-23", "2026-04-23T22:00:00+00:00"),
    ],
)
def test_a_day_is_that_of_the_time_zone(zone: str, now: str, day: str, ends: str) -> None:
    now_ms, ends_ms = (round(datetime.fromisoformat(each).timestamp() * 1000) for each in (now, ends))
    assert day_of(ZoneInfo(zone), now_ms) == (day, ends_ms)
    assert day_of(ZoneInfo(zone), ends_ms)[0] > day


def test_a_zone_that_is_not_named_or_not_known_is_utc() -> None:
    assert [zone_of(""), zone_of("Europe/Nowhere"), zone_of("../etc")] == [UTC] * 3
    assert zone_of("Europe/Istanbul") == ZoneInfo("Europe/Istanbul")


@pytest.mark.parametrize(
    ("amount", "rounding", "expected"),
    [
        (0.07, ROUND_CEILING, 70_000),  # 0.07 * 1e6 is more than that in floating point
        (0.1, ROUND_FLOOR, 100_000),
        (1e6, ROUND_CEILING, 10**12),
        # what is smaller than a millionth is never nothing, and never more than there is
        (1e-9, ROUND_CEILING, 1),
        (1e-9, ROUND_FLOOR, 0),
        (0.0, ROUND_CEILING, 0),
    ],
)
def test_money_is_counted_as_it_is_written(amount: float, rounding: str, expected: int) -> None:
    assert millionths(amount, rounding) == expected


def test_what_was_used_is_what_is_counted_and_what_is_under_way() -> None:
    tally = Tally(DayOfOffer("2026-11-22", "boots"))
    tally.charge(1, 20)
    tally.charge(1, 20)
    # the first was counted, together with three of others; meanwhile there was a third
    tally.charge(1, 30)
    tally.learn(Used(4, 80), Used(1, 20))
    assert (tally.impressions, tally.spend) == (6, 130)
    # others went on
    tally.learn(Used(10, 200))
    assert (tally.impressions, tally.spend) == (12, 250)
    tally.learn(Used(12, 250), Used(2, 50))
    assert (tally.impressions, tally.spend, tally.uncounted_impressions, tally.uncounted_spend) == (12, 250, 0, 0)


def test_the_store_is_told_each_charge_once_while_several_calls_are_under_way() -> None:
    tally = Tally(DayOfOffer("2026-11-22", "boots"))
    tally.charge(1, 10)
    first = tally.tell()
    tally.charge(2, 20)
    second = tally.tell()
    assert (first, second, tally.tell()) == (Used(1, 10), Used(2, 20), Used(0, 0))
    tally.learn(Used(5, 50), first)  # others have used four
    tally.answered(first)
    assert (tally.impressions, tally.spend) == (7, 70)
    tally.answered(second)  # the store did not answer: told again
    assert tally.tell() == Used(2, 20)
