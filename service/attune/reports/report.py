"""What an evaluation found: plain values, for the terminal, JSON and HTML alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval.

    Attributes:
        method: `bootstrap`, `gaussian`, `empirical-bernstein`, `clopper-pearson`, `cressie-read` or `anytime`.
        low: Lower bound, in reward a decision.
        high: Upper bound.
    """

    method: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one estimator says.

    Attributes:
        estimator: Its name, for example `snips`.
        value: The estimate, in reward a decision.
        intervals: How sure it is; the first is the one that is shown where there is room for one.
    """

    estimator: str
    value: float
    intervals: Sequence[Interval]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of a learning curve.

    Attributes:
        samples: How many samples there were up to here.
        value: The progressive estimate over all of them.
        low: Lower bound, valid at all points at once; NaN where nobody knows what a decision can earn.
        high: Upper bound; NaN as well.
    """

    samples: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class WeightBin:
    """A bin of the histogram of importance weights: from `low`, below `high`."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A target's value among the samples whose context has one value of a feature.

    Attributes:
        feature: The feature's name.
        value: Its value.
        samples: How many samples have it.
        estimate: Of the main estimator; None when the verdict is `refuse` and nobody insisted.
        logged: Mean reward of the same samples as they were decided.
        verdict: `trust`, `caution` or `refuse`.
    """

    feature: str
    value: str
    samples: int
    estimate: Estimate | None
    logged: float
    verdict: str


@dataclass(frozen=True, slots=True)
class TargetReport:
    """One target policy.

    Attributes:
        name: As the caller named it.
        description: What it is, in a few words.
        learns: Whether it learned from each sample after it was weighed: a progressive estimate.
        samples: How many samples it was evaluated on.
        main: Name of the estimator that is shown where there is room for one.
        estimates: Of every estimator; empty when the verdict is `refuse` and nobody insisted.
        difference: Value minus the baseline's, by the main estimator; None for the baseline and where refused.
        verdict: `trust`, `caution` or `refuse`.
        reasons: Why, a sentence each, the worst first.
        diagnostics: By name, in the order they are printed: effective sample size, largest weight, and so on.
        curve: The learning curve.
        weights: The histogram of importance weights.
        segments: The value by segment.
        spec: For policies from a spec, the policy as YAML; else empty.
    """

    name: str
    description: str
    learns: bool
    samples: int
    main: str
    estimates: Sequence[Estimate]
    difference: Estimate | None
    verdict: str
    reasons: Sequence[str]
    diagnostics: Mapping[str, float]
    curve: Sequence[CurvePoint]
    weights: Sequence[WeightBin]
    segments: Sequence[Segment]
    spec: str = ""


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """A whole evaluation.

    Attributes:
        source: What was read, for people.
        samples: How many decisions were counted.
        left_out: How many were left out although nothing is wrong with them, by reason.
        refused: How many rows were skipped because something is wrong with them; only when that was asked for.
        problems: The first of those, `where: problem`.
        logged: What was really earned: mean reward a decision, with its interval.
        baseline: Name of what differences are from: `logged` or a target.
        confidence: Of every interval.
        targets: The target policies, in the caller's order.
        complete: False when it was interrupted: then it is about the samples up to there.
        seconds: How long it took.
        command: What to type to have it again.
    """

    source: str
    samples: int
    left_out: Mapping[str, int]
    refused: int
    problems: Sequence[str]
    logged: Estimate
    baseline: str
    confidence: float
    targets: Sequence[TargetReport]
    complete: bool
    seconds: float
    command: str
