"""The verdict: may an estimate be believed, and why not, in sentences.

    figures --> limits --> findings --> Verdict

`refuse` says that the number would mislead: it is not printed unless somebody insists. `caution` says that it may be
off by more than its interval admits, or that the interval is wide. Each limit below stands with what going beyond it
does to an estimate; each sentence has the figure and the limit, so that whoever doubts it can check.

What was found about the log counts for what it can do to an estimate:

- Probabilities that are not those drawn with make every weight wrong by that factor: caution as soon as it is certain,
  refused where weights are wrong by more than a quarter. No amount of data mends it.
- Duplicates are counted twice. A few make intervals a little too narrow; a share of 5 % can move the mean by as much,
  and most often it is the rewarded decisions that are sent again: refused.
- A sample ratio that is not the one asked for means that customers of one group are missing. Each decision is weighed
  by its own probability, so that alone does no harm; but what is missing is rarely missing by chance. Refused where a
  fifth of a group is.
- Drift never refuses: the estimate is right about the time of the log, and whether that comes again nobody knows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from attune_models.calibration import CalibrationBin
from attune_models.drift import Change
from attune_models.log_diagnostics import LogFigures, SampleRatio
from attune_models.target_diagnostics import TargetFigures

Level: TypeAlias = Literal["trust", "caution", "refuse"]

SURPRISING_Z = 4.0
"""Chance goes beyond it once in 16,000 times; some fifty figures are compared with it, so once in 300 logs at most."""
LEAST_EFFECTIVE = 100.0
"""Below so many decisions' worth, a standard error is more than a tenth of the standard deviation of the rewards, and
what it is itself computed from is a handful of decisions."""
ENOUGH_EFFECTIVE = 1000.0
"""From here on a standard error is less than 3.2 % of the standard deviation of the rewards, and is itself known
well. Between the two limits the estimate is rough."""
LARGEST_SHARE = 0.02
"""One decision in fifty: if a single one counts for more, its reward alone can move the estimate by as much. From a
tenth on the effective sample size is below 100 in any case."""
ENOUGH_REWARDS = 30.0
"""With so many rewards' worth, the relative error of the estimate is 1 / sqrt(30) = 18 %; with fewer, comparing two
policies is guesswork, and the bootstrap has too few different values to draw from."""
MEAN_WEIGHT_DOUBTED, MEAN_WEIGHT_REFUSED = 0.2, 0.5
"""Without self-normalisation an estimate is off by the same share as the mean weight. Chance does not take it as far as
0.5 with an effective sample of 100, whose standard error is 0.1: so the propensities are wrong, or tails are unseen."""
ZERO_SUPPORT_DOUBTED, ZERO_SUPPORT_REFUSED = 0.01, 0.05
"""Nothing is known about so much of what the target policy would do: the estimate can be off by this share of the range
of the rewards, and no interval says so."""
WRONG_WEIGHTS = 1.25
"""Weights that are wrong by this factor move an estimate by up to a quarter: more than what policies differ by."""
DUPLICATES_DOUBTED, DUPLICATES_REFUSED = 0.001, 0.05
"""The share by which a mean can be off, if all duplicates are alike."""
MISSING_DOUBTED, MISSING_REFUSED = 0.02, 0.2
"""Of the decisions of a group. Customers stay in their group, so that where a few of them come very often, a small
difference can be chance although z, which counts decisions, says otherwise."""
DRIFTED = 0.2
"""Of the larger of both halves' means: with less, the average is within a tenth of either half."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """May an estimate be believed?

    Attributes:
        level: `trust`, `caution` or `refuse`.
        reasons: Sentences, the worst first; where nothing was found, one that says what was looked at.
    """

    level: Level
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class _Finding:
    refused: bool
    reason: str


def judged(log: LogFigures, target: TargetFigures) -> Verdict:
    """Judge the figures of a log and of a target policy.

    Args:
        log: About the log.
        target: About the weights.
    """
    if not target.rows:
        return Verdict("refuse", ["There are no decisions to evaluate on: 0 were counted."])
    findings = [*_of_target(target), *_of_log(log)]
    # Sorting keeps the order of equals: within a level, what does most harm comes first.
    findings.sort(key=lambda finding: not finding.refused)
    if not findings:
        return Verdict("trust", [_all_clear(target)])
    return Verdict("refuse" if findings[0].refused else "caution", [finding.reason for finding in findings])


def _of_target(target: TargetFigures) -> Iterator[_Finding]:
    yield from _effective_sample(target)
    yield from _largest(target)
    yield from _zero_support(target)
    yield from _mean_weight(target)
    yield from _rewards(target)


def _of_log(log: LogFigures) -> Iterator[_Finding]:
    yield from _calibration(log.calibration)
    yield from _duplicates(log)
    if log.sample_ratio is not None:
        yield from _sample_ratio(log.sample_ratio)
    yield from _drift(log.uniform)


def _effective_sample(target: TargetFigures) -> Iterator[_Finding]:
    size = target.effective_sample_size
    counted = f"count for only {size:,.1f} of this policy's own (effective sample size"
    if size < LEAST_EFFECTIVE:
        reason = (
            f"The {target.rows:,} logged decisions {counted}; at least {LEAST_EFFECTIVE:g} are needed): "
            "the log does not have enough of what this policy would do."
        )
        yield _Finding(refused=True, reason=reason)
    elif size < ENOUGH_EFFECTIVE:
        reason = (
            f"The {target.rows:,} logged decisions {counted}; {ENOUGH_EFFECTIVE:,.0f} would be enough): "
            "the estimate is rough."
        )
        yield _Finding(refused=False, reason=reason)


def _largest(target: TargetFigures) -> Iterator[_Finding]:
    if target.largest_share > LARGEST_SHARE:
        # A tenth: see LARGEST_SHARE.
        reason = (
            f"A single decision has {target.largest_share:.1%} of all weight ({target.largest_weight:,.1f}; "
            f"at most {LARGEST_SHARE:.0%} should be on one): what it happened to earn moves the estimate."
        )
        yield _Finding(refused=target.largest_share > LEAST_EFFECTIVE**-0.5, reason=reason)


def _zero_support(target: TargetFigures) -> Iterator[_Finding]:
    mass = target.zero_support_mass
    if mass > ZERO_SUPPORT_DOUBTED:
        limit = ZERO_SUPPORT_REFUSED if mass > ZERO_SUPPORT_REFUSED else ZERO_SUPPORT_DOUBTED
        reason = (
            f"{mass:.1%} of the time this policy would choose what the log could never have shown (in "
            f"{target.zero_support_share:.1%} of the decisions; at most {limit:.0%} of the time is allowed): "
            "nothing is known about what that earns."
        )
        yield _Finding(refused=mass > ZERO_SUPPORT_REFUSED, reason=reason)


def _mean_weight(target: TargetFigures) -> Iterator[_Finding]:
    expected = 1.0 - target.zero_support_mass
    off = abs(target.mean_weight - expected) / expected if expected > 0.0 else 0.0
    z = target.mean_weight_z
    surprising = abs(z) > SURPRISING_Z
    if off > MEAN_WEIGHT_DOUBTED or surprising:
        reason = (
            f"The mean weight is {target.mean_weight:.3f}, and should be {expected:.3f} (standard error "
            f"{target.mean_weight_error:.3f}, so {z:+.1f} of them; within {SURPRISING_Z:g} of them and "
            f"{MEAN_WEIGHT_DOUBTED:.0%} is normal): the logged probabilities are wrong, or rare decisions with large "
            "weights are missing."
        )
        refused = off > MEAN_WEIGHT_REFUSED or (surprising and off > MEAN_WEIGHT_DOUBTED)
        yield _Finding(refused=refused, reason=reason)


def _rewards(target: TargetFigures) -> Iterator[_Finding]:
    if target.effective_rewards < ENOUGH_REWARDS:
        reason = (
            f"The estimate rests on {target.effective_rewards:,.1f} rewards' worth of decisions (at least "
            f"{ENOUGH_REWARDS:g} should be): a few more or fewer by chance change it a lot."
        )
        yield _Finding(refused=False, reason=reason)


def _calibration(bins: Sequence[CalibrationBin]) -> Iterator[_Finding]:
    surprising = [each for each in bins if abs(each.z) > SURPRISING_Z]
    if surprising:
        worst = max(surprising, key=lambda each: each.ratio)
        reason = (
            f"The log says that {worst.name} should have been drawn {worst.expected:,.1f} times, and they were drawn "
            f"{worst.seen:,.0f} times ({worst.z:+.1f} standard deviations, {SURPRISING_Z:g} are allowed): the logged "
            "probabilities are not those that were drawn with, so weights are wrong."
        )
        yield _Finding(refused=worst.ratio > WRONG_WEIGHTS, reason=reason)


def _duplicates(log: LogFigures) -> Iterator[_Finding]:
    share = log.duplicate_share
    if share > DUPLICATES_DOUBTED:
        limit = DUPLICATES_REFUSED if share > DUPLICATES_REFUSED else DUPLICATES_DOUBTED
        reason = (
            f"{share:.1%} of the decisions are there more than once, by their ids (at most {limit:.1%} is allowed): "
            "they count double, and intervals are too narrow."
        )
        yield _Finding(refused=share > DUPLICATES_REFUSED, reason=reason)


def _sample_ratio(ratio: SampleRatio) -> Iterator[_Finding]:
    if abs(ratio.z) > SURPRISING_Z and ratio.missing > MISSING_DOUBTED:
        reason = (
            f"The control group has {ratio.seen:.2%} instead of {ratio.expected:.2%} of the "
            f"{ratio.control + ratio.others:,} customers, and decisions for nobody known ({ratio.z:+.1f} standard "
            f"deviations, {SURPRISING_Z:g} are allowed): at least {ratio.missing:.1%} of one group is missing, or does "
            f"not belong there, and up to {MISSING_DOUBTED:.0%} is passed over: hardly by chance, so the rest is not "
            "the whole picture."
        )
        yield _Finding(refused=ratio.missing > MISSING_REFUSED, reason=reason)


def _drift(change: Change) -> Iterator[_Finding]:
    if abs(change.z) > SURPRISING_Z and change.share > DRIFTED:
        reason = (
            f"Choosing by chance would have earned {change.first:.4g} in the first half of the log and "
            f"{change.second:.4g} in the second ({change.z:+.1f} standard errors, {SURPRISING_Z:g} are allowed, and "
            f"{change.share:.0%}, {DRIFTED:.0%} are allowed): the estimate is an average over a time that has changed."
        )
        yield _Finding(refused=False, reason=reason)


def _all_clear(target: TargetFigures) -> str:
    return (
        f"Nothing speaks against it: the {target.rows:,} logged decisions count for "
        f"{target.effective_sample_size:,.0f} of this policy's own (at least {ENOUGH_EFFECTIVE:,.0f}), none has more "
        f"than {target.largest_share:.2%} of the weight (at most {LARGEST_SHARE:.0%}), and the mean weight is "
        f"{target.mean_weight:.3f} (1 would be exact)."
    )
