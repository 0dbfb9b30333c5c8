"""What is wrong with a condition is said at its place; what nobody can meet, or hardly means, is a warning."""

import pytest

from attune.api.condition_validation import condition_violations, condition_warnings, named_segments
from attune.v1.condition_pb2 import Condition

SEGMENTS = {"loyal": Condition(test="customer.tenure_days > 365")}


def a_test(text: str) -> Condition:
    return Condition(test=text)


def deep(levels: int) -> Condition:
    condition = a_test("x > 1")
    for _ in range(levels - 1):
        condition = Condition(negated=condition)
    return condition


def wrong(condition: Condition, **options: bool) -> list[tuple[str, str]]:
    found = condition_violations(condition, SEGMENTS, **options)
    return [(violation.field, violation.description) for violation in found]


RIGHT = [
    a_test("tenure_days >= 30"),
    Condition(segment="loyal"),
    Condition(all=[a_test("offer.price < 10"), Condition(negated=Condition(segment="loyal"))]),
    deep(8),
    Condition(any=[a_test(f"x == {i}") for i in range(99)]),
]
EXPECTED = "expected one of all, any, not, test and segment, got "
WRONG = [
    (Condition(), "", f"{EXPECTED}none"),
    (Condition(all=[Condition()]), "all[0]", f"{EXPECTED}none"),
    (Condition(negated=Condition()), "not", f"{EXPECTED}none"),
    (Condition(test="x > 1", segment="loyal"), "", f"{EXPECTED}test and segment"),
    (Condition(any=[Condition(test="x >")]), "any[0].test", "at character 4: expected a number or a word, got the end"),
    (
        Condition(negated=Condition(all=[a_test("x > 1"), a_test("time.hous > 1")])),
        "not.all[1].test",
        "at character 1: unknown feature time.hous; did you mean time.hour?",
    ),
    (Condition(segment="royal"), "segment", 'expected the name of a segment, got "royal"'),
    (deep(9), ".".join(["not"] * 8), "expected at most 8 conditions within each other, got more"),
    (Condition(any=[a_test("x > 1")] * 100), "", "expected at most 100 conditions in all, got 101"),
]


@pytest.mark.parametrize("condition", RIGHT)
def test_nothing_is_wrong(condition: Condition) -> None:
    assert wrong(condition) == []


@pytest.mark.parametrize(("condition", "field", "description"), WRONG)
def test_what_is_wrong_is_said_at_its_place(condition: Condition, field: str, description: str) -> None:
    assert wrong(condition) == [(field, description)]


def test_every_part_that_is_wrong_is_said() -> None:
    condition = Condition(all=[a_test("x >"), a_test("x > 1"), Condition(any=[a_test("x <")])])
    assert [field for field, _ in wrong(condition)] == ["all[0].test", "all[2].any[0].test"]


def test_where_no_offer_is_looked_at_none_may_be_named() -> None:
    found = wrong(Condition(negated=a_test("offer.price > 1")), of_offers=False)
    assert found == [("not.test", "expected a feature of the customer or the situation, got offer.price")]


def test_where_no_segment_may_stand_none_may() -> None:
    (violation,) = condition_violations(Condition(segment="loyal"), None)
    assert str(violation) == 'segment: expected no segment here, got "loyal"'


def test_the_segments_of_a_condition_are_found_however_deep() -> None:
    condition = Condition(all=[Condition(segment="a"), Condition(negated=Condition(any=[Condition(segment="b")]))])
    assert named_segments(condition) == {"a", "b"}
    assert named_segments(a_test("x > 1")) == set()


# --- warnings


def test_what_nobody_can_meet_is_a_warning_with_the_field() -> None:
    found = condition_warnings("rules[0].when", Condition(all=[a_test("x >= 30"), a_test("x < 10")]), SEGMENTS)
    assert found == ["rules[0].when: nobody can meet it: `x >= 30` and `x < 10` never hold together"]


def test_what_nobody_in_a_segment_can_meet_is_a_warning() -> None:
    condition = Condition(all=[Condition(segment="loyal"), a_test("customer.tenure_days < 30")])
    (said,) = condition_warnings("when", condition, SEGMENTS)
    assert "`customer.tenure_days > 365` and `customer.tenure_days < 30` never hold together" in said


def test_doubts_are_told_once_each() -> None:
    condition = Condition(any=[a_test("offer.prize < 3"), a_test("offer.prize > 9"), a_test("said.intrests has a")])
    assert condition_warnings("when", condition, SEGMENTS, ["price"]) == [
        "when: no offer of the catalogue has offer.prize; did you mean offer.price?",
        "when: said.intrests is the answer to a question of yours; did you mean said.interests?",
    ]


def test_what_is_meant_brings_no_warning() -> None:
    condition = Condition(all=[a_test("offer.price < 3"), a_test("x > 1"), Condition(segment="loyal")])
    assert condition_warnings("when", condition, SEGMENTS, ["price"]) == []
