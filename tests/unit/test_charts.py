"""Charts: well-formed SVG, with points where they should be, and nothing that is not known."""

import math
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from attune.reports import charts
from attune.reports.axes import spanning
from attune.reports.charts import PLOT_LEFT, PLOT_RIGHT, Row, Series
from attune.reports.markup import Markup
from attune.reports.report import CurvePoint, WeightBin

SURE = Row("softmax", "trust", 0.06, 0.05, 0.07, "0.060 [0.050, 0.070]")
UNSURE = Row("linear", "caution", 0.05, 0.02, 0.08, "0.050 [0.020, 0.080]")
REFUSED = Row("fixed", "refuse", None, math.nan, math.nan, "no number: nothing is known")


def drawn(chart: Markup) -> ET.Element:
    """Return a chart as a strict parser reads it."""
    return ET.fromstring(chart)


def numbers(element: ET.Element, *names: str) -> list[float]:
    return [float(element.attrib[name]) for name in names]


def corners(element: ET.Element) -> list[tuple[float, float]]:
    """Return the corners of a line or of an area."""
    pairs = (pair.split(",") for pair in element.attrib["points"].split())
    return [(float(x), float(y)) for x, y in pairs]


def by_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if name in element.attrib.get("class", "").split()]


def test_intervals_are_drawn_where_their_numbers_are() -> None:
    root = drawn(charts.intervals([SURE, UNSURE], 0.04, "logged", "Values", "What they earn"))
    axis = spanning([0.06, 0.05, 0.07, 0.05, 0.02, 0.08, 0.04], PLOT_LEFT, PLOT_RIGHT)
    (sure,) = by_class(root, "trust")
    bar = sure.findall("line")[0]
    assert numbers(bar, "x1", "x2") == pytest.approx([axis.at(0.05), axis.at(0.07)], abs=0.006)
    circle = sure.find("circle")
    assert circle is not None
    assert numbers(circle, "cx") == pytest.approx([axis.at(0.06)], abs=0.006)
    assert by_class(root, "caution")[0].find("polygon") is not None
    (reference,) = by_class(root, "reference")
    assert numbers(reference, "x1", "x2") == pytest.approx([axis.at(0.04)] * 2, abs=0.006)


def test_a_refused_row_has_words_and_no_mark() -> None:
    root = drawn(charts.intervals([SURE, REFUSED], math.nan, "", "Values", "What they earn"))
    (row,) = by_class(root, "refuse")
    assert [element.tag for element in row] == ["title", "text", "text"]
    assert [element.text for element in row.findall("text")] == ["fixed", "no number: nothing is known"]
    assert by_class(root, "reference") == []


def test_rows_do_not_lie_on_each_other() -> None:
    root = drawn(charts.intervals([SURE, REFUSED, UNSURE], 0.04, "logged", "Values", "What they earn"))
    tops = [numbers(row.findall("text")[0], "y")[0] for row in by_class(root, "interval")]
    assert [below - above for above, below in pairwise(tops)] == [44, 44]


def test_a_curve_goes_through_its_points_and_lies_in_its_band() -> None:
    points = [CurvePoint(n, 1 + n / 100, n / 100, 2 + n / 100) for n in (50, 100)]
    root = drawn(charts.curves([Series("softmax", points)], math.nan, "", "Curves", "How they learn"))
    line = next(element for element in by_class(root, "curve") if element.tag == "polyline")
    (band,) = by_class(root, "band")
    along, area = corners(line), corners(band)
    assert along[1][0] == PLOT_RIGHT
    assert along[0][0] == pytest.approx((charts.CURVES_LEFT + PLOT_RIGHT) / 2, abs=0.01)
    assert along[0][1] > along[1][1]  # upwards, as it gets better
    # There above, back below: so the corners of a point are as far from both ends.
    for (_, value), (_, high), (_, low) in zip(along, area[:2], area[:1:-1], strict=True):
        assert high < value < low
        assert value - high == pytest.approx(low - value, abs=0.02)


def test_a_curve_without_a_band_is_drawn_all_the_same() -> None:
    points = [CurvePoint(n, 0.5, math.nan, math.nan) for n in (1, 2)]
    root = drawn(charts.curves([Series("softmax", points)], 0.4, "logged", "Curves", "How they learn"))
    assert by_class(root, "band")[0].attrib["points"] == ""
    assert len([element for element in by_class(root, "curve") if element.tag == "polyline"]) == 1


def test_bars_are_as_high_as_the_logarithm_of_their_count() -> None:
    bins = [WeightBin(0.0, 0.5, 7), WeightBin(0.5, 1, 10), WeightBin(1, 2, 0), WeightBin(2, 4, 1000)]
    root = drawn(charts.histogram(bins, "Weights", "How large"))
    bars = [bar.find("rect") for bar in by_class(root, "bar")]
    lefts, heights = zip(*(numbers(bar, "x", "height") for bar in bars if bar is not None), strict=True)
    assert list(lefts) == sorted(lefts)
    assert len(bars) == 3  # one is empty
    # From 0.7 up: that a single one can be seen.
    expected = [math.log(count / 0.7) / math.log(1000 / 0.7) for count in (7, 10, 1000)]
    assert [height / heights[-1] for height in heights] == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize(
    "bins",
    [
        [],
        [WeightBin(0.0, 1 / 1024, 5)],  # never what was logged
        [WeightBin(1.0, 2.0, 1)],
        [WeightBin(2.0**59, math.inf, 1)],
    ],
)
def test_any_histogram_can_be_drawn(bins: list[WeightBin]) -> None:
    assert len(by_class(drawn(charts.histogram(bins, "Weights", "How large")), "bar")) == len(bins)


def test_a_chart_says_what_it_shows_to_those_who_cannot_see_it() -> None:
    root = drawn(charts.intervals([SURE], 0.04, "logged", "Values & <more>", "What they earn"))
    assert root.attrib["role"] == "img"
    assert [(child.tag, child.text) for child in root[:2]] == [("title", "Values & <more>"), ("desc", "What they earn")]
