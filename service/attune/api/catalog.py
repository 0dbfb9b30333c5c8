"""attune.v1.CatalogService."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from attune.api.catalog_validation import (
    are_free,
    check_ids,
    check_listing,
    check_offer_id,
    check_offers,
    check_spending,
)
from attune.serving.catalog import LiveCatalog
from attune.serving.catalog_copy import KnownOffer, lifetime_ms
from attune.serving.segments import LiveSegments, up_to_date
from attune.storage.v1.records_pb2 import CatalogRecord
from attune.store.catalog import Catalog
from attune.v1.catalog_service_pb2 import (
    DeleteOffersRequest,
    DeleteOffersResponse,
    GetOfferRequest,
    GetOfferResponse,
    KeptOffer,
    ListOffersRequest,
    ListOffersResponse,
    PutOffersRequest,
    PutOffersResponse,
)

DEFAULT_PAGE = 100

# Clients refuse messages of more than 4 MiB by default. Beside the offers there are a token and two numbers.
_MAX_PAGE_BYTES = (3 << 20) - 1024
# Of a field of a message: its number and its length.
_FRAME_BYTES = 5
# An offer has at most 1 MiB: no reading is much larger than a page.
_READ_AT_ONCE = 50


class CatalogServicer:
    """Manages the catalogue."""

    def __init__(self, catalog: Catalog, live: LiveCatalog, segments: LiveSegments | None = None) -> None:
        """Serve with these."""
        self._segments = segments
        self._catalog = catalog
        self._live = live

    async def PutOffers(self, request: PutOffersRequest) -> PutOffersResponse:  # noqa: N802 - the contract's name
        """Put offers into the catalogue."""
        await check_offers(request.offers, await up_to_date(self._segments))
        if are_free(request.offers):
            check_spending(request.offers, await self._live.placements())
        put = await self._catalog.put(request.offers)
        await self._live.catch_up()
        return PutOffersResponse(
            revision=put.revision,
            created=put.created,
            updated=put.updated,
            unchanged=len(request.offers) - put.created - put.updated,
        )

    async def GetOffer(self, request: GetOfferRequest) -> GetOfferResponse:  # noqa: N802 - the contract's name
        """Return an offer."""
        check_offer_id(request.id)
        return GetOfferResponse(offer=_kept(*await self._catalog.get(request.id)))

    async def ListOffers(self, request: ListOffersRequest) -> ListOffersResponse:  # noqa: N802 - the contract's name
        """Return the offers that match, by id."""
        check_listing(request)
        now_ms = await self._live.copy.refresh()
        revision = self._live.copy.revision
        matching = _matching(self._live.copy.ordered(), request, now_ms)
        page = [offer_id for offer_id in matching if offer_id > request.page_token]
        offers, last = await self._page(page[: request.page_size or DEFAULT_PAGE])
        return ListOffersResponse(
            offers=offers,
            next_page_token=last if page and last != page[-1] else "",
            revision=revision,
            total=len(matching),
        )

    async def DeleteOffers(self, request: DeleteOffersRequest) -> DeleteOffersResponse:  # noqa: N802 - the contract's name
        """Take offers out of the catalogue."""
        check_ids(request.ids)
        revision, deleted = await self._catalog.delete(request.ids)
        await self._live.catch_up()
        return DeleteOffersResponse(revision=revision, deleted=deleted)

    async def _page(self, ids: Sequence[str]) -> tuple[list[KeptOffer], str]:
        """Return the offers of a page, as many as fit in, and the id where it ends; empty where there are none."""
        offers: list[KeptOffer] = []
        size, last = 0, ""
        for begin in range(0, len(ids), _READ_AT_ONCE):
            chunk = ids[begin : begin + _READ_AT_ONCE]
            reading = await self._catalog.read(chunk)
            for offer_id, value in zip(chunk, reading.records, strict=True):
                # What is not there was deleted a moment ago; what is damaged is named where it is asked for by its id.
                if (offer := _kept_if_sound(value, reading.now_ms)) is not None:
                    size += offer.ByteSize() + _FRAME_BYTES
                    if offers and size > _MAX_PAGE_BYTES:
                        return offers, last
                    offers.append(offer)
                last = offer_id
        return offers, last


def _matching(offers: Iterable[KnownOffer], request: ListOffersRequest, now_ms: int) -> list[str]:
    placement, tag, channel = request.placement, request.tag, request.channel
    if placement:
        offers = (offer for offer in offers if offer.is_for(placement))
    if tag:
        offers = (offer for offer in offers if tag in offer.tags)
    if channel:
        offers = (offer for offer in offers if not offer.channels or channel in offer.channels)
    if request.live:
        offers = (offer for offer in offers if offer.is_live(now_ms))
    return [offer.id for offer in offers]


def _kept(record: CatalogRecord, now_ms: int) -> KeptOffer:
    changed_at = Timestamp()
    changed_at.FromMilliseconds(record.changed_at_ms)
    starts_ms, ends_ms = lifetime_ms(record.offer)
    return KeptOffer(
        offer=record.offer,
        revision=record.revision,
        changed_at=changed_at,
        live=starts_ms <= now_ms < ends_ms,
    )


def _kept_if_sound(value: bytes | None, now_ms: int) -> KeptOffer | None:
    with suppress(DecodeError):
        return None if value is None else _kept(CatalogRecord.FromString(value), now_ms)
    return None
