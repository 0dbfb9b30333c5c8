"""What is refused of challengers and of promoting them, and what is filled in."""

import pytest

from attune.api.validation import check_placement
from attune.errors import InvalidInputError, Violation
from attune.serving.specs import with_defaults
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import (
    AutoPromote,
    Belief,
    Challenger,
    EpsilonSpec,
    FixedSpec,
    Placement,
    PolicySpec,
    RewardSpec,
    UniformSpec,
    VwSpec,
)

CLICKS = RewardSpec(min=0.0, max=1.0)
EPSILON = PolicySpec(vw=VwSpec(epsilon=EpsilonSpec(epsilon=2.0)))
NAMED = "expected 1 to 64 characters of a-z, 0-9, _, - and ., starting with a letter or digit, got "
MEANT = (
    "expected a bound that is meant, because with auto_promote reward.min and reward.max say how much one decision can "
    "prove (0 and 1 for clicks, for example), got the default, "
)
LOW, HIGH = Violation("reward.min", f"{MEANT}-1000"), Violation("reward.max", f"{MEANT}1000")


def named(*names: str, policy: PolicySpec | None = None) -> Placement:
    return Placement(name="home", reward=CLICKS, challengers=[Challenger(name=name, policy=policy) for name in names])


def promoting(reward: RewardSpec | None = None, **fields: float) -> Placement:
    return Placement(name="home", reward=reward or CLICKS, auto_promote=AutoPromote(**fields))


# A placement that is refused, and every violation.
REFUSED = [
    (named("a", "b", "c", "d", "e", "f"), [Violation("challengers", "expected at most 5, got 6")]),
    (named("a", ""), [Violation("challengers[1].name", f'{NAMED}""')]),
    (named("A B"), [Violation("challengers[0].name", f'{NAMED}"A B"')]),
    (named("a", "b", "a"), [Violation("challengers[2].name", 'expected a name of its own, got "a" again')]),
    # Its policy is checked as the placement's own is, beliefs and all.
    (named("a", policy=EPSILON), [Violation("challengers[0].policy.vw.epsilon.epsilon", "expected 0 to 1, got 2")]),
    (
        named("a", policy=PolicySpec(beliefs=[Belief(offer=Offer(id="x"), reward=2.0, strength=1)])),
        [Violation("challengers[0].policy.beliefs[0].reward", "expected 0 to 1, got 2")],
    ),
    # What learns nothing has nothing to be trained for.
    (
        named("a", policy=PolicySpec(uniform=UniformSpec())),
        [Violation("challengers[0].policy.uniform", "expected a policy that learns, got one that does not")],
    ),
    (
        named("a", policy=PolicySpec(fixed=FixedSpec())),
        [Violation("challengers[0].policy.fixed", "expected a policy that learns, got one that does not")],
    ),
    (promoting(confidence=0.4), [Violation("auto_promote.confidence", "expected 0.5 to 0.9999, got 0.4")]),
    (promoting(confidence=1.0), [Violation("auto_promote.confidence", "expected 0.5 to 0.9999, got 1")]),
    (promoting(margin=-0.1), [Violation("auto_promote.margin", "expected 0 to 1000000, got -0.1")]),
    (promoting(margin=float("nan")), [Violation("auto_promote.margin", "expected 0 to 1000000, got nan")]),
    # Bounds that nobody has stated prove nothing; nor those of a placement that was read back.
    (promoting(RewardSpec()), [LOW, HIGH]),
    (promoting(RewardSpec(min=0.0)), [HIGH]),
    (promoting(RewardSpec(max=1.0)), [LOW]),
    (promoting(RewardSpec(min=-1000.0, max=1000.0)), [LOW, HIGH]),
]


@pytest.mark.parametrize(("placement", "violations"), REFUSED)
def test_what_is_wrong_is_named(placement: Placement, violations: list[Violation]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_placement(placement)
    assert list(refused.value.violations) == violations


@pytest.mark.parametrize(
    "placement",
    [
        named("a", "b-2", "c.3", "d_4", "5"),
        promoting(),
        promoting(confidence=0.5, margin=1e6),
        promoting(RewardSpec(min=-1000.0, max=1.0)),  # one that is the default, but said
        Placement(name="home", challengers=[Challenger(name="a")]),  # nothing is proved where nothing is promoted
    ],
)
def test_what_makes_sense_is_taken(placement: Placement) -> None:
    check_placement(placement)


def test_defaults_are_filled_in() -> None:
    placement = Placement(name="home", challengers=[Challenger(name="a")], auto_promote=AutoPromote())
    filled = with_defaults(placement)
    assert filled.challengers[0].policy == with_defaults(Placement()).policy
    assert filled.auto_promote == AutoPromote(confidence=0.95, margin=0.0)
    assert with_defaults(filled) == filled


def test_a_placement_without_challengers_is_stored_as_before() -> None:
    """Byte for byte: nothing that is trained for it is trained anew."""
    filled = with_defaults(Placement(name="home"))
    assert not filled.challengers
    assert not filled.HasField("auto_promote")
