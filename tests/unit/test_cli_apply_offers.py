"""How offers are divided over calls."""

from attune.cli.apply_offers import MAX_BYTES, portions
from attune.cli.offer_files import OfferEntry
from attune.v1.catalog_service_pb2 import CatalogOffer, PutOffersRequest

MIB = 1 << 20


def entries(count: int, size: int) -> list[OfferEntry]:
    """Return offers of some size in bytes, about."""
    features = {"categorical": {f"{i}": "x" * 250 for i in range(size // 260)}}
    offers = [CatalogOffer(offer={"id": f"o{i}", "features": features}) for i in range(count)]
    return [OfferEntry(offer, "f", f"offers[{i}]", {"": 1}, folded=True) for i, offer in enumerate(offers)]


def test_a_call_has_a_thousand_offers_at_most() -> None:
    assert [len(each) for each in portions(entries(2001, 0))] == [1000, 1000, 1]
    assert [len(each) for each in portions(entries(1000, 0))] == [1000]
    assert list(portions([])) == []


def test_a_call_has_a_mebibyte_at_most_and_is_not_much_smaller() -> None:
    all_of_them = entries(200, 20_000)
    divided = list(portions(all_of_them))
    sizes = [PutOffersRequest(offers=[each.offer for each in portion]).ByteSize() for portion in divided]
    assert [entry for portion in divided for entry in portion] == all_of_them
    assert max(sizes) <= MAX_BYTES < MIB
    assert min(sizes[:-1]) > MIB - 30_000


def test_what_no_call_can_take_is_left_to_the_service_to_refuse() -> None:
    assert [len(each) for each in portions(entries(3, 2 * MIB))] == [1, 1, 1]
