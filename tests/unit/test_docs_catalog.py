"""What docs/catalog.md tells people to write is accepted, and its figures are those of the contract."""

import re
from pathlib import Path

import pytest

from attune.api.validation import check_placement
from attune.cli import app, apply_files, offers
from attune.v1.decision_service_pb2 import DecideRequest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "catalog.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(yaml|csv)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("kind", "block"), BLOCKS, ids=[block.partition("\n")[0] for _, block in BLOCKS])
def test_what_the_page_says_to_write_is_accepted(tmp_path: Path, kind: str, block: str) -> None:
    file = tmp_path / f"file.{kind}"
    file.write_text(block, encoding="utf-8")
    contents = apply_files.read([file])
    apply_files.check(contents.offers)
    for document in contents.placements:
        check_placement(document.placement)


def test_the_same_offers_are_read_from_either_kind_of_file(tmp_path: Path) -> None:
    (yaml, csv) = [(kind, block) for kind, block in BLOCKS if "spring-sale" in block]
    features = []
    for kind, block in (yaml, csv):
        file = tmp_path / f"file.{kind}"
        file.write_text(block, encoding="utf-8")
        features.append([entry.offer.offer for entry in apply_files.read([file]).offers])
    assert features[0] == features[1]


def test_what_is_shortened_is_in_the_example(tmp_path: Path) -> None:
    file = tmp_path / "offers.yaml"
    file.write_text(BLOCKS[0][1], encoding="utf-8")
    shown, example = (
        {entry.offer.offer.id: entry.offer for entry in apply_files.read([each]).offers}
        for each in (file, ROOT / "examples" / "catalog.yaml")
    )
    assert shown.items() <= example.items()


def test_every_command_of_the_page_exists() -> None:
    named = set(re.findall(r"^attune offers (\w+)", PAGE, re.MULTILINE))
    known = {command.name or command.callback.__name__ for command in offers.offers.registered_commands}
    assert named == known
    assert {"apply", "offers", "export"} <= set(app.COMMANDS)


def test_every_field_that_the_table_names_is_of_a_request() -> None:
    part = PAGE.partition("| the request says |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
    assert named == ["channel", "offer_ids", "excluded_offer_ids", "offers"]
    assert set(named) <= set(DecideRequest.DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize("table", re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE))
def test_every_table_of_the_page_is_whole(table: str) -> None:
    assert len({line.count("|") for line in table.splitlines()}) == 1
