"""What the demo earned: the policy against the control group, against the best possible, before and after the change.

The lift is an A/B comparison of what customers really did, as one would make it in production: customers are
independent, and the group of each is a hash of its id. Regret and the best possible are exact expectations, which only
a simulation knows.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from attune.demo.ledger import BoolArray, Ledger
from attune.demo.plan import Plan
from attune.demo.simulation import FloatArray

CONFIDENCE = 0.95
FEWEST = 30
SETTLED_S = 5.0


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was earned in a stretch of the run. Rewards are per decision.

    Attributes:
        name: Which stretch.
        learned_decisions: Decisions by the policy.
        control_decisions: Decisions by the baseline.
        learned: Mean reward under the policy; NaN without decisions, here and below.
        control: Mean reward under the baseline.
        best: Expected reward of the best offer, mean over the policy's customers.
        uniform: Expected reward of an offer drawn uniformly, mean over the policy's customers.
        regret: Expected reward that the policy's choices lost against the best offers, summed.
        regret_share: The same as a share of the best possible, 0 to 1.
        difference: learned - control; None with fewer than 30 decisions in a group.
        lift: learned / control - 1; None as well where the control group earned nothing.
    """

    name: str
    learned_decisions: int
    control_decisions: int
    learned: float
    control: float
    best: float
    uniform: float
    regret: float
    regret_share: float
    difference: Interval | None
    lift: Interval | None


def summarise(ledger: Ledger, plan: Plan) -> tuple[Stretch, ...]:
    """Return what was earned before the change of taste, after it, at the end of both, and in the whole run."""
    came, change_s = ledger.came_s, plan.change_s
    settled_s = min(SETTLED_S, change_s)
    changed = came >= change_s
    return (
        _stretch("before", ledger, ~changed),
        _stretch(f"  last {settled_s:g} s", ledger, ~changed & (came >= change_s - settled_s)),
        _stretch("after", ledger, changed),
        _stretch(f"  last {settled_s:g} s", ledger, came >= plan.seconds - settled_s),
        _stretch("all", ledger, np.ones_like(changed)),
    )


def _stretch(name: str, ledger: Ledger, within: BoolArray) -> Stretch:
    learned, control = ledger.learned & within, ledger.control & within
    best = float(ledger.best[learned].sum())
    regret = best - float(ledger.chosen[learned].sum())
    return Stretch(
        name=name,
        learned_decisions=int(learned.sum()),
        control_decisions=int(control.sum()),
        learned=_mean(ledger.reward[learned]),
        control=_mean(ledger.reward[control]),
        best=_mean(ledger.best[learned]),
        uniform=_mean(ledger.uniform[learned]),
        regret=regret,
        regret_share=regret / best if best else math.nan,
        difference=welch_interval(ledger.reward[learned], ledger.reward[control]),
        lift=lift_interval(ledger.reward[learned], ledger.reward[control]),
    )


def _mean(rewards: FloatArray) -> float:
    return float(rewards.mean()) if len(rewards) else math.nan


def welch_interval(treated: FloatArray, control: FloatArray) -> Interval | None:
    """Return the difference of two means with its 95 % interval.

    d +- z sqrt(s1^2 / n1 + s0^2 / n0), without assuming equal variances; z is the normal quantile, which Student's t
    approaches at the sample sizes asked for. Welch, "The generalization of 'Student's' problem when several different
    population variances are involved", 1947.

    Args:
        treated: Rewards under the policy: float64, shape (n1,).
        control: Rewards under the baseline: float64, shape (n0,).

    Returns:
        None with fewer than 30 rewards in a group.
    """
    if min(len(treated), len(control)) < FEWEST:
        return None
    margin = _quantile() * math.sqrt(_mean_variance(treated) + _mean_variance(control))
    difference = _mean(treated) - _mean(control)
    return Interval(difference, difference - margin, difference + margin)


def lift_interval(treated: FloatArray, control: FloatArray) -> Interval | None:
    """Return the relative lift of two means with its 95 % interval.

    With the ratio R = m1 / m0 of independent means, the delta method gives var(R) = R^2 (v1 / m1^2 + v0 / m0^2), where
    v is the variance of the mean; written without the division by m1. Biased upwards by R v0 / m0^2, which is small
    where the interval is narrow. Deng, Knoblich and Lu, "Applying the Delta Method in Metric Analytics: A Practical
    Guide with Novel Ideas", 2018.

    Args:
        treated: Rewards under the policy: float64, shape (n1,).
        control: Rewards under the baseline: float64, shape (n0,).

    Returns:
        None with fewer than 30 rewards in a group, or where the control group earned nothing.
    """
    if min(len(treated), len(control)) < FEWEST or _mean(control) <= 0:
        return None
    ratio = _mean(treated) / _mean(control)
    variance = (_mean_variance(treated) + ratio**2 * _mean_variance(control)) / _mean(control) ** 2
    margin = _quantile() * math.sqrt(variance)
    return Interval(ratio - 1, ratio - 1 - margin, ratio - 1 + margin)


def _mean_variance(rewards: FloatArray) -> float:
    """Return the variance of the mean of independent rewards."""
    return float(rewards.var(ddof=1)) / len(rewards)


def _quantile() -> float:
    return NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
