"""Users with a pair of categorical features, the offers that they like, and policies that were trained on them."""

from collections.abc import Iterator
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from attune_models.features import situation
from attune_models.types import FeatureSet, Interaction, PlainAction, Pmf, Situation, ValueList
from attune_models.vw import Epsilon, Exploration, Softmax, SquareCb, VwPolicy, VwSpec

EXPLORATIONS: list[Exploration] = [SquareCb(), Epsilon(), Softmax()]
every_exploration = pytest.mark.parametrize("exploration", EXPLORATIONS, ids=["squarecb", "epsilon", "softmax"])
# Vowpal Wabbit computes in float32.
FLOAT32 = 2e-6
SMALL = 10
DEVICES = ("mobile", "desktop")


def offer(number: int) -> PlainAction:
    """Return an offer with a number, a word and tags."""
    features = FeatureSet(
        numeric={"price": float(number)},
        categorical={"topic": f"topic {number % 3}"},
        tags={"t": ValueList(["x", "y"])},
    )
    return PlainAction(f"offer {number}", features)


def situation_for(user: str, n_actions: int = 4) -> Situation:
    """Return a situation with a pair of categorical context features; the first says nothing new about the user."""
    known = FeatureSet(categorical={"device": DEVICES[int(user) % 2], "user": user})
    return situation(known, map(offer, range(n_actions)))


def shared_line(asked: Situation) -> str:
    """Return the first line of an example in Vowpal Wabbit's text format."""
    return f"shared |c {asked.context} |p {asked.context.replace(' ', '~')}"


def interactions(n_rounds: int, seed: int = 1, n_users: int = 5) -> Iterator[Interaction]:
    """Yield a log of uniform draws in which user i likes offer i modulo 4, most of the time."""
    random = Random(seed)
    for _ in range(n_rounds):
        user, chosen = random.randrange(n_users), random.randrange(4)
        reward = float(random.random() < (0.8 if chosen == user % 4 else 0.1))
        yield Interaction(situation_for(str(user)), chosen, 0.25, reward)


def trained(spec: VwSpec, n_rounds: int = 200, seed: int = 1) -> VwPolicy:
    """Return a policy that has learned from such a log."""
    policy = VwPolicy(spec)
    for interaction in interactions(n_rounds, seed):
        policy.learn(interaction)
    return policy


def bits_of(policy: VwPolicy, n_situations: int = 200) -> list[Pmf]:
    """Return the pmf of many situations; two such lists are equal if and only if they are so bit for bit."""
    sizes = [1 + i % 7 for i in range(n_situations)]
    return [policy.pmf(situation_for(f"{i % 9}", size)) for i, size in enumerate(sizes)]


def best_of(pmf: Pmf) -> int:
    """Return the position of the most probable action."""
    return pmf.index(max(pmf))


def weights_of(policy: VwPolicy) -> NDArray[np.float64]:
    """Return every weight; float64, shape (2^bits,)."""
    workspace = policy._model.workspace  # noqa: SLF001 - the library's own view
    return np.array([workspace.get_weight(i, 0) for i in range(workspace.num_weights())])
