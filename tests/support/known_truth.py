"""A shop whose truth is known, logs of it, and whether intervals cover that truth.

Four kinds of visitors come at random, four offers are shown, clicks are drawn. A log is collected by the uniform policy
or by one that learns as it goes; as in the service, what it learned is used from the next version on, a few rounds
later. Everything that an estimate can be compared with is added up over visitors and offers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from attune_models.bootstrap import bootstrap, percentiles
from attune_models.bounded_means import RHO, BoundedMean, DifferenceBound, Path, ValueBound
from attune_models.estimator import Estimator
from attune_models.estimators import DoublyRobust, Ips, Snips
from attune_models.features import situation
from attune_models.intervals import gaussian
from attune_models.linear import LinearThompsonSpec, LinearUcbSpec
from attune_models.policy import Policy, PolicySpec, started
from attune_models.rounds import Rounds
from attune_models.tally import Tally
from attune_models.types import FeatureSet, Interaction, PlainAction
from attune_models.vw import Epsilon, VwSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CLICKS = np.array(
    [
        # Each kind of visitor likes another offer best.
        [0.50, 0.30, 0.20, 0.10],
        [0.20, 0.45, 0.10, 0.30],
        [0.10, 0.25, 0.40, 0.20],
        [0.15, 0.20, 0.35, 0.55],
    ]
)
"""Probability of a click, by visitor and offer."""
N_VISITORS, N_OFFERS = CLICKS.shape
TARGET = np.array(
    [
        # Mostly the best offer; mostly a bad one for the third visitor; no preference for the last.
        [0.70, 0.10, 0.10, 0.10],
        [0.10, 0.70, 0.10, 0.10],
        [0.60, 0.20, 0.10, 0.10],
        [0.25, 0.25, 0.25, 0.25],
    ]
)
"""The target policy: probability of each offer, by visitor."""
OTHER_TARGET = np.array([[0.4, 0.3, 0.2, 0.1]] * N_VISITORS)
"""Another target policy, that does not look at who comes."""
SITUATIONS = tuple(
    situation(FeatureSet(categorical={"visitor": name}), map(PlainAction, ("boots", "coat", "hat", "scarf")))
    for name in ("north", "east", "south", "west")
)
FLOOR = 0.1
"""Of policies that collect logs: no propensity is below a quarter of it, no weight above 40 times a target's."""
VERSION_LASTS = 20
"""Rounds until what was learned is used."""
LEARNERS: dict[str, PolicySpec] = {
    "squarecb": PolicySpec(VwSpec(bits=10), FLOOR),
    "epsilon": PolicySpec(VwSpec(Epsilon(0.1), bits=10), FLOOR),
    "linear_ucb": PolicySpec(LinearUcbSpec(bits=6, offer_bits=4), FLOOR),
    "linear_thompson": PolicySpec(LinearThompsonSpec(bits=6, offer_bits=4), FLOOR),
}


def value_of(pmfs: Floats) -> Floats:
    """Return the value of policies: probabilities of shape (..., n_visitors, n_offers) become values of shape (...)."""
    return np.asarray((pmfs * CLICKS).sum(axis=-1).mean(axis=-1))


@dataclass(frozen=True, slots=True)
class Log:
    """Logged rounds.

    Attributes:
        visitor: Who came, shape (n,).
        offer: What was shown, shape (n,).
        reward: 1 for a click, else 0; shape (n,).
        pmfs: With which probabilities each visitor would have been shown each offer; shape (n, n_visitors, n_offers).
    """

    visitor: Ints
    offer: Ints
    reward: Floats
    pmfs: Floats

    @property
    def propensity(self) -> Floats:
        """Probability of what was shown, shape (n,)."""
        return self.pmfs[np.arange(len(self.offer)), self.visitor, self.offer]

    def weight(self, target: Floats) -> Floats:
        """Return the importance weights of a target: one table of probabilities, or one for each round."""
        tables = np.broadcast_to(target, self.pmfs.shape)
        return tables[np.arange(len(self.offer)), self.visitor, self.offer] / self.propensity

    def rounds(self, target: Floats) -> Rounds:
        """Return the rounds as a target sees them; rewards are predicted by means over the other two thirds."""
        predictions = np.stack([self._means_without(fold) for fold in range(3)])
        table = predictions[np.arange(len(self.offer)) % 3]
        rows = np.arange(len(self.offer))
        return Rounds(
            self.reward,
            self.weight(target),
            np.zeros(len(self.offer), np.bool_),
            table[rows, self.visitor, self.offer],
            (table[rows, self.visitor] * target[self.visitor]).sum(axis=1),
        )

    def _means_without(self, fold: int) -> Floats:
        kept = np.arange(len(self.offer)) % 3 != fold
        sums, counts = np.zeros_like(CLICKS), np.zeros_like(CLICKS)
        np.add.at(sums, (self.visitor[kept], self.offer[kept]), self.reward[kept])
        np.add.at(counts, (self.visitor[kept], self.offer[kept]), 1.0)
        return np.asarray((sums + 0.3) / (counts + 1.0))


def uniform_log(n: int, seed: int) -> Log:
    """Return a log of offers that were drawn with equal probabilities."""
    rng = np.random.default_rng(seed)
    visitor, offer = rng.integers(N_VISITORS, size=n), rng.integers(N_OFFERS, size=n)
    reward = (rng.random(n) < CLICKS[visitor, offer]).astype(np.float64)
    return Log(visitor, offer, reward, np.full((n, N_VISITORS, N_OFFERS), 1.0 / N_OFFERS))


def learned_log(spec: PolicySpec, n: int, seed: int) -> Log:
    """Return a log that a policy collected while it learned from it."""
    rng = np.random.default_rng(seed)
    visitor, luck, clicks = rng.integers(N_VISITORS, size=n), rng.random(n), rng.random(n)
    policy, pmfs = started(spec), np.empty((n, N_VISITORS, N_OFFERS))
    offer, reward = np.empty(n, np.int64), np.empty(n)
    for i in range(n):
        pmfs[i] = _probabilities(policy) if i % VERSION_LASTS == 0 else pmfs[i - 1]
        pmf = pmfs[i, visitor[i]]
        offer[i] = min(int(np.searchsorted(np.cumsum(pmf), luck[i], side="right")), N_OFFERS - 1)
        reward[i] = float(clicks[i] < CLICKS[visitor[i], offer[i]])
        _learn(policy, visitor[i], offer[i], float(pmf[offer[i]]), reward[i])
    return Log(visitor, offer, reward, pmfs)


def shadow(spec: PolicySpec, log: Log) -> Floats:
    """Return what a policy that learns from a log would do at each round, before it learns from it.

    Returns:
        Probabilities, shape (n, n_visitors, n_offers).
    """
    policy, pmfs = started(spec), np.empty_like(log.pmfs)
    propensity = log.propensity
    for i in range(len(pmfs)):
        pmfs[i] = _probabilities(policy) if i % VERSION_LASTS == 0 else pmfs[i - 1]
        _learn(policy, log.visitor[i], log.offer[i], float(propensity[i]), log.reward[i])
    return pmfs


def _probabilities(policy: Policy) -> Floats:
    return np.array([policy.pmf(each) for each in SITUATIONS])


def _learn(policy: Policy, visitor: int, offer: int, propensity: float, reward: float) -> None:
    policy.learn(Interaction(SITUATIONS[visitor], int(offer), propensity, float(reward)))


ESTIMATORS: tuple[Estimator[Rounds], ...] = (Ips(), Snips(), DoublyRobust())
METHODS = ("gaussian", "bootstrap")


def covered(log: Log, seed: int, resamples: int = 1000) -> NDArray[np.bool_]:
    """Tell whether the 95 % intervals of a log cover the value of the target; shape (n_estimators, n_methods)."""
    truth, tallies = float(value_of(TARGET)), [Tally(each, most_cells=2 * len(log.offer)) for each in ESTIMATORS]
    for tally in tallies:
        tally.add(log.rounds(TARGET))
    normal = [gaussian(tally.estimate, tally.variance) for tally in tallies]
    low, high = percentiles(bootstrap(tallies, resamples, seed, threads=1))
    by_normal = [interval.low <= truth <= interval.high for interval in normal]
    return np.stack([np.array(by_normal), (low <= truth) & (truth <= high)], axis=1)


def value_holds(weight: Floats, reward: Floats, truth: Floats, max_weight: float | None = None) -> NDArray[np.bool_]:
    """Tell at each time whether a 95 % sequence covers the value: the average of truth so far.

    Args:
        weight: Importance weights, shape (n,).
        reward: Rewards between 0 and 1, shape (n,).
        truth: The target's value at each round, shape (n,).
        max_weight: As for the sequence.

    Returns:
        bool, shape (n,).
    """
    lower, upper = ValueBound(max_weight), ValueBound(max_weight)
    below, above = lower.add(weight, reward, 0), upper.add(weight, 1.0 - reward, 0)
    return ~(_ruled_out(lower.means, below, truth) | _ruled_out(upper.means, above, 1.0 - truth))


def difference_holds(
    weights: tuple[Floats, Floats], reward: Floats, truth: Floats, max_weight: float | None = None
) -> NDArray[np.bool_]:
    """Tell at each time whether a 95 % sequence covers a difference; see `value_holds`."""
    lower, upper = DifferenceBound(max_weight), DifferenceBound(max_weight)
    below, above = lower.add(*weights, reward, 0), upper.add(*weights[::-1], reward, 0)
    return ~(_ruled_out(lower.means, below, truth) | _ruled_out(upper.means, above, -truth))


def _ruled_out(means: Sequence[BoundedMean], paths: Sequence[Path], truth: Floats) -> NDArray[np.bool_]:
    """Tell at each time whether a bound is above the truth: by the closed form in scipy, at all times at once."""
    threshold, ruled_out = np.log(len(means) / 0.025), np.zeros(len(truth), np.bool_)
    for mean, (totals, variances) in zip(means, paths, strict=True):
        excess = np.maximum(totals - np.cumsum(truth), 0.0) / mean.scale
        ruled_out |= _log_wealth(excess, variances / mean.scale**2) > threshold
    return ruled_out


def _log_wealth(excess: Floats, variance: Floats) -> Floats:
    def log_gamma(shape: Floats, end: Floats) -> Floats:
        """Return the logarithm of the lower incomplete gamma function."""
        return np.asarray(np.log(special.gammainc(shape, end)) + special.gammaln(shape))

    shape, start = variance + RHO, np.array(RHO)
    ends = shape + excess
    height = excess + variance + RHO * np.log(RHO) - shape * np.log(ends)
    return np.asarray(height + log_gamma(shape, ends) - log_gamma(start, start))


SEQUENCES = (
    "value",
    "difference of two targets",
    "difference from what was logged",
    "value, largest weight known",
    "difference of two targets, largest weight known",
    "difference from what was logged, largest weight known",
)
"""What `held` tells about, in order."""


def held(log: Log, max_weight: float) -> list[bool]:
    """Tell which 95 % sequences cover their truth at all times; see `SEQUENCES`."""
    value, other = (np.full(len(log.reward), float(value_of(target))) for target in (TARGET, OTHER_TARGET))
    weights, ones = (log.weight(TARGET), log.weight(OTHER_TARGET)), np.ones_like(log.reward)
    holds = []
    for largest in (None, max_weight):
        holds += [
            value_holds(weights[0], log.reward, value, largest),
            difference_holds(weights, log.reward, value - other, largest),
            # The policy that collected the log changes as it learns, and with it the difference.
            difference_holds((weights[0], ones), log.reward, value - value_of(log.pmfs), largest),
        ]
    return [bool(times.all()) for times in holds]


Collect = Callable[[int, int], Log]
COLLECTORS: dict[str, Collect] = {
    "uniform": uniform_log,
    **{name: (lambda n, seed, spec=spec: learned_log(spec, n, seed)) for name, spec in LEARNERS.items()},
}
"""What collects a log of n rounds with a seed, by name."""
LARGEST = {name: float(TARGET.max()) * N_OFFERS / (FLOOR if name in LEARNERS else 1.0) for name in COLLECTORS}
"""The largest weight of a target that is possible in a log, by what collected it."""
