"""When an offer is live, by a clock of whole milliseconds."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from attune.serving.catalog_copy import KnownOffer, lifetime_ms
from attune.serving.live_offers import Channels
from attune.serving.terms import OfferTerms
from attune.v1.catalog_service_pb2 import CatalogOffer
from catalog_offers import at_ms

FIRST_S, LAST_S = -62_135_596_800, 253_402_300_799


def known(offer: CatalogOffer) -> KnownOffer:
    starts_ms, ends_ms = lifetime_ms(offer)
    return KnownOffer(
        id="a",
        revision=1,
        serialised=b"",
        digest=b"",
        action="=a",
        placements=frozenset(offer.placements),
        channels=frozenset(),
        tags=frozenset(),
        starts_ms=starts_ms,
        ends_ms=ends_ms,
        terms=OfferTerms("a"),
    )


# The offer, and at which of the milliseconds 999, 1000, 1001, 1002 it is live.
LIVES = [
    (CatalogOffer(), [True, True, True, True]),
    (CatalogOffer(starts_at=at_ms(1000)), [False, True, True, True]),
    (CatalogOffer(starts_at=Timestamp(seconds=1, nanos=1)), [False, False, True, True]),
    (CatalogOffer(ends_at=at_ms(1001)), [True, True, False, False]),
    (CatalogOffer(ends_at=Timestamp(seconds=1, nanos=1)), [True, True, False, False]),
    (CatalogOffer(starts_at=at_ms(1000), ends_at=at_ms(1001)), [False, True, False, False]),
    (CatalogOffer(starts_at=at_ms(1000), ends_at=Timestamp(seconds=1, nanos=1)), [False, True, False, False]),
    (CatalogOffer(starts_at=at_ms(0), ends_at=at_ms(1)), [False, False, False, False]),
    (CatalogOffer(starts_at=Timestamp(seconds=FIRST_S), ends_at=Timestamp(seconds=LAST_S)), [True, True, True, True]),
]


@pytest.mark.parametrize(("offer", "expected"), LIVES)
def test_an_offer_is_live_from_its_start_until_before_its_end(offer: CatalogOffer, expected: list[bool]) -> None:
    assert [known(offer).is_live(now_ms) for now_ms in (999, 1000, 1001, 1002)] == expected


def test_an_offer_is_for_every_placement_unless_it_names_some() -> None:
    assert known(CatalogOffer()).is_for("home")
    assert known(CatalogOffer(placements=["home", "mail"])).is_for("mail")
    assert not known(CatalogOffer(placements=["home", "mail"])).is_for("app")


def test_a_channel_has_its_offers_and_those_without_channels_in_order() -> None:
    channels = Channels({"mail": [3, 5], "app": [0]}, [1, 4])
    assert dict(channels) == {"mail": [1, 3, 4, 5], "app": [0, 1, 4]}
    assert (len(channels), "mail" in channels, "sms" in channels) == (2, True, False)
    assert channels["mail"] is channels["mail"], "it is put together once"


def test_many_channels_take_no_more_memory_than_the_offers_that_name_them() -> None:
    """A thousand offers may name a hundred channels each, and each channel has all the offers without channels."""
    channels = Channels({f"c{i}": [0] for i in range(100)}, range(1, 1000))
    assert {len(channels[f"c{i}"]) for i in range(100)} == {1000}
    assert channels._merged.cache_info().currsize == 64  # noqa: SLF001 - nothing else shows what is kept
