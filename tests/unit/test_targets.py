"""Target policies: what they say of a sample, what they learn, and what they have to say about themselves."""

import pytest

from attune.evaluation import targets
from attune.evaluation.targets import FixedTarget, VersionTarget
from attune.serving.specs import start_spec, with_defaults
from attune.v1.placement_pb2 import Placement, PolicySpec
from attune_models.baselines import UniformPolicy
from attune_models.replay import replay
from sampled import clicks, of_slots, placed, sample

HALF = (0.5, 0.5)
LINEAR = PolicySpec(linear_ucb={})


def test_uniform_says_the_same_of_all_offers_that_are_left_in_a_slot() -> None:
    decision = of_slots(0, [((0.2, 0.3, 0.5), 2, 0.0), ((0.5, 0.5), 0, 1.0)])
    assert targets.uniform().pmfs(decision) == [[1 / 3] * 3, [1 / 2] * 2]


def test_a_fixed_offer_that_is_not_there_is_stood_in_for_and_that_is_said() -> None:
    target = FixedTarget("o1")
    two, three = sample(0, HALF, 0, 0.0), sample(1, (1.0,), 0, 0.0)
    assert [target.counts(two), target.counts(three)] == [True, True]
    assert (target.pmfs(two), target.pmfs(three)) == ([[0.0, 1.0]], [[1.0]])
    assert target.remarks() == ("In 50.0% of the decisions o1 was not eligible: the first offer stood in for it.",)
    assert target.doubts() == ()


def test_a_fixed_offer_that_is_never_there_is_doubted() -> None:
    target = FixedTarget("o9")
    target.counts(sample(0, HALF, 0, 0.0))
    assert target.doubts() == ("o9 was never eligible: the estimate is that of the first offer.",)
    assert target.remarks() == ()


def test_a_fixed_offer_that_is_always_there_needs_no_remark() -> None:
    target = FixedTarget("o1")
    target.counts(sample(0, HALF, 0, 0.0))
    assert target.remarks() == ()


@pytest.mark.parametrize(
    ("policy", "learns"),
    [
        (PolicySpec(), True),  # Vowpal Wabbit, the default
        (LINEAR, True),
        (PolicySpec(popularity={}), True),
        (PolicySpec(uniform={}), False),  # nothing to learn
        (PolicySpec(fixed={"offer_id": "o1"}), False),
    ],
)
def test_what_can_learn_learns(policy: PolicySpec, learns: bool) -> None:  # noqa: FBT001 - a column of the table
    target = targets.from_placement("mine", Placement(name="mine", policy=policy))
    assert target.learns == learns
    rows = clicks(60, 1)
    before = target.pmfs(rows[0])
    for row in rows:
        target.learn(row)
    assert (target.pmfs(rows[0]) != before) == learns


def test_a_policy_is_asked_before_it_learns_as_replay_does_it() -> None:
    rows = clicks(200, 2)
    target = targets.from_placement("ucb", Placement(name="ucb", policy=LINEAR))
    said = []
    for row in rows:
        said += target.pmfs(row)
        target.learn(row)
    core = start_spec(with_defaults(Placement(name="ucb", policy=LINEAR)))
    assert said == [step.pmf for step in replay(core, (row.slots[0] for row in rows))]


def version(*, seen: bool = False) -> VersionTarget:
    """Returns a version that has learned from the first two entries of a log."""
    return VersionTarget("version:3", UniformPolicy(), "", "2-0", seen=seen)


def test_a_version_is_not_judged_by_what_it_has_learned_from() -> None:
    target = version()
    assert [target.counts(row) for row in placed(clicks(11, 1))] == [False, False, *[True] * 9]
    assert (target.doubts(), len(target.remarks())) == ([], 1)
    assert "2 were left out" in target.remarks()[0]


def test_a_version_that_is_judged_by_what_it_has_learned_from_is_doubted() -> None:
    target = version(seen=True)
    assert all(target.counts(row) for row in placed(clicks(4, 1)))
    assert target.doubts() == ["It has learned from 2 of these decisions: the estimate is too good."]
    assert target.remarks() == ()


def test_a_version_is_doubted_where_nobody_knows_what_it_has_learned_from() -> None:
    target = version()
    assert all(target.counts(row) for row in clicks(4, 1))
    assert len(target.doubts()) == 1
    assert "4 decisions have no position" in target.doubts()[0]
