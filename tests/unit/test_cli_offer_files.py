"""Files of offers: what is understood, beside placements and alone, and that every mistake is shown with its line."""

from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict

from attune.cli import apply_files, offer_files, placement_files
from attune.errors import InvalidInputError, Violation
from attune.v1.catalog_service_pb2 import CatalogOffer

ROOT = Path(__file__).parents[2]


def write(directory: Path, text: str, name: str = "shop.yaml") -> Path:
    file = directory / name
    file.write_text(text, encoding="utf-8")
    return file


def offers(*files: Path) -> list[CatalogOffer]:
    return [entry.offer for entry in apply_files.read(files).offers]


def mistakes(directory: Path, text: str, name: str = "shop.yaml") -> list[str]:
    """Return what is said about a file, without its directory."""
    with pytest.raises(InvalidInputError) as refused:
        apply_files.read([write(directory, text, name)])
    return [str(violation).replace(f"{directory}/", "") for violation in refused.value.violations]


def test_the_example_is_what_its_comments_say() -> None:
    contents = apply_files.read([ROOT / "examples" / "catalog.yaml"])
    assert (contents.placements, contents.has_offers) == ([], True)
    gift, spring, yoga, newsletter = [entry.offer for entry in contents.offers]
    assert gift == CatalogOffer(offer={"id": "gift-card"})
    expected = {
        "offer": {
            "id": "spring-sale",
            "features": {
                "numeric": {"discount": 0.2},
                "categorical": {"category": "running"},
                "tags": {"styles": {"values": ["road", "trail"]}},
            },
        },
        "placements": ["home_hero"],
        "channels": ["web", "app"],
        "starts_at": "2026-03-01T00:00:00Z",
        "ends_at": "2030-03-31T22:00:00Z",
        "tags": ["spring", "campaign-12"],
    }
    assert spring == ParseDict(expected, CatalogOffer())
    assert yoga.offer.features.tags["styles"].values == ["studio"]
    assert (newsletter.channels, newsletter.HasField("starts_at")) == (["web", "email"], False)


MIXED = """
name: one
---
offers:
- id: a
- offer: {id: b, features: {numeric: {price: 1}, dense: {e: [0.5, 1]}}}
  startsAt: "2026-01-01T00:00:00Z"
---
- name: two
- offers:
  - {id: c, placements: [two]}
---
offers: []
"""


def test_offers_stand_beside_placements_in_either_form(tmp_path: Path) -> None:
    contents = apply_files.read([write(tmp_path, MIXED)])
    assert [(each.placement.name, each.position) for each in contents.placements] == [("one", 0), ("two", 1)]
    entries = [(each.offer.offer.id, each.where, each.lines[""], each.folded) for each in contents.offers]
    assert entries == [("a", "offers[0]", 5, True), ("b", "offers[1]", 6, False), ("c", "offers[2]", 11, True)]
    second = contents.offers[1].offer
    assert (second.offer.features.dense["e"].values, second.starts_at.seconds) == ([0.5, 1], 1767225600)


def test_who_reads_placements_passes_over_offers(tmp_path: Path) -> None:
    file = write(tmp_path, MIXED)
    assert [each.placement.name for each in placement_files.read([file])] == ["one", "two"]
    with pytest.raises(InvalidInputError, match="expected a placement, got offers"):
        placement_files.read([ROOT / "examples" / "catalog.yaml"])


def test_json_is_read_as_well(tmp_path: Path) -> None:
    text = '{\n\t"offers": [\n\t\t{"id": "\\ud83d\\ude00", "tags": ["x"]}\n\t]\n}\n'
    assert offers(write(tmp_path, text, "shop.json")) == [
        CatalogOffer(offer={"id": "\N{GRINNING FACE}"}, tags=["x"]),
    ]
    assert mistakes(tmp_path, text.replace("tags", "tag"), "shop.json") == [
        'shop.json:3: offers[0].tag: unknown field, did you mean "tags"?'
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Fields that do not exist, also where two messages are shown as one; and one that is there twice.
        ("offers:\n- id: a\n- idd: b", '3: offers[1].idd: unknown field, did you mean "id"?'),
        (
            "offers:\n- id: a\n  price: 1",
            "3: offers[0].price: unknown field, known are id, features, placements, channels, starts_at, ends_at, tags",
        ),
        ("offers:\n- offer: {id: a}\n  id: b", "3: offers[0].id: unknown field, known are offer, placements, channels"),
        ("offers:\n- id: a\n  id: b", '3: offers[0].id: expected one of a kind, got it besides "id"'),
        (
            "offers:\n- id: a\n  features:\n    number: {x: 1}",
            '4: offers[0].features.number: unknown field, did you mean "numeric"?',
        ),
        # Values of the wrong type.
        ("offers:\n- id: 12", "2: offers[0].id: expected text, if need be in quotes, got 12"),
        (
            "offers:\n- id: a\n  features: {numeric: {price: cheap}}",
            '3: offers[0].features.numeric["price"]: expected a number, got "cheap"',
        ),
        ("offers:\n- id: a\n  placements: home", '3: offers[0].placements: expected a list, got "home"'),
        ("offers: [a]", "1: offers[0]: expected fields (offer, placements, channels, starts_at, ends_at, tags, "),
        ("offers: {id: a}", "1: offers: expected a list of offers, got fields"),
        ("offers:", '1: offers: expected a list of offers, got ""'),
        # Times: whole ones, which name their zone.
        (
            "offers:\n- id: a\n  starts_at: 2026-03-01",
            '3: offers[0].starts_at: expected a time in the form "2026-01-31T12:00:00Z", got "2026-03-01"',
        ),
        ("offers:\n- id: a\n  ends_at: 2026-03-01T00:00:00", "3: offers[0].ends_at: expected a time in the form "),
        ("offers:\n- id: a\n  ends_at: 2026-13-41", "3: offers[0].ends_at: expected a time in the form "),
        ("offers:\n- id: a\n  ends_at: soon", '3: offers[0].ends_at: expected a time in the form "2026-01-31T12'),
        # Text that looks like a date, and is none, is text.
        ("offers:\n- id: 2026-13-41\n- id: 2026-13-41", '3: offers[1].id: expected an id of its own, got "2026-13-4'),
        # The same id twice, and offers that are part of a placement.
        (
            "offers:\n- id: a\n- id: a",
            '3: offers[1].id: expected an id of its own, got "a", which is taken in shop.yam',
        ),
        ("name: one\noffers: []", "1: name: expected offers alone, as a document of their own (a line of --- ends one"),
        ("# nothing", " expected a placement, a list of offers or one of segments, got an empty file"),
    ],
)
def test_a_mistake_is_shown_with_its_line_and_field(tmp_path: Path, text: str, expected: str) -> None:
    (said,) = mistakes(tmp_path, text)
    assert said.startswith(f"shop.yaml:{expected}")


def test_all_mistakes_of_all_files_are_shown_at_once(tmp_path: Path) -> None:
    one = write(tmp_path, "nam: x\n---\noffers:\n- {id: 1}\n", "one.yaml")
    two = write(tmp_path, "id,numeric.x\na,y\n", "two.csv")
    with pytest.raises(InvalidInputError) as refused:
        apply_files.read([one, two, tmp_path / "none.yaml"])
    assert [violation.field.removeprefix(f"{tmp_path}/") for violation in refused.value.violations] == [
        "one.yaml:1: placements[0].nam",
        "one.yaml:4: offers[0].id",
        "two.csv:2: numeric.x",
        "none.yaml",
    ]


def test_an_id_is_found_again_in_another_file(tmp_path: Path) -> None:
    files = [write(tmp_path, "offers: [{id: a}]", "one.yaml"), write(tmp_path, "id\nb\na\n", "two.csv")]
    with pytest.raises(
        InvalidInputError, match=r'two\.csv:3: offers\[1\]\.id: .* "a", which is taken in .*one\.yaml:1'
    ):
        apply_files.read(files)


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        # Said in the file: its own line. Not said: that of the nearest thing around it that is.
        ("offers[1].offer.id", "5: offers[2].id"),
        ('offers[1].offer.features.numeric["price"]', '7: offers[2].features.numeric["price"]'),
        ('offers[1].offer.features.categorical["x"]', '6: offers[2].features.categorical["x"]'),
        ("offers[1].placements[1]", "5: offers[2].placements[1]"),
        ("offers[1].ends_at", "8: offers[2].ends_at"),
        ("offers[1]", "5: offers[2]"),
        # In the form of the message, the path is the message's.
        ("offers[0].offer.id", "4: offers[1].offer.id"),
    ],
)
def test_what_the_service_refuses_is_found_in_the_file(tmp_path: Path, field: str, shown: str) -> None:
    """The request is a portion of the file: the second and the third offer."""
    text = """\
offers:
- id: a
- placements: []
  offer: {id: b}
- id: c
  features:
    numeric: {price: 1}
  ends_at: 2026-01-01T00:00:00Z
"""
    file = write(tmp_path, text)
    portion = apply_files.read([file]).offers[1:]
    assert offer_files.located(portion, Violation(field, "why")) == Violation(f"{file}:{shown}", "why")


def test_a_refusal_that_names_no_offer_is_left_as_it_is(tmp_path: Path) -> None:
    portion = apply_files.read([write(tmp_path, "offers: [{id: a}]")]).offers
    assert offer_files.located(portion, Violation("offers", "why")) == Violation("offers", "why")
