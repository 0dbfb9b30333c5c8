"""What a decision shows, as it goes into the customer's history."""

from collections.abc import Callable
from functools import lru_cache

from attune.serving.drawing import Draft
from attune.serving.live_offers import LiveOffers
from attune.serving.terms import OfferTerms
from attune.serving.variants import split
from attune.serving.wire import BYTES, tag, varint
from attune.storage.v1.records_pb2 import DecisionRecord, SeenRecord
from attune.v1.decision_service_pb2 import MODE_DEFAULT
from attune.v1.features_pb2 import Offer

_EVENT_ID = tag(SeenRecord.EVENT_ID_FIELD_NUMBER, BYTES)


def entries(drawn: Draft) -> list[bytes]:
    """Return what a decision that has just been made shows, a serialised storage.v1.SeenRecord each."""
    channel = drawn.circumstances.channel if drawn.circumstances is not None else ""
    event = _event(drawn.decided_at_ms, drawn.live.keys.name, drawn.event_id)
    return _shown(drawn, event, drawn.eligible.terms_of, channel)


def impressions(drawn: Draft) -> list[SeenRecord]:
    """Return the same as messages."""
    return list(map(SeenRecord.FromString, entries(drawn)))


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

    event = _event(now_ms, placement, record.event_id)
    return list(map(SeenRecord.FromString, _shown(record, event, terms_of, record.channel)))


def _shown(
    drawn: Draft | DecisionRecord, event: bytes, terms_of: Callable[[int], OfferTerms], channel: str
) -> list[bytes]:
    # The default offer is what is shown in place of all that rests: if it counted, that would rest for ever.
    if drawn.mode == MODE_DEFAULT:
        return []
    chosen = [terms_of(position) for position in (drawn.chosen, *(later.chosen for later in drawn.later_slots))]
    return [event + _offer(each.offer_id, each.category, each.channel or channel, each.tags) for each in chosen]


# Fields in the order of their numbers, as the library writes them: who takes an entry back may write it anew.
def _event(at_ms: int, placement: str, event_id: str) -> bytes:
    written = event_id.encode()
    return _moment(at_ms, placement) + _EVENT_ID + varint(len(written)) + written


@lru_cache(64)
def _moment(at_ms: int, placement: str) -> bytes:
    return SeenRecord(at_ms=at_ms, placement=placement).SerializeToString()


@lru_cache(4096)
def _offer(offer_id: str, category: str, channel: str, tags: frozenset[str]) -> bytes:
    return SeenRecord(offer_id=offer_id, category=category, channel=channel, tags=sorted(tags)).SerializeToString()
