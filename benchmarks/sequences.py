"""How long it takes to be sure: `python -m benchmarks.sequences`.

A target policy is compared with the one that collected the log, by `DifferenceSequence`, again and again as rounds come
in. The first table says after how many rounds its interval is above 0: the lift is proved, and whoever looked all the
time has still been wrong with a probability of at most 5 %. Beside it, how many rounds the Gaussian interval takes,
looked at once: what looking at any time costs. Numbers are medians over seeds, so half of all runs take longer.

The second table gives the widths of the 95 % intervals for a value, by method and number of rounds.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import NormalDist, median

import numpy as np
from numpy.typing import NDArray

from attune_models.confidence_sequences import DifferenceSequence, ValueSequence
from attune_models.intervals import Interval, RewardRange, cressie_read, empirical_bernstein, ips_gaussian
from attune_models.weighted_sums import WeightedSums

BASE_RATE = 0.05
LIFTS = (0.1, 0.2, 0.5, 1.0)
CHUNK = 1 << 14
LOOK_EVERY = 1.02
SIZES = (1000, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Group:
    """Rounds that are alike: the same weight, the same clicks.

    Attributes:
        probability: Of a round to be one of them.
        weight: The target's importance weight.
        lifted: Whether what was shown is what makes the target better.
    """

    probability: float
    weight: float
    lifted: bool


def exploring(n_offers: int, explored: float, changed: float) -> list[Group]:
    """Return the rounds of a log whose policy shows its favourite, and explores.

    Args:
        n_offers: How many offers there are.
        explored: Share of rounds with an offer drawn uniformly.
        changed: Share of visitors for whom the target has another favourite; it always shows its own.
    """
    other = explored / n_offers
    favourite = 1.0 - explored + other
    return [
        Group(changed * other, 1.0 / other, lifted=True),
        Group(changed * (1.0 - other), 0.0, lifted=False),
        Group((1.0 - changed) * favourite, 1.0 / favourite, lifted=False),
        Group((1.0 - changed) * (1.0 - favourite), 0.0, lifted=False),
    ]


LOGS: Mapping[str, Sequence[Group]] = {
    "2 offers, uniform": exploring(2, 1.0, 1.0),
    "10 offers, uniform": exploring(10, 1.0, 1.0),
    "10 offers, half explored, a fifth of visitors changed": exploring(10, 0.5, 0.2),
    "10 offers, a tenth explored, a fifth of visitors changed": exploring(10, 0.1, 0.2),
}


@dataclass(frozen=True, slots=True)
class Shop:
    """A log and a lift: of the target's click rate above that of the log, which is the base rate.

    Attributes:
        groups: The rounds of the log.
        lift: Relative, greater than 0.
    """

    groups: Sequence[Group]
    lift: float

    @property
    def largest_weight(self) -> float:
        """The largest weight that is possible."""
        return max(group.weight for group in self.groups)

    @property
    def rates(self) -> NDArray[np.float64]:
        """Click rate of each group: lifted and not lifted ones such that base rate and lift are as stated."""
        shares = np.array([group.probability for group in self.groups])
        weights = np.array([group.weight for group in self.groups])
        lifted = np.array([group.lifted for group in self.groups])
        # Rates x where lifted and y elsewhere: shares give the base rate, shares times weights the lifted one.
        system = [
            [(shares * lifted).sum(), (shares * ~lifted).sum()],
            [(shares * weights * lifted).sum(), (shares * weights * ~lifted).sum()],
        ]
        x, y = np.linalg.solve(system, [BASE_RATE, BASE_RATE * (1.0 + self.lift)])
        return np.where(lifted, x, y)

    def draw(self, rng: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return weights and rewards of n rounds."""
        drawn = rng.choice(len(self.groups), n, p=[group.probability for group in self.groups])
        weights = np.array([group.weight for group in self.groups])
        return weights[drawn], (rng.random(n) < self.rates[drawn]).astype(np.float64)

    def gaussian_rounds(self) -> float:
        """Return after how many rounds the Gaussian interval of the difference is above 0 in half of all logs."""
        shares = np.array([group.probability for group in self.groups])
        steps = np.array([group.weight for group in self.groups]) - 1.0
        difference = BASE_RATE * self.lift
        variance = float((shares * steps**2 * self.rates).sum()) - difference**2
        return float(NormalDist().inv_cdf(0.975) ** 2 * variance / difference**2)


def rounds_until_proved(shop: Shop, seed: int, most: int, max_weight: float | None) -> float:
    """Return after how many rounds the lift is proved, to the nearest look; infinity when that is after most."""
    rng, sequence = np.random.default_rng(seed), DifferenceSequence(0.0, 1.0, max_weight=max_weight)
    next_look = 100.0
    while sequence.n_rounds < most:
        weight, reward = shop.draw(rng, CHUNK)
        start = 0
        while start < CHUNK:
            end = min(CHUNK, max(start + 1, int(next_look) - sequence.n_rounds + start))
            sequence.update(weight[start:end], np.ones(end - start), reward[start:end])
            start = end
            if sequence.n_rounds >= next_look:
                if not sequence.contains(0.0) and sequence.interval().low > 0.0:
                    return float(sequence.n_rounds)
                next_look = sequence.n_rounds * LOOK_EVERY
    return inf


def proof_row(name: str, lift: float, seeds: int, most: int) -> str:
    """Return a row of the first table."""
    shop = Shop(LOGS[name], lift)
    columns = [
        median(rounds_until_proved(shop, seed, most, largest) for seed in range(seeds))
        for largest in (None, shop.largest_weight)
    ]
    cells = [f"{rounds:,.0f}" if rounds < inf else f"more than {most:,}" for rounds in columns]
    return f"| {name} | {shop.largest_weight:.0f} | {lift:.0%} | {' | '.join(cells)} | {shop.gaussian_rounds():,.0f} |"


def width_row(shop: Shop, n: int, seeds: int) -> str:
    """Return a row of the second table: half widths, in points of the click rate."""
    methods = [_intervals(*shop.draw(np.random.default_rng(seed), n), shop.largest_weight) for seed in range(seeds)]
    cells = [
        f"-{median(estimate - each.low for estimate, each in column) * 100:.2f} "
        f"+{median(each.high - estimate for estimate, each in column) * 100:.2f}"
        for column in zip(*methods, strict=True)
    ]
    return f"| {n:,} | {' | '.join(cells)} |"


WIDTH_COLUMNS = (
    "Gaussian",
    "Cressie-Read, largest weight known",
    "empirical Bernstein",
    "anytime, largest weight known",
    "anytime",
)


def _intervals(
    weight: NDArray[np.float64], reward: NDArray[np.float64], largest: float
) -> list[tuple[float, Interval]]:
    sums, rewards = WeightedSums.of(weight, reward), RewardRange()
    sequences = [ValueSequence(0.0, 1.0, max_weight=bound) for bound in (largest, None)]
    for sequence in sequences:
        sequence.update(weight, reward)
    found = [
        ips_gaussian(sums),
        cressie_read(sums, rewards, largest),
        empirical_bernstein(sums, rewards, largest),
        *(sequence.interval() for sequence in sequences),
    ]
    return [(sums.weighted_reward / sums.n_rounds, interval) for interval in found]


def main() -> None:
    """Prints both tables, row by row."""
    arguments = _arguments()
    print(f"rounds until a lift over a click rate of {BASE_RATE:.0%} is proved with confidence .95; ", end="")
    print(f"median of {arguments.seeds} seeds\n")
    print("| log | largest weight | lift | anytime | anytime, largest weight known | Gaussian, one look |")
    print("| --- " * 6 + "|")
    for name in LOGS:
        for lift in LIFTS:
            print(proof_row(name, lift, arguments.seeds, arguments.most), flush=True)
    name, lift = "10 offers, uniform", 0.1
    print(f"\n95 % interval around the mean of w r, in percentage points: {name}, a lift of {lift:.0%}\n")
    print(f"| rounds | {' | '.join(WIDTH_COLUMNS)} |")
    print("| --- " * (1 + len(WIDTH_COLUMNS)) + "|")
    for n in SIZES:
        print(width_row(Shop(LOGS[name], lift), n, arguments.seeds), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sequences", description=__doc__)
    parser.add_argument("--seeds", type=int, default=11, help="odd, so that a median is a run (default 11)")
    parser.add_argument("--most", type=int, default=5_000_000, help="rounds after which a run ends (default 5,000,000)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
