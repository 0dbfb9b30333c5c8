"""What a decision shows, as it goes into the customer's history."""

from collections.abc import Callable

from attune.serving.drawing import Draft
from attune.serving.live_offers import LiveOffers
from attune.serving.terms import OfferTerms
from attune.serving.variants import split
from attune.storage.v1.records_pb2 import DecisionRecord, SeenRecord
from attune.v1.decision_service_pb2 import MODE_DEFAULT
from attune.v1.features_pb2 import Offer


def impressions(drawn: Draft) -> list[SeenRecord]:
    """Return what a decision that has just been made shows."""
    channel = drawn.circumstances.channel if drawn.circumstances is not None else ""
    seen = SeenRecord(at_ms=drawn.decided_at_ms, placement=drawn.live.keys.name, event_id=drawn.event_id)
    return _shown(drawn, seen, drawn.eligible.terms_of, channel)


def impressions_of(record: DecisionRecord, placement: str, offers: LiveOffers | None, now_ms: int) -> list[SeenRecord]:
    """Return what a stored decision shows, now that it is shown.

    Args:
        record: The decision, with its offers.
        placement: Its placement.
        offers: What is live of the catalogue: what is not any more has no category here.
        now_ms: Milliseconds since the epoch.
    """

    def terms_of(position: int) -> OfferTerms:
        """Return the catalogue's terms of an offer, or what its id alone says."""
        name = Offer.FromString(record.offers[position]).id
        known = offers.position_of.get(name) if offers is not None and record.offer_set else None
        if offers is None or known is None:
            return OfferTerms(*split(name, with_channels=record.with_channels))
        return offers.terms[known]

    seen = SeenRecord(at_ms=now_ms, placement=placement, event_id=record.event_id)
    return _shown(record, seen, terms_of, record.channel)


def _shown(
    drawn: Draft | DecisionRecord, seen: SeenRecord, terms_of: Callable[[int], OfferTerms], channel: str
) -> list[SeenRecord]:
    # The default offer is what is shown in place of all that rests: if it counted, that would rest for ever.
    if drawn.mode == MODE_DEFAULT:
        return []
    chosen = [drawn.chosen, *(later.chosen for later in drawn.later_slots)]
    return [_impression(seen, terms_of(position), channel) for position in chosen]


def _impression(seen: SeenRecord, terms: OfferTerms, channel: str) -> SeenRecord:
    shown = SeenRecord(
        offer_id=terms.offer_id,
        category=terms.category,
        channel=terms.channel or channel,
        tags=sorted(terms.tags),
    )
    shown.MergeFrom(seen)
    return shown
