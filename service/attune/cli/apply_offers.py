"""Makes the catalogue hold the offers of files, in as few calls as their sizes allow."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from attune.cli.client import Service
from attune.cli.failures import CallError
from attune.cli.offer_files import OfferEntry, located
from attune.errors import InvalidInputError
from attune.v1.catalog_service_pb2 import (
    DeleteOffersRequest,
    DeleteOffersResponse,
    KeptOffer,
    ListOffersRequest,
    ListOffersResponse,
    PutOffersRequest,
    PutOffersResponse,
)
from attune.v1.catalog_service_pb2_grpc import CatalogServiceStub

MAX_OFFERS = 1000  # in one call
MAX_BYTES = (1 << 20) - 64
_FRAME_BYTES = 8  # of an offer in a message: its field's number and its length


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of the catalogue.

    Attributes:
        created: How many offers are new.
        updated: How many were there and have changed.
        unchanged: How many were there as they are.
        deleted: How many are gone.
        revision: The catalogue's revision; 0 where it was not asked for.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    revision: int = 0


def apply(service: Service, entries: Sequence[OfferEntry], *, prune: bool, tell: Callable[[int], object]) -> Changes:
    """Put offers into the catalogue.

    Args:
        service: Where it is.
        entries: The offers, ids unique.
        prune: Whether to delete those that are not among them, once these are in.
        tell: Is told how many are in so far, as it goes on.

    Raises:
        InvalidInputError: The service refuses an offer; those sent before are in the catalogue.
        CallError: The service cannot be reached, or refuses for another reason.
    """
    replies, sent = [], 0
    for portion in portions(entries):
        replies.append(_put(service, portion))
        tell(sent := sent + len(portion))
    revision = max((reply.revision for reply in replies), default=0)
    deleted = delete(service, _others(service, {entry.offer.offer.id for entry in entries})) if prune else None
    return Changes(
        sum(reply.created for reply in replies),
        sum(reply.updated for reply in replies),
        sum(reply.unchanged for reply in replies),
        deleted.deleted if deleted else 0,
        deleted.revision if deleted and deleted.revision else revision,
    )


def portions(entries: Iterable[OfferEntry]) -> Iterator[list[OfferEntry]]:
    """Yield offers in the largest portions that one call takes, in their order."""
    portion: list[OfferEntry] = []
    size = 0
    for entry in entries:
        more = entry.offer.ByteSize() + _FRAME_BYTES
        if portion and (len(portion) == MAX_OFFERS or size + more > MAX_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(entry)
        size += more
    if portion:
        yield portion


def delete(service: Service, ids: Sequence[str]) -> DeleteOffersResponse:
    """Take offers out of the catalogue; ids that are not in it are ignored.

    Returns:
        What the last call said, with the number of all that were deleted.
    """
    stub, total = CatalogServiceStub(service.channel), DeleteOffersResponse()
    for start in range(0, len(ids), MAX_OFFERS):
        request = DeleteOffersRequest(ids=ids[start : start + MAX_OFFERS])
        reply: DeleteOffersResponse = service.call(stub.DeleteOffers, request)
        total = DeleteOffersResponse(revision=reply.revision, deleted=total.deleted + reply.deleted)
    return total


def listed(service: Service, request: ListOffersRequest) -> Iterator[ListOffersResponse]:
    """Yield all pages that match, from the first on."""
    stub = CatalogServiceStub(service.channel)
    asked = ListOffersRequest(page_size=MAX_OFFERS)
    asked.MergeFrom(request)
    while True:
        page: ListOffersResponse = service.call(stub.ListOffers, asked)
        yield page
        if not page.next_page_token:
            return
        asked.page_token = page.next_page_token


def kept(service: Service, request: ListOffersRequest) -> Iterator[KeptOffer]:
    """Yield all offers that match, by id."""
    for page in listed(service, request):
        yield from page.offers


def _others(service: Service, ids: Collection[str]) -> list[str]:
    return [one.offer.offer.id for one in kept(service, ListOffersRequest()) if one.offer.offer.id not in ids]


def _put(service: Service, portion: Sequence[OfferEntry]) -> PutOffersResponse:
    request = PutOffersRequest(offers=[entry.offer for entry in portion])
    try:
        reply: PutOffersResponse = service.call(CatalogServiceStub(service.channel).PutOffers, request)
    except CallError as error:
        if not error.violations:
            raise
        raise InvalidInputError(*(located(portion, violation) for violation in error.violations)) from error
    return reply
