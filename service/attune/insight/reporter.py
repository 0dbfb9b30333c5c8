"""Counts a training log and says what it shows.

    entry --counted--> decision --+--> everything together, by part, by customer   policy beside control
                                  +--> exploration, trend                          what it costs, where it goes
    entry ------------------------+--> reach, pressure                             what was held back

One pass; what is kept does not grow with the log.
"""

from google.protobuf.message import DecodeError

from attune.errors import InvalidInputError
from attune.insight import remarks
from attune.insight.breakdowns import Breakdowns
from attune.insight.comparisons import comparison, metrics_of, money
from attune.insight.counted import N_COLUMNS, Counted, counted
from attune.insight.customers import Customers
from attune.insight.exploration import Explored
from attune.insight.pressure import Pressures
from attune.insight.question import Question
from attune.insight.reach import Reach
from attune.insight.segments import Segments
from attune.insight.trend import LiftCurve, Trend, moment
from attune.store.log_entries import LoggedInteraction
from attune.v1.decision_service_pb2 import MODE_DEFAULT
from attune.v1.insight_service_pb2 import Report
from attune_models.grouped_sums import GroupedSums
from attune_models.rewards import RewardSpec


class Reporter:
    """Makes a report of entries that are added one after the other."""

    def __init__(
        self, placement: str, question: Question, reward: RewardSpec, segments: Segments | None = None
    ) -> None:
        """Start without any.

        Args:
            placement: The placement's name.
            question: What the report is to say.
            reward: How outcomes become rewards.
            segments: Those to look at; None for none.
        """
        self._question, self._reward = question, reward
        self._report = Report(placement=placement, confidence=question.confidence)
        self._span_ms: tuple[int, int] | None = None
        self._sums = GroupedSums(N_COLUMNS)
        self._breakdowns = Breakdowns(question.features, segments or Segments({}))
        self._customers = Customers(question.retention_days)
        self._explored, self._reach, self._pressures = Explored(), Reach(), Pressures()
        self._trend, self._curve = Trend(), LiftCurve(question.confidence)

    def add(self, entry: LoggedInteraction) -> None:
        """Count an entry of the log in.

        Args:
            entry: With all its outcomes; no revision.
        """
        decision, report = entry.decision, self._report
        if not self._question.holds(decision.decided_at_ms):
            return
        if decision.imported:
            report.imported += 1
            return
        try:
            self._add(entry)
        except (InvalidInputError, DecodeError, ValueError):
            report.refused += 1

    def report(self) -> Report:
        """Return the report."""
        question, report = self._question, self._report
        metrics = metrics_of(question)
        report.overall.CopyFrom(comparison("", self._sums, metrics, question.confidence))
        report.breakdowns.extend(self._breakdowns.found(metrics, question.confidence))
        retention = self._customers.retention(question.confidence)
        if retention.HasField("policy") or retention.HasField("control"):
            report.overall.metrics.append(retention)
        if 0.0 < question.control_share < 1.0:
            report.sample_ratio.CopyFrom(self._customers.sample_ratio(question.control_share))
        if question.revenue and report.decisions:
            report.money.CopyFrom(money(self._sums, question.confidence))
        if (explored := self._explored.found(question.confidence)) is not None:
            report.exploration.CopyFrom(explored)
        report.offers.extend(self._reach.found())
        report.pressure.extend(self._pressures.found())
        report.trend.extend(self._trend.points())
        report.lift_curve.extend(self._curve.points(report.decisions, self._sums))
        self._describe(report)
        return report

    def _add(self, entry: LoggedInteraction) -> None:
        if entry.decision.mode == MODE_DEFAULT:
            self._reach.add(entry, ())
            self._pressures.add(entry.decision)
            self._report.defaults += 1
            return
        offer_ids = self._reach.eligible(entry)
        decision = counted(entry, self._reward, self._question, len(offer_ids))
        # From here on nothing may fail: an entry is counted as a whole or not at all.
        self._reach.add(entry, offer_ids)
        self._pressures.add(entry.decision)
        self._breakdowns.add(decision, offer_ids)
        self._customers.add(decision)
        self._trend.add(decision, self._explored.add(decision))
        self._count(decision)

    def _count(self, decision: Counted) -> None:
        report, at_ms = self._report, decision.record.decided_at_ms
        self._sums.add(decision.arm, decision.unit, decision.total)
        report.decisions += 1
        report.withheld += decision.record.withheld
        self._curve.look(report.decisions, self._sums)
        first, last = self._span_ms or (at_ms, at_ms)
        self._span_ms = min(first, at_ms), max(last, at_ms)

    def _describe(self, report: Report) -> None:
        question = self._question
        report.conversion_outcome, report.revenue_outcome = question.conversion, question.revenue
        report.nps_outcome, report.retention_days = question.nps, question.retention_days
        report.baseline = question.baseline
        if self._span_ms is not None:
            report.first_decision_at.CopyFrom(moment(self._span_ms[0]))
            report.last_decision_at.CopyFrom(moment(self._span_ms[1]))
        limits = remarks.Limits(
            unreached=self._reach.unreached(),
            absent_features=self._breakdowns.absent(),
            customers_sampled=self._customers.is_sample,
            offers_left_out=self._reach.is_full,
        )
        report.remarks.extend(remarks.of(report, limits))
