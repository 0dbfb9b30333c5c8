"""What the decision path is measured with: a placement, and requests that differ from each other.

The requests are the same at every run. Each has 4 context features and 10 inline offers of 4 features, drawn from a
catalogue of 200 offers; `event_id` stays empty, so the server makes a new one for every call.
"""

import random

from google.protobuf.duration_pb2 import Duration

from attune.v1.decision_service_pb2 import DecideRequest
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import AGGREGATION_FIRST, OutcomeRule, Placement, RewardSpec

PLACEMENT = "bench"
REQUESTS = 256
OFFERS = 10
CATALOGUE = 200

_DEVICES = ("mobile", "desktop", "tablet", "kiosk")
_CHANNELS = ("web", "app", "email", "search", "social")
_CATEGORIES = ("shoes", "outdoor", "garden", "kitchen", "books", "toys", "music", "travel")


def placement(window_s: int) -> Placement:
    """Returns the measured placement: the default policy, rewarded for clicks.

    Args:
        window_s: How long outcomes are waited for, in seconds.
    """
    click = OutcomeRule(name="click", weight=1.0, aggregation=AGGREGATION_FIRST)
    return Placement(name=PLACEMENT, reward=RewardSpec(window=Duration(seconds=window_s), outcomes=[click]))


def requests() -> list[DecideRequest]:
    """Returns the requests, each with a context of its own."""
    rng = random.Random(1)  # noqa: S311  # draws examples, keeps no secret
    catalogue = [_offer(rng, number) for number in range(CATALOGUE)]
    return [
        DecideRequest(placement=PLACEMENT, context=_context(rng), offers=rng.sample(catalogue, OFFERS))
        for _ in range(REQUESTS)
    ]


def _context(rng: random.Random) -> Features:
    return Features(
        numeric={"tenure_days": float(rng.randrange(3_000)), "hour": float(rng.randrange(24))},
        categorical={"device": rng.choice(_DEVICES), "channel": rng.choice(_CHANNELS)},
    )


def _offer(rng: random.Random, number: int) -> Offer:
    features = Features(
        numeric={"price": round(rng.uniform(5, 200), 2), "discount": rng.choice((0.0, 0.1, 0.2, 0.3))},
        categorical={"category": rng.choice(_CATEGORIES), "brand": f"brand-{rng.randrange(30)}"},
    )
    return Offer(id=f"offer-{number}", features=features)
