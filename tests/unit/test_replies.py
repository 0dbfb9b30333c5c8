"""What is put together from bytes is the message that the contract has."""

import pytest

from attune.api.replies import Written, channels_chosen, decided_response, decided_result
from attune.serving.decided import Decided
from attune.serving.variants import split
from attune.storage.v1.records_pb2 import DecisionRecord, SlotRecord
from attune.v1.decision_service_pb2 import (
    MODE_CONTROL,
    MODE_EMPTY,
    MODE_FALLBACK,
    MODE_LEARNED,
    Choice,
    DecideResponse,
    DecideResult,
    ScoredOffer,
)

OFFER_IDS = ["a", "ö" * 100, "c" * 256]
LATER = [SlotRecord(pmf=[0.25, 0.0, 0.75], chosen=2), SlotRecord(pmf=[1.0, 0.0, 0.0], chosen=0)]


def decided(*, logged: bool = True, **fields: object) -> Decided:
    record = DecisionRecord(event_id="e", pmf=[0.2, 0.7, 0.1], chosen=1, **fields)  # type: ignore[arg-type]
    return Decided(record, OFFER_IDS, logged=logged)


def filled_in(made: Decided, ranking_size: int) -> DecideResponse:
    """Return the response, field by field."""
    record = made.record
    assert isinstance(record, DecisionRecord)
    response = DecideResponse(
        event_id=record.event_id, policy_version=record.policy_version, mode=record.mode, logged=made.logged
    )
    for slot, (pmf, chosen) in enumerate(
        [(record.pmf, record.chosen), *((s.pmf, s.chosen) for s in record.later_slots)]
    ):
        offer_id, channel = split(made.offer_ids[chosen], with_channels=record.with_channels)
        response.choices.add(slot=slot, offer_id=offer_id, channel=channel, propensity=pmf[chosen])
    by_probability = sorted(range(len(record.pmf)), key=lambda i: -record.pmf[i])
    for i in by_probability[:ranking_size]:
        offer_id, channel = split(made.offer_ids[i], with_channels=record.with_channels)
        response.ranking.add(offer_id=offer_id, channel=channel, probability=record.pmf[i])
    return response


def test_a_response_without_an_offer_says_that() -> None:
    made = Decided(DecisionRecord(event_id="e", mode=MODE_EMPTY), (), logged=False)
    expected = DecideResponse(event_id="e", mode=MODE_EMPTY)
    assert DecideResponse.FromString(decided_response(made, 5)) == expected
    assert DecideResult.FromString(decided_result(made, 5)) == DecideResult(decision=expected)


@pytest.mark.parametrize("ranking_size", [0, 2, 100])
@pytest.mark.parametrize(
    "made",
    [
        decided(policy_version=2**40, mode=MODE_LEARNED),
        decided(mode=MODE_FALLBACK, logged=False),
        decided(mode=MODE_CONTROL, later_slots=LATER),
        decided(mode=MODE_LEARNED, with_channels=True, later_slots=LATER),
    ],
)
def test_it_says_what_the_record_says_by_itself_and_in_a_batch(made: Decided, ranking_size: int) -> None:
    expected = filled_in(made, ranking_size)
    assert DecideResponse.FromString(decided_response(made, ranking_size)) == expected
    assert DecideResult.FromString(decided_result(made, ranking_size)) == DecideResult(decision=expected)


def test_a_response_says_what_was_drawn() -> None:
    made = decided(mode=MODE_LEARNED, policy_version=3, later_slots=LATER[:1])
    assert DecideResponse.FromString(decided_response(made, 2)) == DecideResponse(
        event_id="e",
        choices=[Choice(offer_id=OFFER_IDS[1], propensity=0.7), Choice(slot=1, offer_id=OFFER_IDS[2], propensity=0.75)],
        ranking=[ScoredOffer(offer_id=OFFER_IDS[1], probability=0.7), ScoredOffer(offer_id="a", probability=0.2)],
        policy_version=3,
        mode=MODE_LEARNED,
        logged=True,
    )


def test_an_offer_is_told_apart_from_its_channel() -> None:
    record = DecisionRecord(pmf=[0.75, 0.25], chosen=1, with_channels=True)
    record.later_slots.add(pmf=[1.0, 0.0], chosen=0)
    made = Decided(record, ["a@b@email", "c@in_app"], logged=True)
    response = DecideResponse.FromString(decided_response(made, 1))
    assert list(response.choices) == [
        Choice(offer_id="c", channel="in_app", propensity=0.25),
        Choice(slot=1, offer_id="a@b", channel="email", propensity=1.0),
    ]
    assert list(response.ranking) == [ScoredOffer(offer_id="a@b", channel="email", probability=0.75)]
    assert channels_chosen(made) == ["in_app", "email"]


def test_an_id_is_left_as_it_is_where_no_channel_was_drawn() -> None:
    made = Decided(DecisionRecord(pmf=[1.0]), ["a@email"], logged=True)
    response = DecideResponse.FromString(decided_response(made, 1))
    assert list(response.choices) == [Choice(offer_id="a@email", propensity=1.0)]
    assert list(response.ranking) == [ScoredOffer(offer_id="a@email", probability=1.0)]
    assert DecideResult.FromString(decided_result(made, 1)).decision == response


def test_what_is_written_is_bytes_and_nothing_else() -> None:
    """Of a subclass gRPC says that it is no bytes."""
    assert type(Written(decided_response(decided(mode=MODE_LEARNED), 0)).SerializeToString()) is bytes
