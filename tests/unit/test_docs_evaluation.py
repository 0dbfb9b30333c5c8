"""What docs/evaluation.md and docs/challengers.md tell people to write is accepted, and their tables are whole."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from attune.api.validation import check_placement
from attune.cli import placement_files, sweep_files
from attune.logs.csv_mapping import CsvMapping
from attune_models.estimators import default_estimators
from attune_models.slot_estimators import default_slot_estimators

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("evaluation", "challengers")}
BLOCKS = [
    (name, block)
    for name, page in PAGES.items()
    for block in re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize(("name", "block"), BLOCKS)
def test_what_the_pages_say_to_write_is_accepted(tmp_path: Path, name: str, block: str) -> None:
    file = tmp_path / f"{name}.yaml"
    file.write_text(block, encoding="utf-8")
    if "grid:" in block:
        assert len(sweep_files.expand(file)) == 6
        return
    for document in placement_files.read([file]):
        check_placement(document.placement)


def test_what_is_left_out_of_the_sweep_is_accepted_as_well(tmp_path: Path) -> None:
    [block] = [block for _, block in BLOCKS if "grid:" in block]
    file = tmp_path / "sweep.yaml"
    file.write_text(re.sub("^# ", "", block, flags=re.MULTILINE), encoding="utf-8")
    assert len(sweep_files.expand(file)) == 6 * 20


def test_the_example_of_challengers_can_be_applied() -> None:
    [document] = placement_files.read([ROOT / "examples" / "challengers.yaml"])
    check_placement(document.placement)


def test_the_tables_have_a_line_for_every_estimator() -> None:
    part = PAGES["evaluation"].partition("## Which estimator when")[2].partition("The demo shows")[0]
    expected = [each.name for each in (*default_estimators(), *default_slot_estimators())]
    assert sorted(re.findall(r"^\| `([\w-]+)` \|", part, re.MULTILINE)) == sorted(expected)


def test_the_table_of_a_mapping_has_every_key() -> None:
    part = PAGES["evaluation"].partition("The keys of a mapping")[2].partition("## Bad logs")[0]
    first_cells = re.findall(r"^\| (`.*?) \|", part, re.MULTILINE)
    named = {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == {field.name for field in fields(CsvMapping)}


def test_every_table_of_the_pages_is_whole() -> None:
    """A line with more or fewer cells than its heading would lose some of them."""
    for page in PAGES.values():
        for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
            assert len({line.count("|") for line in table.splitlines()}) == 1, table
