"""Training logs for reports, made without a store: what was decided for whom, and what came of it, is known exactly."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from attune.insight.question import Question
from attune.insight.reporter import Reporter
from attune.storage.v1.records_pb2 import DecisionRecord, ExclusionRecord, OutcomeRecord, SlotRecord
from attune.store.log_entries import LoggedInteraction, RecordedOutcome
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_LEARNED, Mode
from attune.v1.features_pb2 import Features, Offer
from attune.v1.insight_service_pb2 import Comparison, Metric, MetricComparison, Report
from attune_models.rewards import OutcomeRule, RewardSpec

START_MS = 1_795_000_000_000
DAY_MS = 86_400_000
NAMES = ("click", "conversion", "revenue", "nps")
REWARD = RewardSpec({name: OutcomeRule() for name in NAMES})
QUESTION = Question(conversion="conversion", revenue="revenue", nps="nps", control_share=0.5)


@dataclass(frozen=True, slots=True)
class Shown:
    """A decision of a log, with as little as it takes to say."""

    mode: Mode = MODE_LEARNED
    customer: str = ""
    at_ms: int = START_MS
    offers: Sequence[str] = ("a", "b")
    pmf: Sequence[float] = (0.5, 0.5)
    chosen: int = 0
    outcomes: Mapping[str, float] = field(default_factory=dict)
    context: Mapping[str, str] = field(default_factory=dict)
    later: Sequence[tuple[Sequence[float], int]] = ()
    later_outcomes: Sequence[tuple[int, str, float]] = ()
    excluded: Sequence[ExclusionRecord] = ()
    with_channels: bool = False
    withheld: bool = False
    imported: bool = False


def key_of(customer: str) -> bytes:
    """Return what stands for a customer in the log."""
    return blake2b(customer.encode(), digest_size=16).digest() if customer else b""


def entry(number: int, shown: Shown) -> LoggedInteraction:
    """Return the entry of the log that a decision is."""
    record = DecisionRecord(
        event_id=f"e{number}",
        decided_at_ms=shown.at_ms,
        context=Features(categorical=shown.context).SerializeToString(),
        offers=[Offer(id=offer).SerializeToString() for offer in shown.offers],
        pmf=shown.pmf,
        chosen=shown.chosen,
        mode=shown.mode,
        customer=key_of(shown.customer),
        later_slots=[SlotRecord(pmf=pmf, chosen=chosen) for pmf, chosen in shown.later],
        excluded=shown.excluded,
        with_channels=shown.with_channels,
        withheld=shown.withheld,
        imported=shown.imported,
    )
    said = [(0, name, value) for name, value in shown.outcomes.items()] + list(shown.later_outcomes)
    outcomes = [
        RecordedOutcome(f"o{i}", shown.at_ms, shown.at_ms, OutcomeRecord(name=name, value=value, slot=slot))
        for i, (slot, name, value) in enumerate(said)
    ]
    return LoggedInteraction(f"{shown.at_ms}-{number}", record, outcomes)


def report_of(log: Iterable[Shown], question: Question = QUESTION) -> Report:
    """Return the report on a log."""
    reporter = Reporter("home", question, REWARD)
    for number, shown in enumerate(log):
        reporter.add(entry(number, shown))
    return reporter.report()


def by(comparison: Comparison, metric: Metric) -> MetricComparison:
    """Return the comparison by one metric."""
    return next(each for each in comparison.metrics if each.metric == metric)


def customers(
    rng: np.random.Generator, n: int, rates: tuple[float, float], *, share: float = 0.5, decisions: int = 5
) -> Iterator[Shown]:
    """Yield the decisions of customers who differ: each converts at a rate of its own, around that of the group.

    Args:
        rng: Draws.
        n: How many customers.
        rates: Mean conversion rate of the policy's group and of control.
        share: Of control.
        decisions: Of each customer, on average; 1 to twice as many less 1.
    """
    for number in range(n):
        arm = int(rng.random() < share)
        # Some never convert, others do four times as often as the rest: decisions of one customer are alike.
        rate = rates[arm] * rng.choice([0.0, 0.5, 2.0], p=[0.25, 0.5, 0.25]) / 0.75
        for visit in range(int(rng.integers(1, 2 * decisions))):
            converted = bool(rng.random() < rate)
            yield Shown(
                mode=MODE_CONTROL if arm else MODE_LEARNED,
                customer=f"c{number}",
                at_ms=START_MS + number * 1000 + visit,
                chosen=int(rng.integers(2)),
                outcomes={"conversion": 1.0} if converted else {},
            )
