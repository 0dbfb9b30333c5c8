"""Conditions of the contract are read and asked, with segments that change while they are in use."""

from datetime import UTC, datetime

import pytest

from attune.errors import InvalidInputError
from attune.serving.circumstances import Circumstances
from attune.serving.conditions import NO_SEGMENTS, compiled, facts_of, local_clock, segment_predicate
from attune.v1.condition_pb2 import Condition
from attune.v1.features_pb2 import Features, Tags
from attune_models.facts import Facts

CONTEXT = Features(numeric={"tenure_days": 40.0}, categorical={"country": "tr"}, tags={"likes": Tags(values=["run"])})
NOON_MS = int(datetime(2026, 3, 29, 12, 0, tzinfo=UTC).timestamp() * 1000)


def test_every_kind_of_condition_is_asked() -> None:
    condition = Condition(
        all=[
            Condition(test="tenure_days >= 30"),
            Condition(any=[Condition(test="country == de"), Condition(test="likes has run")]),
            Condition(negated=Condition(test="country == de")),
            Condition(segment="loyal"),
        ]
    )
    segments = {"loyal": Condition(test="tenure_days > 35")}
    predicate = compiled(condition, segments)
    assert predicate(Facts(CONTEXT))
    assert not predicate(Facts(Features(numeric={"tenure_days": 32.0}, tags=CONTEXT.tags)))


def test_a_segment_that_changes_counts_from_then_on() -> None:
    segments = {"loyal": Condition(test="tenure_days > 35")}
    predicate = compiled(Condition(segment="loyal"), segments)
    assert predicate(Facts(CONTEXT))
    segments["loyal"] = Condition(test="tenure_days > 50")
    assert not predicate(Facts(CONTEXT))


@pytest.mark.parametrize("condition", [Condition(segment="loyal"), Condition(negated=Condition(segment="loyal"))])
def test_while_a_segment_is_not_there_nothing_holds_that_names_it(condition: Condition) -> None:
    """Also under `not`: nothing is shown because of what is not known."""
    segments: dict[str, Condition] = {}
    predicate = compiled(condition, segments)
    assert not predicate(Facts(CONTEXT))
    segments["loyal"] = Condition(test="tenure_days > 35")
    assert predicate(Facts(CONTEXT)) is (condition.segment == "loyal")
    segments["loyal"] = Condition(test="tenure_days > 50")
    assert predicate(Facts(CONTEXT)) is (condition.segment != "loyal")
    del segments["loyal"]
    assert not predicate(Facts(CONTEXT))


def test_what_is_left_once_the_offer_is_known_does_not_hold_either_without_the_segment() -> None:
    negated = Condition(negated=Condition(segment="loyal"))
    predicate = compiled(Condition(all=[negated, Condition(test="offer.price < 10")]), NO_SEGMENTS)
    left = predicate.given_offer(Features(numeric={"price": 5.0}))
    assert not left.needs_offer
    assert not left(Facts(CONTEXT))


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        (Condition(test="x ="), "test"),
        (Condition(), "test"),
        (Condition(all=[Condition(test="x > 1"), Condition(negated=Condition(test="x >"))]), "all[1].not.test"),
        (Condition(any=[Condition(any=[Condition(test="x > y")])]), "any[0].any[0].test"),
    ],
)
def test_what_is_no_condition_is_refused_at_its_place(condition: Condition, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        compiled(condition, NO_SEGMENTS)
    assert [violation.field for violation in refused.value.violations] == [field]


def test_a_segment_within_a_segment_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="expected no segment within a segment"):
        segment_predicate(Condition(segment="b"))


# --- what they look at


@pytest.mark.parametrize(
    ("zone", "hour"),
    [
        ("Europe/Istanbul", 15),
        ("Europe/Berlin", 14),  # summer time began that morning
        ("", 12),
        ("Mars/Olympus", 12),
    ],
)
def test_a_clock_shows_the_hour_of_its_zone(zone: str, hour: int) -> None:
    assert local_clock(NOON_MS, zone)().hour == hour


def test_a_clock_tells_the_same_object_again() -> None:
    clock = local_clock(NOON_MS, "Europe/Istanbul")
    assert clock() is clock()


def test_facts_are_those_of_the_circumstances() -> None:
    here = Circumstances(
        now_ms=NOON_MS, context=CONTEXT, placement="home", channel="email", time_zone="Europe/Istanbul"
    )
    facts = facts_of(here)
    tests = ["tenure_days == 40", "channel == email", "time.hour == 15", "time.date == 2026-03-29", "time.weekday == 7"]
    assert all(compiled(Condition(test=test), NO_SEGMENTS)(facts) for test in tests)


def test_a_default_zone_is_for_those_of_whom_none_is_known() -> None:
    anywhere = Circumstances(now_ms=NOON_MS, context=CONTEXT, placement="home")
    assert compiled(Condition(test="time.hour == 15"), NO_SEGMENTS)(facts_of(anywhere, default_zone="Europe/Istanbul"))
    assert compiled(Condition(test="time.hour == 12"), NO_SEGMENTS)(facts_of(anywhere))
    assert compiled(Condition(test="channel == push"), NO_SEGMENTS)(facts_of(anywhere, channel="push"))
