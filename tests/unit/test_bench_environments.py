"""The environments of the learning table: seeded, shaped as they say, and with the best constants that are known."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.learning.baselines import CONSTANT, SUPERVISED, UNIFORM, measure
from benchmarks.learning.digits import Digits
from benchmarks.learning.environments import Environment, Rounds
from benchmarks.learning.mushrooms import Mushrooms
from benchmarks.learning.readers import DRIFT_TO_KNOWN, DRIFT_TO_NEW, TOM_AND_ANNA, Readers

# All that need no data and no fitting; the coupons are looked at in tests/statistics.
QUICK: list[Environment] = [TOM_AND_ANNA, DRIFT_TO_KNOWN, DRIFT_TO_NEW, Digits()]
CASES = [pytest.param(one, id=one.name, marks=[] if one is TOM_AND_ANNA else [pytest.mark.long]) for one in QUICK]


@pytest.mark.parametrize("environment", CASES)
def test_the_same_seed_gives_the_same_rounds_and_another_seed_others(environment: Environment) -> None:
    first, again, other = environment.rounds(1), environment.rounds(1), environment.rounds(2)
    assert first.situations == again.situations
    assert np.array_equal(first.rewards, again.rewards)
    assert first.situations != other.situations


@pytest.mark.parametrize("environment", CASES)
def test_exactly_one_action_of_every_round_earns_1(environment: Environment) -> None:
    rounds = environment.rounds(1)
    assert rounds.rewards.shape == (len(rounds), len(rounds.situations[0].actions))
    assert np.array_equal(np.sort(rounds.rewards, axis=1)[:, -2:], np.tile([0.0, 1.0], (len(rounds), 1)))


@pytest.mark.parametrize(("environment", "n_rounds"), [(TOM_AND_ANNA, 5_000), (DRIFT_TO_NEW, 10_000)])
def test_readers_come_as_often_as_in_the_tutorial(environment: Readers, n_rounds: int) -> None:
    assert len(environment.rounds(1)) == n_rounds


@pytest.mark.parametrize(
    ("environment", "before", "after"),
    [
        # Tom in the afternoon and Anna in the afternoon turn to what Anna likes in the morning.
        (DRIFT_TO_KNOWN, {"politics", "music", "sports"}, {"politics", "sports"}),
        # Three of four turn to food, which nobody ever clicked on.
        (DRIFT_TO_NEW, {"politics", "music", "sports"}, {"politics", "food"}),
        (TOM_AND_ANNA, {"politics", "music", "sports"}, {"politics", "music", "sports"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_preferences_change_at_the_middle_round_and_not_before(
    environment: Readers, before: set[str], after: set[str]
) -> None:
    rounds = environment.rounds(1)
    half = len(rounds) // 2
    assert _liked(rounds, 0, half) == before
    assert _liked(rounds, half, len(rounds)) == after


def _liked(rounds: Rounds, first: int, end: int) -> set[str]:
    ids = rounds.situations[0].action_ids
    return {ids[action] for action in rounds.rewards[first:end].argmax(axis=1)}


def test_digits_are_best_guessed_as_the_most_frequent_one() -> None:
    """183 of the 1,797 images are threes: the reference's error of the best constant is .898."""
    assert Digits().rounds(1).rewards.mean(axis=0).max() == pytest.approx(183 / 1797)


def test_mushrooms_are_best_called_edible(reference_data: Path) -> None:
    """4,208 of 8,124 are: the reference's error of the best constant is .482."""
    rounds = Mushrooms(reference_data).rounds(1)
    assert rounds.rewards.mean(axis=0).tolist() == pytest.approx([4208 / 8124, 3916 / 8124])


def test_baselines_are_those_of_the_rounds() -> None:
    """A quarter of the visits each; politics is liked in two of the four situations, so a constant earns about half."""
    rounds = TOM_AND_ANNA.rounds(1).first(1_000)
    measured = measure(rounds)
    assert measured[UNIFORM] == pytest.approx(1 / 7)
    assert measured[CONSTANT] == rounds.rewards[:, 0].mean()
    # Four situations, each wrong a few times at most before its article is known.
    assert measured[SUPERVISED] > 0.98
