"""The linear policies that are tested, small, and a log to train them on."""

import numpy as np
import pytest

from attune_models.features import situation
from attune_models.linear import LinearThompsonSpec, LinearUcbSpec
from attune_models.linear_model import LinearSpec
from attune_models.policy import Policy, PolicySpec, build
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation, ValueList

SPECS = {
    "ucb": LinearUcbSpec(bits=7, offer_bits=5),
    "thompson": LinearThompsonSpec(bits=7, offer_bits=5),
    "forgetful ucb": LinearUcbSpec(bits=7, offer_bits=5, half_life=800.0, max_actions=6),
    "forgetful thompson": LinearThompsonSpec(bits=7, offer_bits=5, half_life=800.0, max_actions=6),
}
every_spec = pytest.mark.parametrize(
    "spec",
    [pytest.param(spec, id=name, marks=[] if name == "ucb" else [pytest.mark.long]) for name, spec in SPECS.items()],
)


def offer(number: int) -> PlainAction:
    """Return an offer: one of 5 prices, one of 3 topics."""
    topic = f"topic {number % 3}"
    return PlainAction(f"{number}", FeatureSet(numeric={"price": float(number % 5)}, categorical={"topic": topic}))


def asked(user: int, first: int = 0, n_actions: int = 4) -> Situation:
    """Return a user's choice among offers from a number on."""
    features = FeatureSet(categorical={"user": f"{user}"}, tags={"seen": ValueList(["x", f"{user % 2}"])})
    return situation(features, map(offer, range(first, first + n_actions)))


def log(n_rounds: int, seed: int = 1) -> list[Interaction]:
    """Return interactions of 5 users, each with a taste, and 12 offers, four at a time."""
    rng = np.random.default_rng(seed)
    users, firsts, chosen = (
        rng.integers(5, size=n_rounds),
        rng.integers(9, size=n_rounds),
        rng.integers(4, size=n_rounds),
    )
    likes = (firsts + chosen) % 3 == users % 3
    rewards = (rng.random(n_rounds) < np.where(likes, 0.8, 0.1)).astype(float)
    situations = [[asked(user, first) for first in range(9)] for user in range(5)]
    return [
        Interaction(situations[user][first], int(at), 0.25, float(reward))
        for user, first, at, reward in zip(users, firsts, chosen, rewards, strict=True)
    ]


def new(spec: LinearSpec) -> Policy:
    """Return a policy that has learned nothing."""
    assert isinstance(spec, LinearUcbSpec | LinearThompsonSpec)
    return build(PolicySpec(spec))


def learned(spec: LinearSpec, interactions: list[Interaction]) -> Policy:
    """Return a policy that has learned these interactions."""
    policy = new(spec)
    for interaction in interactions:
        policy.learn(interaction)
    return policy
