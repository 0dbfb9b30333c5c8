"""Markup: what a caller says stays text, and what is made is well-formed."""

from xml.etree import ElementTree as ET

import pytest

from attune.reports.markup import Markup, element, joined, text

ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "]]></style><script>",
    "&lt;b&gt; & <!-- -->",
    "javascript:alert(1)",
    "nul\x00 escape\x1b[31m del\x7f half\ud800 none\uffff",
    "right-to-left \u202egpj.exe",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_is_never_markup_neither_between_elements_nor_in_attributes(attack: str) -> None:
    made = element("p", attack, title=attack)
    parsed = ET.fromstring(made.encode())
    assert len(parsed) == 0
    assert parsed.attrib.keys() == {"title"}
    assert parsed.text == parsed.attrib["title"]
    assert (parsed.text == attack) == attack.isprintable()


def test_elements_nest_and_leave_out_what_is_none() -> None:
    made = element("g", element("b", "a<b"), None, 3, class_="x", stroke_width=1.5, id=None)
    assert made == '<g class="x" stroke-width="1.5"><b>a&lt;b</b>3</g>'


def test_only_what_is_empty_by_nature_is_closed_at_once() -> None:
    assert element("td") == "<td></td>"
    assert element("line", x1=1.0, x2=0.333333) == '<line x1="1" x2="0.33"/>'


def test_what_is_markup_is_not_escaped_again() -> None:
    assert text(text("<")) == "&lt;"
    assert joined(Markup("<br/>"), "<", None) == "<br/>&lt;"
