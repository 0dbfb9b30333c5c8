"""From accounts to a report: estimates, how sure they are, and whether they may be shown at all.

    account --verdict--> refused: reasons and figures | trusted: estimates, intervals, difference, curve, segments

A refused estimate does not get into the report, so that nobody can print it by mistake.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from typing import Any

import numpy as np

from attune.evaluation.accounts import Account, Terms
from attune.reports.report import Estimate, Interval, Segment, TargetReport
from attune_models import intervals
from attune_models.bootstrap import bootstrap, percentiles
from attune_models.diagnostics import DiagnosticsReport, Level, LogFigures, TargetFigures, Verdict
from attune_models.rounds import FloatArray
from attune_models.tally import Tally
from attune_models.verdict import MISSING_DOUBTED, MISSING_REFUSED

TRUST: Level = "trust"
CAUTION: Level = "caution"
REFUSE: Level = "refuse"

# What is judged are weights. These are wrong by something else, however many decisions there are.
_BIASED = {
    "dm": "The direct method is as wrong as its reward model is, and its interval does not say so: compare it with dr.",
    "replay": "Replay is right only where every decision of the log was drawn uniformly: compare it with snips.",
    "iips": "What a slot earns is taken not to depend on what the slots before it drew: compare it with rips.",
}
_NO_DIFFERENCE = "There is no difference from the baseline, because the baseline is refused."


class Against(Enum):
    """What a target is compared with."""

    BASELINE = "baseline"
    REFUSED = "refused"
    """A baseline that is refused: a difference from it would tell its value."""
    NOTHING = "nothing"
    """It is the baseline."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the log says about itself, whatever target is evaluated on it.

    Attributes:
        log: Its figures.
        skipped: Share of its rows that were skipped because something is wrong with them, 0 to 1.
    """

    log: LogFigures
    skipped: float = 0.0

    def verdict(self, figures: TargetFigures, doubts: Sequence[str]) -> Verdict:
        """Judge a target, or a segment of it.

        Args:
            figures: What its weights say.
            doubts: What it says against itself.
        """
        verdict = _with_doubts(DiagnosticsReport(self.log, figures).verdict(), doubts)
        if self.skipped <= MISSING_DOUBTED:
            return verdict
        limit = MISSING_REFUSED if self.skipped > MISSING_REFUSED else MISSING_DOUBTED
        reason = (
            f"{self.skipped:.1%} of the rows were skipped because something is wrong with them (at most {limit:.0%} is "
            "allowed): what they earned is in no estimate, and rows are rarely bad by chance."
        )
        if self.skipped > MISSING_REFUSED and verdict.level != REFUSE:
            return Verdict(REFUSE, [reason, *(verdict.reasons if verdict.level == CAUTION else [])])
        return _with_doubts(verdict, [reason])


def is_refused(account: Account, evidence: Evidence) -> bool:
    """Tell whether a target is refused."""
    return evidence.verdict(account.diagnostics.figures(), _doubts(account)).level == REFUSE


def target_report(account: Account, evidence: Evidence, terms: Terms, *, against: Against, force: bool) -> TargetReport:
    """Return what there is to say about a target.

    Args:
        account: Its account.
        evidence: What the log says about itself.
        terms: On what terms it was evaluated.
        against: What it is compared with.
        force: Whether estimates are shown although they are refused.
    """
    target, tally, figures = account.target, account.own.main, account.diagnostics.figures()
    verdict = evidence.verdict(figures, _doubts(account))
    shown = force or verdict.level != REFUSE
    estimates = list(_estimates(account, terms)) if shown else []
    undefined = _undefined(account) if shown else []
    return TargetReport(
        name=target.name,
        description=target.description,
        learns=target.learns,
        samples=tally.n_rounds,
        main=tally.estimator.name,
        estimates=estimates,
        difference=_difference(account, terms) if estimates and against is Against.BASELINE else None,
        verdict=verdict.level,
        reasons=[
            *verdict.reasons,
            *target.remarks(),
            *_about_anytime(account, terms),
            *undefined,
            *(f"No decision has a feature {feature} in its context." for feature in account.segments.absent()),
            *([_NO_DIFFERENCE] if estimates and against is Against.REFUSED else []),
        ],
        diagnostics=DiagnosticsReport(evidence.log, figures).by_name(),
        curve=account.points() if shown else [],
        weights=account.weights.bins(),
        segments=list(_segments(account, evidence, terms, force=force)) if shown else [],
        spec=target.spec,
    )


def logged_estimate(tally: Tally[Any], terms: Terms) -> Estimate:
    """Return what was really earned a decision."""
    return _estimate("logged", tally, bootstrap([tally], terms.resamples, terms.seed)[:, 0], terms, None)


def _estimates(account: Account, terms: Terms) -> Iterator[Estimate]:
    tallies = account.own.counted
    resampled = bootstrap(tallies, terms.resamples, terms.seed)
    for i, tally in enumerate(tallies):
        if isfinite(tally.estimate):
            # It is about the value, whatever it is estimated with; it is shown once.
            anytime = account.anytime.value() if account.anytime and i == 0 else None
            yield _estimate(tally.estimator.name, tally, resampled[:, i], terms, anytime)


def _difference(account: Account, terms: Terms) -> Estimate | None:
    own, baseline = account.common.main, account.baseline.main
    value = own.estimate - baseline.estimate
    if not isfinite(value):
        return None
    pairs = bootstrap([own, baseline], terms.resamples, terms.seed)
    said = _bootstrapped(pairs[:, 0] - pairs[:, 1], terms)
    anytime = account.anytime.difference() if account.anytime else None
    return Estimate(own.estimator.name, value, [*said, *_anytime(anytime)])


def _estimate(
    name: str, tally: Tally[Any], resampled: FloatArray, terms: Terms, anytime: intervals.Interval | None
) -> Estimate:
    said = [*_bootstrapped(resampled, terms), *_gaussian(tally, terms), *_anytime(anytime)]
    return Estimate(name, tally.estimate, said)


def _bootstrapped(resampled: FloatArray, terms: Terms) -> Iterator[Interval]:
    # A ratio that is not defined on some resample has no percentiles.
    if np.isfinite(resampled).all():
        low, high = percentiles(resampled, terms.confidence).tolist()
        yield Interval("bootstrap", low, high)


def _gaussian(tally: Tally[Any], terms: Terms) -> Iterator[Interval]:
    if isfinite(tally.variance):
        # Rounding can leave the variance of what does not vary just below 0.
        yield from _said(intervals.gaussian(tally.estimate, max(tally.variance, 0.0), terms.confidence))


def _anytime(interval: intervals.Interval | None) -> Iterator[Interval]:
    if interval:
        yield from _said(interval)


def _said(interval: intervals.Interval) -> Iterator[Interval]:
    yield Interval(interval.method, interval.low, interval.high)


def _segments(account: Account, evidence: Evidence, terms: Terms, *, force: bool) -> Iterator[Segment]:
    doubts = _doubts(account)
    for feature, value, segment in account.segments.accounts():
        verdict = evidence.verdict(segment.diagnostics.figures(), doubts)
        own, logged = segment.own.main, segment.logged.main.estimate
        if isfinite(own.estimate) and (force or verdict.level != REFUSE):
            estimate = Estimate(own.estimator.name, own.estimate, list(_gaussian(own, terms)))
        else:
            estimate = None
        yield Segment(feature, value, own.n_rounds, estimate, logged, verdict.level)


def _doubts(account: Account) -> Sequence[str]:
    """Return what speaks against an estimate besides weights and log: its target, and what it is estimated with."""
    main = account.own.main.estimator.name
    return [*account.target.doubts(), *([_BIASED[main]] if main in _BIASED else [])]


def _with_doubts(verdict: Verdict, doubts: Sequence[str]) -> Verdict:
    """Add what speaks against an estimate besides its figures."""
    if not doubts:
        return verdict
    if verdict.level == TRUST:
        return Verdict(CAUTION, [*doubts])  # no longer that nothing speaks against it
    return Verdict(verdict.level, [*verdict.reasons, *doubts])


def _about_anytime(account: Account, terms: Terms) -> Sequence[str]:
    if account.anytime is None or not account.anytime.broken or terms.bounds is None:
        return []
    low, high = terms.bounds.low, terms.bounds.high
    return [
        (
            f"Some decisions earned less than {low:g} or more than {high:g}, or have several slots that could: there "
            "is no interval that is valid at every moment unless --reward-range says what a decision can earn."
        )
    ]


def _undefined(account: Account) -> list[str]:
    names = [tally.estimator.name for tally in account.own.counted if not isfinite(tally.estimate)]
    return [f"No estimate by {', '.join(names)}: nothing in the log is what it would be made of."] if names else []
