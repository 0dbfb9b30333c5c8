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
    event = drawn.decided_at_ms, drawn.live.keys.name, drawn.event_id
    return _shown(drawn, event, drawn.eligible.terms_of, channel)


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

    return _shown(record, (now_ms, placement, record.event_id), terms_of, record.channel)


def _shown(
    drawn: Draft | DecisionRecord, event: tuple[int, str, str], terms_of: Callable[[int], OfferTerms], channel: str
) -> list[SeenRecord]:
    # The default offer is what is shown in place of all that rests: if it counted, that would rest for ever.
    if drawn.mode == MODE_DEFAULT:
        return []
    shown = [_impression(event, terms_of(drawn.chosen), channel)]
    shown += [_impression(event, terms_of(later.chosen), channel) for later in drawn.later_slots]
    return shown


def _impression(event: tuple[int, str, str], terms: OfferTerms, channel: str) -> SeenRecord:
    at_ms, placement, event_id = event
    return SeenRecord(
        at_ms=at_ms,
        placement=placement,
        event_id=event_id,
        offer_id=terms.offer_id,
        category=terms.category,
        channel=terms.channel or channel,
        tags=sorted(terms.tags),
    )
