"""Reports of placements for people: sentences, tables and charts, from logs that are counted by hand elsewhere."""

import re
import xml.etree.ElementTree as ET
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from attune.cli.report_table import shown
from attune.reports import lift_words
from attune.reports.lift_page import render
from attune.v1.decision_service_pb2 import MODE_CONTROL
from attune.v1.insight_service_pb2 import (
    METRIC_CONVERSION,
    METRIC_NPS,
    METRIC_RETENTION,
    METRIC_REVENUE,
    METRIC_REWARD,
    Comparison,
    Exploration,
    Figure,
    Metric,
    MetricComparison,
    Money,
    OfferReach,
    Pressure,
    Report,
    SampleRatio,
)
from insight_logs import Shown, customers, report_of

HOSTILE = '<script>alert("&")</script>\x1b[31m\u202e'


def compared(metric: Metric, policy: float, control: float, low: float, high: float) -> MetricComparison:
    lift = Figure(value=policy - control, low=low, high=high)
    return MetricComparison(metric=metric, policy=Figure(value=policy), control=Figure(value=control), lift=lift)


def report(low: float, high: float, **fields: object) -> Report:
    """Return a report in which a decision earns 0.5 instead of 0.4."""
    overall = Comparison(decisions=900, control_decisions=100, metrics=[compared(METRIC_REWARD, 0.5, 0.4, low, high)])
    return Report(placement="home", confidence=0.95, decisions=1000, overall=overall, **fields)  # type: ignore[arg-type]


def text_of(one: Report) -> str:
    console = Console(file=StringIO(), width=300)
    console.print(shown(one))
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


@pytest.mark.parametrize(
    ("low", "high", "level", "sentence"),
    [
        (0.05, 0.15, "better", "The policy earns more than the control group: +0.1 a decision, +25.0 %"),
        (-0.15, -0.05, "worse", "The policy earns less than the control group"),
        (-0.05, 0.25, "open", "Nothing is proved yet."),
    ],
)
def test_the_headline_is_what_the_interval_says(low: float, high: float, level: str, sentence: str) -> None:
    told = lift_words.headline(report(low, high))
    assert told.level == level
    assert told.sentence.startswith(sentence)


def test_a_wrong_share_overrules_every_lift() -> None:
    told = lift_words.headline(report(0.05, 0.15, sample_ratio=SampleRatio(mismatch=True), remarks=["Why."]))
    assert (told.level, told.details) == ("refuse", ("Why.",))


def test_a_lift_without_an_interval_is_not_proved() -> None:
    one = report(0.0, 0.0)
    one.overall.metrics[0].lift.ClearField("low")
    told = lift_words.headline(one)
    assert told.level == "open"
    assert "not known" in told.sentence


def test_money_is_said_where_it_is_known() -> None:
    money = Money(lift=Figure(value=25.0, low=5.0, high=45.0), so_far=Figure(value=15449.7, low=2e5, high=2e6))
    assert lift_words.headline(report(0.05, 0.15, money=money)).details == (
        "In money: +25 a thousand decisions [+5, +45], +15,450 so far [+200,000, +2,000,000].",
    )


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (METRIC_REWARD, ("+0.1", "[+0.05, +0.15]")),
        (METRIC_REVENUE, ("+0.1", "[+0.05, +0.15]")),
        (METRIC_CONVERSION, ("+10.00 points", "[+5.00, +15.00] points")),
        (METRIC_RETENTION, ("+10.00 points", "[+5.00, +15.00] points")),
        (METRIC_NPS, ("+0.1", "[+0.1, +0.1]")),
    ],
)
def test_every_metric_has_its_unit(metric: Metric, expected: tuple[str, str]) -> None:
    assert lift_words.figure(metric, Figure(value=0.1, low=0.05, high=0.15), signed=True)[0] == expected[0]
    if metric != METRIC_NPS:
        assert lift_words.figure(metric, Figure(value=0.1, low=0.05, high=0.15), signed=True)[1] == expected[1]


def test_a_page_has_a_section_for_everything() -> None:
    log = [*customers(np.random.default_rng(1), 120, (0.4, 0.2)), Shown(mode=MODE_CONTROL)]
    page = render(report_of(log))
    titles = [heading.text for heading in ET.fromstring(page.split("\n", 1)[1]).iter("h2")]
    assert titles == [
        "Policy and control",
        "How sure it became",
        "How it went",
        "By offer",
        "What exploration costs",
        "Which offers reach whom",
        "How to read this page",
    ]
    assert not re.search(r"\b(nan|inf)\b", page, re.IGNORECASE)
    assert "http" not in page


def test_an_empty_report_is_a_page_and_a_text() -> None:
    one = report_of([])
    assert "There is nothing to compare" in render(one)
    assert "No decision counts" in text_of(one)


def test_what_a_caller_has_named_stays_text() -> None:
    one = report(0.05, 0.15, conversion_outcome=HOSTILE, remarks=[HOSTILE])
    one.overall.metrics.append(compared(METRIC_CONVERSION, 0.5, 0.4, 0.0, 0.1))
    one.breakdowns.add(kind=1, feature=HOSTILE, confidence=0.95, parts=[one.overall])
    one.breakdowns[0].parts[0].name = HOSTILE
    one.offers.append(OfferReach(offer_id=HOSTILE, suited=3))
    one.pressure.append(Pressure(reason=6, detail=HOSTILE, decisions=1))
    one.exploration.CopyFrom(Exploration(draws=1, drawn=Figure(value=1.0)))
    page = render(one)
    ET.fromstring(page.split("\n", 1)[1])
    for shown_somewhere in (page, text_of(one)):
        assert "\x1b[31m" not in shown_somewhere
        assert "\u202e" not in shown_somewhere
    assert "<script" not in page
    assert "reached nobody" in page


@pytest.mark.parametrize(("baseline", "words"), [("popularity", "what is popular"), ("uniform", "offers by lot")])
def test_the_page_says_what_the_control_group_gets(baseline: str, words: str) -> None:
    assert f"<dt>Control gets</dt><dd>{words}</dd>" in render(report(0.05, 0.15, baseline=baseline))
    assert "Control gets" not in render(report(0.05, 0.15))
