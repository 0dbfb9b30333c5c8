"""Placements and outcomes: every violation is named, with the field, what was expected, and what came."""

import math
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from attune.api.validation import check_names
from attune.errors import InvalidInputError
from attune.v1.placement_pb2 import (
    ControlSpec,
    Crossings,
    EpsilonSpec,
    FixedSpec,
    LinearThompsonSpec,
    LinearUcbSpec,
    OutcomeRule,
    Placement,
    PolicySpec,
    PopularitySpec,
    RewardSpec,
    ShortlistSpec,
    SoftmaxSpec,
    SquareCbSpec,
    UniformSpec,
    VwSpec,
)
from attune.v1.reward_service_pb2 import Outcome
from violations import ID, TOO_LONG, assert_told, violations_of

NAME = "expected 1 to 64 characters of a-z, 0-9, _, - and ., starting with a letter or digit, got "
SIZES = "expected 2 to 1000, or 0 for the default, got "
VALUE = "expected a finite number between -1e9 and 1e9, got "
WEIGHT = "expected a finite number other than 0, between -1e9 and 1e9, got "
WINDOW = "expected 1 to 7776000 s, got "
NANOS = "expected 0 to 999999999 nanoseconds beside the seconds, got "
BOUND = "expected -1e6 to 1e6, got "
TIME = "expected a time from 0001 to 9999, got "


def vw(**fields: Any) -> Placement:
    return Placement(name="home_hero", policy=PolicySpec(vw=VwSpec(**fields)))


def reward(**fields: Any) -> Placement:
    return Placement(name="home_hero", reward=RewardSpec(**fields))


def rule(**fields: Any) -> Placement:
    return reward(outcomes=[OutcomeRule(name="click"), OutcomeRule(**({"name": "revenue"} | fields))])


def control(**fields: Any) -> Placement:
    return Placement(name="home_hero", control=ControlSpec(**fields))


def outcome(**changed: Any) -> Outcome:
    """Return a valid outcome, changed."""
    return Outcome(**({"placement": "home_hero", "event_id": "e", "name": "click"} | changed))


def softmax(inverse_temperature: float) -> SoftmaxSpec:
    return SoftmaxSpec(**{"lambda": inverse_temperature})  # a keyword of Python


VIOLATIONS: list[tuple[Message, str, str]] = [
    # --- a placement: its shortlist
    (Placement(name="home_hero", shortlist=ShortlistSpec(size=1)), "shortlist.size", SIZES + "1"),
    (Placement(name="home_hero", shortlist=ShortlistSpec(size=1001)), "shortlist.size", SIZES + "1001"),
    (
        Placement(name="home_hero", shortlist=ShortlistSpec(size=10, random=10)),
        "shortlist.random",
        "expected 0 to 9, less than the length of the list, got 10",
    ),
    # --- ... its name
    (Placement(), "name", NAME + '""'),
    (Placement(name="Home"), "name", NAME + '"Home"'),  # upper case
    (Placement(name="-home"), "name", NAME + '"-home"'),  # its first character
    (Placement(name="home hero"), "name", NAME + '"home hero"'),  # a space
    (Placement(name="home\n"), "name", NAME + '"home\n"'),  # a line feed at the end, which `$` would let pass
    (Placement(name="{home}"), "name", NAME + '"{home}"'),  # a hash tag of its own
    (Placement(name="h" * 65), "name", NAME + f'"{"h" * 65}"'),  # too long
    (Placement(name="h" * 5000), "name", NAME + f'"{"h" * 80}"'),  # far too long: cut
    (
        Placement(name="home_hero", store_failure=7),  # type: ignore[arg-type]  # of a later release
        "store_failure",
        "expected one of STORE_FAILURE_ANSWER, STORE_FAILURE_REFUSE, got 7",
    ),
    # --- ... its policy
    (
        Placement(name="home_hero", policy=PolicySpec(min_probability=-0.1)),
        "policy.min_probability",
        "expected 0 to 1, got -0.1",
    ),
    (
        Placement(name="home_hero", policy=PolicySpec(min_probability=1.5)),
        "policy.min_probability",
        "expected 0 to 1, got 1.5",
    ),
    (
        Placement(name="home_hero", policy=PolicySpec(min_probability=math.nan)),
        "policy.min_probability",
        "expected 0 to 1, got nan",
    ),
    (
        Placement(name="home_hero", policy=PolicySpec(fixed=FixedSpec(offer_id=TOO_LONG))),
        "policy.fixed.offer_id",
        ID + "257",
    ),
    (  # more of the kinds written in NumPy is in test_numpy_validation.py
        Placement(name="home_hero", policy=PolicySpec(linear_ucb=LinearUcbSpec(exploration=101.0))),
        "policy.linear_ucb.exploration",
        "expected 0 to 100, got 101",
    ),
    (
        Placement(name="home_hero", policy=PolicySpec(linear_thompson=LinearThompsonSpec(exploration=0.0))),
        "policy.linear_thompson.exploration",
        "expected 0.001 to 100, got 0",
    ),
    (
        Placement(name="home_hero", policy=PolicySpec(popularity=PopularitySpec(rewards=3))),  # type: ignore[arg-type]
        "policy.popularity.rewards",
        "expected one of REWARD_MODEL_BERNOULLI, REWARD_MODEL_GAUSSIAN, got 3",
    ),
    (
        Placement(name="home_hero", policy=PolicySpec(uniform=UniformSpec(), half_life=100.0)),
        "policy.half_life",
        "expected 0, as uniform learns nothing to forget, got 100",
    ),
    (
        vw(crossings=9),
        "policy.vw.crossings",
        f"expected one of {', '.join(Crossings.keys()[1:])}, got 9",
    ),
    (vw(learning_rate=0.0), "policy.vw.learning_rate", "expected more than 0, at most 100, got 0"),
    (vw(learning_rate=101.0), "policy.vw.learning_rate", "expected more than 0, at most 100, got 101"),
    (vw(learning_rate=math.nan), "policy.vw.learning_rate", "expected more than 0, at most 100, got nan"),
    (vw(bits=9), "policy.vw.bits", "expected 10 to 24, or 0 for the default, got 9"),
    (vw(bits=25), "policy.vw.bits", "expected 10 to 24, or 0 for the default, got 25"),
    (
        vw(squarecb=SquareCbSpec(gamma_scale=0.0)),
        "policy.vw.squarecb.gamma_scale",
        "expected more than 0, at most 1e+06, got 0",
    ),
    (
        vw(squarecb=SquareCbSpec(gamma_scale=math.inf)),
        "policy.vw.squarecb.gamma_scale",
        "expected more than 0, at most 1e+06, got inf",
    ),
    (
        vw(squarecb=SquareCbSpec(gamma_exponent=1.1)),
        "policy.vw.squarecb.gamma_exponent",
        "expected 0 to 1, got 1.1",
    ),
    (vw(epsilon=EpsilonSpec(epsilon=1.1)), "policy.vw.epsilon.epsilon", "expected 0 to 1, got 1.1"),
    (vw(epsilon=EpsilonSpec(epsilon=math.nan)), "policy.vw.epsilon.epsilon", "expected 0 to 1, got nan"),
    (vw(softmax=softmax(-1.0)), "policy.vw.softmax.lambda", "expected 0 to 1000, got -1"),
    (vw(softmax=softmax(1001.0)), "policy.vw.softmax.lambda", "expected 0 to 1000, got 1001"),
    # --- ... its control group
    (control(share=1.1), "control.share", "expected 0 to 1, got 1.1"),
    (control(share=math.nan), "control.share", "expected 0 to 1, got nan"),
    (control(fixed=FixedSpec(offer_id=TOO_LONG)), "control.fixed.offer_id", ID + "257"),
    (
        control(popularity=PopularitySpec(max_offers=100_001)),
        "control.popularity.max_offers",
        "expected 1 to 100000, or 0 for the default, got 100001",
    ),
    # --- ... its reward
    (reward(window=Duration()), "reward.window", WINDOW + "0"),
    (reward(window=Duration(nanos=500_000_000)), "reward.window", WINDOW + "0.5"),
    (reward(window=Duration(seconds=-5)), "reward.window", WINDOW + "-5"),
    (reward(window=Duration(seconds=8_000_000)), "reward.window", WINDOW + "8e6"),
    (reward(window=Duration(seconds=5, nanos=-1)), "reward.window", NANOS + "-1"),  # of another sign than the seconds
    (reward(window=Duration(seconds=5, nanos=1_000_000_000)), "reward.window", NANOS + "1000000000"),  # a second
    (reward(default_reward=math.nan), "reward.default_reward", BOUND + "nan"),
    (reward(default_reward=-math.inf), "reward.default_reward", BOUND + "-inf"),
    (reward(min=-2e9), "reward.min", BOUND + "-2e+09"),
    (reward(min=math.nan), "reward.min", BOUND + "nan"),
    (reward(max=math.inf), "reward.max", BOUND + "inf"),
    (reward(min=1.0, max=1.0), "reward.max", "expected more than min, which is 1, got 1"),
    (reward(max=-1000.0), "reward.max", "expected more than min, which is -1000, got -1000"),  # the default min
    (reward(min=2000.0), "reward.max", "expected more than min, which is 2000, got 1000"),  # the default max
    (
        Placement(name="home_hero", log_retention=Duration(seconds=-1)),
        "log_retention",
        "expected 0 to 316224000 s, got -1",
    ),
    (
        reward(outcomes=[OutcomeRule(name=str(i)) for i in range(51)]),
        "reward.outcomes",
        "expected at most 50 rules, got 51",
    ),
    (rule(name=""), "reward.outcomes[1].name", ID + "nothing"),
    (rule(name=TOO_LONG), "reward.outcomes[1].name", ID + "257"),
    (rule(name="click"), "reward.outcomes[1].name", 'expected a name of its own, got "click" again'),
    (rule(weight=0.0), "reward.outcomes[1].weight", WEIGHT + "0.0"),
    (rule(weight=math.nan), "reward.outcomes[1].weight", WEIGHT + "nan"),
    (rule(weight=-2e9), "reward.outcomes[1].weight", WEIGHT + "-2000000000.0"),
    (
        rule(aggregation=8),  # of a later release, perhaps
        "reward.outcomes[1].aggregation",
        (
            "expected one of AGGREGATION_FIRST, AGGREGATION_LAST, AGGREGATION_SUM, AGGREGATION_MAX, AGGREGATION_MIN, "
            "AGGREGATION_MEAN, AGGREGATION_COUNT, got 8"
        ),
    ),
    # --- an outcome: ids
    (outcome(placement=""), "placement", ID + "nothing"),
    (outcome(event_id=""), "event_id", ID + "nothing"),
    (outcome(event_id=TOO_LONG), "event_id", ID + "257"),
    (outcome(name=""), "name", ID + "nothing"),
    (outcome(name=TOO_LONG), "name", ID + "257"),
    (outcome(outcome_id=TOO_LONG), "outcome_id", ID + "257"),
    # --- ... and numbers
    (outcome(value=math.nan), "value", VALUE + "nan"),
    (outcome(value=math.inf), "value", VALUE + "inf"),
    (outcome(value=-math.inf), "value", VALUE + "-inf"),
    (outcome(value=1.5e9), "value", VALUE + "1500000000.0"),
    (outcome(slot=20), "slot", "expected less than 20, the most slots of a decision, got 20"),
    (
        outcome(occurred_at=Timestamp(seconds=253_402_300_800)),
        "occurred_at",
        TIME + "253402300800 s and 0 ns",
    ),  # year 10000
    (
        outcome(occurred_at=Timestamp(seconds=-62_135_596_801)),
        "occurred_at",
        TIME + "-62135596801 s and 0 ns",
    ),  # year 0
    (
        outcome(occurred_at=Timestamp(seconds=1, nanos=-1)),
        "occurred_at",
        TIME + "1 s and -1 ns",
    ),  # not a Timestamp's nanos
    (
        outcome(occurred_at=Timestamp(seconds=1, nanos=1_000_000_000)),
        "occurred_at",
        TIME + "1 s and 1000000000 ns",
    ),  # a second too many
]


@pytest.mark.parametrize(("message", "field", "description"), VIOLATIONS)
def test_a_violation_names_field_expected_and_got(message: Message, field: str, description: str) -> None:
    assert_told(message, field, description)


@pytest.mark.parametrize(
    "message",
    [
        Placement(name="home_hero", shortlist=ShortlistSpec(size=2, random=0)),
        Placement(name="home_hero", shortlist=ShortlistSpec(random=999)),
        outcome(slot=19),  # whether the decision has so many is seen in the store
        Placement(name="h"),  # all defaults
        Placement(name="0" + "a-._" * 15 + "abc"),  # 64 characters, every kind
        Placement(name="home_hero", policy=PolicySpec(min_probability=1.0), control=ControlSpec(share=1.0)),
        Placement(name="home_hero", policy=PolicySpec(linear_ucb=LinearUcbSpec(), half_life=1e9)),
        Placement(name="home_hero", policy=PolicySpec(linear_thompson=LinearThompsonSpec(exploration=1e-3))),
        Placement(name="home_hero", policy=PolicySpec(popularity=PopularitySpec(max_offers=100_000), half_life=10.0)),
        vw(learning_rate=100.0, bits=10, squarecb=SquareCbSpec(gamma_scale=1e6, gamma_exponent=0.0)),
        vw(learning_rate=1e-9, bits=24, epsilon=EpsilonSpec(epsilon=0.0)),
        vw(bits=0, softmax=softmax(1000.0)),
        reward(window=Duration(seconds=1), default_reward=1e6, min=-1e6, max=1e6),
        reward(window=Duration(seconds=90 * 24 * 3600)),
        reward(window=Duration(seconds=90 * 24 * 3600 - 1, nanos=999_999_999)),
        reward(window=Duration(seconds=1, nanos=1)),
        reward(outcomes=[OutcomeRule(name=str(i), weight=-1e9) for i in range(50)]),
        outcome(value=1e9),
        outcome(value=-1e9, outcome_id="o" * 256),
        outcome(value=0.0, occurred_at=Timestamp(seconds=253_402_300_799, nanos=999_999_999)),
        outcome(occurred_at=Timestamp(seconds=-62_135_596_800)),
    ],
)
def test_what_is_just_within_the_contract_is_taken(message: Message) -> None:
    assert violations_of(message) == ()


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (
            Placement(policy=PolicySpec(min_probability=2.0, vw=VwSpec(bits=1)), control=ControlSpec(share=2.0)),
            ["name", "policy.min_probability", "policy.vw.bits", "control.share"],
        ),
        (rule(name="", weight=0.0), ["reward.outcomes[1].name", "reward.outcomes[1].weight"]),
        (reward(window=Duration(seconds=-5, nanos=-1)), ["reward.window", "reward.window"]),
        (Outcome(), ["placement", "event_id", "name"]),
    ],
)
def test_all_violations_are_told_at_once(message: Message, fields: list[str]) -> None:
    assert [violation.field for violation in violations_of(message)] == fields


def test_the_number_of_rules_that_are_looked_at_is_bounded() -> None:
    """Each is compared with those before it: of a message full of them, that would take minutes."""
    found = violations_of(reward(outcomes=[OutcomeRule() for _ in range(10_000)]))
    assert len(found) == 1 + 50 + 49


@pytest.mark.parametrize(
    ("placement", "event_id", "fields"),
    [
        ("home_hero", "e", []),  # fine
        ("", "e", ["placement"]),
        ("home_hero", "", ["event_id"]),
        (TOO_LONG, TOO_LONG, ["placement", "event_id"]),
    ],
)
def test_names_that_point_to_a_decision_are_checked(placement: str, event_id: str, fields: list[str]) -> None:
    try:
        check_names(placement, event_id)
        found: list[str] = []
    except InvalidInputError as error:
        found = [violation.field for violation in error.violations]
    assert found == fields


@pytest.mark.parametrize(
    ("message", "got"),
    [
        (vw(learning_rate=100.0000001), "100.0000001"),
        (vw(squarecb=SquareCbSpec(gamma_scale=1_000_001.0)), "1000001"),
        (reward(window=Duration(seconds=90 * 24 * 3600 + 1)), "7776001"),
        (reward(window=Duration(seconds=90 * 24 * 3600, nanos=1_000_000)), "7776000.001"),
        (reward(min=-1_000_000_001.0), "-1000000001"),
    ],
)
def test_a_number_just_beyond_its_limit_is_not_rounded_to_the_limit(message: Message, got: str) -> None:
    (violation,) = violations_of(message)
    assert violation.description.partition("got ")[2] == got


@pytest.mark.parametrize(
    "message",
    [
        reward(outcomes=[OutcomeRule(name="x" * 100_000), OutcomeRule(name="x" * 100_000)]),
        Placement(name="x" * 100_000),
    ],
)
def test_what_came_is_cut_where_it_is_long(message: Message) -> None:
    """Violations travel in a header of the answer, which clients refuse above 8 KiB."""
    found = violations_of(message)
    assert found
    assert max(len(violation.description.encode()) for violation in found) <= 512
