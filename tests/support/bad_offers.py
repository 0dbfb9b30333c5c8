"""Tables of offers and listings that the catalogue has to refuse. See `bad_requests`."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from attune.v1.catalog_service_pb2 import CatalogOffer
from bad_requests import LONG, NAMES, Bad, bad_features
from messages import features, kept


def _bad_offers() -> Iterator[tuple[str, CatalogOffer, str, str]]:
    """Yields name, offer, path in the offer, and quote."""
    yield "no id", kept(""), "offer.id", "nothing"
    yield "long id", kept(LONG), "offer.id", "257"
    yield "no offer", CatalogOffer(), "offer.id", "nothing"
    for name, spoiled, where, got in bad_features():
        yield name, kept("x", features(**spoiled)), f"offer.features.{where}".rstrip("."), got
    yield "101 placements", kept("x", placements=[f"p{i}" for i in range(101)]), "placements", "101"
    for name in NAMES:
        yield f"placement {name!r}", kept("x", placements=["good", name]), "placements[1]", name[:64]
    for field in ("channels", "tags"):
        fields: dict[str, Any] = {field: [f"c{i}" for i in range(101)]}
        yield f"101 {field}", kept("x", **fields), field, "101"
        for name, word, got in (("empty", "", "nothing"), ("long", LONG, "257")):
            fields = {field: ["good", word]}
            yield f"{name} one of {field}", kept("x", **fields), f"{field}[1]", got
    now, past = Timestamp(seconds=1_800_000_000), Timestamp(seconds=1_799_999_999, nanos=999_999_999)
    yield "ends when it starts", kept("x", starts_at=now, ends_at=now), "ends_at", "2027-01-15"
    yield "ends before it starts", kept("x", starts_at=now, ends_at=past), "ends_at", "2027-01-15"
    for field in ("starts_at", "ends_at"):
        # Neither is a Timestamp: years 1 to 9999, nanoseconds from 0 up.
        for at, got in ((Timestamp(seconds=10**15), str(10**15)), (Timestamp(seconds=1, nanos=-5), "-5")):
            fields = {field: at}
            yield f"{field} {got}", kept("x", **fields), field, got


def _bad_puts() -> Iterator[Bad]:
    yield Bad("no offers", {"offers": []}, "offers", "0")
    yield Bad("1,001 offers", {"offers": [kept(f"x{i}") for i in range(1001)]}, "offers", "1001")
    yield Bad("the same id twice", {"offers": [kept("x"), kept("y"), kept("x")]}, "offers[2].offer.id", '"x"')
    for name, offer, where, got in _bad_offers():
        yield Bad(name, {"offers": [kept("neighbour"), offer]}, f"offers[1].{where}", got)


PUTS = tuple(_bad_puts())
LISTINGS = (
    Bad("page of 1,001", {"page_size": 1001}, "page_size", "1001"),
    Bad("page of 4 billion", {"page_size": 2**32 - 1}, "page_size", str(2**32 - 1)),
    Bad("bad placement", {"placement": "Not one"}, "placement", '"Not one"'),
    Bad("long tag", {"tag": LONG}, "tag", "257"),
    Bad("long channel", {"channel": LONG}, "channel", "257"),
)
DELETIONS = (
    Bad("no ids", {"ids": []}, "ids", "0"),
    Bad("1,001 ids", {"ids": [str(i) for i in range(1001)]}, "ids", "1001"),
    Bad("empty id", {"ids": ["a", ""]}, "ids[1]", "nothing"),
    Bad("long id", {"ids": ["a", LONG]}, "ids[1]", "257"),
)
# Requests for decisions, of a placement that has the offers a, b and c of the catalogue.
DECIDES = (
    Bad("1,001 ids of offers", {"offer_ids": [str(i) for i in range(1001)]}, "offer_ids", "1001"),
    Bad("the same id twice", {"offer_ids": ["a", "b", "a"]}, "offer_ids[2]", '"a"'),
    Bad("empty id of an offer", {"offer_ids": ["a", ""]}, "offer_ids[1]", "nothing"),
    Bad("long id of an offer", {"offer_ids": ["a", LONG]}, "offer_ids[1]", "257"),
    Bad("offers and ids of offers", {"offers": [kept("a").offer], "offer_ids": ["a"]}, "offer", ""),
    Bad("long channel", {"channel": LONG}, "channel", "257"),
)
