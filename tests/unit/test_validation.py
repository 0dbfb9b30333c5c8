"""Every violation of the contract is named: the field, what was expected, what came."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from attune.api.decide_validation import MAX_BATCH_ANSWERS, check_decide, checked_batch
from attune.api.validation import check_names, check_placement, outcome_violations
from attune.errors import InvalidInputError, Violation
from attune.internal.v1.envelope_pb2 import DecideBatchEnvelope, DecideEnvelope
from attune.v1.decision_service_pb2 import (
    MODE_CONTROL,
    Choice,
    DecideBatchResponse,
    DecideResponse,
    DecideResult,
    ScoredOffer,
)
from attune.v1.features_pb2 import Features, Offer, Tags
from attune.v1.placement_pb2 import (
    CROSSINGS_NONE,
    REWARD_MODEL_GAUSSIAN,
    BagSpec,
    Belief,
    ControlSpec,
    Crossing,
    Crossings,
    EpsilonSpec,
    FixedSpec,
    LinearModelSpec,
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

TOO_LONG = "x" * 257
ANY_WORD = Features(categorical={"device": "mobile"})
MANY_WORDS = Features(categorical={str(i): "x" * 250 for i in range(150)})
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
ID = "expected 1 to 256 bytes of UTF-8, got "


def decide(**changed: Any) -> DecideEnvelope:
    """Return a valid request, changed; what its offers say is checked in test_situation.py."""
    fields: dict[str, Any] = {"placement": "home_hero", "offers": numbered(2)}
    return DecideEnvelope(**(fields | changed))


def numbered(n_offers: int) -> list[bytes]:
    return [Offer(id=str(i)).SerializeToString() for i in range(n_offers)]


def vw(**fields: Any) -> Placement:
    return Placement(name="home_hero", policy=PolicySpec(vw=VwSpec(**fields)))


def reward(**fields: Any) -> Placement:
    return Placement(name="home_hero", reward=RewardSpec(**fields))


def rule(**fields: Any) -> Placement:
    return reward(outcomes=[OutcomeRule(name="click"), OutcomeRule(**({"name": "revenue"} | fields))])


def control(**fields: Any) -> Placement:
    return Placement(name="home_hero", control=ControlSpec(**fields))


def belief(**changed: Any) -> Belief:
    """Return a valid belief, changed."""
    return Belief(**({"offer": Offer(id="a"), "reward": 0.5, "strength": 50} | changed))


def beliefs(*believed: Belief, policy: PolicySpec | None = None, **fields: Any) -> Placement:
    placement = Placement(name="home_hero", policy=policy, reward=RewardSpec(**fields))
    placement.policy.beliefs.extend(believed)
    return placement


def rich_belief(strength: int) -> Belief:
    tags = {"t": Tags(values=map(str, range(200)))}
    return belief(strength=strength, context=Features(tags=tags), offer=Offer(id="a", features=Features(tags=tags)))


def bag(policies: int) -> PolicySpec:
    return PolicySpec(vw=VwSpec(bag=BagSpec(policies=policies)))


def second_belief(policy: PolicySpec | None = None, **changed: Any) -> Placement:
    return beliefs(belief(), belief(**changed), policy=policy)


def crossed(*crossings: Crossing) -> PolicySpec:
    return PolicySpec(vw=VwSpec(explicit_crossings=crossings))


def linear(bits: int) -> PolicySpec:
    return PolicySpec(linear_ucb=LinearUcbSpec(model=LinearModelSpec(bits=bits)))


def outcome(**changed: Any) -> Outcome:
    """Return a valid outcome, changed."""
    return Outcome(**({"placement": "home_hero", "event_id": "e", "name": "click"} | changed))


def softmax(inverse_temperature: float) -> SoftmaxSpec:
    return SoftmaxSpec(**{"lambda": inverse_temperature})  # a keyword of Python


def check_outcome(message: Outcome) -> None:
    if found := tuple(outcome_violations(message)):
        raise InvalidInputError(*found)


CHECKS: dict[type[Message], Callable[[Any], None]] = {
    DecideEnvelope: check_decide,
    Placement: check_placement,
    Outcome: check_outcome,
}
NAME = "expected 1 to 64 characters of a-z, 0-9, _, - and ., starting with a letter or digit, got "
SIZES = "expected 2 to 1000, or 0 for the default, got "
OFFERS = "expected at most 1000 offers, got "
VALUE = "expected a finite number between -1e9 and 1e9, got "
WEIGHT = "expected a finite number other than 0, between -1e9 and 1e9, got "
WINDOW = "expected 1 to 7776000 s, got "
NANOS = "expected 0 to 999999999 nanoseconds beside the seconds, got "
BOUND = "expected -1e6 to 1e6, got "
TIME = "expected a time from 0001 to 9999, got "

VIOLATIONS: list[tuple[Message, str, str]] = [
    # --- a request for a decision: ids
    (decide(placement=""), "placement", ID + "nothing"),
    (decide(placement=TOO_LONG), "placement", ID + "257"),
    (decide(event_id=TOO_LONG), "event_id", ID + "257"),
    (decide(event_id="é" * 129), "event_id", ID + "258"),  # bytes are counted, not characters
    (decide(customer_id=TOO_LONG), "customer_id", ID + "257"),
    # --- ... and sizes
    (decide(slots=21), "slots", "expected 0 to 20, got 21"),
    (decide(ranking_size=1001), "ranking_size", "expected 0 to 1000, got 1001"),
    (decide(excluded_offer_ids=["x"] * 1001), "excluded_offer_ids", "expected at most 1000 ids, got 1001"),
    (decide(offers=numbered(1001)), "offers", OFFERS + "1001"),
    # offers of the catalogue
    (decide(offer_ids=["a"]), "offer_ids", "expected none beside offers, got 1"),
    (decide(offers=[], offer_ids=list(map(str, range(1001)))), "offer_ids", "expected at most 1000 ids, got 1001"),
    (decide(offers=[], offer_ids=["a", ""]), "offer_ids[1]", "expected 1 to 256 bytes of UTF-8, got nothing"),
    (
        decide(offers=[], offer_ids=["a", "b", "a"]),
        "offer_ids[2]",
        'expected an id of its own, got "a" as in offer_ids[0]',
    ),
    (decide(channel="x" * 257), "channel", "expected 1 to 256 bytes of UTF-8, got 257"),
    # shortlists
    (Placement(name="home_hero", shortlist=ShortlistSpec(size=1)), "shortlist.size", SIZES + "1"),
    (Placement(name="home_hero", shortlist=ShortlistSpec(size=1001)), "shortlist.size", SIZES + "1001"),
    (
        Placement(name="home_hero", shortlist=ShortlistSpec(size=10, random=10)),
        "shortlist.random",
        "expected 0 to 9, less than the length of the list, got 10",
    ),
    # --- a placement: its name
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
    # --- ... what it believes
    (beliefs(*[belief(strength=1)] * 101), "policy.beliefs", "expected at most 100, got 101"),
    (
        beliefs(*[belief(strength=1000)] * 5, belief(strength=1)),
        "policy.beliefs",
        "expected a strength of at most 5000 in all, got 5001",
    ),
    (  # a linear policy of 2^10 weights learns 16 times as long as one of 2^8
        beliefs(belief(strength=313), policy=linear(10)),
        "policy.beliefs",
        "expected a strength of at most 312 in all, got 313",
    ),
    (  # twenty models, each with 200 x 200 products: two minutes, in every server, while other decisions wait
        beliefs(*[rich_belief(1000)] * 5, policy=bag(20)),
        "policy.beliefs",
        "expected at most 1e+08 updates of weights (strength x features of context x of offer x models), got 4.1e+09",
    ),
    (  # a step of forgetting for every 50 of 10,000 pseudo-interactions, each of all that was learned so far
        beliefs(*[rich_belief(1000)] + [belief(strength=1000)] * 4, policy=PolicySpec(vw=VwSpec(), half_life=10)),
        "policy.beliefs",
        "expected at most 1e+08 updates of weights (strength x features of context x of offer x models), got 6.5e+08",
    ),
    (
        beliefs(*[belief(context=MANY_WORDS)] * 2),
        "policy.beliefs",
        f"expected at most 65536 bytes in all, got {2 * belief(context=MANY_WORDS).ByteSize()}",
    ),
    (
        beliefs(belief(), policy=PolicySpec(uniform=UniformSpec())),
        "policy.beliefs",
        "expected none with uniform, which learns nothing, got 1",
    ),
    (
        beliefs(belief(), policy=PolicySpec(fixed=FixedSpec())),
        "policy.beliefs",
        "expected none with fixed, which learns nothing, got 1",
    ),
    (second_belief(strength=0), "policy.beliefs[1].strength", "expected 1 to 1000, got 0"),
    (second_belief(strength=1001), "policy.beliefs[1].strength", "expected 1 to 1000, got 1001"),
    (second_belief(reward=math.nan), "policy.beliefs[1].reward", "expected -1000 to 1000, got nan"),  # the default
    (beliefs(belief(reward=6.5), min=0.0, max=6.0), "policy.beliefs[0].reward", "expected 0 to 6, got 6.5"),
    (second_belief(offer=Offer()), "policy.beliefs[1].offer.id", ID + "nothing"),
    (
        second_belief(offer=Offer(id=TOO_LONG)),
        "policy.beliefs[1].offer.id",
        "expected at most 256 bytes of UTF-8, got 257",
    ),
    (
        second_belief(context=Features(numeric={"price": math.inf})),
        'policy.beliefs[1].context.numeric["price"]',
        "expected a number between -1e6 and 1e6, got inf",
    ),
    (
        second_belief(offer=Offer(id="a", features=Features(categorical={"": "x"}))),
        "policy.beliefs[1].offer.features.categorical",
        "expected a feature name of 1 to 256 bytes, got an empty one",
    ),
    (
        second_belief(PolicySpec(popularity=PopularitySpec()), context=ANY_WORD),
        "policy.beliefs[1].context",
        "expected no features, as popularity ignores contexts, got some",
    ),
    (
        second_belief(PolicySpec(popularity=PopularitySpec()), reward=1.5),
        "policy.beliefs[1].reward",
        "expected 0 to 1, got 1.5",
    ),
    (
        second_belief(PolicySpec(vw=VwSpec(crossings=CROSSINGS_NONE)), context=ANY_WORD),
        "policy.beliefs[1].context",
        "expected no features, as CROSSINGS_NONE ignores contexts, got some",
    ),
    (  # a belief about mobile customers would be one about all
        second_belief(crossed(Crossing(context=["country"])), context=ANY_WORD),
        "policy.beliefs[1].context",
        'expected features that an explicit crossing multiplies, all of which are here, got "device"',
    ),
    (  # what is multiplied with it is not there
        second_belief(crossed(Crossing(context=["device", "country"])), context=ANY_WORD),
        "policy.beliefs[1].context",
        'expected features that an explicit crossing multiplies, all of which are here, got "device"',
    ),
    (  # nor is a slot
        second_belief(crossed(Crossing(context=["device"], slot=True)), context=ANY_WORD),
        "policy.beliefs[1].context",
        'expected features that an explicit crossing multiplies, all of which are here, got "device"',
    ),
    (
        beliefs(rich_belief(1000), rich_belief(1000), rich_belief(1000), policy=crossed(Crossing(context=["t"]))),
        "policy.beliefs",
        "expected at most 1e8 updates of weights (strength x features of context x of offer x models), got 1.2e+08",
    ),
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


def violations_of(message: Message) -> tuple[Violation, ...]:
    try:
        CHECKS[type(message)](message)
    except InvalidInputError as error:
        return error.violations
    return ()


def plainly(description: str) -> str:
    """Write its numbers in one way: 1e9, 1e+09 and 1000000000.0 are the same."""
    return NUMBER.sub(lambda match: f"{float(match[0]):.15g}", description)


@pytest.mark.parametrize(("message", "field", "description"), VIOLATIONS)
def test_a_violation_names_field_expected_and_got(message: Message, field: str, description: str) -> None:
    (violation,) = violations_of(message)
    assert violation.field == field
    assert plainly(violation.description) == plainly(description)


@pytest.mark.parametrize(
    "message",
    [
        decide(),  # the least
        decide(placement="p" * 256, event_id="é" * 128, customer_id="c" * 256, slots=1, ranking_size=1000),
        decide(offers=[]),  # they come from the catalogue
        decide(offers=[], offer_ids=list(map(str, range(1000))), channel="x" * 256),
        Placement(name="home_hero", shortlist=ShortlistSpec(size=2, random=0)),
        Placement(name="home_hero", shortlist=ShortlistSpec(random=999)),
        decide(slots=20),  # more than there are offers
        outcome(slot=19),  # whether the decision has so many is seen in the store
        decide(event_id="any | thing: \n\0 _"),  # any Unicode
        decide(offers=numbered(1000), excluded_offer_ids=["x"] * 1000),
        decide(
            context=[Features(numeric={"": math.nan}).SerializeToString()], offers=[b"garbage", b""]
        ),  # looked into later
        Placement(name="h"),  # all defaults
        Placement(name="0" + "a-._" * 15 + "abc"),  # 64 characters, every kind
        Placement(name="home_hero", policy=PolicySpec(min_probability=1.0), control=ControlSpec(share=1.0)),
        Placement(name="home_hero", policy=PolicySpec(linear_ucb=LinearUcbSpec(), half_life=1e9)),
        Placement(name="home_hero", policy=PolicySpec(linear_thompson=LinearThompsonSpec(exploration=1e-3))),
        Placement(name="home_hero", policy=PolicySpec(popularity=PopularitySpec(max_offers=100_000), half_life=10.0)),
        vw(learning_rate=100.0, bits=10, squarecb=SquareCbSpec(gamma_scale=1e6, gamma_exponent=0.0)),
        vw(learning_rate=1e-9, bits=24, epsilon=EpsilonSpec(epsilon=0.0)),
        vw(bits=0, softmax=softmax(1000.0)),
        beliefs(*[belief(context=ANY_WORD, reward=-1000.0, strength=50)] * 100),  # the most
        beliefs(belief(reward=6.0, strength=1), belief(reward=0.0, strength=1000), min=0.0, max=6.0),
        beliefs(*[belief(strength=1000)] * 5, policy=linear(8)),
        beliefs(belief(strength=312), policy=linear(10)),
        beliefs(*[belief(context=ANY_WORD, strength=1000)] * 5, policy=bag(20)),
        beliefs(rich_belief(120), policy=bag(20)),
        beliefs(belief(reward=0.0), belief(reward=1.0), policy=PolicySpec(popularity=PopularitySpec())),
        beliefs(belief(reward=9.0), policy=PolicySpec(popularity=PopularitySpec(rewards=REWARD_MODEL_GAUSSIAN))),
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
        (decide(placement="", slots=21, offers=numbered(1001)), ["placement", "slots", "offers"]),
        (
            Placement(policy=PolicySpec(min_probability=2.0, vw=VwSpec(bits=1)), control=ControlSpec(share=2.0)),
            ["name", "policy.min_probability", "policy.vw.bits", "control.share"],
        ),
        (
            second_belief(strength=0, reward=math.nan, offer=Offer()),
            [f"policy.beliefs[1].{field}" for field in ("offer.id", "reward", "strength")],
        ),
        (  # nothing to reckon with
            beliefs(belief(), policy=PolicySpec(half_life=math.inf, vw=VwSpec(bits=2**32 - 1))),
            ["policy.half_life", "policy.vw.bits"],
        ),
        (beliefs(belief(reward=2.0), min=1.0, max=0.0), ["reward.max"]),  # a range that is none bounds nothing
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
        decide(placement="x" * 100_000, event_id="x" * 100_000, customer_id="x" * 100_000),
        reward(outcomes=[OutcomeRule(name="x" * 100_000), OutcomeRule(name="x" * 100_000)]),
        Placement(name="x" * 100_000),
    ],
)
def test_what_came_is_cut_where_it_is_long(message: Message) -> None:
    """Violations travel in a header of the answer, which clients refuse above 8 KiB."""
    found = violations_of(message)
    assert found
    assert max(len(violation.description.encode()) for violation in found) <= 512


# From the catalogue, with slots beside ranks, and with more ranks than offers.
@pytest.mark.parametrize(
    ("request_", "most"),
    [
        (DecideEnvelope(placement="p", ranking_size=999), 10),
        (DecideEnvelope(placement="p", slots=20, ranking_size=180), 50),
        (DecideEnvelope(placement="p", offers=[b"a", b"b", b"c"], ranking_size=1000), 2500),
        (DecideEnvelope(placement="p"), 10_000),
    ],
)
def test_the_answer_to_a_batch_has_to_fit_a_message(
    request_: DecideEnvelope, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients refuse more than 4 MiB: everything would be decided and nobody would know what."""
    monkeypatch.setattr("attune.api.decide_validation.MAX_BATCH", 20_000)
    bad = DecideEnvelope(placement="p", ranking_size=2**32 - 1)
    assert len(checked_batch(DecideBatchEnvelope(requests=[request_] * most + [bad]))) == most + 1
    with pytest.raises(InvalidInputError) as caught:
        checked_batch(DecideBatchEnvelope(requests=[request_] * (most + 1)))
    [violation] = caught.value.violations
    n_answers = MAX_BATCH_ANSWERS * (most + 1) // most
    assert violation == Violation("requests", f"expected at most 10000 slots and ranks in all, got {n_answers}")


def test_an_answer_ranks_offers_on_every_channel() -> None:
    brought = [DecideEnvelope(placement="p", offers=[b"a", b"b"], ranking_size=1000)] * 600
    channels = {"p": 8}
    assert len(checked_batch(DecideBatchEnvelope(requests=brought[:588]), lambda name: channels[name])) == 588
    with pytest.raises(InvalidInputError, match="expected at most 10000 slots and ranks in all, got 10013"):
        checked_batch(DecideBatchEnvelope(requests=brought[:589]), lambda name: channels[name])
    assert len(checked_batch(DecideBatchEnvelope(requests=brought))) == 600


# With a channel, the ids of both are together as long as the longest without.
@pytest.mark.parametrize("named", [{"offer_id": "x" * 256}, {"offer_id": "x" * 191, "channel": "c" * 64}])
def test_the_largest_answer_to_a_batch_fits_a_message(named: dict[str, str]) -> None:
    longest = Choice(slot=19, propensity=0.1, **named)
    scored = ScoredOffer(probability=0.1, **named)
    decided = DecideResponse(event_id="e" * 256, policy_version=2**40, mode=MODE_CONTROL, logged=True)
    decided.choices.add().CopyFrom(longest)
    decided.ranking.extend([scored] * 9)
    answer = DecideBatchResponse(results=[DecideResult(decision=decided)] * 1000)
    assert answer.ByteSize() < 4 << 20
