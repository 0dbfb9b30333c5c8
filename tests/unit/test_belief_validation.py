"""Beliefs: every violation of the contract is named, and none takes longer to learn than a server may be busy."""

import math
from typing import Any

import pytest
from google.protobuf.message import Message

from attune.v1.features_pb2 import Features, Offer, Tags
from attune.v1.placement_pb2 import (
    CROSSINGS_NONE,
    REWARD_MODEL_GAUSSIAN,
    BagSpec,
    Belief,
    Crossing,
    FixedSpec,
    LinearModelSpec,
    LinearUcbSpec,
    Placement,
    PolicySpec,
    PopularitySpec,
    RewardSpec,
    UniformSpec,
    VwSpec,
)
from violations import ID, TOO_LONG, assert_told, violations_of

ANY_WORD = Features(categorical={"device": "mobile"})
MANY_WORDS = Features(categorical={str(i): "x" * 250 for i in range(150)})


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


VIOLATIONS: list[tuple[Message, str, str]] = [
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
]


@pytest.mark.parametrize(("message", "field", "description"), VIOLATIONS)
def test_a_violation_names_field_expected_and_got(message: Message, field: str, description: str) -> None:
    assert_told(message, field, description)


@pytest.mark.parametrize(
    "message",
    [
        beliefs(*[belief(context=ANY_WORD, reward=-1000.0, strength=50)] * 100),  # the most
        beliefs(belief(reward=6.0, strength=1), belief(reward=0.0, strength=1000), min=0.0, max=6.0),
        beliefs(*[belief(strength=1000)] * 5, policy=linear(8)),
        beliefs(belief(strength=312), policy=linear(10)),
        beliefs(*[belief(context=ANY_WORD, strength=1000)] * 5, policy=bag(20)),
        beliefs(rich_belief(120), policy=bag(20)),
        beliefs(belief(reward=0.0), belief(reward=1.0), policy=PolicySpec(popularity=PopularitySpec())),
        beliefs(belief(reward=9.0), policy=PolicySpec(popularity=PopularitySpec(rewards=REWARD_MODEL_GAUSSIAN))),
    ],
)
def test_what_is_just_within_the_contract_is_taken(message: Message) -> None:
    assert violations_of(message) == ()


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (
            second_belief(strength=0, reward=math.nan, offer=Offer()),
            [f"policy.beliefs[1].{field}" for field in ("offer.id", "reward", "strength")],
        ),
        (  # nothing to reckon with
            beliefs(belief(), policy=PolicySpec(half_life=math.inf, vw=VwSpec(bits=2**32 - 1))),
            ["policy.half_life", "policy.vw.bits"],
        ),
        (beliefs(belief(reward=2.0), min=1.0, max=0.0), ["reward.max"]),  # a range that is none bounds nothing
    ],
)
def test_all_violations_are_told_at_once(message: Message, fields: list[str]) -> None:
    assert [violation.field for violation in violations_of(message)] == fields
