"""A report of a placement as one HTML page that needs nothing else: no network, no script, no other file.

    Report --lift_words--> sentences --lift_figures, lift_tables--> charts and tables --> page

Everything that came from a caller (names of offers, features, outcomes) goes through `attune.reports.markup`.
"""

from collections.abc import Iterator

from attune import __version__
from attune.reports import lift_figures, lift_tables
from attune.reports.lift_words import breakdown_title, headline
from attune.reports.markup import Child, Markup, element
from attune.reports.number_format import percent
from attune.reports.page import page, section
from attune.v1.insight_service_pb2 import BREAKDOWN_KIND_CHANNEL, BREAKDOWN_KIND_OFFER, Report

_BASELINES = {"uniform": "offers by lot", "fixed": "always the same offer", "popularity": "what is popular"}
_HOW_TO_READ = """
The control group is decided by a baseline instead of the policy. Who is in it is drawn once for each customer, whatever
the customer does: so whatever differs between the groups, beyond chance, was made by the policy.

An interval says how far chance can have moved a number. It holds at all times at once: one may look every day, and stop
when it suits. Where the interval of a lift does not touch 0, the policy makes a difference.

Decisions of one customer are alike, so what counts is how many customers there are. Intervals take that into account.

Breakdowns by offer and by channel say what came of them with those to whom they were shown. The policy has chosen them:
that an offer did well is not its merit alone.
"""


def render(report: Report) -> str:
    """Return a report as a page: HTML, well-formed XML as well."""
    sections = [*_comparison(report), *_parts(report), *_policy(report), *_end()]
    return page(f"Report of {report.placement}", _header(report), *sections)


def _header(report: Report) -> Markup:
    told = headline(report)
    said = (element("p", detail) for detail in told.details)
    answer = element("div", element("h1", told.sentence), *said, class_=f"answer {told.level}")
    facts: list[tuple[str, Child]] = [("Placement", report.placement), ("Decisions", f"{report.decisions:,}")]
    if report.HasField("first_decision_at"):
        span = (_day(report.first_decision_at.ToJsonString()), _day(report.last_decision_at.ToJsonString()))
        facts.append(("Made", f"{span[0]} to {span[1]} (UTC)"))
    facts.append(("Intervals", percent(report.confidence)))
    ratio = report.sample_ratio
    if report.HasField("sample_ratio") and ratio.units:
        seen = (
            f"{100 * ratio.control_units / ratio.units:.2f} % of {ratio.units:,}, expected {100 * ratio.expected:.2f} %"
        )
        facts.append(("In control", f"{seen} (p = {ratio.p_value:.3g})"))
    if report.baseline in _BASELINES:
        facts.append(("Control gets", _BASELINES[report.baseline]))
    pairs = [child for name, value in facts for child in (element("dt", name), element("dd", value))]
    kicker = element("p", "Does it help? The policy beside its control group", class_="kicker")
    return element("header", kicker, answer, element("dl", *pairs, class_="facts"))


def _comparison(report: Report) -> Iterator[Markup]:
    yield section("Policy and control", lift_tables.overall(report), lift_tables.money(report))
    if (curve := lift_figures.lift_curve(report)) is not None:
        yield section("How sure it became", curve)
    if (went := lift_tables.joined_or_none(lift_figures.rewards(report), lift_tables.trend(report))) is not None:
        yield section("How it went", went)


def _parts(report: Report) -> Iterator[Markup]:
    for breakdown in report.breakdowns:
        chosen = breakdown.kind in {BREAKDOWN_KIND_OFFER, BREAKDOWN_KIND_CHANNEL}
        caution = "The policy chose to whom: the groups differ in more than the policy." if chosen else None
        said = element("p", caution, class_="why") if caution else None
        yield section(
            breakdown_title(breakdown), said, lift_figures.parts(breakdown), lift_tables.parts(breakdown, report)
        )


def _policy(report: Report) -> Iterator[Markup]:
    if report.HasField("exploration"):
        yield section(
            "What exploration costs", lift_tables.exploration(report.exploration), lift_figures.entropies(report)
        )
    if (reach := lift_tables.reach(report)) is not None:
        yield section("Which offers reach whom", reach)
    if (pressure := lift_tables.pressure(report)) is not None:
        yield section("What is held back", pressure)


def _end() -> Iterator[Markup]:
    said = (element("p", paragraph) for paragraph in _HOW_TO_READ.strip().split("\n\n"))
    yield section("How to read this page", *said, element("p", f"Made by attune {__version__}.", class_="why"))


def _day(timestamp: str) -> str:
    return timestamp[:16].replace("T", " ")
