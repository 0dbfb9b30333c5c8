"""How a decision is written: the bytes of a storage.v1.DecisionRecord, put together from pieces.

Filling in a message and serialising it costs far more: most of a record is bytes already, and what
decisions of one version have in common is the same for thousands of them. On the wire, a message is its fields, one
after the other, in any order.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct

from attune.serving.wire import BYTES, VARINT, begun, tag, varint
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.v1.decision_service_pb2 import Mode

_EVENT_ID = tag(DecisionRecord.EVENT_ID_FIELD_NUMBER, BYTES)
_DECIDED_AT = tag(DecisionRecord.DECIDED_AT_MS_FIELD_NUMBER, VARINT)
_CONTEXT = tag(DecisionRecord.CONTEXT_FIELD_NUMBER, BYTES)
_OFFER = tag(DecisionRecord.OFFERS_FIELD_NUMBER, BYTES)
_PMF = tag(DecisionRecord.PMF_FIELD_NUMBER, BYTES)
_OFFERS_BEGUN = [_OFFER + varint(size) for size in range(2048)]
_CHOSEN = tag(DecisionRecord.CHOSEN_FIELD_NUMBER, VARINT)
_CUSTOMER = tag(DecisionRecord.CUSTOMER_FIELD_NUMBER, BYTES)

WITHHELD = DecisionRecord(withheld=True).SerializeToString()
"""That nothing may be learned from a decision, serialised."""


def own_fields(event_id: str, decided_at_ms: int, context: bytes, pmf: Sequence[float], chosen: int) -> bytes:
    """Return what every decision has of its own, serialised.

    Args:
        event_id: Its id.
        decided_at_ms: When it was made, milliseconds since the epoch.
        context: A serialised attune.v1.Features message.
        pmf: The probability of each offer.
        chosen: Position of the offer drawn, zero-based.
    """
    written = event_id.encode()
    pmf_begun, doubles = _pmf_of(len(pmf))
    return b"".join(
        (
            begun(_EVENT_ID, len(written)),
            written,
            _decided_at(decided_at_ms),
            begun(_CONTEXT, len(context)),
            context,
            pmf_begun,
            doubles.pack(*pmf),
            begun(_CHOSEN, chosen),
        )
    )


def customer_field(customer: bytes) -> bytes:
    """Return the keyed hash of a customer's id, serialised."""
    return begun(_CUSTOMER, len(customer)) + customer


@lru_cache(256)
def channel_field(channel: str) -> bytes:
    """Return the channel that a request says, serialised."""
    return DecisionRecord(channel=channel).SerializeToString()


def offers_field(offers: Sequence[bytes]) -> bytes:
    """Return the offers that came with a request, serialised."""
    try:
        return b"".join([piece for offer in offers for piece in (_OFFERS_BEGUN[len(offer)], offer)])
    except IndexError:  # one is large
        return b"".join([piece for offer in offers for piece in (begun(_OFFER, len(offer)), offer)])


@lru_cache(1024)
def common_fields(policy_version: int, mode: Mode, offer_set: bytes, with_channels: bool = False) -> bytes:  # noqa: FBT001, FBT002 - a value like the others
    """Return what many decisions have in common, serialised."""
    return DecisionRecord(
        policy_version=policy_version, mode=mode, offer_set=offer_set, with_channels=with_channels
    ).SerializeToString()


@lru_cache(8)
def _decided_at(decided_at_ms: int) -> bytes:
    return _DECIDED_AT + varint(decided_at_ms)


@lru_cache(256)
def _pmf_of(n_offers: int) -> tuple[bytes, Struct]:
    """Return what stands before a pmf, and how it is written."""
    doubles = Struct(f"<{n_offers}d")
    return begun(_PMF, doubles.size), doubles
