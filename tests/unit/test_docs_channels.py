"""What docs/channels.md tells people to write is accepted, and its figures are those of the contract."""

import json
import re
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict

from attune.api.channel_validation import MAX_CHANNELS
from attune.api.guardrail_warnings import placement_warnings
from attune.api.validation import check_placement
from attune.cli import apply_files
from attune.v1.decision_service_pb2 import Choice, DecideResponse
from attune_models.features import MAX_FEATURES, MAX_TEXT_BYTES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLE = (ROOT / "examples" / "channels.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", [*BLOCKS, EXAMPLE], ids=["placement", "offers", "example"])
def test_what_is_to_be_written_is_accepted(tmp_path: Path, block: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(block, encoding="utf-8")
    contents = apply_files.read([file])
    apply_files.check(contents.offers)
    for document in contents.placements:
        check_placement(document.placement)
        assert placement_warnings(document.placement, {}) == []
        assert [channel.name for channel in document.placement.channels] == ["email", "push", "sms"]
    assert contents.placements or contents.offers


def test_the_reply_is_of_the_contract() -> None:
    [shown] = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    reply = ParseDict(json.loads(shown), DecideResponse())
    assert list(reply.choices) == [Choice(offer_id="boots", channel="push", propensity=0.62)]


def test_the_limits_are_those_of_the_code() -> None:
    assert f"from at most {MAX_CHANNELS}" in PAGE
    assert f"an id is at most {MAX_TEXT_BYTES} bytes, and an offer has at most {MAX_FEATURES} features" in PAGE
