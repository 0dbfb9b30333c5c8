"""Offers from CSV, as spreadsheets write it."""

from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict

from attune.cli import offer_sheets
from attune.errors import InvalidInputError
from attune.v1.catalog_service_pb2 import CatalogOffer


def write(directory: Path, text: str) -> Path:
    file = directory / "offers.csv"
    file.write_bytes(text.encode())
    return file


HEADER = "id,placements,channels,tags,starts_at,ends_at,numeric.price,categorical.brand,tags.styles,dense.e"
FULL = "a,p|q,web,spring|new,2026-01-01T00:00:00Z,2026-02-01T00:00:00+01:00,0.5,Häuser & Co,road|trail,0.5|-1"


def test_every_field_and_kind_of_feature_has_a_column(tmp_path: Path) -> None:
    (entry,) = offer_sheets.read(write(tmp_path, f"{HEADER}\n{FULL}\n"))
    expected = {
        "offer": {
            "id": "a",
            "features": {
                "numeric": {"price": 0.5},
                "categorical": {"brand": "Häuser & Co"},
                "tags": {"styles": {"values": ["road", "trail"]}},
                "dense": {"e": {"values": [0.5, -1]}},
            },
        },
        "placements": ["p", "q"],
        "channels": ["web"],
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2026-01-31T23:00:00Z",
        "tags": ["spring", "new"],
    }
    assert entry.offer == ParseDict(expected, CatalogOffer())


def test_an_empty_cell_says_nothing(tmp_path: Path) -> None:
    (entry,) = offer_sheets.read(write(tmp_path, f"{HEADER}\na,,,,,,,,,\n"))
    assert entry.offer == CatalogOffer(offer={"id": "a"})


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffid;numeric.price\r\na;1\r\nb;2\r\n",  # a byte order mark and semicolons: German Excel
        "id\tnumeric.price\na\t1\nb\t2",  # tabs, and no end of the last line
        '"id", numeric.price\n"a",1\n,\n\nb,2\n',  # quotes; empty lines and rows
    ],
)
def test_spreadsheets_write_it_in_several_ways(tmp_path: Path, text: str) -> None:
    entries = offer_sheets.read(write(tmp_path, text))
    assert [(each.offer.offer.id, each.offer.offer.features.numeric["price"]) for each in entries] == [
        ("a", 1),
        ("b", 2),
    ]


def test_lines_are_counted_over_cells_that_have_several(tmp_path: Path) -> None:
    entries = offer_sheets.read(write(tmp_path, 'id,categorical.text\na,"one\ntwo\u2028three"\n\nb,x\n'))
    assert [(each.lines[""], each.where) for each in entries] == [(2, "offers[0]"), (5, "offers[1]")]
    assert entries[0].offer.offer.features.categorical["text"] == "one\ntwo\u2028three"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The header.
        ("", ["offers.csv:1: expected a column id, got none"]),
        (
            "name\na\n",
            ["offers.csv:1: name: unknown column, known are id, placements, channels, tags, starts_at, ends"],
        ),
        ("id,numerc.price\n", ['offers.csv:1: numerc.price: unknown column, did you mean "numeric.NAME"?']),
        ("id,tags,id\n", ["offers.csv:1: id: expected each column once, got it again"]),
        # Cells, all of them at once.
        (
            "id,numeric.x,starts_at\na,one,soon\nb,1\n",
            [
                'offers.csv:2: numeric.x: expected a number, got "one"',
                'offers.csv:2: starts_at: expected a time in the form "2026-01-31T12:00:00Z", got "soon"',
                "offers.csv:3: expected 3 cells, got 2",
            ],
        ),
        ("id,dense.e\na,1||2\n", ['offers.csv:2: dense.e: expected a number, got "1||2"']),
        ('id\na\n"b\n', ["offers.csv:3: not valid CSV: unexpected end of data"]),
    ],
)
def test_mistakes_are_shown_with_their_lines(tmp_path: Path, text: str, expected: list[str]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        offer_sheets.read(write(tmp_path, text))
    said = [str(violation).replace(f"{tmp_path}/", "") for violation in refused.value.violations]
    assert [line[: len(start)] for line, start in zip(said, expected, strict=True)] == expected
