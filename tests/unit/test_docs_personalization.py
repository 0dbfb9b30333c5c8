"""What docs/personalization.md tells people to write is accepted, and is what its example has."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from google.protobuf.json_format import ParseDict

from attune.api.catalog_validation import offer_violations
from attune.api.customer_validation import check_preferences
from attune.api.segment_validation import segment_violations
from attune.api.validation import check_placement
from attune.cli import app, apply_files
from attune.v1.customer_service_pb2 import SetPreferencesRequest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "personalization.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "personalization.yaml"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
HEADINGS = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)


def check(file: Path) -> apply_files.Contents:
    contents = apply_files.read([file])
    named = {entry.segment.name for entry in apply_files.read([EXAMPLE]).segments}
    assert [wrong for entry in contents.segments for wrong in segment_violations(entry.segment)] == []
    assert [wrong for entry in contents.offers for wrong in offer_violations(entry.offer, named)] == []
    for document in contents.placements:
        check_placement(document.placement, named)
    return contents


@pytest.mark.parametrize("block", BLOCKS, ids=[block.partition("\n")[0] for block in BLOCKS])
def test_what_the_page_says_to_write_is_accepted(tmp_path: Path, block: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(block, encoding="utf-8")
    contents = check(file)
    assert contents.segments or contents.offers or contents.placements


@pytest.mark.parametrize("block", BLOCKS, ids=[block.partition("\n")[0] for block in BLOCKS])
def test_the_example_has_what_the_page_shows(block: str) -> None:
    """Each value of a block is in the example, at the same place; lists of a block may be shorter."""
    documents = list(yaml.safe_load_all(EXAMPLE.read_text(encoding="utf-8")))
    shown = yaml.safe_load(block)
    [document] = [each for each in documents if set(shown) <= set(each)]
    assert has(document, shown)


def has(whole: object, part: object) -> bool:
    """Tell whether something is part of something, at the same place."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and has(whole[name], value) for name, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return all(any(has(each, wanted) for each in whole) for wanted in part)
    return whole == part


def test_the_example_is_accepted() -> None:
    contents = check(EXAMPLE)
    assert (len(contents.segments), len(contents.offers), len(contents.placements)) == (3, 4, 1)


def test_every_idea_has_the_lines_that_make_it_so() -> None:
    ideas = [heading for heading in HEADINGS if heading[0].isdecimal()]
    assert [heading.partition(".")[0] for heading in ideas] == [str(i) for i in range(1, 11)]
    for heading in ideas:
        section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
        assert "```" in section, heading
    assert "It has ten ideas" in PAGE


def test_the_preferences_of_the_page_are_of_the_contract() -> None:
    [shown] = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    check_preferences(ParseDict(json.loads(shown), SetPreferencesRequest()), frozenset())


def test_every_command_of_the_page_exists(capsys: pytest.CaptureFixture[str]) -> None:
    commands = re.findall(r"^attune (.*)$", PAGE, re.MULTILINE)
    assert len(commands) == 6
    for command in commands:
        words = shlex.split(command)
        n_words = 2 if words[0] == "customers" else 1
        assert app.run([*words[:n_words], "--help"]) == 0
        said = capsys.readouterr().out
        for option in (word for word in words if word.startswith("--")):
            assert option in said, command
