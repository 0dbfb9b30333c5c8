"""Channels are silent by the clock on the customer's wall."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from attune.serving.guard import Guard
from attune.serving.guard_checks.quiet_hours import QuietTimes, minute_of_day
from attune.serving.terms import OfferTerms
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_QUIET_HOURS
from attune.v1.placement_pb2 import QuietHours
from circumstances import left_out, terms_of, under

NIGHT = {"starts_at": "22:00", "ends_at": "08:00"}


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(local.timestamp() * 1000)


def quiet(now_ms: int, zone: str = "", channel: str = "", **fields: Any) -> dict[str, str]:
    guard = Guard([QuietTimes([QuietHours(**fields)])])
    return left_out(guard, under(now_ms=now_ms, time_zone=zone, channel=channel), terms_of(OfferTerms("a")))


def because(detail: str) -> dict[str, str]:
    return {"a": f"{EXCLUSION_REASON_QUIET_HOURS}:{detail}"}


@pytest.mark.parametrize(
    ("time", "is_quiet"),
    [("21:59", False), ("22:00", True), ("23:59", True), ("00:00", True), ("07:59", True), ("08:00", False)],
)
def test_hours_may_go_on_past_midnight(time: str, is_quiet: bool) -> None:  # noqa: FBT001
    assert quiet(at(f"2026-03-01T{time}"), **NIGHT) == (because("22:00-08:00") if is_quiet else {})


@pytest.mark.parametrize(("time", "is_quiet"), [("11:59", False), ("12:00", True), ("13:59", True), ("14:00", False)])
def test_hours_of_one_day(time: str, is_quiet: bool) -> None:  # noqa: FBT001
    found = quiet(at(f"2026-03-01T{time}"), starts_at="12:00", ends_at="14:00")
    assert found == (because("12:00-14:00") if is_quiet else {})


def test_the_clock_is_the_customers_else_that_of_the_rule_else_utc() -> None:
    now_ms = at("2026-03-01T21:00")
    assert quiet(now_ms, **NIGHT) == {}
    assert quiet(now_ms, "Europe/Istanbul", **NIGHT) == because("22:00-08:00")
    assert quiet(now_ms, **NIGHT | {"time_zone": "Europe/Istanbul"}) == because("22:00-08:00")
    assert quiet(now_ms, "Europe/London", **NIGHT | {"time_zone": "Europe/Istanbul"}) == {}


def test_where_clocks_go_back_the_hour_that_comes_twice_is_quiet_twice() -> None:
    for fold in (0, 1):
        now_ms = at("2026-10-25T02:30", "Europe/Paris", fold)
        assert quiet(now_ms, "Europe/Paris", starts_at="02:00", ends_at="03:00") == because("02:00-03:00")
    assert at("2026-10-25T02:30", "Europe/Paris", 1) - at("2026-10-25T02:30", "Europe/Paris", 0) == 3_600_000


def test_where_clocks_go_forward_the_hour_after_the_one_that_is_missing_is_not_quiet() -> None:
    # 01:59 is followed by 03:00
    before, after = at("2026-03-29T00:59"), at("2026-03-29T01:00")
    assert quiet(before, "Europe/Paris", starts_at="02:00", ends_at="03:00") == {}
    assert quiet(after, "Europe/Paris", starts_at="02:00", ends_at="03:00") == {}


def test_a_holiday_is_quiet_all_day_where_the_customer_is() -> None:
    holidays = {"holidays": ["2026-12-25"]}
    assert quiet(at("2026-12-25T12:00"), **holidays) == because("2026-12-25")
    assert quiet(at("2026-12-24T22:00"), "Asia/Tokyo", **holidays) == because("2026-12-25")
    assert quiet(at("2026-12-24T22:00"), **holidays) == {}
    assert quiet(at("2026-12-25T23:00"), **holidays | NIGHT) == because("2026-12-25")


def test_only_the_channels_that_are_named_are_silent() -> None:
    now_ms = at("2026-03-01T23:00")
    fields = NIGHT | {"channels": ["sms", "push"]}
    assert quiet(now_ms, **fields) == {}
    assert quiet(now_ms, channel="email", **fields) == {}
    assert quiet(now_ms, channel="push", **fields) == because("22:00-08:00")
    guard = Guard([QuietTimes([QuietHours(**fields), QuietHours(**NIGHT, channels=["ads"])])])
    terms = terms_of(*(OfferTerms(f"a@{channel}", channel) for channel in ("sms", "email", "push", "ads")))
    assert set(left_out(guard, under(now_ms=now_ms), terms)) == {"a@sms", "a@push", "a@ads"}


@pytest.mark.parametrize("text", ["24:00", "7:00", "07:60", "0700", "ab:cd", "07:00:00", "\u0660\u0667:\u0660\u0660"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time of day"):
        minute_of_day(text)


def test_a_time_of_day() -> None:
    assert (minute_of_day("00:00"), minute_of_day("23:59"), minute_of_day("")) == (0, 1439, None)
