"""What a customer allows."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from attune.serving.consent import ConsentRule, note
from attune.storage.v1.records_pb2 import CustomerRecord
from attune.v1.customer_service_pb2 import PURPOSE_LEARNING, PURPOSE_PERSONALIZATION, Consent


def said(purpose: int, granted: bool, at_s: int = 100) -> Consent:  # noqa: FBT001 - read as what was said
    return Consent(purpose=purpose, granted=granted, given_at=Timestamp(seconds=at_s))  # type: ignore[arg-type]


# What is assumed, what was said about personalization, and whether it is allowed.
@pytest.mark.parametrize(
    ("assumed", "granted", "expected"),
    [
        (False, None, False),
        (False, True, True),
        (False, False, False),
        (True, None, True),
        (True, True, True),
        (True, False, False),
    ],
)
def test_what_was_said_counts_more_than_what_is_assumed(
    assumed: bool,  # noqa: FBT001 - a column of the table
    granted: bool | None,  # noqa: FBT001 - a column of the table
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    rule = ConsentRule(assumed=assumed)
    record = CustomerRecord()
    if granted is not None:
        note(record, said(PURPOSE_PERSONALIZATION, granted))
    assert rule.personalizes(record) is expected
    assert rule.learns(record) is assumed
    assert rule.personalizes(None) is assumed


def test_purposes_are_apart() -> None:
    record = CustomerRecord()
    note(record, said(PURPOSE_PERSONALIZATION, granted=True))
    note(record, said(PURPOSE_LEARNING, granted=False))
    assert ConsentRule(assumed=True).personalizes(record)
    assert not ConsentRule(assumed=True).learns(record)


def test_what_was_said_earlier_does_not_overrule_what_was_said_later() -> None:
    record = CustomerRecord()
    note(record, said(PURPOSE_LEARNING, granted=False, at_s=100))
    note(record, said(PURPOSE_LEARNING, granted=True, at_s=99))
    assert not ConsentRule().learns(record)
    note(record, said(PURPOSE_LEARNING, granted=True, at_s=100))
    assert ConsentRule().learns(record)
    assert len(record.consents) == 1
