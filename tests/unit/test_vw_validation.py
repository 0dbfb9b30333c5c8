"""Every number of a Vowpal Wabbit spec is bounded, and what a policy cannot do is said before it is built."""

import math
from typing import Any

import pytest

from attune.api.validation import check_placement
from attune.errors import InvalidInputError
from attune.serving.specs import policy_spec, with_defaults
from attune.v1.placement_pb2 import (
    CB_TYPE_DR,
    CB_TYPE_IPS,
    CB_TYPE_MTR,
    CROSSINGS_EXPLICIT,
    CROSSINGS_NONE,
    BagSpec,
    CbType,
    CoverSpec,
    Crossing,
    EpsilonSpec,
    FirstSpec,
    Placement,
    PolicySpec,
    RegCbSpec,
    RndSpec,
    SquareCbSpec,
    SynthCoverSpec,
    VwSpec,
)
from attune_models.policy import build
from vw_policies import situation_for


def violations(**fields: Any) -> list[tuple[str, str]]:
    placement = Placement(name="home_hero", policy=PolicySpec(vw=VwSpec(**fields)))
    try:
        check_placement(placement)
    except InvalidInputError as error:
        return [(violation.field, violation.description) for violation in error.violations]
    return []


def crossing(*context: str, **fields: Any) -> Crossing:
    return Crossing(context=context, **fields)


def probability(field: str, value: float) -> tuple[str, str]:
    return (f"policy.vw.{field}", f"expected 1e-06 to 1, got {value:.15g}")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # An epsilon of 0 would let a bag agree on a wrong offer for good, and others leave offers without evidence.
        ({"bag": BagSpec(epsilon=0.0)}, [probability("bag.epsilon", 0.0)]),
        ({"cover": CoverSpec(epsilon=-0.1)}, [probability("cover.epsilon", -0.1)]),
        ({"rnd": RndSpec(epsilon=1.1)}, [probability("rnd.epsilon", 1.1)]),
        ({"regcb": RegCbSpec(epsilon=0.0)}, [probability("regcb.epsilon", 0.0)]),
        ({"regcbopt": RegCbSpec(epsilon=math.nan)}, [probability("regcbopt.epsilon", math.nan)]),
        ({"synthcover": SynthCoverSpec(epsilon=math.inf)}, [probability("synthcover.epsilon", math.inf)]),
        ({"first": FirstSpec(epsilon=0.0)}, [probability("first.epsilon", 0.0)]),
        # Counts.
        ({"bag": BagSpec(policies=1)}, [("policy.vw.bag.policies", "expected 2 to 20, or 0 for the default, got 1")]),
        (
            {"cover": CoverSpec(policies=21)},
            [("policy.vw.cover.policies", "expected 2 to 20, or 0 for the default, got 21")],
        ),
        (
            {"rnd": RndSpec(predictors=21)},
            [("policy.vw.rnd.predictors", "expected 1 to 20, or 0 for the default, got 21")],
        ),
        (
            {"synthcover": SynthCoverSpec(size=1001)},
            [("policy.vw.synthcover.size", "expected 1 to 1000, or 0 for the default, got 1001")],
        ),
        (
            {"first": FirstSpec(interactions=1_000_001)},
            [("policy.vw.first.interactions", "expected 1 to 1000000, or 0 for the default, got 1000001")],
        ),
        ({"bits": 25}, [("policy.vw.bits", "expected 10 to 24, or 0 for the default, got 25")]),
        # What only this exploration has.
        ({"cover": CoverSpec(psi=0.0)}, [("policy.vw.cover.psi", "expected 1e-06 to 100, got 0")]),
        ({"rnd": RndSpec(alpha=101.0)}, [("policy.vw.rnd.alpha", "expected 1e-06 to 100, got 101")]),
        (
            {"regcb": RegCbSpec(mellowness=0.0)},
            [("policy.vw.regcb.mellowness", "expected 1e-06 to 100, got 0")],
        ),
        (
            {"regcb": RegCbSpec(min_reward=1.0)},
            [("policy.vw.regcb.max_reward", "expected more than min_reward, which is 1, got 1")],
        ),
        (
            {"regcbopt": RegCbSpec(max_reward=2e9)},
            [("policy.vw.regcbopt.max_reward", "expected -1000000 to 1000000, got 2000000000")],
        ),
        (
            {"regcb": RegCbSpec(max_reward=math.nan)},
            [("policy.vw.regcb.max_reward", "expected -1000000 to 1000000, got nan")],
        ),
        # What every policy has.
        ({"power_t": 1.5}, [("policy.vw.power_t", "expected 0 to 1, got 1.5")]),
        ({"power_t": math.nan}, [("policy.vw.power_t", "expected 0 to 1, got nan")]),
        ({"l1": -1e-9}, [("policy.vw.l1", "expected 0 to 1, got -1e-09")]),
        ({"l2": math.inf}, [("policy.vw.l2", "expected 0 to 1, got inf")]),
        # Some explorations are made for one cost type only.
        ({"cb_type": CB_TYPE_IPS}, [("policy.vw.cb_type", "expected CB_TYPE_MTR with squarecb, got CB_TYPE_IPS")]),
        (
            {"cb_type": CB_TYPE_DR, "regcb": RegCbSpec()},
            [("policy.vw.cb_type", "expected CB_TYPE_MTR with regcb, got CB_TYPE_DR")],
        ),
        (
            {"cb_type": CB_TYPE_DR, "regcbopt": RegCbSpec()},
            [("policy.vw.cb_type", "expected CB_TYPE_MTR with regcbopt, got CB_TYPE_DR")],
        ),
        # A list of crossings.
        (
            {"explicit_crossings": [crossing("a")], "crossings": CROSSINGS_NONE},
            [("policy.vw.explicit_crossings", "expected none with CROSSINGS_NONE, got 1")],
        ),
        (
            {"crossings": CROSSINGS_EXPLICIT},
            [("policy.vw.explicit_crossings", "expected 1 to 20 with CROSSINGS_EXPLICIT, got 0")],
        ),
        (
            {"explicit_crossings": [crossing(f"{i}") for i in range(21)]},
            [("policy.vw.explicit_crossings", "expected 1 to 20 with CROSSINGS_EXPLICIT, got 21")],
        ),
        (  # without features of the context it ranks offers alike for everybody
            {"explicit_crossings": [crossing("a"), Crossing(offer=["b"], offer_id=True)]},
            [("policy.vw.explicit_crossings[1].context", "expected 1 to 3 names, or slot, got neither")],
        ),
        (
            {"explicit_crossings": [crossing("a", "b", "c", "d"), Crossing(context=["a"], offer=["a", "b", "c", "d"])]},
            [
                ("policy.vw.explicit_crossings[0].context", "expected at most 3 names, got 4"),
                ("policy.vw.explicit_crossings[1].offer", "expected at most 3 names, got 4"),
            ],
        ),
        (
            {"explicit_crossings": [crossing(""), Crossing(context=["a"], offer=["b", "ü" * 129])]},
            [
                ("policy.vw.explicit_crossings[0].context[0]", "expected 1 to 256 bytes of UTF-8, got nothing"),
                ("policy.vw.explicit_crossings[1].offer[1]", "expected 1 to 256 bytes of UTF-8, got 258"),
            ],
        ),
        (
            {"explicit_crossings": [crossing("a", "b", "a")]},
            [("policy.vw.explicit_crossings[0].context[2]", 'expected each name once, got "a" again')],
        ),
        (  # the order of names does not matter to a product
            {"explicit_crossings": [crossing("a"), crossing("b", "c"), crossing("c", "b")]},
            [
                (
                    "policy.vw.explicit_crossings[2]",
                    "expected each crossing once, got that of explicit_crossings[1] again",
                )
            ],
        ),
    ],
)
def test_what_is_out_of_bounds_is_refused(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert violations(**fields) == expected


def test_an_unknown_cost_type_is_refused() -> None:
    found = violations(epsilon=EpsilonSpec(), cb_type=7)
    assert found == [
        ("policy.vw.cb_type", "expected one of CB_TYPE_MTR, CB_TYPE_IPS, CB_TYPE_DR, got 7"),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {},  # all defaults
        {"squarecb": SquareCbSpec(gamma_scale=1e6, gamma_exponent=1.0), "cb_type": CB_TYPE_MTR},  # the largest
        {"bag": BagSpec(policies=20, epsilon=1.0), "cb_type": CB_TYPE_DR, "l1": 1.0, "l2": 1.0, "power_t": 1.0},
        {"bag": BagSpec(policies=2, epsilon=1e-6), "power_t": 0.0, "l1": 5e-324},  # the smallest
        {"cover": CoverSpec(policies=2, psi=1e-6), "cb_type": CB_TYPE_IPS},
        {"cover": CoverSpec(policies=20, psi=100.0)},
        {"rnd": RndSpec(predictors=20, alpha=100.0)},
        {"rnd": RndSpec(predictors=1, alpha=1e-6)},
        {"regcb": RegCbSpec(min_reward=-1e6, max_reward=1e6, mellowness=100.0)},
        {"regcbopt": RegCbSpec(min_reward=0.0, max_reward=1e-300, mellowness=1e-6)},
        {"synthcover": SynthCoverSpec(size=1000, psi=100.0), "cb_type": CB_TYPE_IPS},
        {"synthcover": SynthCoverSpec(size=1, psi=1e-6), "cb_type": CB_TYPE_DR},
        {"first": FirstSpec(interactions=1_000_000), "cb_type": CB_TYPE_DR},
        {"explicit_crossings": [crossing(f"{i}", "x" * 256, "ü|:~=@% ", offer=[f"{i}", "b", "c"]) for i in range(20)]},
        {"explicit_crossings": [crossing("a"), crossing("a", slot=True), crossing("a", offer_id=True)]},
    ],
)
def test_what_is_within_bounds_is_built_and_decides(fields: dict[str, Any]) -> None:
    """At the very edges, too: what passes validation must not fail when a placement goes live."""
    assert violations(**fields) == []
    placement = with_defaults(Placement(name="home_hero", policy=PolicySpec(vw=VwSpec(**fields))))
    assert violations(**fields) == []
    policy = build(policy_spec(placement.policy))
    assert math.fsum(policy.pmf(situation_for("1"))) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("cb_type", [CB_TYPE_MTR, CB_TYPE_IPS, CB_TYPE_DR], ids=CbType.Name)
@pytest.mark.parametrize("exploration", ["epsilon", "softmax", "bag", "cover", "rnd", "synthcover", "first"])
def test_all_others_take_every_cost_type(exploration: str, cb_type: CbType) -> None:
    spec = VwSpec(cb_type=cb_type)
    getattr(spec, exploration).SetInParent()
    check_placement(Placement(name="home_hero", policy=PolicySpec(vw=spec)))


@pytest.mark.parametrize("half_life", [10.0, 1e9])
def test_what_forgets_has_few_enough_weights_to_look_at_each_within_a_lease(half_life: float) -> None:
    def found(bits: int, half_life: float) -> list[tuple[str, str]]:
        policy = PolicySpec(vw=VwSpec(bits=bits), half_life=half_life)
        try:
            check_placement(Placement(name="home_hero", policy=policy))
        except InvalidInputError as error:
            return [(violation.field, violation.description) for violation in error.violations]
        return []

    assert found(21, half_life) == [("policy.vw.bits", "expected at most 20 with a half_life, got 21")]
    assert found(20, half_life) == found(24, 0.0) == []
