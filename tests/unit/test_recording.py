"""A decision that is put together from pieces is the message that it would be."""

import pytest

from attune.serving.recording import common_fields, offers_field, own_fields
from attune.storage.v1.records_pb2 import DecisionRecord, SlotRecord
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_LEARNED


@pytest.mark.parametrize("size", [1, 10, 127, 128, 16_383, 16_384])
def test_every_field_is_there_whatever_its_size(size: int) -> None:
    """Lengths of one byte, two and three."""
    pmf = [1.0 / size] * size
    common = common_fields(2**40, MODE_LEARNED, b"s" * 16)
    written = own_fields("é" * size, 1_700_000_000_000 + size, b"c" * size, pmf, size - 1) + common
    assert DecisionRecord.FromString(written) == DecisionRecord(
        event_id="é" * size,
        decided_at_ms=1_700_000_000_000 + size,
        context=b"c" * size,
        pmf=pmf,
        chosen=size - 1,
        policy_version=2**40,
        mode=MODE_LEARNED,
        offer_set=b"s" * 16,
    )


def test_what_is_nothing_is_as_in_a_message_that_does_not_have_it() -> None:
    more = DecisionRecord(request_digest=b"d" * 8, later_slots=[SlotRecord(pmf=[1.0], chosen=0)])
    written = own_fields("e", 0, b"", [1.0], 0) + common_fields(0, MODE_CONTROL, b"") + more.SerializeToString()
    more.MergeFrom(DecisionRecord(event_id="e", pmf=[1.0], mode=MODE_CONTROL))
    assert DecisionRecord.FromString(written) == more


def test_pieces_are_in_the_order_in_which_protobuf_writes_them() -> None:
    """So that records are equal to the last bit where their contents are, whoever wrote them."""
    written = own_fields("e", 5, b"c", [0.5, 0.5], 1) + common_fields(7, MODE_LEARNED, b"s")
    assert DecisionRecord.FromString(written).SerializeToString() == written


def test_offers_are_there_as_they_came() -> None:
    offers = [b"", b"o" * 127, b"p" * 128, b"q" * 70_000]
    assert offers_field(offers) == DecisionRecord(offers=offers).SerializeToString()
