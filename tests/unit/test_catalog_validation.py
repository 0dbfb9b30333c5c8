"""What is wrong with offers for the catalogue is said field by field."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from attune.api.catalog_validation import check_ids, check_listing, check_offers, offer_violations
from attune.errors import InvalidInputError
from attune.v1.catalog_service_pb2 import Budget, CatalogOffer, ListOffersRequest
from attune.v1.condition_pb2 import Condition
from attune.v1.features_pb2 import Features, Offer
from attune_models.features import encode_action
from catalog_offers import at_ms, catalog_offer

YEAR_10000_S = 253_402_300_800


def offer(**fields: Any) -> CatalogOffer:
    return catalog_offer("a", **fields)


def priced(price: float, name: str = "price") -> CatalogOffer:
    return CatalogOffer(offer=Offer(id="a", features=Features(numeric={name: price})))


# What is wrong, and the field and the words that say so.
WRONG = [
    (CatalogOffer(), "offer.id", "expected 1 to 256 bytes of UTF-8, got nothing"),
    (catalog_offer("x" * 257), "offer.id", "expected at most 256 bytes of UTF-8, got 257"),
    (catalog_offer("ü" * 129), "offer.id", "expected at most 256 bytes of UTF-8, got 258"),
    (priced(float("nan")), 'offer.features.numeric["price"]', "expected a number between -1e6 and 1e6, got nan"),
    (priced(1e7), 'offer.features.numeric["price"]', "expected a number between -1e6 and 1e6, got 10000000: scale it"),
    (priced(1, name=""), "offer.features.numeric", "expected a feature name of 1 to 256 bytes, got an empty one"),
    (offer(placements=["home", "a}b"]), "placements[1]", 'expected the name of a placement, got "a}b"'),
    (offer(placements=[""]), "placements[0]", 'expected the name of a placement, got ""'),
    (offer(placements=["home\n"]), "placements[0]", 'expected the name of a placement, got "home\n"'),
    (offer(placements=[f"p{i}" for i in range(101)]), "placements", "expected at most 100, got 101"),
    (offer(channels=[""]), "channels[0]", "expected 1 to 256 bytes of UTF-8, got nothing"),
    (offer(channels=["mail", "x" * 257]), "channels[1]", "expected 1 to 256 bytes of UTF-8, got 257"),
    (offer(channels=["mail"] * 101), "channels", "expected at most 100, got 101"),
    (offer(tags=["x" * 257]), "tags[0]", "expected 1 to 256 bytes of UTF-8, got 257"),
    (offer(tags=["t"] * 101), "tags", "expected at most 100, got 101"),
    (
        offer(starts_at=Timestamp(seconds=YEAR_10000_S)),
        "starts_at",
        f"expected a time from 0001 to 9999, got {YEAR_10000_S} s and 0 ns",
    ),
    (
        offer(starts_at=at_ms(0), ends_at=Timestamp(nanos=-1)),
        "ends_at",
        "expected a time from 0001 to 9999, got 0 s and -1 ns",
    ),
    (
        offer(starts_at=at_ms(1000), ends_at=at_ms(1000)),
        "ends_at",
        "expected a time after starts_at, which is 1970-01-01T00:00:01Z, got 1970-01-01T00:00:01Z",
    ),
    (offer(category="x" * 257), "category", "expected at most 256 bytes of UTF-8, got 257"),
    (offer(exclusive_group="ü" * 129), "exclusive_group", "expected at most 256 bytes of UTF-8, got 258"),
    (offer(when=Condition()), "when", "expected one of all, any, not, test and segment, got none"),
    (
        offer(when=Condition(all=[Condition(segment="royal")])),
        "when.all[0].segment",
        'expected the name of a segment, got "royal"',
    ),
    (
        offer(budget=Budget()),
        "budget.impressions_per_day",
        "expected a number here or in spend_per_day, got neither",
    ),
    (offer(budget=Budget(impressions_per_day=0)), "budget.impressions_per_day", "expected 1 to 1000000000000, got 0"),
    (
        offer(budget=Budget(spend_per_day=0)),
        "budget.spend_per_day",
        "expected more than 0, at most 1000000000000, got 0",
    ),
    (
        offer(budget=Budget(spend_per_day=float("nan"))),
        "budget.spend_per_day",
        "expected more than 0, at most 1000000000000, got nan",
    ),
    (
        offer(budget=Budget(spend_per_day=5, time_zone="Mars")),
        "budget.time_zone",
        'expected a time zone such as "Europe/Istanbul", got "Mars"',
    ),
    (offer(cost=-0.01), "cost", "expected 0 to 1000000, got -0.01"),
]


@pytest.mark.parametrize(("wrong", "field", "said"), WRONG)
async def test_what_is_wrong_is_said_with_its_path(wrong: CatalogOffer, field: str, said: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        await check_offers([catalog_offer("first"), wrong], {"loyal": Condition(test="age > 3")})
    assert [(each.field, each.description) for each in raised.value.violations] == [(f"offers[1].{field}", said)]


# What may look wrong and is not.
RIGHT = [
    CatalogOffer(offer=Offer(id="without features")),
    catalog_offer("x" * 256),
    catalog_offer("ü*|: \n{home}"),
    offer(placements=["home", "home"]),
    offer(placements=[f"p{i}" for i in range(100)], channels=["ü" * 128] * 100, tags=["\n"] * 100),
    offer(starts_at=at_ms(1000), ends_at=Timestamp(seconds=1, nanos=1)),
    offer(ends_at=at_ms(-1)),
    offer(category="shoes", exclusive_group="discount", cost=1e6, when=Condition(segment="of the service")),
    offer(budget=Budget(impressions_per_day=1, spend_per_day=0.01, time_zone="Europe/Istanbul")),
    offer(starts_at=Timestamp(seconds=YEAR_10000_S - 1, nanos=999_999_999)),
]


@pytest.mark.parametrize("right", RIGHT)
def test_what_may_look_wrong_is_right(right: CatalogOffer) -> None:
    assert list(offer_violations(right)) == []


@pytest.mark.parametrize("right", RIGHT)
def test_what_is_kept_can_be_encoded(right: CatalogOffer) -> None:
    """Every server encodes it, long after anybody could be told that it is wrong."""
    assert encode_action(right.offer)


async def test_ids_are_unique_in_a_request() -> None:
    with pytest.raises(InvalidInputError) as raised:
        await check_offers([catalog_offer(name) for name in ("a", "b", "a", "a")])
    said = 'expected an id of its own, got "a" as in offers[0]'
    assert [(each.field, each.description) for each in raised.value.violations] == [
        ("offers[2].offer.id", said),
        ("offers[3].offer.id", said),
    ]


@pytest.mark.parametrize("count", [0, 1001])
async def test_the_number_of_offers_is_bounded_before_they_are_looked_at(count: int) -> None:
    with pytest.raises(InvalidInputError, match=f"offers: expected 1 to 1000, got {count}"):
        await check_offers([CatalogOffer()] * count)


async def test_while_a_thousand_offers_are_checked_other_things_happen() -> None:
    """A thousand offers of twenty features take tens of milliseconds."""
    features = Features(numeric={f"n{i}": i / 7 for i in range(20)}, categorical={f"c{i}": f"v{i}" for i in range(20)})
    offers = [CatalogOffer(offer=Offer(id=f"o{i}", features=features)) for i in range(1000)]
    checking = asyncio.create_task(check_offers(offers))
    turns = 0
    while not checking.done():
        turns += 1
        await asyncio.sleep(0)
    await checking
    assert turns > 3


@pytest.mark.parametrize(
    ("ids", "field", "said"),
    [
        ([], "ids", "expected 1 to 1000, got 0"),
        (["a"] * 1001, "ids", "expected 1 to 1000, got 1001"),
        (["a", ""], "ids[1]", "expected 1 to 256 bytes of UTF-8, got nothing"),
    ],
)
def test_ids_to_delete_are_checked(ids: Sequence[str], field: str, said: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        check_ids(ids)
    assert [(each.field, each.description) for each in raised.value.violations] == [(field, said)]


@pytest.mark.parametrize(
    ("request_", "field", "said"),
    [
        (ListOffersRequest(placement="Home"), "placement", 'expected the name of a placement, got "Home"'),
        (ListOffersRequest(tag="x" * 257), "tag", "expected 1 to 256 bytes of UTF-8, got 257"),
        (ListOffersRequest(channel="x" * 257), "channel", "expected 1 to 256 bytes of UTF-8, got 257"),
        (ListOffersRequest(page_token="x" * 257), "page_token", "expected 1 to 256 bytes of UTF-8, got 257"),
        (ListOffersRequest(page_size=1001), "page_size", "expected 0 to 1000, got 1001"),
    ],
)
def test_what_is_to_be_listed_is_checked(request_: ListOffersRequest, field: str, said: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        check_listing(request_)
    assert [(each.field, each.description) for each in raised.value.violations] == [(field, said)]
    check_listing(ListOffersRequest(placement="home", tag="t", channel="c", page_size=1000, page_token="ü"))
