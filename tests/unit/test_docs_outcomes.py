"""What docs/outcomes.md tells people to write is accepted, and its table leaves out no aggregation."""

import re
from pathlib import Path

import pytest

from attune.api.validation import check_placement
from attune.cli import app, placement_files, policy
from attune.v1.placement_pb2 import Aggregation

PAGE = (Path(__file__).parents[2] / "docs" / "outcomes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=[block.partition("\n")[0] for block in BLOCKS])
def test_a_placement_of_the_page_can_be_applied(tmp_path: Path, block: str) -> None:
    file = tmp_path / "placement.yaml"
    file.write_text(block, encoding="utf-8")
    for document in placement_files.read([file]):
        check_placement(document.placement)


def test_the_table_has_a_line_for_every_aggregation() -> None:
    lines = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert lines == [name for name in Aggregation.keys() if name != "AGGREGATION_UNSPECIFIED"]  # noqa: SIM118


def test_every_command_of_the_page_exists() -> None:
    named = set(re.findall(r"attune policy (\w+) ", PAGE))
    known = {command.name or command.callback.__name__ for command in policy.policy.registered_commands}
    assert "policy" in app.COMMANDS
    assert named <= known
    assert named == {"rebuild", "reset", "rollback"}
