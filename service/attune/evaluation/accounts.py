"""The account of one target: everything that is kept of its rounds, whatever the length of the log.

Weighed (own, baseline's, as logged) --add--> account --reporting--> TargetReport
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from attune.evaluation.anytime import Anytime, RewardRange
from attune.evaluation.curves import Curve, Mark, histogram
from attune.evaluation.segments import Segments
from attune.evaluation.tallies import Estimators, Tallies
from attune.evaluation.targets import Target
from attune.evaluation.weighing import Weighed
from attune.logs.samples import Sample
from attune.reports.report import CurvePoint
from attune_models.target_diagnostics import TargetDiagnostics


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms targets are evaluated; the same for all of an evaluation.

    Attributes:
        estimators: What is estimated with.
        confidence: Of every interval, between 0 and 1.
        resamples: How many a bootstrap makes.
        seed: Of whatever is drawn: resamples, matches.
        bounds: What a decision can earn; None where nobody knows.
        segments: Features of the context by whose values there are estimates as well.
        cells: The most cells of a tally.
    """

    estimators: Estimators
    confidence: float
    resamples: int
    seed: int
    bounds: RewardRange | None
    segments: Sequence[str]
    cells: int


class Account:
    """What is known of a target so far.

    Attributes:
        target: The target.
        own: Tallies of all its rounds.
        logged: What the same rounds have really earned; by the main estimator, which says so.
        common: By the main estimator, the rounds that the baseline has as well.
        baseline: Those of the baseline.
        anytime: Its confidence sequences; None where nobody knows what a decision can earn.
        diagnostics: What its weights say.
        weights: The histogram of its weights.
        curve: Its learning curve.
        segments: Its value by segment.
    """

    def __init__(self, target: Target, terms: Terms) -> None:
        """Start without rounds."""
        self.target = target
        self.own = Tallies(terms.estimators, terms.cells)
        self.logged, self.common, self.baseline = (Tallies(terms.estimators.main, terms.cells) for _ in range(3))
        self.anytime = Anytime(terms.bounds, terms.confidence) if terms.bounds else None
        self.diagnostics = TargetDiagnostics()
        self.weights = histogram()
        self.curve = Curve()
        self.segments = Segments(terms.segments, terms.estimators.main)

    def add(self, samples: Sequence[Sample], weighed: Weighed, baseline: Weighed, logged: Weighed) -> None:
        """Take in a chunk.

        Args:
            samples: All of the chunk.
            weighed: As the target sees them.
            baseline: As the baseline sees them.
            logged: As they were decided; all of them.
        """
        as_logged = logged.taken(weighed.index)
        self.own.add(weighed)
        self.logged.add(as_logged)
        weight, reward = weighed.weight, weighed.earned
        self.diagnostics.add(weight, reward, weighed.unsupported)
        self.weights.add(weight)
        self.segments.add(samples, weighed, as_logged)
        if self.anytime:
            self.anytime.add(weight, reward, n_slots=weighed.slots.reward.shape[1])
        self._add_pairs(weighed, baseline)

    def _add_pairs(self, weighed: Weighed, baseline: Weighed) -> None:
        _, mine, others = np.intersect1d(weighed.index, baseline.index, assume_unique=True, return_indices=True)
        own, other = weighed.taken(mine), baseline.taken(others)
        self.common.add(own)
        self.baseline.add(other)
        if self.anytime:
            self.anytime.add_pairs(own.weight, other.weight, own.earned)

    def mark(self, at: int, step: int) -> None:
        """Add a point to the learning curve, where there is an estimate.

        Args:
            at: How many samples of the log there were.
            step: The step of the pace.
        """
        tally = self.own.main
        value = tally.estimate
        if isfinite(value):
            moment = self.anytime.moment() if self.anytime else b""
            self.curve.add(at, step, Mark(tally.n_rounds, value, moment))

    def points(self) -> list[CurvePoint]:
        """Return the learning curve."""
        return list(map(self._point, self.curve.marks()))

    def _point(self, mark: Mark) -> CurvePoint:
        interval = self.anytime.value_then(mark.moment) if self.anytime else None
        low, high = (interval.low, interval.high) if interval else (nan, nan)
        return CurvePoint(mark.samples, mark.value, low, high)
