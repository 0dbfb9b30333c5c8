"""What docs/guardrails.md tells people to write is accepted, and what it says of the contract is so."""

import json
import re
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict

from attune.api.validation import check_placement
from attune.cli import apply_files
from attune.serving import budgets
from attune.store.customers import MOST_SEEN
from attune.store.keys import budgets_key
from attune.v1.decision_service_pb2 import Decision
from attune.v1.placement_pb2 import CapScope

PAGE = (Path(__file__).parents[2] / "docs" / "guardrails.md").read_text(encoding="utf-8")
YAML = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", YAML, ids=[block.partition("\n")[0] for block in YAML])
def test_what_the_page_says_to_write_is_accepted(tmp_path: Path, block: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(block, encoding="utf-8")
    contents = apply_files.read([file])
    apply_files.check(contents.offers)
    for document in contents.placements:
        check_placement(document.placement)
    assert len(contents.offers) + len(contents.placements) > 0


def test_every_scope_is_in_the_table() -> None:
    named = re.findall(r"^\| `(CAP_SCOPE_\w+)` \|", PAGE, re.MULTILINE)
    assert named == [name for name in CapScope.keys() if name != "CAP_SCOPE_UNSPECIFIED"]  # noqa: SIM118 - no dict


def test_what_a_decision_says_is_of_the_contract() -> None:
    [shown] = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    decision = ParseDict(json.loads(f"{{{shown}}}"), Decision())
    assert [list(each.offer_ids) for each in decision.excluded] == [["voucher"], ["sample"]]


def test_the_figures_are_those_of_the_code() -> None:
    assert f"newest {MOST_SEEN:,} entries" in PAGE
    assert round(1 / budgets.POLL_S) == 5
    assert "five times a second each process asks" in PAGE
    assert f"'{budgets_key('2026-11-22')}'" in PAGE
