"""The situations that policies are timed in: 3 context features, actions of 4 features each, ids not counted."""

from collections.abc import Iterator
from itertools import cycle
from random import Random

from attune_models.types import FeatureSet, PlainAction

_NEW_ACTIONS = 20_000
CONTEXT = FeatureSet({"hour": 14.0}, {"device": "mobile", "segment": "new"})


def make_actions(n_actions: int) -> list[PlainAction]:
    """Returns so many different actions."""
    return [PlainAction(f"offer-{i}", _features(i)) for i in range(n_actions)]


def recurring(n_actions: int) -> Iterator[list[PlainAction]]:
    """Yields the same actions for ever, as a catalogue does."""
    return cycle([make_actions(n_actions)])


def ever_new(n_actions: int, seed: int) -> Iterator[list[PlainAction]]:
    """Yields actions with numbers that were not seen before; far more of them than anything keeps, then again."""
    random = Random(seed)  # noqa: S311 - no secret
    return cycle([[_repriced(i, random) for i in range(n_actions)] for _ in range(_NEW_ACTIONS // n_actions)])


def _repriced(i: int, random: Random) -> PlainAction:
    numbers = {"price": random.uniform(0, 100), "discount": random.random()}
    return PlainAction(f"offer-{i}", FeatureSet(numbers, _features(i).categorical))


def _features(i: int) -> FeatureSet:
    return FeatureSet(
        {"price": i * 1.5, "discount": i % 3 / 10}, {"category": f"category-{i % 4}", "brand": f"{i % 7}"}
    )
