"""What has to be known about a report, in sentences: what makes its numbers wrong, or leaves some of them out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attune.v1.insight_service_pb2 import Report


@dataclass(frozen=True, slots=True)
class Limits:
    """What the numbers do not say.

    Attributes:
        unreached: Offers that suited somebody and reached nobody.
        absent_features: Features that were asked for, and that no decision has.
        customers_sampled: Whether retention and sample ratio rest on a sample of the customers.
        offers_left_out: Whether there were more offers than account is kept of.
    """

    unreached: int = 0
    absent_features: Sequence[str] = ()
    customers_sampled: bool = False
    offers_left_out: bool = False


def of(report: Report, limits: Limits) -> Iterator[str]:
    """Yield the remarks on a report, the most important first.

    Args:
        report: All of it but its remarks.
        limits: What its numbers do not say.
    """
    if not report.decisions:
        yield _on_nothing(report)
    else:
        yield from _on_groups(report)
    yield from _on_reach(report, limits)
    for feature in limits.absent_features:
        yield f'No decision has a feature called "{feature}".'
    yield from _on_counts(report, limits)


def _on_nothing(report: Report) -> str:
    """Return why no decision counts."""
    if report.imported:
        return (
            f"No decision counts: the {report.imported:,} of the log were made elsewhere and imported, and nobody was "
            "put into a group here."
        )
    if report.defaults or report.refused:
        return "No decision counts: nothing was eligible for any of them, or they cannot be read."
    return "No decision counts: those of the last reward window are not in the log yet."


def _on_groups(report: Report) -> Iterator[str]:
    ratio = report.sample_ratio
    if ratio.mismatch:
        seen = 100 * ratio.control_units / max(ratio.units, 1)
        yield (
            f"The control group has {seen:.2f} % of {ratio.units:,} customers or decisions instead of "
            f"{100 * ratio.expected:.2f} %: something treats both groups differently, or the share was changed. Do not "
            "trust the lift before that is known."
        )
    if not report.overall.control_decisions:
        has_one = report.HasField("sample_ratio")
        how = "It has decided nothing so far." if has_one else "A placement's `control` gives it one."
        yield f"Nothing was decided by a control group: there is no lift. {how}"
    elif not report.overall.decisions:
        yield "Everything was decided by the control group: there is no lift."
    elif not report.HasField("sample_ratio"):
        yield "The control group's share is 0 or 1 now: nobody can say whether it was right."
    if report.baseline == "popularity":
        yield "The control group is decided by what is popular, which both groups have taught it."
    if ratio.in_both:
        yield (
            f"{ratio.in_both:,} customers were in both groups, because the share was changed: they blur the lift, and "
            "are left out of retention."
        )
    if report.overall.control_decisions and report.overall.decisions and not _has_interval(report):
        yield (
            "There is too little to say how sure the lift is: each group needs at least 20 customers or decisions, and "
            "not all may have earned the same."
        )


def _on_reach(report: Report, limits: Limits) -> Iterator[str]:
    if limits.unreached:
        subject = "offer suited" if limits.unreached == 1 else "offers suited"
        yield f"{limits.unreached:,} {subject} somebody and reached nobody."
    if report.defaults:
        share = 100 * report.defaults / (report.decisions + report.defaults)
        yield f"In {share:.1f} % of decisions nothing was eligible: the default offer was shown."


def _on_counts(report: Report, limits: Limits) -> Iterator[str]:
    if limits.customers_sampled:
        yield "There are more customers than fit: retention and the sample ratio rest on an even sample of them."
    if limits.offers_left_out:
        yield "There are more offers than account is kept of: those that came last are not among the offers."
    if report.refused:
        yield f"{report.refused:,} entries of the log cannot be read, and do not count."
    if report.imported and report.decisions:
        yield f"{report.imported:,} decisions were made elsewhere and imported: they do not count."


def _has_interval(report: Report) -> bool:
    return any(each.lift.HasField("low") for each in report.overall.metrics)
