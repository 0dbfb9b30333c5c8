"""On what terms an offer may be shown: what the catalogue says about it besides its features."""

from typing import NamedTuple

from attune.v1.catalog_service_pb2 import Budget
from attune.v1.condition_pb2 import Condition


class OfferTerms(NamedTuple):
    """The terms of an offer, or of an offer on a channel where the placement chooses one.

    Attributes:
        offer_id: The offer, without its channel.
        channel: The channel that was chosen for it; empty where the placement does not choose.
        category: Its category; empty where it has none.
        tags: Its tags.
        when: It may be shown only where this holds; None for everywhere.
        exclusive_group: At most one of a group is in one reply; empty where it is in none.
        budget: How much of it there is for a day; None where it has none.
        cost: What showing it once costs, the channel's cost included.
    """

    offer_id: str
    channel: str = ""
    category: str = ""
    tags: frozenset[str] = frozenset()
    when: Condition | None = None
    exclusive_group: str = ""
    budget: Budget | None = None
    cost: float = 0.0
