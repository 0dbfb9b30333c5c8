"""Which version to go back to, and in what two differ."""

import pytest

from attune.cli.failures import CallError
from attune.cli.policy_versions import differences, former
from attune.v1.placement_pb2 import OutcomeRule, PolicySpec, PolicyVersion, RewardSpec

POLICY = PolicySpec(min_probability=0.1)
REWARD = RewardSpec(outcomes=[OutcomeRule(name="click", weight=1.0)])
# What was changed, and the training that came of it.
CHANGED = [
    pytest.param({"policy": PolicySpec(min_probability=0.2)}, id="policy"),
    pytest.param({"reward": RewardSpec(outcomes=[OutcomeRule(name="click", weight=2.0)])}, id="reward"),
    pytest.param({"generation": 1}, id="rebuild"),
]


def version(number: int, *, serving: bool = False, **training: object) -> PolicyVersion:
    spec: dict[str, object] = {"policy": POLICY, "reward": REWARD, **training}
    return PolicyVersion(version=number, serving=serving, **spec)  # type: ignore[arg-type]


@pytest.mark.parametrize("changed", CHANGED)
def test_a_rollback_goes_behind_the_last_change(changed: dict[str, object]) -> None:
    assert former([version(4, serving=True, **changed), version(3, **changed), version(2), version(1)]) == 2


def test_without_a_change_a_rollback_goes_back_by_one() -> None:
    assert former([version(3), version(2, serving=True), version(1)]) == 1


def test_after_a_reset_a_rollback_goes_to_the_newest() -> None:
    assert former([version(3), version(2)]) == 3


def test_there_may_be_nothing_to_go_back_to() -> None:
    with pytest.raises(CallError, match="there is none"):
        former([version(2, serving=True)])


@pytest.mark.parametrize("changed", CHANGED)
def test_the_difference_is_what_was_changed(changed: dict[str, object]) -> None:
    [(name, before, after)] = differences(version(1), version(1, **changed))
    assert name.partition(".")[0] in {*changed, "generation"}
    assert before != after
