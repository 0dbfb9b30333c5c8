"""A report of logs that are short enough to count by hand."""

from math import isfinite
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import Message

from attune.insight.question import Question
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_DEFAULT, MODE_FALLBACK
from attune.v1.insight_service_pb2 import (
    METRIC_CONVERSION,
    METRIC_NPS,
    METRIC_RETENTION,
    METRIC_REVENUE,
    METRIC_REWARD,
    Report,
)
from insight_logs import DAY_MS, QUESTION, START_MS, Shown, by, customers, report_of

BOUGHT = {"conversion": 1.0, "revenue": 30.0}
LOG = [
    Shown(outcomes=BOUGHT),
    Shown(outcomes={"nps": 10.0}),
    Shown(outcomes={"nps": 3.0}),
    Shown(mode=MODE_FALLBACK, outcomes={"nps": 9.0}),
    Shown(mode=MODE_CONTROL, outcomes={"nps": 8.0}),
    Shown(mode=MODE_CONTROL, outcomes={"conversion": 1.0, "revenue": 10.0}),
]


def numbers(message: Message) -> list[float]:
    """Return every number of a message."""
    found: list[float] = []
    for descriptor, value in message.ListFields():
        values: Any = value if descriptor.is_repeated else [value]
        for each in values:
            found += numbers(each) if isinstance(each, Message) else [each] if isinstance(each, float) else []
    return found


def test_every_metric_by_hand() -> None:
    """A fallback is the policy's: its group was to be decided by it."""
    overall = report_of(LOG).overall
    assert (overall.decisions, overall.control_decisions) == (4, 2)
    reward = by(overall, METRIC_REWARD)
    assert (reward.policy.value, reward.control.value, reward.lift.value) == (53 / 4, 19 / 2, 53 / 4 - 19 / 2)
    conversion = by(overall, METRIC_CONVERSION)
    assert (conversion.policy.value, conversion.control.value, conversion.lift.value) == (0.25, 0.5, -0.25)
    revenue = by(overall, METRIC_REVENUE)
    assert (revenue.policy.value, revenue.control.value, revenue.lift.value) == (7.5, 5.0, 2.5)
    nps = by(overall, METRIC_NPS)
    assert (nps.policy.value, nps.control.value) == (pytest.approx(100 * (2 - 1) / 3), 0.0)
    assert (nps.policy.count, nps.control.count) == (3, 1)


def test_money_is_of_a_thousand_decisions_and_of_all_so_far() -> None:
    money = report_of(LOG).money
    assert (money.policy.value, money.control.value, money.lift.value) == (7500.0, 5000.0, 2500.0)
    assert money.so_far.value == 4 * 2.5


def test_what_does_not_count_is_counted_apart() -> None:
    log = [
        Shown(),
        Shown(withheld=True),
        Shown(imported=True),
        Shown(mode=MODE_DEFAULT, offers=("d",), pmf=(1.0,)),
        Shown(chosen=2),  # of two offers
        Shown(pmf=(1.0, 0.0), chosen=1),  # it could not be drawn
        Shown(pmf=(0.5, float("nan")), chosen=0),
        Shown(at_ms=START_MS - 1),
    ]
    report = report_of(log, Question(since_ms=START_MS))
    assert (report.decisions, report.withheld, report.imported, report.defaults, report.refused) == (2, 1, 1, 1, 3)
    assert report.first_decision_at.ToMilliseconds() == report.last_decision_at.ToMilliseconds() == START_MS


def test_an_entry_counts_as_a_whole_or_not_at_all() -> None:
    """The second slot is damaged: nothing of the first is counted either."""
    report = report_of([Shown(later=[((0.0, 0.0), 1)])])
    assert (report.decisions, report.refused, list(report.offers), list(report.pressure)) == (0, 1, [], [])


def test_slots_are_counted_together_and_by_offer() -> None:
    """One decision of two slots: the reward is that of both, and it converts once."""
    shown = Shown(
        pmf=(0.6, 0.4),
        outcomes={"conversion": 1.0},
        later=[((0.0, 1.0), 1)],
        later_outcomes=[(1, "conversion", 1.0), (1, "revenue", 5.0)],
    )
    report = report_of([shown])
    assert by(report.overall, METRIC_REWARD).policy.value == 7.0
    assert by(report.overall, METRIC_CONVERSION).policy.value == 1.0
    parts = {part.name: by(part, METRIC_REWARD).policy.value for part in report.breakdowns[0].parts}
    assert parts == {"a": 1.0, "b": 6.0}
    assert report.exploration.draws == 2


def test_breakdowns_by_feature_offer_and_channel() -> None:
    log = [
        Shown(context={"device": "mobile"}, offers=("a@email", "b@push"), with_channels=True, chosen=1),
        Shown(context={"device": "mobile"}, offers=("a@email", "b@push"), with_channels=True, mode=MODE_CONTROL),
        Shown(offers=("x@y@email", "b@push"), with_channels=True),
    ]
    report = report_of(log, Question(features=("device", "nothing")))
    found = {
        (each.kind, each.feature): {part.name: (part.decisions, part.control_decisions) for part in each.parts}
        for each in report.breakdowns
    }
    assert list(found.values()) == [
        {"mobile": (1, 1), "(none)": (1, 0)},
        {"a": (0, 1), "b": (1, 0), "x@y": (1, 0)},
        {"email": (1, 1), "push": (1, 0)},
    ]
    assert 'No decision has a feature called "nothing".' in report.remarks


def test_who_comes_back_is_retained() -> None:
    """Within 1 to 7 days after the first decision; only of those whose 7 days are over, and who were in one group."""
    day = {n: START_MS + n * DAY_MS for n in range(21)}
    log = [
        *(Shown(customer="returns", at_ms=day[n]) for n in (0, 3)),
        *(Shown(customer="too soon", at_ms=day[0] + n) for n in (0, DAY_MS - 1)),
        *(Shown(customer="too late", at_ms=day[n]) for n in (0, 8)),
        *(Shown(customer="not over yet", at_ms=day[n]) for n in (15, 16)),
        *(Shown(customer="control", mode=MODE_CONTROL, at_ms=day[n]) for n in (7, 0)),
        Shown(customer="in both", at_ms=day[0]),
        Shown(customer="in both", mode=MODE_CONTROL, at_ms=day[2]),
        Shown(at_ms=day[20]),
    ]
    report = report_of(log)
    retention = by(report.overall, METRIC_RETENTION)
    assert (retention.policy.value, retention.policy.count) == (pytest.approx(1 / 3), 3)
    assert (retention.control.value, retention.control.count) == (1.0, 1)
    assert (report.sample_ratio.units, report.sample_ratio.control_units, report.sample_ratio.in_both) == (6, 1, 1)


def test_a_wrong_share_is_said_first() -> None:
    log = [Shown(customer=f"c{i}", mode=MODE_CONTROL if i % 3 == 0 else 1) for i in range(1500)]
    report = report_of(log)
    assert report.sample_ratio.mismatch
    said = "The control group has 33.33 % of 1,500 customers or decisions instead of 50.00 %"
    assert report.remarks[0].startswith(said)


def test_who_comes_more_often_is_no_wrong_share() -> None:
    """Control decides four times as often for as many customers: that is a lift in visits, not a wrong split."""
    log = [
        Shown(customer=f"c{i}", mode=MODE_CONTROL if i % 2 else 1) for i in range(400) for _ in range(4 if i % 2 else 1)
    ]
    report = report_of(log)
    assert report.sample_ratio.p_value == 1.0
    assert (report.sample_ratio.units, report.sample_ratio.control_units) == (400, 200)


def test_decisions_of_one_customer_widen_the_interval() -> None:
    """The same decisions, of 80 customers or of as many as there are decisions."""
    rng = np.random.default_rng(1)
    log = list(customers(rng, 80, (0.3, 0.3), decisions=14))
    strangers = [Shown(mode=each.mode, outcomes=each.outcomes, chosen=each.chosen) for each in log]
    known, unknown = (by(report_of(each).overall, METRIC_REWARD).lift for each in (log, strangers))
    assert known.value == unknown.value
    assert known.high - known.low > 1.5 * (unknown.high - unknown.low)


@pytest.mark.parametrize(
    "log",
    [
        [],
        [Shown()],
        [Shown(mode=MODE_CONTROL)],
        [Shown(mode=MODE_DEFAULT, offers=("d",), pmf=(1.0,))],
        [Shown(offers=("only",), pmf=(1.0,))] * 50,
        [Shown(customer="the only one"), Shown(customer="the only one", mode=MODE_CONTROL)] * 50,
        [Shown(pmf=(1.0 - 1e-300, 1e-300), chosen=1, outcomes={"revenue": 1e9})],
    ],
    ids=["empty", "one", "one of control", "nobody's", "one offer", "one customer", "extreme"],
)
def test_there_is_no_number_that_is_none(log: list[Shown]) -> None:
    report = report_of(log)
    assert all(map(isfinite, numbers(report)))
    assert Report.FromString(report.SerializeToString()) == report


def test_an_empty_log_says_so() -> None:
    assert list(report_of([]).remarks) == [
        "No decision counts: those of the last reward window are not in the log yet."
    ]


def test_without_a_control_group_there_is_no_lift() -> None:
    report = report_of([Shown(outcomes=BOUGHT)] * 30, Question(revenue="revenue"))
    assert not report.HasField("sample_ratio")
    assert not by(report.overall, METRIC_REWARD).HasField("lift")
    assert not report.money.HasField("lift")
    assert not report.lift_curve
    assert report.remarks[0].startswith("Nothing was decided by a control group")


def test_a_report_is_the_same_each_time() -> None:
    log = list(customers(np.random.default_rng(1), 100, (0.3, 0.2)))
    assert report_of(log, QUESTION).SerializeToString(deterministic=True) == report_of(log, QUESTION).SerializeToString(
        deterministic=True
    )
