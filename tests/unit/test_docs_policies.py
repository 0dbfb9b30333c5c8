"""What docs/policies.md tells people to write is read, accepted and built; and it leaves out no policy."""

import re
from pathlib import Path

import pytest

from attune.api.validation import check_placement
from attune.cli import placement_files
from attune.serving.specs import policy_spec, with_defaults
from attune.v1.placement_pb2 import PolicySpec, VwSpec
from attune_models.policy import build
from attune_models.types import Situation

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=[block.partition("\n")[0] for block in BLOCKS])
def test_a_placement_of_the_page_can_be_applied(tmp_path: Path, block: str) -> None:
    """Read as `attune apply` reads it, checked and filled in as the service does, and made a policy."""
    file = tmp_path / "placement.yaml"
    file.write_text(block, encoding="utf-8")
    for document in placement_files.read([file]):
        check_placement(document.placement)
        policy = build(policy_spec(with_defaults(document.placement).policy))
        assert sum(policy.pmf(Situation("", ["a", "b"], ["=a", "=b"]))) == pytest.approx(1.0, abs=1e-9)


def test_there_are_placements_and_no_two_of_a_name() -> None:
    names = [block.partition("\n")[0] for block in BLOCKS]
    assert len(set(names)) == len(names) > 0


def test_the_table_has_a_line_for_every_policy_of_the_contract() -> None:
    kinds = [field.name for field in PolicySpec.DESCRIPTOR.oneofs_by_name["kind"].fields if field.name != "vw"]
    explorations = [field.name for field in VwSpec.DESCRIPTOR.oneofs_by_name["exploration"].fields]
    expected = [f"`vw` with `{name}`" for name in explorations] + [f"`{name}`" for name in kinds]
    lines = re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE)
    assert sorted(lines) == sorted(expected)


def test_every_line_of_the_table_is_whole() -> None:
    columns = {line.count("|") for line in PAGE.splitlines() if line.startswith("|")}
    assert columns == {6}
