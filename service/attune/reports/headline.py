"""What an evaluation says, in sentences that can be read without knowing what an estimator is."""

from collections.abc import Iterator
from dataclasses import dataclass

from attune.reports.number_format import NumberFormat, format_of, percent
from attune.reports.ranking import REFUSE, Best, best, is_baseline_refused
from attune.reports.report import EvaluationReport

LOGGED = "logged"
CAUTION = "caution"


@dataclass(frozen=True, slots=True)
class Headline:
    """What to remember.

    Attributes:
        level: `better`, `worse`, `open` or `refuse`.
        sentence: The answer.
        details: What has to be said besides, a sentence each.
    """

    level: str
    sentence: str
    details: tuple[str, ...]


def headline(report: EvaluationReport) -> Headline:
    """Return what a report says."""
    found = best(report)
    if found is None:
        return Headline("refuse", _no_answer(report), tuple(_asides(report)))
    level, sentence = _answer(found, report, format_of(report))
    caution = (f"Take it with caution: {reason}" for reason in found.target.reasons[:1])
    details = caution if found.target.verdict == CAUTION else ()
    corrected = correction(found, report.confidence, format_of(report))
    return Headline(level, sentence, (*details, *([corrected] if corrected else []), *_asides(report)))


def baseline_name(report: EvaluationReport) -> str:
    """Return what targets are compared with, in words."""
    return "what was really decided" if report.baseline == LOGGED else f"“{report.baseline}”"


def correction(found: Best, confidence: float, form: NumberFormat) -> str:
    """Return a sentence that says how sure the best is although it was picked as such; empty when it was the only one.

    Args:
        found: The best.
        confidence: Of the report's intervals.
        form: How to write rewards.
    """
    if found.compared == 1:
        return ""
    alone = percent(found.confidence)
    left = percent(found.adjusted_confidence) if found.adjusted_confidence > 0 else "nothing"
    change = f"stays {left}" if left == alone else f"falls from {alone} to {left}"
    return (
        f"It is the best of {found.compared:,}, and the best of many always looks better than it is. Corrected for "
        f"that (Bonferroni), confidence that the difference is not chance {change}, and its "
        f"{percent(confidence)} interval becomes {form.change(found.adjusted_low)} to "
        f"{form.change(found.adjusted_high)}."
    )


def _no_answer(report: EvaluationReport) -> str:
    if not any(target.name != report.baseline for target in report.targets):
        return "There is nothing to compare: only the baseline was evaluated."
    if is_baseline_refused(report):
        return f"Nothing can be compared with {baseline_name(report)}: it is refused."
    many = sum(target.name != report.baseline for target in report.targets) > 1
    return f"This log cannot say what {'any of these policies' if many else 'this policy'} would have earned."


def _answer(found: Best, report: EvaluationReport, form: NumberFormat) -> tuple[str, str]:
    name, other = f"“{found.target.name}”", baseline_name(report)
    size = f"{form.change(found.difference)} a decision{_share(found, report)}"
    sure = f"{percent(report.confidence)} interval {form.change(found.low)} to {form.change(found.high)}"
    if found.low > 0:
        return "better", f"{name} would have earned more than {other}: {size} ({sure})."
    if found.high < 0:
        return "worse", f"Nothing would have earned more than {other}. The nearest, {name}: {size} ({sure})."
    return (
        "open",
        f"Nothing is proved better than {other}. The best guess is {name}: {size}, which may be chance ({sure}).",
    )


def _share(found: Best, report: EvaluationReport) -> str:
    """Return the difference as a share of what was really earned, where that says something."""
    if report.baseline != LOGGED or report.logged.value <= 0:
        return ""
    return f", {100 * found.difference / report.logged.value:+.1f} %".replace("-", "\N{MINUS SIGN}")


def _asides(report: EvaluationReport) -> Iterator[str]:
    refused = [target for target in report.targets if target.verdict == REFUSE]
    if refused:
        shown = any(target.estimates for target in refused)
        forced = (
            "Numbers are shown all the same, because somebody insisted." if shown else "There is no number for that."
        )
        subject = "policies are" if len(refused) > 1 else "policy is"
        yield f"{len(refused)} {subject} refused, because the log cannot say what would have happened. {forced}"
    if report.refused:
        yield f"{report.refused:,} rows of the log were skipped, because something is wrong with them."
    if not report.complete:
        yield f"It was interrupted: this is about the first {report.samples:,} decisions."
