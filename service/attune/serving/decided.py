"""What becomes of a decision: written, answered without the store, or found to have been made before."""

from collections.abc import Sequence
from typing import NamedTuple

from attune.errors import AlreadyExistsError, StoreUnavailableError
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.candidates import asked
from attune.serving.drawing import Draft
from attune.serving.identity import request_digest
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import STORE_FAILURE_REFUSE


class Decided(NamedTuple):
    """A decision.

    Attributes:
        record: What is, or would be, in the store.
        offer_ids: Ids of the offers that could be drawn, in the record's order.
        logged: Whether it is in the store.
    """

    record: Draft | DecisionRecord
    offer_ids: Sequence[str]
    logged: bool


def written(drawn: Draft) -> Decided:
    """Return a decision that is in the store now."""
    return Decided(drawn, drawn.eligible.situation.action_ids, logged=True)


def unlogged(drawn: Draft, error: StoreUnavailableError) -> Decided:
    """Return a decision as it is answered without the store; raise the error where the placement refuses to."""
    if drawn.live.placement.store_failure == STORE_FAILURE_REFUSE:
        raise error
    return Decided(drawn, drawn.eligible.situation.action_ids, logged=False)


def repeated(first: DecisionRecord, request: DecideEnvelope, keys: Sequence[bytes]) -> Decided:
    """Return what was decided first under an event_id.

    Args:
        first: What is in the store.
        request: The request that has the same event_id.
        keys: What the digest of the first one may be keyed with.

    Raises:
        AlreadyExistsError: It was another request.
    """
    question = asked(request)
    if all(first.request_digest != request_digest(request, question, key) for key in keys):
        raise AlreadyExistsError(
            f'event_id: expected an id that is new, or the request it was first used with, got "{first.event_id}" '
            "with a different request"
        )
    return Decided(first, [Offer.FromString(offer).id for offer in first.offers], logged=True)
