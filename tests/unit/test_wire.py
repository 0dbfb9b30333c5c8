"""Numbers and tags are written as protobuf writes them."""

import pytest

from attune.serving.wire import BYTES, VARINT, tag, varint
from attune.storage.v1.records_pb2 import DecisionRecord


@pytest.mark.parametrize("number", [1, 127, 128, 300, 16_383, 16_384, 2**32 - 1])
def test_a_number_is_written_as_protobuf_writes_it(number: int) -> None:
    assert tag(DecisionRecord.CHOSEN_FIELD_NUMBER, VARINT) + varint(number) == (
        DecisionRecord(chosen=number).SerializeToString()
    )


def test_nothing_is_a_byte() -> None:
    assert varint(0) == b"\x00"


def test_a_tag_tells_the_field_and_its_kind() -> None:
    assert (
        tag(DecisionRecord.OFFER_SET_FIELD_NUMBER, BYTES) + b"\x01s"
        == DecisionRecord(offer_set=b"s").SerializeToString()
    )
