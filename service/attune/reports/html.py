"""A report as one HTML page that needs nothing else: no network, no script, no other file.

    EvaluationReport --headline--> sentences --html_figures, html_tables--> charts and tables --> page

Everything that came from a caller (names, features, files) goes through `attune.reports.markup`, and is text there.
"""

from collections.abc import Iterator

from attune import __version__
from attune.reports import html_figures, html_tables
from attune.reports.headline import Headline, headline
from attune.reports.markup import Child, Markup, element, joined
from attune.reports.number_format import NumberFormat, format_of, percent, plain
from attune.reports.page import page, section
from attune.reports.report import EvaluationReport, TargetReport

_HOW_TO_READ = """
Every number is an estimate of what a policy would have earned on decisions that were made by another one. It is right
as far as the log noted the probability of each decision exactly, and as what customers do does not depend on what was
decided for others.

An interval says how far chance can have moved an estimate. Two policies whose intervals overlap may still differ: the
chart of differences compares them on the same decisions, and is what to decide by.

A policy is refused where the log says too little about what it would do: its number would be a guess, so there is none.
Caution means that the number can be used, and that something is to be known about it.

A policy that learns is measured as it learns: each decision counts before the policy is told what came of it. So its
estimate is about the whole way, and its curve shows whether it was still getting better.
"""


def render(report: EvaluationReport) -> str:
    """Return a report as a page.

    Args:
        report: What an evaluation found.

    Returns:
        HTML, well-formed XML as well.
    """
    form = format_of(report)
    told = headline(report)
    sections = [*_overview(report, form), *_details(report, form), *_end(report)]
    return page(f"Evaluation of {report.source}", _header(report, told, form), *sections)


def _header(report: EvaluationReport, told: Headline, form: NumberFormat) -> Markup:
    answer = element(
        "div",
        element("h1", told.sentence),
        *(element("p", said) for said in told.details),
        class_=f"answer {told.level}",
    )
    interval = form.interval(report.logged)
    facts: list[tuple[str, Child]] = [
        ("Log", report.source),
        ("Decisions", f"{report.samples:,}"),
        ("Really earned", f"{form.value(report.logged.value)} a decision {interval}"),
        ("Intervals", percent(report.confidence)),
        ("Policies", f"{len(report.targets):,}"),
    ]
    facts += [(f"Left out: {reason.replace('_', ' ')}", f"{count:,}") for reason, count in report.left_out.items()]
    if report.refused:
        facts.append(("Bad rows skipped", f"{report.refused:,}"))
    pairs = [child for name, value in facts for child in (element("dt", name), element("dd", value))]
    kicker = element("p", "What would it have earned? An evaluation on logged decisions", class_="kicker")
    return element("header", kicker, answer, element("dl", *pairs, class_="facts"))


def _overview(report: EvaluationReport, form: NumberFormat) -> Iterator[Markup]:
    """Yield the sections that compare the targets."""
    yield section("Value", html_figures.values(report, form), html_tables.results(report, form))
    if any(target.name != report.baseline for target in report.targets):
        yield section("Difference", html_figures.differences(report, form))
    yield section("Can it be trusted?", html_tables.reasons(report.targets), html_tables.diagnostics(report.targets))
    if html_figures.curved(report):
        yield section(
            "Learning curves",
            html_figures.learning_curves(report),
            html_tables.learning_curves(report, form),
            _curves(report),
        )


def _curves(report: EvaluationReport) -> Markup | None:
    """Return what the chart of learning curves leaves out."""
    able = sum(bool(target.curve and target.estimates) for target in report.targets)
    left = able - len(html_figures.curved(report))
    return element("p", f"Not drawn: the curves of {left:,} more.", class_="why") if left else None


def _details(report: EvaluationReport, form: NumberFormat) -> Iterator[Markup]:
    """Yield a section for each target."""
    for target in report.targets:
        yield section(target.name, *_target(target, form))


def _target(target: TargetReport, form: NumberFormat) -> Iterator[Markup]:
    yield element("p", f"{target.description}. ", html_tables.verdict(target.verdict))
    if target.estimates:
        yield html_tables.estimates(target, form)
    else:
        yield html_tables.reasons([target])
    if target.weights:
        yield joined(html_figures.weights(target), html_tables.weights(target))
    if target.segments:
        yield html_tables.segments(target.segments, form)
    if target.spec:
        yield element("pre", target.spec)


def _end(report: EvaluationReport) -> Iterator[Markup]:
    if report.problems:
        listed = element("ul", *(element("li", problem) for problem in report.problems))
        yield section("Bad rows", element("p", f"The first of {report.refused:,}:"), listed)
    yield section("How to read this page", *(element("p", said) for said in _HOW_TO_READ.strip().split("\n\n")))
    took = f"It took {plain(round(report.seconds, 1))} s, with attune {__version__}."
    yield section("To have it again", element("pre", report.command), element("p", took, class_="why"))
