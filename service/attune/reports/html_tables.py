"""The tables of a report: every number of it that is drawn, and those that are not."""

from collections.abc import Sequence
from itertools import zip_longest

from attune.reports.headline import CAUTION
from attune.reports.html_figures import curved
from attune.reports.markup import Child, Markup, element
from attune.reports.number_format import UNKNOWN, NumberFormat, percent, plain
from attune.reports.ranking import REFUSE, main_estimate
from attune.reports.report import Estimate, EvaluationReport, Segment, TargetReport
from attune.reports.tables import HEADED, NAME, NUMBER, TEXT, Columns, folded, table

_MARKS = {"trust": "✓", CAUTION: "▲", REFUSE: "✕"}

_RESULTS: Columns = (
    ("policy", NAME),
    ("reward a decision", NUMBER),
    ("interval", NUMBER),
    ("difference", NUMBER),
    ("interval", NUMBER),
    ("decisions", NUMBER),
    ("verdict", TEXT),
)
_SEGMENTS: Columns = (
    ("feature", NAME),
    ("value", NAME),
    ("decisions", NUMBER),
    ("as it was decided", NUMBER),
    ("this policy", NUMBER),
    ("interval", NUMBER),
    ("verdict", TEXT),
)


def results(report: EvaluationReport, form: NumberFormat) -> Markup:
    """Return what every target would have earned."""
    logged = ("as it was decided", form.value(report.logged.value), form.interval(report.logged), "", "")
    rows: list[Sequence[Child]] = [(*logged, f"{report.samples:,}", "")]
    for target in report.targets:
        value = _numbers(main_estimate(target), form)
        difference = _numbers(target.difference, form, signed=True) if target.name != report.baseline else ("", "")
        rows.append((target.name, *value, *difference, f"{target.samples:,}", verdict(target.verdict)))
    caption = f"Intervals of {percent(report.confidence)}. The difference is from the baseline, {report.baseline}."
    return table(caption, _RESULTS, rows)


def diagnostics(targets: Sequence[TargetReport]) -> Markup:
    """Return how far the log can be trusted about each target."""
    names = list(dict.fromkeys(name for target in targets for name in target.diagnostics))
    rows: list[Sequence[Child]] = []
    for target in targets:
        found = (target.diagnostics.get(name) for name in names)
        numbers = (UNKNOWN if one is None else plain(one) for one in found)
        rows.append((target.name, verdict(target.verdict), *numbers))
    columns = (("policy", NAME), ("verdict", TEXT), *((name.replace("_", " "), HEADED) for name in names))
    return table("What the importance weights of each policy say about its estimate.", columns, rows)


def reasons(targets: Sequence[TargetReport]) -> Markup:
    """Return why the verdicts are what they are."""
    said = [
        element("li", element("b", target.name), ": ", verdict(target.verdict), " ", element("span", why, class_="why"))
        for target in targets
        for why in target.reasons
    ]
    return element("ul", *said) if said else element("p", "Nothing speaks against any of them.")


def estimates(target: TargetReport, form: NumberFormat) -> Markup:
    """Return what every estimator says about a target, with every interval."""
    methods = list(dict.fromkeys(one.method for estimate in target.estimates for one in estimate.intervals))
    rows: list[Sequence[Child]] = []
    for estimate in target.estimates:
        known = {one.method: f"[{form.value(one.low)}, {form.value(one.high)}]" for one in estimate.intervals}
        main = " (shown above)" if estimate.estimator == target.main else ""
        intervals = (known.get(method, "") for method in methods)
        rows.append((f"{estimate.estimator}{main}", form.value(estimate.value), *intervals))
    columns = (("estimator", NAME), ("reward a decision", NUMBER), *((method, NUMBER) for method in methods))
    return table("What each estimator says.", columns, rows)


def segments(found: Sequence[Segment], form: NumberFormat) -> Markup:
    """Return a target's value by segment; a refused one has no number."""
    rows: list[Sequence[Child]] = []
    for one in found:
        shown = _numbers(one.estimate, form)
        known = (one.feature, one.value, f"{one.samples:,}", form.value(one.logged))
        rows.append((*known, *shown, verdict(one.verdict)))
    return table("What the policy would have earned among decisions whose context has this value.", _SEGMENTS, rows)


def learning_curves(report: EvaluationReport, form: NumberFormat) -> Markup:
    """Return the points of the learning curves that are drawn."""
    shown = curved(report)
    columns = [("decisions", NUMBER)]
    for target in shown:
        columns += [(target.name, NUMBER), ("band", NUMBER)]
    rows: list[Sequence[Child]] = []
    for points in zip_longest(*(target.curve for target in shown)):
        row: list[Child] = [f"{next(point.samples for point in points if point):,}"]
        for point in points:
            row += [form.value(point.value) if point else "", _band(point.low, point.high, form) if point else ""]
        rows.append(row)
    return folded(table("The points of the curves.", columns, rows))


def weights(target: TargetReport) -> Markup:
    """Return the histogram of a target's weights."""
    rows = [(f"{one.low:g}", f"{one.high:g}", f"{one.count:,}") for one in target.weights]
    columns = (("from", NUMBER), ("below", NUMBER), ("decisions", NUMBER))
    return folded(table("How many decisions have a weight of this size.", columns, rows))


def verdict(level: str) -> Markup:
    """Return a verdict with its mark: it can be told without its colour."""
    known = level if level in _MARKS else CAUTION
    return element("span", f"{_MARKS[known]} {level}", class_=f"verdict {known}")


def _numbers(estimate: Estimate | None, form: NumberFormat, *, signed: bool = False) -> tuple[str, str]:
    if estimate is None:
        return UNKNOWN, UNKNOWN
    write = form.change if signed else form.value
    return write(estimate.value), form.interval(estimate, signed=signed)


def _band(low: float, high: float, form: NumberFormat) -> str:
    return f"[{form.value(low)}, {form.value(high)}]"
