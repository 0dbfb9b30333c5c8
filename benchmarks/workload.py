"""What is measured with: placements, a catalogue, and requests of which no two have the same context.

Everything is the same at every run. A context has 4 features, an offer has 4. One number of each context never repeats
among all that are sent, so that nothing profits from having seen a context before. `event_id` stays empty, so the
server makes a new one for every call, except where outcomes are to refer to it.
"""

import random
import struct
from collections.abc import Iterator, Sequence
from itertools import count, cycle
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from attune.v1.catalog_service_pb2 import CatalogOffer
from attune.v1.decision_service_pb2 import DecideBatchRequest, DecideRequest
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import AGGREGATION_FIRST, OutcomeRule, Placement, RewardSpec
from attune.v1.reward_service_pb2 import Outcome, RecordOutcomesRequest

INLINE = "bench-inline"
INLINE_OFFERS = 10
FOR_CUSTOMERS = "bench-customers"
"""The placement that decides for customers: among as many offers as the smallest one, see `benchmarks.customers`."""
SIZES = (10, 50, 200, 1_000)
BATCH = 64

_REQUESTS = 256
_POOL = 200  # offers that inline ones are drawn from
_DEVICES = ("mobile", "desktop", "tablet", "kiosk")
_CHANNELS = ("web", "app", "email", "search", "social")
_CATEGORIES = ("shoes", "outdoor", "garden", "kitchen", "books", "toys", "music", "travel")
# Stands in a serialised request where the number goes that is other each time.
_SENTINEL = 1234.567890123
_DOUBLE = struct.Struct("<d")
_MOST_DAYS = 3_000.0
_GOLDEN = 0.6180339887498949


def by_catalogue(n_offers: int) -> str:
    """Returns the name of the placement that has so many offers in the catalogue."""
    return f"bench-{n_offers}"


def placement(name: str, window_s: int) -> Placement:
    """Returns a measured placement: the default policy, rewarded for clicks.

    Args:
        name: Its name.
        window_s: How long outcomes are waited for, in seconds.
    """
    click = OutcomeRule(name="click", weight=1.0, aggregation=AGGREGATION_FIRST)
    return Placement(name=name, reward=RewardSpec(window=Duration(seconds=window_s), outcomes=[click]))


def offers(n_offers: int) -> list[Offer]:
    """Returns the first offers of the catalogue."""
    rng = random.Random(1)  # noqa: S311  # draws examples, keeps no secret
    return [_offer(rng, number) for number in range(n_offers)]


def catalogue() -> list[CatalogOffer]:
    """Returns offers for the placements of all sizes: each has the first ones, as many as its name says."""
    return [
        CatalogOffer(offer=offer, placements=_placements_of(number)) for number, offer in enumerate(offers(max(SIZES)))
    ]


def contexts() -> list[Features]:
    """Returns contexts; where the number of days goes that is other each time, all have the same."""
    rng = random.Random(2)  # noqa: S311  # draws examples, keeps no secret
    return [
        Features(
            numeric={"tenure_days": _SENTINEL, "hour": float(rng.randrange(24))},
            categorical={"device": rng.choice(_DEVICES), "channel": rng.choice(_CHANNELS)},
        )
        for _ in range(_REQUESTS)
    ]


def inline_requests() -> list[DecideRequest]:
    """Returns requests that bring their offers along."""
    rng, pool = random.Random(3), offers(_POOL)  # noqa: S311  # draws examples, keeps no secret
    return [
        DecideRequest(placement=INLINE, context=context, offers=rng.sample(pool, INLINE_OFFERS))
        for context in contexts()
    ]


def catalogue_requests(n_offers: int) -> list[DecideRequest]:
    """Returns requests that name no offers: all of the placement are meant."""
    return [DecideRequest(placement=by_catalogue(n_offers), context=context) for context in contexts()]


def batches(requests: Sequence[DecideRequest]) -> list[DecideBatchRequest]:
    """Returns the same requests, `BATCH` to a call."""
    return [DecideBatchRequest(requests=requests[i : i + BATCH]) for i in range(0, len(requests), BATCH)]


def named_batches(n_events: int) -> Iterator[bytes]:
    """Yields serialised batches of decisions that outcomes can refer to; see `event_id`."""
    requests = catalogue_requests(min(SIZES))
    for first in range(0, n_events, BATCH):
        batch = DecideBatchRequest(requests=requests[:BATCH])
        for i, request in enumerate(batch.requests):
            request.event_id = event_id(first + i)
        yield batch.SerializeToString()


def event_id(number: int) -> str:
    """Returns the id of a decision that outcomes refer to."""
    return str(UUID(int=number))


def outcomes(n_events: int, batch: int, prefix: str) -> Iterator[bytes]:
    """Yields serialised calls of `RecordOutcomes` for ever: one outcome of each decision, then a second one, and so on.

    Args:
        n_events: How many decisions there are.
        batch: Outcomes in a call; divides `n_events`.
        prefix: Begins the outcomes' ids, so that those of other calls are others.
    """
    name = by_catalogue(min(SIZES))
    for turn in count():
        for first in range(0, n_events, batch):
            some = [
                Outcome(placement=name, event_id=event_id(first + i), outcome_id=f"{prefix}{turn}", name="click")
                for i in range(batch)
            ]
            yield RecordOutcomesRequest(outcomes=some).SerializeToString()


def days() -> Iterator[float]:
    """Yields numbers below 3,000, none of them twice."""
    for i in count(1):
        yield i * _GOLDEN % 1.0 * _MOST_DAYS


def ever_other(requests: Sequence[Message], numbers: Iterator[float]) -> Iterator[bytes]:
    """Yields the requests serialised, in turn and for ever, with a number in each context that is other each time."""
    templates = [_template(request.SerializeToString()) for request in requests]
    for message, places in cycle(templates):
        for place in places:
            _DOUBLE.pack_into(message, place, next(numbers))
        yield bytes(message)


def split(encoded: str) -> tuple[str, str]:
    """Returns what stands before and behind the number in the encoded features of one of `contexts`."""
    before, _, behind = encoded.partition(repr(_SENTINEL))
    return before, behind


def _placements_of(number: int) -> list[str]:
    named = [by_catalogue(size) for size in SIZES if number < size]
    return [*named, FOR_CUSTOMERS] if number < min(SIZES) else named


def _template(serialised: bytes) -> tuple[bytearray, list[int]]:
    """Returns a message, and where its numbers are."""
    wanted, places, at = _DOUBLE.pack(_SENTINEL), [], -1
    while (at := serialised.find(wanted, at + 1)) >= 0:
        places.append(at)
    return bytearray(serialised), places


def _offer(rng: random.Random, number: int) -> Offer:
    features = Features(
        numeric={"price": round(rng.uniform(5, 200), 2), "discount": rng.choice((0.0, 0.1, 0.2, 0.3))},
        categorical={"category": rng.choice(_CATEGORIES), "brand": f"brand-{rng.randrange(30)}"},
    )
    return Offer(id=f"offer-{number}", features=features)
