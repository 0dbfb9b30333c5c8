"""What forgetting is worth and what it costs: `python -m benchmarks.forgetting`.

The figures of `docs/decisions/0007-forgetting.md`. Policies decide for Tom and Anna, whose tastes change: as in the two
drifts of Vowpal Wabbit's tutorial, and to a random other article in all four situations, season after season. Where
nothing changes, forgetting can only cost; it costs most where clicks are noisy. What was forgotten is predicted to earn
0, which a base reward makes untrue. No service is started: the same seed gives the same clicks.

Of each run two rates are taken: of all visits, and of the first ones after each change. The table holds their means
over the seeds, with standard errors. At the end, the time of a step of learning, with and without a half-life.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from statistics import fmean, stdev

from tests.support.tom_and_anna import (
    LIKED,
    LIKED_LATER,
    NEWLY_LIKED,
    Readers,
    fickle_seasons,
    play_seasons,
)

from attune_models.features import situation
from attune_models.linear import LinearThompsonSpec, LinearUcbSpec
from attune_models.policy import KindSpec, PolicySpec, build
from attune_models.popularity import PopularitySpec
from attune_models.types import Interaction
from attune_models.vw import (
    Bag,
    Cover,
    Epsilon,
    First,
    RegCb,
    Rnd,
    Softmax,
    SquareCb,
    SynthCover,
    VwPolicy,
    VwSpec,
)
from benchmarks.situations import CONTEXT, make_actions

ROUNDS = 5_000
AFTER = 2_000
HALF_LIVES = (0.0, 500.0, 1000.0, 2000.0, 5000.0)
NOISY = (0.1, 0.5)

# From rounds and seed.
SCENARIOS: Mapping[str, Callable[[int, int], Readers]] = {
    "same articles": lambda rounds, _: Readers([LIKED, LIKED_LATER], rounds),
    "a new article": lambda rounds, _: Readers([LIKED, NEWLY_LIKED], rounds),
    "a new article, base reward 1": lambda rounds, _: Readers([LIKED, NEWLY_LIKED], rounds, base_reward=1.0),
    "fickle": lambda rounds, seed: Readers(fickle_seasons(6, seed), rounds),
    "fickle, noisy": lambda rounds, seed: Readers(fickle_seasons(6, seed), rounds, NOISY),
    "no change": lambda rounds, _: Readers([LIKED, LIKED], rounds),
    "no change, noisy": lambda rounds, _: Readers([LIKED, LIKED], rounds, NOISY),
}

# Small models hold all there is to know here, and are discounted faster.
BITS = 12
POLICIES: Mapping[str, KindSpec] = {
    "squarecb": VwSpec(SquareCb(), bits=BITS),
    "epsilon": VwSpec(Epsilon(), bits=BITS),
    "softmax": VwSpec(Softmax(), bits=BITS),
    "softmax, context alone": VwSpec(Softmax(), context_alone=True, bits=BITS),
    "bag": VwSpec(Bag(), bits=BITS),
    "cover": VwSpec(Cover(), bits=BITS),
    "rnd": VwSpec(Rnd(), bits=BITS),
    "regcb": VwSpec(RegCb(), bits=BITS),
    "regcbopt": VwSpec(RegCb(optimistic=True), bits=BITS),
    "synthcover": VwSpec(SynthCover(), bits=BITS),
    "first": VwSpec(First(), bits=BITS),
    "linear_ucb": LinearUcbSpec(),
    "linear_thompson": LinearThompsonSpec(),
    "popularity": PopularitySpec(),
}


@dataclass(frozen=True, slots=True)
class Run:
    """One game.

    Attributes:
        policy: One of `POLICIES`.
        half_life: In interactions; 0 for none.
        scenario: One of `SCENARIOS`.
        rounds: Length of a season.
        seed: Of everything.
    """

    policy: str
    half_life: float
    scenario: str
    rounds: int
    seed: int


def rates(run: Run) -> tuple[float, float]:
    """Returns the click rate of all visits, and of those that come soon after a change (after each season's start)."""
    readers = SCENARIOS[run.scenario](run.rounds, run.seed)
    policy = build(PolicySpec(replace(POLICIES[run.policy], half_life=run.half_life)))
    clicks = play_seasons(policy, readers, run.seed)
    starts = range(run.rounds, len(clicks), run.rounds)
    return fmean(clicks), fmean(fmean(clicks[start : start + AFTER]) for start in starts)


def cell(played: Sequence[tuple[float, float]]) -> str:
    """Returns two means with their standard errors."""
    columns = zip(*played, strict=True)
    return " / ".join(f"{fmean(column):.3f} ± {stdev(column) / len(column) ** 0.5:.3f}" for column in columns)


def learning_cost(half_life: float, n_actions: int = 10, calls: int = 4000) -> float:
    """Returns the time of a step of learning from one log, microseconds."""
    policy, asked = VwPolicy(VwSpec(half_life=half_life)), situation(CONTEXT, make_actions(n_actions))
    log = [Interaction(asked, i % n_actions, 1 / n_actions, float(i % 3 == 0)) for i in range(calls)]
    start = time.process_time()
    for interaction in log:
        policy.learn(interaction)
    return (time.process_time() - start) / calls * 1e6


def row(pool: Executor, policy: str, half_life: float, arguments: argparse.Namespace) -> str:
    """Returns a row of the table."""
    seeds = range(1, arguments.seeds + 1)
    games = product(arguments.scenarios, [arguments.rounds], seeds)
    played = list(pool.map(rates, [Run(policy, half_life, *game) for game in games]))
    cells = [cell(played[i : i + len(seeds)]) for i in range(0, len(played), len(seeds))]
    return f"| {policy} | {half_life:.0f} | {' | '.join(cells)} |"


def main() -> None:
    """Prints a table, row by row, and the costs."""
    arguments = _arguments()
    print(f"click rate of all visits / of the first {AFTER} after each change, ± standard error")
    print(f"{arguments.seeds} seeds, seasons of {arguments.rounds} visits\n")
    print(f"| policy | half-life | {' | '.join(arguments.scenarios)} |")
    print("| --- " * (2 + len(arguments.scenarios)) + "|")
    with ProcessPoolExecutor(arguments.processes) as pool:
        for policy, half_life in product(arguments.policies, arguments.half_lives):
            print(row(pool, policy, half_life, arguments), flush=True)
    print("\nlearning from an interaction among 10 actions of 4 features, CPU time")
    for half_life in (0.0, 10.0, 1000.0):
        print(f"half-life {half_life:5.0f}   {min(learning_cost(half_life) for _ in range(5)):5.1f} us")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forgetting", description=__doc__)
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES))
    parser.add_argument("--half-lives", nargs="+", type=float, default=list(HALF_LIVES), help="0 for none")
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"visits in a season (default {ROUNDS})")
    parser.add_argument("--seeds", type=int, default=5, help="at least 2 (default 5)")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
