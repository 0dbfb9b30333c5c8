"""attune.v1.CatalogService."""

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from attune.api.catalog_validation import check_ids, check_listing, check_offer_id, check_offers
from attune.serving.catalog import LiveCatalog
from attune.serving.catalog_copy import KnownOffer, lifetime_ms
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

# Clients refuse messages of more than 4 MiB by default.
_MAX_PAGE_BYTES = 3 << 20
# An offer has at most 1 MiB: no reading is much larger than a page.
_READ_AT_ONCE = 50


class CatalogServicer:
    """Manages the catalogue."""

    def __init__(self, catalog: Catalog, live: LiveCatalog) -> None:
        """Serve with these."""
        self._catalog = catalog
        self._live = live

    async def PutOffers(self, request: PutOffersRequest) -> PutOffersResponse:  # noqa: N802 - the contract's name
        """Put offers into the catalogue."""
        await check_offers(request.offers)
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
        look = await self._live.copy.refresh()
        revision = self._live.copy.revision
        matching = [offer.id for offer in self._live.copy.ordered() if _matches(offer, request, look.now_ms)]
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
                size += len(value or b"")
                if offers and size > _MAX_PAGE_BYTES:
                    return offers, last
                last = offer_id
                if value is not None:  # else it was deleted a moment ago
                    offers.append(_kept(CatalogRecord.FromString(value), reading.now_ms))
        return offers, last


def _matches(offer: KnownOffer, request: ListOffersRequest, now_ms: int) -> bool:
    return (
        (not request.placement or offer.is_for(request.placement))
        and (not request.tag or request.tag in offer.tags)
        and (not request.channel or not offer.channels or request.channel in offer.channels)
        and (not request.live or offer.is_live(now_ms))
    )


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
