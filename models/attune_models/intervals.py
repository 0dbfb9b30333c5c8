"""How sure an estimate is: confidence intervals for a number of rounds that was fixed before.

    rounds --estimators--> estimate --intervals--> Interval
           --confidence_sequences--> Interval at every time, also when somebody looks and stops as soon as it suits

Which one when: `gaussian` for any estimator, when there are enough rounds for the central limit theorem (rare large
weights break it). The others are about the value itself and need no more than sums over the rounds: `cressie_read`
uses that weights average to 1, and is narrow when the largest possible weight is known; `empirical_bernstein` holds for
every number of rounds, but is wide; `clopper_pearson` is for rewards of 0 and 1 and weights that vary little.
"""

from dataclasses import dataclass
from math import inf, isfinite, log, sqrt
from statistics import NormalDist

from attune_models.incomplete_beta import quantile
from attune_models.weighted_sums import WeightedSums

# A mean weight of 1 is on the edge between two cases, as in `cressie_read`, and sums are that far from it by rounding.
_EDGE = 1e-12


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval.

    Attributes:
        low: Lower bound, in reward a round.
        high: Upper bound, at least low.
        confidence: How probable it is, before the rounds are drawn, that it will cover the truth; between 0 and 1.
        method: `gaussian`, `clopper-pearson`, `empirical-bernstein`, `cressie-read`, `bootstrap` or `anytime`.
    """

    low: float
    high: float
    confidence: float
    method: str


@dataclass(frozen=True, slots=True)
class RewardRange:
    """Between which bounds rewards are.

    Attributes:
        low: What no reward is below; finite.
        high: What no reward is above; finite, above low.

    Raises:
        ValueError: One of them is not as it must be.
    """

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is no range."""
        if not (isfinite(self.low) and isfinite(self.high) and self.low < self.high):
            raise ValueError(
                f"reward_low, reward_high: expected finite numbers, rising, got {self.low!r}, {self.high!r}"
            )

    @property
    def width(self) -> float:
        """High minus low."""
        return self.high - self.low


def check_confidence(confidence: float) -> None:
    """Refuse what is no confidence.

    Raises:
        ValueError: It is not between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence!r}")


def gaussian(value: float, variance: float, confidence: float = 0.95) -> Interval:
    """Return `value -+ z sqrt(variance)`, z the quantile of the normal distribution.

    Args:
        value: The estimate.
        variance: Of the estimate, not of a round: for a smooth function of n means, `gradient' C gradient / n` with
            the covariance C of what the means are of (delta method). At least 0.
        confidence: Between 0 and 1.

    Raises:
        ValueError: The variance is negative or not a number, or the confidence is none.
    """
    check_confidence(confidence)
    if not variance >= 0.0:
        raise ValueError(f"variance: expected a number of at least 0, got {variance!r}")
    reach = NormalDist().inv_cdf(0.5 + 0.5 * confidence) * sqrt(variance)
    return Interval(value - reach, value + reach, confidence, "gaussian")


def ips_gaussian(sums: WeightedSums, confidence: float = 0.95) -> Interval:
    """Return the Gaussian interval of the inverse propensity estimate.

    Raises:
        ValueError: There are fewer than two rounds, or the confidence is none.
    """
    n = _at_least(2, sums)
    mean = sums.weighted_reward / n
    variance = max(0.0, sums.weighted_reward_squared - n * mean * mean) / (n - 1)
    return gaussian(mean, variance / n, confidence)


def clopper_pearson(sums: WeightedSums, rewards: RewardRange, confidence: float = 0.95) -> Interval:
    """Return the interval of Clopper and Pearson, with weights divided by the largest one that came.

    Exact where all weights are equal and rewards are 0 or 1 ("The use of confidence or fiducial limits illustrated in
    the case of the binomial", 1934); with other weights a rule of thumb, as in vw-estimators: n divided by the largest
    weight is how many rounds it counts.

    Raises:
        ValueError: There are no rounds of any weight, or the confidence is none.
    """
    check_confidence(confidence)
    n = _at_least(1, sums)
    if sums.largest_weight == 0.0:
        raise ValueError("weight: expected one above 0, got none")
    trials = n / sums.largest_weight
    earned = (sums.weighted_reward - rewards.low * sums.weight) / rewards.width
    successes = min(max(0.0, earned / sums.largest_weight), trials)
    tail = 0.5 * (1.0 - confidence)
    low = quantile(successes, trials - successes + 1.0, tail) if successes > 0.0 else 0.0
    high = 1.0 - quantile(trials - successes, successes + 1.0, tail) if successes < trials else 1.0
    return _in_range(low, high, rewards, confidence, "clopper-pearson")


def empirical_bernstein(
    sums: WeightedSums, rewards: RewardRange, max_weight: float, confidence: float = 0.95
) -> Interval:
    """Return the interval of Maurer and Pontil, which holds for every number of rounds.

    For x = w r / M, rewards scaled to 0..1: `mean -+ (sqrt(2 s^2 log(4 / alpha) / n) + 7 log(4 / alpha) / (3 (n - 1)))`
    with the sample variance s^2 ("Empirical Bernstein bounds and sample variance penalization", 2009, theorem 4, with
    half the error on each side).

    Args:
        sums: Of independent rounds.
        rewards: Between which bounds rewards are.
        max_weight: M, what no weight can be above, known before the rounds: not the largest that came.
        confidence: Between 0 and 1.

    Raises:
        ValueError: A weight was above max_weight, there are fewer than two rounds, or the confidence is none.
    """
    check_confidence(confidence)
    n = _at_least(2, sums)
    if not sums.largest_weight <= max_weight < inf:
        raise ValueError(
            f"max_weight: expected a finite number of at least {sums.largest_weight!r}, got {max_weight!r}"
        )
    scaled = sums.shifted(rewards.low)
    largest = max_weight * rewards.width
    mean = scaled.weighted_reward / n
    variance = max(0.0, scaled.weighted_reward_squared - n * mean * mean) / (n - 1)
    rarity = log(4.0 / (1.0 - confidence))
    reach = sqrt(2.0 * variance * rarity / n) + 7.0 * rarity * largest / (3.0 * (n - 1))
    low, high = (min(max(0.0, bound / rewards.width), 1.0) for bound in (mean - reach, mean + reach))
    return _in_range(low, high, rewards, confidence, "empirical-bernstein")


def cressie_read(
    sums: WeightedSums, rewards: RewardRange, max_weight: float = inf, confidence: float = 0.95
) -> Interval:
    """Return the empirical-likelihood interval with the Cressie-Read divergence of power -2.

    The values that some distribution has under which weights average to 1 and which is not too far from the one that
    came; one more round, of the worst possible weight and reward, is counted in (Karampatziakis, Langford and Mineiro,
    "Empirical likelihood for contextual bandits", 2020, as in vw-estimators). For many rounds.

    Args:
        sums: Of independent rounds.
        rewards: Between which bounds rewards are.
        max_weight: What no weight can be above. Without it, the interval is wide on the side away from rare rewards.
        confidence: Between 0 and 1.

    Raises:
        ValueError: A weight was above max_weight, there are no rounds, or the confidence is none.
    """
    check_confidence(confidence)
    n = _at_least(1, sums)
    if not max(sums.largest_weight, 1.0) <= max_weight:
        raise ValueError(f"max_weight: expected at least {max(sums.largest_weight, 1.0)!r}, got {max_weight!r}")
    # The quantile of F(1, n), by the Beta distribution that it is made from.
    part = quantile(0.5, 0.5 * n, confidence)
    room = _least_divergence(sums, max_weight) + n * part / (1.0 - part)
    low = _lowest_value(sums, rewards.low, max_weight, room)
    high = -_lowest_value(sums.negated(), -rewards.high, max_weight, room)
    low, high = (min(max(rewards.low, bound), rewards.high) for bound in (low, high))
    return Interval(low, high, confidence, "cressie-read")


def _least_divergence(sums: WeightedSums, max_weight: float) -> float:
    """Return how far, at least, a distribution is under which weights average to 1."""
    n = sums.n_rounds
    fake = max_weight if sums.weight < n * (1.0 - _EDGE) else 0.0
    if fake == inf:
        return 1.0 + 1.0 / n
    mean, square = (sums.weight + fake) / (n + 1), (sums.weight_squared + fake * fake) / (n + 1)
    return (n + 1) * (mean - 1.0) ** 2 / (square - mean * mean)


def _lowest_value(sums: WeightedSums, fake_reward: float, max_weight: float, room: float) -> float:
    """Return the lowest value within the room, over the weights that one more round may have."""
    bounds = [_lowest_with(sums.added(0.0, fake_reward), room)]
    if max_weight == inf:
        bounds.append(_lowest_with_any(sums, fake_reward, room))
    else:
        bounds.append(_lowest_with(sums.added(max_weight, fake_reward), room))
    return min((bound for bound in bounds if bound is not None), default=fake_reward)


def _lowest_with(sums: WeightedSums, room: float) -> float | None:
    """Return the lowest value within the room; None where weights cannot average to 1 within it.

    The mean of w r, corrected for weights that do not average to 1 by its regression on w, less what the rest of its
    variance allows.
    """
    n = sums.n_rounds
    mean, earned = sums.weight / n, sums.weighted_reward / n
    variance = sums.weight_squared / n - mean * mean
    if variance <= 0.0:
        return None
    slope = (sums.weight_squared_reward / n - mean * earned) / variance
    rest = sums.weighted_reward_squared / n - earned * earned - slope * slope * variance
    left = room / n - (1.0 - mean) ** 2 / variance
    return None if left < 0.0 else earned + (1.0 - mean) * slope - sqrt(max(0.0, rest) * left)


def _lowest_with_any(sums: WeightedSums, fake_reward: float, room: float) -> float | None:
    """Return what `_lowest_with` comes to when one more round has a weight without bound."""
    n = sums.n_rounds
    above = sums.shifted(fake_reward)
    mean = above.weighted_reward / n
    rest = (above.weighted_reward_squared - n * mean * mean) / (n + 1)
    left = room / (n + 1) - 1.0 / n
    return None if left < 0.0 else fake_reward + mean - sqrt(max(0.0, rest) * left)


def _in_range(low: float, high: float, rewards: RewardRange, confidence: float, method: str) -> Interval:
    return Interval(rewards.low + rewards.width * low, rewards.low + rewards.width * high, confidence, method)


def _at_least(n_rounds: int, sums: WeightedSums) -> int:
    if sums.n_rounds < n_rounds:
        raise ValueError(f"n_rounds: expected at least {n_rounds}, got {sums.n_rounds}")
    return sums.n_rounds
