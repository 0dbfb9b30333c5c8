"""Requests for decisions: every violation is named, and no answer is larger than a message may be."""

import math
from typing import Any

import pytest
from google.protobuf.message import Message

from attune.api.decide_validation import MAX_BATCH_ANSWERS, checked_batch
from attune.errors import InvalidInputError, Violation
from attune.internal.v1.envelope_pb2 import DecideBatchEnvelope, DecideEnvelope
from attune.v1.decision_service_pb2 import (
    MODE_CONTROL,
    Choice,
    DecideBatchResponse,
    DecideResponse,
    DecideResult,
    ScoredOffer,
)
from attune.v1.features_pb2 import Features, Offer
from violations import ID, TOO_LONG, assert_told, violations_of

OFFERS = "expected at most 1000 offers, got "


def decide(**changed: Any) -> DecideEnvelope:
    """Return a valid request, changed; what its offers say is checked in test_situation.py."""
    fields: dict[str, Any] = {"placement": "home_hero", "offers": numbered(2)}
    return DecideEnvelope(**(fields | changed))


def numbered(n_offers: int) -> list[bytes]:
    return [Offer(id=str(i)).SerializeToString() for i in range(n_offers)]


VIOLATIONS: list[tuple[Message, str, str]] = [
    # --- ids
    (decide(placement=""), "placement", ID + "nothing"),
    (decide(placement=TOO_LONG), "placement", ID + "257"),
    (decide(event_id=TOO_LONG), "event_id", ID + "257"),
    (decide(event_id="é" * 129), "event_id", ID + "258"),  # bytes are counted, not characters
    (decide(customer_id=TOO_LONG), "customer_id", ID + "257"),
    # --- sizes
    (decide(slots=21), "slots", "expected 0 to 20, got 21"),
    (decide(ranking_size=1001), "ranking_size", "expected 0 to 1000, got 1001"),
    (decide(excluded_offer_ids=["x"] * 1001), "excluded_offer_ids", "expected at most 1000 ids, got 1001"),
    (decide(offers=numbered(1001)), "offers", OFFERS + "1001"),
    # --- offers of the catalogue
    (decide(offer_ids=["a"]), "offer_ids", "expected none beside offers, got 1"),
    (decide(offers=[], offer_ids=list(map(str, range(1001)))), "offer_ids", "expected at most 1000 ids, got 1001"),
    (decide(offers=[], offer_ids=["a", ""]), "offer_ids[1]", "expected 1 to 256 bytes of UTF-8, got nothing"),
    (
        decide(offers=[], offer_ids=["a", "b", "a"]),
        "offer_ids[2]",
        'expected an id of its own, got "a" as in offer_ids[0]',
    ),
    (decide(channel="x" * 257), "channel", "expected 1 to 256 bytes of UTF-8, got 257"),
]


@pytest.mark.parametrize(("message", "field", "description"), VIOLATIONS)
def test_a_violation_names_field_expected_and_got(message: Message, field: str, description: str) -> None:
    assert_told(message, field, description)


@pytest.mark.parametrize(
    "message",
    [
        decide(),  # the least
        decide(placement="p" * 256, event_id="é" * 128, customer_id="c" * 256, slots=1, ranking_size=1000),
        decide(offers=[]),  # they come from the catalogue
        decide(offers=[], offer_ids=list(map(str, range(1000))), channel="x" * 256),
        decide(slots=20),  # more than there are offers
        decide(event_id="any | thing: \n\0 _"),  # any Unicode
        decide(offers=numbered(1000), excluded_offer_ids=["x"] * 1000),
        decide(
            context=[Features(numeric={"": math.nan}).SerializeToString()], offers=[b"garbage", b""]
        ),  # looked into later
    ],
)
def test_what_is_just_within_the_contract_is_taken(message: Message) -> None:
    assert violations_of(message) == ()


def test_all_violations_are_told_at_once() -> None:
    found = violations_of(decide(placement="", slots=21, offers=numbered(1001)))
    assert [violation.field for violation in found] == ["placement", "slots", "offers"]


def test_what_came_is_cut_where_it_is_long() -> None:
    """Violations travel in a header of the answer, which clients refuse above 8 KiB."""
    found = violations_of(decide(placement="x" * 100_000, event_id="x" * 100_000, customer_id="x" * 100_000))
    assert found
    assert max(len(violation.description.encode()) for violation in found) <= 512


# From the catalogue, with slots beside ranks, and with more ranks than offers.
@pytest.mark.parametrize(
    ("request_", "most"),
    [
        (DecideEnvelope(placement="p", ranking_size=999), 10),
        (DecideEnvelope(placement="p", slots=20, ranking_size=180), 50),
        (DecideEnvelope(placement="p", offers=[b"a", b"b", b"c"], ranking_size=1000), 2500),
        (DecideEnvelope(placement="p"), 10_000),
    ],
)
def test_the_answer_to_a_batch_has_to_fit_a_message(
    request_: DecideEnvelope, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients refuse more than 4 MiB: everything would be decided and nobody would know what."""
    monkeypatch.setattr("attune.api.decide_validation.MAX_BATCH", 20_000)
    bad = DecideEnvelope(placement="p", ranking_size=2**32 - 1)
    assert len(checked_batch(DecideBatchEnvelope(requests=[request_] * most + [bad]))) == most + 1
    with pytest.raises(InvalidInputError) as caught:
        checked_batch(DecideBatchEnvelope(requests=[request_] * (most + 1)))
    [violation] = caught.value.violations
    n_answers = MAX_BATCH_ANSWERS * (most + 1) // most
    assert violation == Violation("requests", f"expected at most 10000 slots and ranks in all, got {n_answers}")


def test_an_answer_ranks_offers_on_every_channel() -> None:
    brought = [DecideEnvelope(placement="p", offers=[b"a", b"b"], ranking_size=1000)] * 600
    channels = {"p": 8}
    assert len(checked_batch(DecideBatchEnvelope(requests=brought[:588]), lambda name: channels[name])) == 588
    with pytest.raises(InvalidInputError, match="expected at most 10000 slots and ranks in all, got 10013"):
        checked_batch(DecideBatchEnvelope(requests=brought[:589]), lambda name: channels[name])
    assert len(checked_batch(DecideBatchEnvelope(requests=brought))) == 600


# With a channel, the ids of both are together as long as the longest without.
@pytest.mark.parametrize("named", [{"offer_id": "x" * 256}, {"offer_id": "x" * 191, "channel": "c" * 64}])
def test_the_largest_answer_to_a_batch_fits_a_message(named: dict[str, str]) -> None:
    longest = Choice(slot=19, propensity=0.1, **named)
    scored = ScoredOffer(probability=0.1, **named)
    decided = DecideResponse(event_id="e" * 256, policy_version=2**40, mode=MODE_CONTROL, logged=True)
    decided.choices.add().CopyFrom(longest)
    decided.ranking.extend([scored] * 9)
    answer = DecideBatchResponse(results=[DecideResult(decision=decided)] * 1000)
    assert answer.ByteSize() < 4 << 20
