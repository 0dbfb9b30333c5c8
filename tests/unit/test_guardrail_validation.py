"""What is wrong with guardrails is said with its path; what may look wrong and is not is let through."""

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from attune.api.guardrail_warnings import placement_warnings
from attune.api.validation import check_placement
from attune.errors import InvalidInputError
from attune.v1.condition_pb2 import Condition
from attune.v1.placement_pb2 import Placement

RULE = {"name": "adults", "when": {"test": "age >= 18"}}
CAP = {"name": "weekly", "impressions": 3, "window": "604800s", "scope": "CAP_SCOPE_OFFER"}
COOL_DOWN = {"outcome": "dismissed", "duration": "86400s", "scope": "CAP_SCOPE_OFFER"}
NIGHT = {"startsAt": "22:00", "endsAt": "08:00"}
SEGMENTS = {"loyal": Condition(test="customer.tenure_days >= 365")}
ID = "expected 1 to 256 bytes of UTF-8, got nothing"
NAME = "expected 1 to 64 characters of a-z, 0-9, _, - and ., starting with a letter or digit, got "
DATE = "expected a date such as 2026-12-25, got "
ALL_TOGETHER = "CAP_SCOPE_OFFER, CAP_SCOPE_CATEGORY, CAP_SCOPE_PLACEMENT"


def placement(**fields: Any) -> Placement:
    outcomes = [{"name": "click"}, {"name": "dismissed"}]
    return ParseDict({"name": "home", "reward": {"outcomes": outcomes}} | fields, Placement())


def guarded(**guardrails: Any) -> Placement:
    return placement(guardrails=guardrails)


LONG = {"any": [{"test": f"country in [{', '.join(f'c{i:04}' for i in range(n, n + 120))}]"} for n in range(90)]}
# What is wrong, and the field and the words that say so.
WRONG = [
    # Refused before it is read: that would take long.
    (
        guarded(rules=[RULE | {"name": "Adults", "when": LONG}]),
        "guardrails.rules",
        "expected at most 65,536 bytes of conditions in all, got 77,130; segments share them",
    ),
    (guarded(rules=[RULE | {"name": "Adults"}]), "guardrails.rules[0].name", NAME + '"Adults"'),
    (
        guarded(rules=[RULE, RULE]),
        "guardrails.rules[1].name",
        'expected a name of its own, got "adults" as in rules[0]',
    ),
    (guarded(rules=[{"name": "a"}]), "guardrails.rules[0].when", "expected a condition, got none"),
    (
        guarded(rules=[RULE | {"when": {"segment": "royal"}}]),
        "guardrails.rules[0].when.segment",
        'expected the name of a segment, got "royal"',
    ),
    (
        guarded(rules=[RULE | {"when": {"test": "customer.tenure_dys > 3"}}]),
        "guardrails.rules[0].when.test",
        "at character 1: unknown feature customer.tenure_dys; did you mean customer.tenure_days?",
    ),
    (
        guarded(rules=[RULE | {"offers": {"offerIds": ["a", ""]}}]),
        "guardrails.rules[0].offers.offer_ids[1]",
        ID,
    ),
    (
        guarded(rules=[RULE | {"offers": {"channels": ["a"] * 21}}]),
        "guardrails.rules[0].offers.channels",
        "expected at most 20, got 21",
    ),
    (guarded(rules=[RULE | {"name": f"r{i}"} for i in range(51)]), "guardrails.rules", "expected at most 50, got 51"),
    (
        guarded(caps=[CAP | {"impressions": 0}]),
        "guardrails.caps[0].impressions",
        "expected 1 to 1000, got 0; a rule keeps offers out altogether",
    ),
    (guarded(caps=[CAP | {"impressions": 1001}]), "guardrails.caps[0].impressions", "expected 1 to 1000, got 1001"),
    (guarded(caps=[CAP | {"window": None}]), "guardrails.caps[0].window", "expected 1 to 7776000 s, got none"),
    (guarded(caps=[CAP | {"window": "0.5s"}]), "guardrails.caps[0].window", "expected 1 to 7776000 s, got 0.5"),
    (
        guarded(caps=[CAP | {"window": "7776001s"}]),
        "guardrails.caps[0].window",
        "expected 1 to 7776000 s, got 7776001",
    ),
    (
        guarded(caps=[CAP | {"scope": None}]),
        "guardrails.caps[0].scope",
        f"expected one of {ALL_TOGETHER}, CAP_SCOPE_CHANNEL, CAP_SCOPE_CUSTOMER, got CAP_SCOPE_UNSPECIFIED",
    ),
    (
        guarded(coolDowns=[COOL_DOWN | {"outcome": "bought"}]),
        "guardrails.cool_downs[0].outcome",
        'expected one of click, dismissed: outcomes of the reward, got "bought"',
    ),
    (
        guarded(coolDowns=[COOL_DOWN | {"scope": "CAP_SCOPE_CUSTOMER"}]),
        "guardrails.cool_downs[0].scope",
        f"expected one of {ALL_TOGETHER}, got CAP_SCOPE_CUSTOMER",
    ),
    (
        guarded(coolDowns=[COOL_DOWN | {"duration": None}]),
        "guardrails.cool_downs[0].duration",
        "expected 1 to 7776000 s, got none",
    ),
    (
        guarded(quietHours=[NIGHT | {"endsAt": "22:00"}]),
        "guardrails.quiet_hours[0].ends_at",
        "expected another time than starts_at, got 22:00: that is no time, or always",
    ),
    (
        guarded(quietHours=[{"startsAt": "22:00"}]),
        "guardrails.quiet_hours[0].ends_at",
        "expected a time of day beside starts_at, got none",
    ),
    (
        guarded(quietHours=[{"channels": ["email"]}]),
        "guardrails.quiet_hours[0].starts_at",
        "expected hours or holidays, got neither",
    ),
    (
        guarded(quietHours=[NIGHT | {"startsAt": "10 pm"}]),
        "guardrails.quiet_hours[0].starts_at",
        'expected a time of day such as 22:00, got "10 pm"',
    ),
    (
        guarded(quietHours=[{"holidays": ["2026-12-25", "2026-02-30"]}]),
        "guardrails.quiet_hours[0].holidays[1]",
        DATE + '"2026-02-30"',
    ),
    (guarded(quietHours=[{"holidays": ["20261225"]}]), "guardrails.quiet_hours[0].holidays[0]", DATE + '"20261225"'),
    (
        guarded(quietHours=[NIGHT | {"timeZone": "Istanbul"}]),
        "guardrails.quiet_hours[0].time_zone",
        'expected a time zone such as "Europe/Istanbul", got "Istanbul"',
    ),
    (
        placement(whenNothingEligible={}),
        "when_nothing_eligible.default_offer",
        "expected an offer here, or empty, got neither",
    ),
    (
        placement(whenNothingEligible={"defaultOffer": {}}),
        "when_nothing_eligible.default_offer.id",
        ID,
    ),
]


@pytest.mark.parametrize(("wrong", "field", "said"), WRONG)
def test_what_is_wrong_is_said_with_its_path(wrong: Placement, field: str, said: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        check_placement(wrong, SEGMENTS)
    assert [(each.field, each.description) for each in raised.value.violations] == [(field, said)]


# What may look wrong and is not.
RIGHT = [
    guarded(rules=[RULE | {"when": {"segment": "loyal"}}], caps=[CAP], coolDowns=[COOL_DOWN], quietHours=[NIGHT]),
    guarded(rules=[RULE], caps=[CAP | {"name": "adults", "window": "1s", "impressions": 1000}]),
    guarded(quietHours=[{"holidays": ["2028-02-29"], "timeZone": "UTC"}, {"startsAt": "00:00", "endsAt": "23:59"}]),
    guarded(),
    placement(whenNothingEligible={"empty": {}}),
    placement(whenNothingEligible={"defaultOffer": {"id": "a"}}),
]


@pytest.mark.parametrize("right", RIGHT)
def test_what_may_look_wrong_is_right(right: Placement) -> None:
    check_placement(right, SEGMENTS)
    assert placement_warnings(right, SEGMENTS) == []


def test_a_segment_that_nobody_can_look_up_is_let_through() -> None:
    check_placement(guarded(rules=[RULE | {"when": {"segment": "of the service"}}]))


def test_cool_downs_know_the_outcome_that_is_the_default() -> None:
    check_placement(
        ParseDict({"name": "home", "guardrails": {"coolDowns": [COOL_DOWN | {"outcome": "click"}]}}, Placement())
    )


# What is hardly meant, and the field and words that begin and end what is said.
DOUBTED = [
    (
        guarded(rules=[RULE | {"when": {"all": [{"test": "age > 30"}, {"test": "age < 18"}]}}]),
        "guardrails.rules[0].when: ",
    ),
    (
        guarded(rules=[RULE, {"name": "minors", "when": {"test": "age < 18"}}]),
        "guardrails.rules: ",
    ),
    (
        guarded(quietHours=[NIGHT, {"channels": ["email"], "startsAt": "08:00", "endsAt": "22:00"}]),
        'guardrails.quiet_hours: channel "email" is silent at every hour',
    ),
    (
        guarded(quietHours=[NIGHT, {"startsAt": "07:00", "endsAt": "22:30"}]),
        "guardrails.quiet_hours: all channels are silent at every hour",
    ),
]


@pytest.mark.parametrize(("doubted", "begins"), DOUBTED)
def test_what_is_hardly_meant_is_warned_of(doubted: Placement, begins: str) -> None:
    check_placement(doubted, SEGMENTS)
    (warning,) = placement_warnings(doubted, SEGMENTS)
    assert warning.startswith(begins)


def test_rules_about_other_offers_do_not_contradict_each_other() -> None:
    minors = {"name": "minors", "offers": {"tags": ["toys"]}, "when": {"test": "age < 18"}}
    assert placement_warnings(guarded(rules=[RULE, minors]), SEGMENTS) == []


def test_rules_that_nobody_can_meet_together_are_named() -> None:
    (warning,) = placement_warnings(guarded(rules=[RULE, {"name": "minors", "when": {"test": "age < 18"}}]), {})
    assert warning.endswith("(together: adults, minors)")
