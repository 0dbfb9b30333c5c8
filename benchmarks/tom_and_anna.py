"""What pairs of context features are worth, and what they cost: `python -m benchmarks.tom_and_anna`.

The figures of `docs/decisions/0005-pairs-of-context-features.md`. First the default policy, with and without pairs, on
the Tom-and-Anna simulation, where what a reader likes depends on reader and time of day together; learning lags behind
by some rounds, as it does in a service. No service is started: the same seed gives the same clicks. Then the time of a
prediction and of a step of learning, by the number of categorical context features, and the size of the model that came
out, also for policies with a list of crossings (`docs/policies.md`); the best of several turns is printed, because the
others measure who else was using the machine.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import TypeVar

from tests.support.tom_and_anna import play

from attune_models.features import situation
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation
from attune_models.vw import Crossing, Crossings, Listed, VwPolicy, VwSpec
from attune_models.vw_crossings import NAMELESS

CROSSINGS = {"without pairs": Crossings.CONTEXT_ACTION, "with pairs": Crossings.CONTEXT_PAIRS_ACTION}
# What policies are told that know on which features tastes depend.
LISTED = {
    "1 listed": Listed((Crossing(("feature-0", "feature-1"), (NAMELESS,)),)),
    "3 listed": Listed(
        (
            Crossing(("feature-0", "feature-1"), (NAMELESS,)),
            Crossing(("feature-0",)),
            Crossing(("feature-2",), ("category",)),
        )
    ),
}
T = TypeVar("T")
ROUNDS, LAST = 5_000, 1_000
DELAYS = (0, 120, 300, 500)
SEEDS = range(1, 6)

N_CATEGORICAL = (4, 10)
N_ACTIONS = 10
TURNS = 25
CALLS = 200


def click_rate(crossings: Crossings, seed: int, delay: int) -> float:
    """Returns the share of clicks in the last rounds of a run."""
    clicks = play(VwPolicy(VwSpec(crossings=crossings)), ROUNDS, seed, delay)
    return sum(clicks[-LAST:]) / LAST


def hundreds(crossings: Crossings, seed: int, delay: int) -> list[int]:
    """Returns the clicks of each hundred of the rounds at the end of a run."""
    clicks = play(VwPolicy(VwSpec(crossings=crossings)), ROUNDS, seed, delay)
    return [sum(clicks[first : first + 100]) for first in range(ROUNDS - 2 * LAST, ROUNDS, 100)]


def make_situation(n_categorical: int, asked: int) -> Situation:
    """Returns one of several situations with so many categorical context features, and offers of 4 features each."""
    random = Random(asked)  # noqa: S311 - values, not secrets
    context = FeatureSet(categorical={f"feature-{i}": f"value-{random.randrange(7)}" for i in range(n_categorical)})
    return situation(context, [PlainAction(f"offer-{i}", _features(i)) for i in range(N_ACTIONS)])


def _features(i: int) -> FeatureSet:
    return FeatureSet(
        {"price": i * 1.5, "discount": i % 3 / 10}, {"category": f"category-{i % 4}", "brand": f"{i % 7}"}
    )


@dataclass(slots=True)
class Cost:
    """What a policy costs.

    Attributes:
        policy: The policy.
        predicting_us: Time of a prediction, microseconds, in the best turn so far.
        learning_us: Time of a step of learning, the same.
    """

    policy: VwPolicy
    predicting_us: float = float("inf")
    learning_us: float = float("inf")


def costs(n_categorical: int) -> dict[str, Cost]:
    """Returns what each policy costs; they take turns, so that a slow minute hits all of them."""
    found = {name: Cost(VwPolicy(VwSpec(crossings=each))) for name, each in (CROSSINGS | LISTED).items()}
    log = [
        Interaction(make_situation(n_categorical, i), i % N_ACTIONS, 1 / N_ACTIONS, float(i % 3 == 0))
        for i in range(CALLS)
    ]
    for _ in range(TURNS):
        for cost in found.values():
            policy = cost.policy
            cost.learning_us = min(cost.learning_us, microseconds(policy.learn, log))
            situations = [interaction.situation for interaction in log]
            cost.predicting_us = min(cost.predicting_us, microseconds(policy.pmf, situations))
    return found


def microseconds(call: Callable[[T], object], arguments: list[T]) -> float:
    """Returns the time of one call, microseconds, in one turn through a log."""
    start = time.perf_counter()
    for argument in arguments:
        call(argument)
    return (time.perf_counter() - start) / len(arguments) * 1e6


def main() -> None:
    """Prints both tables."""
    print(f"click rate of the last {LAST} of {ROUNDS} rounds, {len(SEEDS)} seeds: mean (least to most)")
    for delay, (name, crossings) in product(DELAYS, CROSSINGS.items()):
        rates = [click_rate(crossings, seed, delay) for seed in SEEDS]
        mean = sum(rates) / len(rates)
        print(f"{delay:3} rounds behind   {name:13}   {mean:.3f} ({min(rates):.3f} to {max(rates):.3f})")
    print(f"\nclicks of each 100 of the last {2 * LAST} rounds, {DELAYS[-1]} rounds behind, seed {SEEDS[0]}")
    for name, crossings in CROSSINGS.items():
        print(f"{name:13}   {' '.join(f'{clicks:3}' for clicks in hundreds(crossings, SEEDS[0], DELAYS[-1]))}")
    print(f"\n{N_ACTIONS} offers of 4 features, {CALLS} interactions, categorical context features of 7 values each")
    for n_categorical in N_CATEGORICAL:
        for name, cost in costs(n_categorical).items():
            print(
                f"{n_categorical:2} features   {name:13}   pmf {cost.predicting_us:5.1f} us"
                f"   learn {cost.learning_us:5.1f} us   model {len(cost.policy.dumps()) / 1000:4.0f} kB"
            )


if __name__ == "__main__":
    main()
