"""Every kind of Vowpal Wabbit policy that is offered, and a log to train it on."""

from collections.abc import Iterator
from functools import lru_cache
from random import Random

import pytest

from attune_models.features import situation
from attune_models.types import FeatureSet, Interaction, PlainAction, Pmf, Situation, ValueList
from attune_models.vw import (
    Bag,
    CbType,
    Cover,
    Crossing,
    Epsilon,
    Exploration,
    First,
    Listed,
    RegCb,
    Rnd,
    Softmax,
    SquareCb,
    SynthCover,
    VwPolicy,
    VwSpec,
)

EXPLORATIONS: dict[str, Exploration] = {
    "squarecb": SquareCb(),
    "epsilon": Epsilon(),
    "softmax": Softmax(),
    "bag": Bag(),
    "cover": Cover(),
    "rnd": Rnd(),
    "regcb": RegCb(),
    "regcbopt": RegCb(optimistic=True),
    "synthcover": SynthCover(),
    "first": First(100),
}
# Small models are dumped faster; they collide, which harms no test of state.
BITS = 12


def cb_types(exploration: Exploration) -> list[CbType]:
    """Return what an exploration can learn from."""
    return [CbType.MTR] if isinstance(exploration, SquareCb | RegCb) else list(CbType)


SPECS: dict[str, VwSpec] = {
    f"{name} {cb_type.value}": VwSpec(exploration, bits=BITS, cb_type=cb_type)
    for name, exploration in EXPLORATIONS.items()
    for cb_type in cb_types(exploration)
}
"""Every exploration with every cost type that it takes."""

TUNED_SPECS: dict[str, VwSpec] = {
    "power_t": VwSpec(bits=BITS, power_t=0.25),
    "constant steps": VwSpec(bits=BITS, power_t=0.0),
    "l1": VwSpec(Softmax(), bits=BITS, l1=1e-4),
    "l2": VwSpec(Softmax(), bits=BITS, l2=1e-4),
    "context alone": VwSpec(bits=BITS, context_alone=True),
    "all, on several regressions": VwSpec(
        Bag(), bits=BITS, cb_type=CbType.DR, learning_rate=0.1, power_t=0.3, l1=1e-5, l2=1e-4
    ),
    "a list of crossings": VwSpec(
        crossings=Listed((Crossing(("user",)), Crossing(("age", "user"), ("topic",)), Crossing(("age",), ("", "t")))),
        bits=BITS,
    ),
    "a list of crossings, on several regressions": VwSpec(
        Bag(3),
        Listed((Crossing(("user",), ("topic",)), Crossing(("age",), ("price", "topic")), Crossing(("", "user")))),
        bits=BITS,
        cb_type=CbType.DR,
        context_alone=True,
    ),
}
"""Settings beside the exploration, away from their defaults."""

CASES = [
    pytest.param(spec, id=name, marks=[pytest.mark.long] if name.endswith((" ips", " dr")) else [])
    for name, spec in (SPECS | TUNED_SPECS).items()
]
"""All of them, as parameters of a test: every exploration once, with mtr; what ips and dr change is looked at by
`make test-long`."""

every_spec = pytest.mark.parametrize("spec", CASES)


@lru_cache(4096)
def situation_for(user: str, n_actions: int = 4) -> Situation:
    """Return a situation whose actions have numbers, words and tags."""
    return situation(FeatureSet(categorical={"user": user}, numeric={"age": 3.5}), map(_offer, range(n_actions)))


def _offer(number: int) -> PlainAction:
    features = FeatureSet(
        numeric={"price": float(number)},
        categorical={"topic": f"topic {number % 3}"},
        tags={"t": ValueList(["x", "y"])},
    )
    return PlainAction(f"offer {number}", features)


def interactions(n_rounds: int, seed: int = 1, n_users: int = 5) -> Iterator[Interaction]:
    """Yield a log of draws with several propensities in which user i likes offer i modulo 4, most of the time."""
    random = Random(seed)
    for _ in range(n_rounds):
        user, chosen = random.randrange(n_users), random.randrange(4)
        reward = float(random.random() < (0.8 if chosen == user % 4 else 0.1))
        yield Interaction(situation_for(str(user)), chosen, random.choice((0.1, 0.25, 0.5)), reward)


def trained(spec: VwSpec, n_rounds: int = 200, seed: int = 1) -> VwPolicy:
    """Return a policy that has learned from such a log."""
    policy = VwPolicy(spec)
    for interaction in interactions(n_rounds, seed):
        policy.learn(interaction)
    return policy


def bits_of(policy: VwPolicy, n_situations: int = 200) -> list[Pmf]:
    """Return the pmf of many situations; two such lists are equal if and only if they are so bit for bit."""
    return [policy.pmf(situation_for(f"{i % 9}", 1 + i % 7)) for i in range(n_situations)]
