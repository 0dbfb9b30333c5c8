"""The Vowpal Wabbit half of a spec: every default is written down, and everything reaches the core."""

from typing import Any

import pytest

from attune.serving.specs import policy_spec, with_defaults
from attune.v1.placement_pb2 import (
    CB_TYPE_DR,
    CB_TYPE_IPS,
    CB_TYPE_MTR,
    CROSSINGS_CONTEXT_PAIRS_OFFER,
    CROSSINGS_EXPLICIT,
    BagSpec,
    CoverSpec,
    Crossing,
    FirstSpec,
    Placement,
    PolicySpec,
    RegCbSpec,
    RndSpec,
    SquareCbSpec,
    SynthCoverSpec,
    VwSpec,
)
from attune_models import vw


def filled(**fields: Any) -> VwSpec:
    return with_defaults(Placement(name="home_hero", policy=PolicySpec(vw=VwSpec(**fields)))).policy.vw


def core(**fields: Any) -> vw.VwSpec:
    kind = policy_spec(PolicySpec(vw=filled(**fields))).kind
    assert isinstance(kind, vw.VwSpec)
    return kind


def test_nothing_said_is_the_cores_default() -> None:
    assert core() == vw.VwSpec()


@pytest.mark.parametrize(
    ("exploration", "message"),
    [
        ("squarecb", SquareCbSpec(gamma_scale=10.0, gamma_exponent=0.5)),
        ("bag", BagSpec(policies=5, epsilon=0.05)),
        ("cover", CoverSpec(policies=3, psi=1.0, epsilon=0.05)),
        ("rnd", RndSpec(predictors=3, alpha=0.1, epsilon=0.05)),
        ("regcb", RegCbSpec(min_reward=0.0, max_reward=1.0, mellowness=0.1, epsilon=0.05)),
        ("regcbopt", RegCbSpec(min_reward=0.0, max_reward=1.0, mellowness=0.1, epsilon=0.05)),
        ("synthcover", SynthCoverSpec(size=100, psi=0.1, epsilon=0.05)),
        ("first", FirstSpec(interactions=1000, epsilon=0.05)),
    ],
)
def test_every_default_of_an_exploration_is_written_down(exploration: str, message: Any) -> None:
    expected = VwSpec(
        crossings=CROSSINGS_CONTEXT_PAIRS_OFFER,
        context_alone=False,
        learning_rate=0.5 if exploration.startswith("regcb") else 1.5,
        bits=18,
        cb_type=CB_TYPE_MTR,
        power_t=0.5,
    )
    getattr(expected, exploration).CopyFrom(message)
    assert filled(**{exploration: type(message)()}) == expected


def test_what_is_said_stays() -> None:
    said = VwSpec(bag=BagSpec(policies=2, epsilon=1.0), cb_type=CB_TYPE_DR, power_t=0.0, l1=0.25, l2=0.5, bits=10)
    kept = filled(bag=said.bag, cb_type=said.cb_type, power_t=said.power_t, l1=said.l1, l2=said.l2, bits=said.bits)
    assert (kept.bag, kept.cb_type, kept.power_t, kept.l1, kept.l2, kept.bits) == (
        (said.bag, said.cb_type, said.power_t, said.l1, said.l2, said.bits)
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"bag": BagSpec(policies=7, epsilon=0.5)}, vw.VwSpec(vw.Bag(7, 0.5))),
        ({"cover": CoverSpec(policies=7, psi=2.0, epsilon=0.5)}, vw.VwSpec(vw.Cover(7, 2.0, 0.5))),
        ({"rnd": RndSpec(predictors=7, alpha=2.0, epsilon=0.5)}, vw.VwSpec(vw.Rnd(7, 2.0, 0.5))),
        (  # the two kinds share a message
            {"regcb": RegCbSpec(min_reward=-2.0, max_reward=3.0, mellowness=4.0, epsilon=0.5)},
            vw.VwSpec(vw.RegCb(False, -2.0, 3.0, 4.0, 0.5)),  # noqa: FBT003 - in the order of the fields
        ),
        (
            {"regcbopt": RegCbSpec(min_reward=-2.0, max_reward=3.0, mellowness=4.0, epsilon=0.5)},
            vw.VwSpec(vw.RegCb(True, -2.0, 3.0, 4.0, 0.5)),  # noqa: FBT003 - in the order of the fields
        ),
        ({"synthcover": SynthCoverSpec(size=7, psi=2.0, epsilon=0.5)}, vw.VwSpec(vw.SynthCover(7, 2.0, 0.5))),
        ({"first": FirstSpec(interactions=7, epsilon=0.5)}, vw.VwSpec(vw.First(7, 0.5))),
        (
            {"first": FirstSpec(), "cb_type": CB_TYPE_IPS, "power_t": 0.0, "l1": 0.25, "l2": 0.5},
            vw.VwSpec(vw.First(), cb_type=vw.CbType.IPS, power_t=0.0, l1=0.25, l2=0.5),
        ),
        ({"first": FirstSpec(), "cb_type": CB_TYPE_DR}, vw.VwSpec(vw.First(), cb_type=vw.CbType.DR)),
    ],
)
def test_a_spec_reaches_the_core_without_loss(fields: dict[str, Any], expected: vw.VwSpec) -> None:
    assert core(**fields) == expected


def test_a_spec_that_was_stored_before_a_field_was_there_means_what_it_meant() -> None:
    stored = VwSpec(
        squarecb=SquareCbSpec(gamma_scale=10.0, gamma_exponent=0.5),
        crossings=CROSSINGS_CONTEXT_PAIRS_OFFER,
        learning_rate=0.5,
        bits=18,
    )
    assert policy_spec(PolicySpec(vw=stored)).kind == vw.VwSpec(context_alone=True, learning_rate=0.5)


def test_a_list_of_crossings_reaches_the_core() -> None:
    said = [
        Crossing(context=["user", "device"], offer=["topic", "brand"]),
        Crossing(context=["device"], offer_id=True),
        Crossing(slot=True),
        Crossing(context=["device"], slot=True, offer=["topic"], offer_id=True),
    ]
    assert core(explicit_crossings=said) == vw.VwSpec(
        crossings=vw.Listed(
            (
                vw.Crossing(("device", "user"), ("brand", "topic")),
                vw.Crossing(("device",), ("",)),
                vw.Crossing(("",)),
                vw.Crossing(("", "device"), ("", "topic")),
            )
        )
    )


def test_a_list_of_crossings_is_the_only_one() -> None:
    """Written down, with the list as it was said."""
    said = [Crossing(context=["user", "device"])]
    kept = filled(explicit_crossings=said)
    assert kept.crossings == CROSSINGS_EXPLICIT
    assert list(kept.explicit_crossings) == said
    assert filled(explicit_crossings=said, crossings=CROSSINGS_EXPLICIT) == kept


def test_a_half_life_reaches_the_core() -> None:
    """It belongs to the policy, whatever its kind."""
    said = PolicySpec(vw=filled(), half_life=1000.0)
    assert policy_spec(said).kind == vw.VwSpec(half_life=1000.0)
