"""What a stored decision shows, once it is shown."""

from attune.serving.impressions import impressions_of
from attune.serving.terms import OfferTerms
from attune.serving.variants import Channel
from attune.storage.v1.records_pb2 import DecisionRecord, SeenRecord, SlotRecord
from attune.v1.features_pb2 import Offer
from live_offers import live_on

LIVE = live_on((Channel("email"), Channel("push")), [OfferTerms("a", category="shoes"), OfferTerms("b@x")])


def decision(*ids: str, **fields: object) -> DecisionRecord:
    offers = [Offer(id=each).SerializeToString() for each in ids]
    return DecisionRecord(event_id="e", offers=offers, later_slots=[SlotRecord(chosen=1)], **fields)  # type: ignore[arg-type]


def seen(offer_id: str, channel: str, category: str = "") -> SeenRecord:
    return SeenRecord(at_ms=5, placement="crm", event_id="e", offer_id=offer_id, channel=channel, category=category)


def test_offers_on_channels_go_into_the_history_as_both() -> None:
    record = decision("a@push", "b@x@email", with_channels=True, offer_set=b"s" * 16)
    assert impressions_of(record, "crm", LIVE, 5) == [seen("a", "push", "shoes"), seen("b@x", "email")]


def test_so_do_those_that_are_not_live_any_more_or_came_with_the_request() -> None:
    for record in (
        decision("gone@sms", "a@push", with_channels=True, offer_set=b"s" * 16),
        decision("gone@sms", "a@push", with_channels=True),
    ):
        category = "shoes" if record.offer_set else ""
        assert impressions_of(record, "crm", LIVE, 5) == [seen("gone", "sms"), seen("a", "push", category)]
    assert impressions_of(decision("a@push", "b", channel="web"), "crm", None, 5) == [
        seen("a@push", "web"),
        seen("b", "web"),
    ]
