"""The page: well-formed, complete, without a number for what is refused, and deaf to what callers smuggle in."""

import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from attune.reports.html import render
from attune.reports.report import Estimate, EvaluationReport, Interval, Segment
from evaluation_reports import LOGGED, estimate, refused, report, target

ATTACK = "</style></title><script>alert('x')</script>\"><img src=x onerror=alert(1)>"


def parsed(page: str) -> ET.Element:
    """Return a page as a strict parser reads it."""
    doctype, _, rest = page.partition("\n")
    assert doctype == "<!DOCTYPE html>"
    return ET.fromstring(rest.encode())


def words(page: str) -> str:
    """Return everything that can be read in a page."""
    return " ".join(part for part in parsed(page).find("body").itertext())  # type: ignore[union-attr]


class Tags(HTMLParser):
    """The tags of a page as a browser finds them."""

    def __init__(self, page: str) -> None:
        """Read a page."""
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag and its attributes."""
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def whole() -> EvaluationReport:
    """Return a report in which there is some of everything."""
    cautious = target("linear_ucb", 0.0574, verdict="caution", reasons=["The effective sample size is small."])
    plain = target("uniform", 0.031, learns=False, spec="", curve=[], segments=[], weights=[])
    none = refused("fixed:hello", "62 % of what it would show could not have been drawn.")
    problems = ["day=1.parquet row 7: propensity: expected more than 0, got 0.0"]
    return report(target("softmax", 0.0612), cautious, plain, none, refused=3, problems=problems)


def test_a_page_is_well_formed_and_needs_nothing_else(whole: EvaluationReport) -> None:
    page = render(whole)
    parsed(page)
    tags = Tags(page).found
    assert {tag for tag, _ in tags} & {"script", "link", "iframe", "img", "object", "embed"} == set()
    assert {name for _, attributes in tags for name in attributes} & {"src", "href", "srcset", "style"} == set()
    assert not re.search(r"https?:|url\(|@import", page)


def test_a_page_has_everything_the_report_has(whole: EvaluationReport) -> None:
    said = words(render(whole))
    for expected in (
        "“softmax” would have earned more",  # the answer
        "Parquet files in logs/home_hero",
        "0.0612 [0.0582, 0.0642]",  # the forest
        "+0.0112 [+0.0082, +0.0142]",
        "The effective sample size is small.",
        "effective sample size",
        "4,322",
        "Learning curves",
        "[0.0552, 0.0672]",  # the second interval of the main estimator
        "importance weight",
        "toaster",
        "softmax:\n    lambda: 5",
        "day=1.parquet row 7: propensity: expected more than 0, got 0.0",
        "attune evaluate logs/home_hero --target softmax.yaml",
        "How to read this page",
    ):
        assert expected in said, expected


def test_what_is_refused_has_no_number_and_says_why() -> None:
    page = words(render(report(refused("fixed:hello", "It was never shown."))))
    assert "It was never shown." in page
    assert not re.search(r"0\.9\d*", page)  # of its curve, which nobody should see
    assert "Learning curves" not in page


def test_a_refused_segment_has_no_number(whole: EvaluationReport) -> None:
    rows = [row for row in parsed(render(whole)).iter("tr") if "toaster" in list(row.itertext())]
    assert rows
    assert {" ".join(row.itertext()) for row in rows} == {"device toaster 10 0.0500 – – ✕ refuse"}  # noqa: RUF001


def test_numbers_that_somebody_insisted_on_are_there_with_the_verdict() -> None:
    forced = refused("forced", estimates=[estimate(0.9, 0.1)], difference=estimate(0.85, 0.1))
    page = words(render(report(forced)))
    assert "0.9000 [0.8000, 1.0000]" in page
    assert "✕ refuse" in page
    assert "This log cannot say what this policy would have earned." in page


def test_nothing_from_a_caller_becomes_markup() -> None:
    hostile = target(
        ATTACK,
        0.06,
        description=ATTACK,
        main=ATTACK,
        estimates=[Estimate(ATTACK, 0.06, [Interval(ATTACK, 0.05, 0.07)])],
        reasons=[ATTACK],
        diagnostics={ATTACK: 1.0},
        segments=[Segment(ATTACK, ATTACK, 5, estimate(0.05, 0.01), 0.05, ATTACK)],
        spec=ATTACK,
    )
    texts = {"source": ATTACK, "left_out": {ATTACK: 1}, "problems": [ATTACK], "baseline": ATTACK, "command": ATTACK}
    page = render(report(hostile, refused(ATTACK, ATTACK), **texts))
    known = {tag for tag, _ in Tags(render(report(target("a", 0.06), refused("b"), refused=1, problems=["x"]))).found}
    assert {tag for tag, _ in Tags(page).found} <= known
    assert {element.tag for element in parsed(page).iter()} <= known
    attributes = {name for _, found in Tags(page).found for name in found}
    assert not {name for name in attributes if name.startswith("on")}
    # Which texts there are is known: a new one has to be thought of here.
    numbers = {"samples", "refused", "logged", "confidence", "targets", "complete", "seconds"}
    assert {field.name for field in fields(EvaluationReport)} == set(texts) | numbers


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_are_not_drawn(number: float) -> None:
    odd = Estimate("snips", 0.05, [Interval("anytime", -number, number)])
    strange = target("odd", 0.05, estimates=[odd], difference=odd, diagnostics={"largest_weight": number})
    page = render(replace(report(strange), logged=Estimate("mean", LOGGED, [Interval("bootstrap", number, number)])))
    parsed(page)
    drawn = re.findall(r'(?:x1|x2|y1|y2|cx|cy|points)="([^"]*)"', page)
    assert drawn
    assert not any("nan" in one or "inf" in one for one in drawn)


def test_an_empty_evaluation_has_a_page() -> None:
    parsed(render(report(samples=0, logged=Estimate("mean", float("nan"), []))))


def test_every_chart_can_be_read_without_being_seen(whole: EvaluationReport) -> None:
    charts = list(parsed(render(whole)).iter("svg"))
    assert len(charts) >= 5
    for chart in charts:
        assert [chart[0].tag, chart[1].tag] == ["title", "desc"]
        assert chart[0].text
        assert chart[1].text
