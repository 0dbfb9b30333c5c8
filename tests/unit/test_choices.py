"""What is estimated with, and within what bounds, when nobody or somebody says so."""

import pytest

from attune.errors import SettingError
from attune.evaluation import choices
from attune.evaluation.anytime import RewardRange
from attune_models.rewards import RewardSpec
from attune_models.tally import MOST_CELLS


def names(wanted: list[str], *, model: bool = True) -> tuple[list[str], list[str]]:
    """Returns the names of what is chosen for one slot and for several."""
    chosen = choices.estimators(wanted, model=model)
    return [each.name for each in chosen.single], [each.name for each in chosen.slots]


def test_without_a_wish_everything_is_estimated_and_doubly_robust_is_shown() -> None:
    single, slots = names([])
    assert (single[0], len(single), slots[0], len(slots)) == ("dr", 11, "cascade-dr", 4)


def test_without_a_model_nothing_is_chosen_that_needs_one() -> None:
    assert names([], model=False) == (
        ["snips", "replay", "ips", "clipped-ips", "cressie-read"],
        ["rips", "ips", "iips"],
    )
    assert not choices.estimators([], model=False).needs_model


def test_a_wish_is_kept_in_its_order() -> None:
    assert names(["ips", "dm", "ips"]) == (["ips", "dm"], ["ips"])


def test_a_wish_for_several_slots_leaves_the_choice_for_one_alone() -> None:
    single, slots = names(["iips"])
    assert (single[0], slots) == ("dr", ["iips"])


@pytest.mark.parametrize(("wanted", "said"), [("tea", "expected one of replay, dm"), ("dr", "needs a reward model")])
def test_what_cannot_be_is_refused(wanted: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        choices.estimators([wanted], model=False)


@pytest.mark.parametrize(
    ("said", "spec", "expected"),
    [
        (None, None, (0, 1)),  # a log of rewards alone
        (None, RewardSpec(), (0, 1)),  # its bounds are there to keep out nonsense
        (None, RewardSpec(min=-1.0, max=6.0), (-1, 6)),  # somebody has set them
        ((0.0, 20.0), RewardSpec(min=-1.0, max=6.0), (0, 20)),  # somebody has said it here
    ],
)
def test_what_a_decision_can_earn(
    said: tuple[float, float] | None, spec: RewardSpec | None, expected: tuple[float, float]
) -> None:
    assert choices.reward_range(said, spec) == RewardRange(*expected, of_slot=said is None)


@pytest.mark.parametrize("said", [(1.0, 1.0), (2.0, 1.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_what_is_no_range_is_refused(said: tuple[float, float]) -> None:
    with pytest.raises(SettingError, match="--reward-range: expected two numbers"):
        choices.reward_range(said, None)


@pytest.mark.parametrize(
    ("targets", "cells"), [(1, MOST_CELLS), (8, MOST_CELLS), (9, MOST_CELLS // 2), (100, MOST_CELLS // 16)]
)
def test_many_targets_take_about_as_much_memory_as_a_few(targets: int, cells: int) -> None:
    assert choices.cells(targets) == cells
