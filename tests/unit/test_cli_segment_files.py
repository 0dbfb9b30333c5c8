"""Segment files: what is understood, and that every mistake is shown with its line and field."""

from pathlib import Path

import pytest

from attune.cli import apply_files, placement_files
from attune.cli.condition_text import shown
from attune.cli.segment_files import SegmentEntry, located
from attune.errors import InvalidInputError, Violation
from attune.v1.condition_pb2 import Condition
from attune.v1.segment_service_pb2 import Segment

TEXT = """
segments:
- name: loyal
  title: Loyal, no purchase in 60 days
  when:
    all:
    - customer.stage == established
    - not: customer.purchase.days_since < 60
    - any: [country == "tr", {segment: other}]
- {name: new, when: customer.stage == new}
"""


def write(directory: Path, text: str, name: str = "shop.yaml") -> Path:
    file = directory / name
    file.write_text(text)
    return file


def read(directory: Path, text: str, name: str = "shop.yaml") -> list[SegmentEntry]:
    return list(apply_files.read([write(directory, text, name)]).segments)


def mistakes(directory: Path, text: str) -> list[str]:
    """Return what is said about a file, without its directory."""
    with pytest.raises(InvalidInputError) as refused:
        read(directory, text)
    return [str(violation).removeprefix(f"{directory}/") for violation in refused.value.violations]


def test_a_plain_text_stands_for_a_test(tmp_path: Path) -> None:
    loyal, new = read(tmp_path, TEXT)
    assert loyal.segment == Segment(
        name="loyal",
        title="Loyal, no purchase in 60 days",
        when=Condition(
            all=[
                Condition(test="customer.stage == established"),
                Condition(negated=Condition(test="customer.purchase.days_since < 60")),
                Condition(any=[Condition(test='country == "tr"'), Condition(segment="other")]),
            ]
        ),
    )
    assert new.segment == Segment(name="new", when=Condition(test="customer.stage == new"))


def test_json_says_the_same(tmp_path: Path) -> None:
    text = '{"segments": [{"name": "a", "when": {"not": {"all": ["x > 1", {"test": "y exists"}]}}}]}'
    (entry,) = read(tmp_path, text, "shop.json")
    both = Condition(all=[Condition(test="x > 1"), Condition(test="y exists")])
    assert entry.segment.when == Condition(negated=both)


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("segments[0].name", 3),
        ("segments[0].when.all[0].test", 7),
        ("segments[0].when.all[1].not.test", 8),
        ("segments[0].when.all[2].any[1].segment", 9),
        ("segments[0].when", 5),
        ("segments[1].when.test", 10),
    ],
)
def test_what_the_service_refuses_is_shown_with_its_line(tmp_path: Path, field: str, line: int) -> None:
    said = located(read(tmp_path, TEXT), Violation(field, "expected better"))
    assert str(said) == f"{tmp_path}/shop.yaml:{line}: {field}: expected better"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("segments: {name: a}", "shop.yaml:1: segments: expected a list of segments, got fields"),
        (
            "segments: []\nname: home",
            "shop.yaml:2: name: expected segments alone, as a document of their own (a line of --- ends one)",
        ),
        ("segments:\n- {name: a, wen: x > 1}", 'shop.yaml:2: segments[0].wen: unknown field, did you mean "when"?'),
        (
            "segments:\n- name: a\n  when: {none: [x]}",
            "shop.yaml:3: segments[0].when.none: unknown field, known are all, any, not, test, segment",
        ),
        (
            "segments:\n- name: a\n  when: [x > 1]",
            "shop.yaml:3: segments[0].when: expected fields (all, any, not, test, segment), got a list",
        ),
        (
            "segments:\n- name: a\n  when: {not: x > 1, negated: x > 2}",
            'shop.yaml:3: segments[0].when.not: expected one of a kind, got it besides "not"',
        ),
    ],
)
def test_a_mistake_is_shown_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    assert mistakes(tmp_path, text) == [expected]


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    said = f'expected a name of its own, got "a", which is taken in {tmp_path}/shop.yaml:2'
    text = "segments:\n- {name: a, when: x > 1}\n---\nsegments:\n- {name: a, when: x > 2}"
    assert mistakes(tmp_path, text) == [f"shop.yaml:5: segments[1].name: {said}"]


def test_placements_offers_and_segments_stand_side_by_side(tmp_path: Path) -> None:
    text = "name: home\n---\noffers: [{id: o}]\n---\nsegments: [{name: a, when: x > 1}]\n"
    contents = apply_files.read([write(tmp_path, text)])
    assert [document.placement.name for document in contents.placements] == ["home"]
    assert [entry.offer.offer.id for entry in contents.offers] == ["o"]
    assert [entry.segment.name for entry in contents.segments] == ["a"]


def test_commands_that_want_placements_pass_segments_over(tmp_path: Path) -> None:
    file = write(tmp_path, "name: home\n---\nsegments: [{name: a, when: x > 1}]\n")
    assert [document.placement.name for document in placement_files.read([file])] == ["home"]
    alone = write(tmp_path, "segments: []\n---\noffers: []", "alone.yaml")
    with pytest.raises(InvalidInputError, match="expected a placement, got offers and segments"):
        placement_files.read([alone])


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Condition(test="x > 1"), "x > 1"),
        (Condition(segment="loyal"), "segment loyal"),
        (Condition(all=[Condition(test="x > 1"), Condition(negated=Condition(test="y > 1"))]), "x > 1 and not y > 1"),
        (
            Condition(any=[Condition(all=[Condition(test="a > 1"), Condition(test="b > 1")]), Condition(test="c > 1")]),
            "(a > 1 and b > 1) or c > 1",
        ),
        (Condition(negated=Condition(any=[Condition(test="a > 1")])), "not (a > 1)"),
    ],
)
def test_a_condition_is_shown_as_one_line(condition: Condition, text: str) -> None:
    assert shown(condition) == text
