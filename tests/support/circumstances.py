"""What decisions are made under, and terms of offers, for the checks of a guard."""

from collections.abc import Sequence
from typing import Any

from attune.serving.circumstances import Circumstances, KnownCustomer
from attune.serving.guard import Exclusion, Guard
from attune.serving.terms import OfferTerms, Terms
from attune.storage.v1.records_pb2 import CustomerRecord, SeenRecord
from attune.v1.customer_service_pb2 import Preferences
from attune.v1.features_pb2 import Features, Offer

NOW_MS = 1_700_000_000_000
"""Tuesday, 14 November 2023, 22:13:20 UTC."""


def under(context: Features | None = None, *, now_ms: int = NOW_MS, **fields: Any) -> Circumstances:
    """Return what a decision for the placement `home` is made under."""
    return Circumstances(now_ms, context or Features(), "home", **fields)


def customer(seen: Sequence[SeenRecord] = (), **said: Any) -> KnownCustomer:
    """Return a customer with preferences."""
    return KnownCustomer(b"k" * 16, CustomerRecord(preferences=Preferences(**said)), seen)


def terms_of(*terms: OfferTerms, features: Sequence[Features] = ()) -> Terms:
    """Return terms of offers, with their features where they have some."""
    offers = [Offer(id=each.offer_id) for each in terms]
    for offer, given in zip(offers, features, strict=False):
        offer.features.CopyFrom(given)
    return Terms(list(terms), [offer.SerializeToString() for offer in offers])


def left_out(guard: Guard, circumstances: Circumstances, terms: Terms) -> dict[str, str]:
    """Return why each offer goes that does: the reason and its detail by id."""
    left, exclusions = guard.apply(circumstances, terms, range(len(terms)))
    gone = {terms[i].offer_id: _why(each) for each in exclusions for i in each.positions}
    assert sorted([*left, *(i for each in exclusions for i in each.positions)]) == list(range(len(terms)))
    return gone


def _why(exclusion: Exclusion) -> str:
    return f"{exclusion.reason}:{exclusion.detail}"
