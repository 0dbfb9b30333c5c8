"""What docs/segments.md tells people to write is accepted, and its limits are those of the code."""

import re
from pathlib import Path

import pytest

from attune.api.condition_validation import MAX_CONDITIONS, MAX_DEPTH, condition_violations
from attune.api.segment_validation import segment_violations
from attune.cli import app, apply_files, segments
from attune.store.segments import MAX_SEGMENTS
from attune_models.comparisons import MAX_TEST_BYTES, Operator, parse
from attune_models.known_names import check_names

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "segments.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def read(directory: Path, block: str) -> apply_files.Contents:
    file = directory / "shop.yaml"
    file.write_text(block, encoding="utf-8")
    return apply_files.read([file])


@pytest.mark.parametrize("block", BLOCKS, ids=[block.partition("\n")[0] for block in BLOCKS])
def test_what_the_page_says_to_write_is_accepted(tmp_path: Path, block: str) -> None:
    contents = read(tmp_path, block)
    assert [wrong for entry in contents.segments for wrong in segment_violations(entry.segment)] == []
    assert contents.segments or contents.placements


def test_a_rule_of_the_page_names_a_segment_of_the_page(tmp_path: Path) -> None:
    everything = [read(tmp_path, block) for block in BLOCKS]
    named = {entry.segment.name for contents in everything for entry in contents.segments}
    rules = [
        rule for contents in everything for each in contents.placements for rule in each.placement.guardrails.rules
    ]
    assert rules
    assert [wrong for rule in rules for wrong in condition_violations(rule.when, named)] == []


def test_every_comparison_of_the_page_is_one() -> None:
    block = PAGE.partition("## A comparison\n\n```\n")[2].partition("```")[0]
    comparisons = [parse(re.split(r" {3,}", line)[0]) for line in block.splitlines()]
    for comparison in comparisons:
        check_names(comparison)
    shown = {comparison.operator for comparison in comparisons}
    assert all(operator in shown or operator.value in block for operator in Operator)


def test_the_limits_are_those_of_the_code() -> None:
    assert f"At most {MAX_DEPTH} conditions within each other, and at most {MAX_CONDITIONS} in all" in PAGE
    assert f"at most {MAX_TEST_BYTES:,} bytes" in PAGE
    assert f"At most {MAX_SEGMENTS} segments" in PAGE


def test_every_command_of_the_page_exists() -> None:
    named = set(re.findall(r"^attune segments (\w+)", PAGE, re.MULTILINE))
    known = {command.name or command.callback.__name__ for command in segments.segments.registered_commands}
    assert named == known
    assert {"apply", "segments"} <= set(app.COMMANDS)
