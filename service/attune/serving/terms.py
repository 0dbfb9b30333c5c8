"""On what terms an offer may be shown: what the catalogue says about it besides its features."""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, TypeVar, cast, overload
from weakref import WeakKeyDictionary

from attune.v1.catalog_service_pb2 import Budget
from attune.v1.condition_pb2 import Condition
from attune.v1.features_pb2 import Features, Offer

# There may be as many channels as callers make up.
_MOST_KEPT = 1000

_T = TypeVar("_T")


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


class Terms(Sequence[OfferTerms]):
    """The terms of each offer that a decision may draw from, and what was worked out about them.

    Those of the catalogue are one object until something changes: what depends on them alone is worked out once.

    Attributes:
        are_limited: Whether some offer has a condition or a budget of its own.
        are_budgeted: Whether some offer has a budget.
    """

    __slots__ = ("_kept", "_of_owners", "_offers", "_terms", "are_budgeted", "are_limited")

    def __init__(self, terms: Sequence[OfferTerms], offers: Sequence[bytes]) -> None:
        """Take what belongs together.

        Args:
            terms: Of each offer.
            offers: The same offers, a serialised attune.v1.Offer each.
        """
        self._terms = terms
        self._offers = offers
        self._kept: dict[Hashable, object] = {}
        # Of the checks of guards, which are made anew with every change of their placements.
        self._of_owners: WeakKeyDictionary[object, dict[Hashable, object]] = WeakKeyDictionary()
        self.are_budgeted = any(each.budget is not None for each in terms)
        self.are_limited = self.are_budgeted or any(each.when is not None for each in terms)

    @overload
    def __getitem__(self, index: int) -> OfferTerms: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[OfferTerms]: ...

    def __getitem__(self, index: int | slice) -> OfferTerms | Sequence[OfferTerms]:
        """Return the terms of an offer, or of some."""
        return self._terms[index]

    def __len__(self) -> int:
        """Return how many offers there are."""
        return len(self._terms)

    def features(self, position: int) -> Features:
        """Return the features of an offer; they are read anew each time."""
        return Offer.FromString(self._offers[position]).features

    def once(self, key: Hashable, worked_out: Callable[[], _T], *, owner: object = None) -> _T:
        """Return what depends on the terms alone.

        Args:
            key: What it is; it may live as long as the terms do.
            worked_out: Works it out, the first time; never None.
            owner: Whose it is: it is forgotten with its owner. None where it is nobody's.
        """
        kept = self._kept if owner is None else self._of_owners.setdefault(owner, {})
        found = kept.get(key)
        if found is None:
            if len(kept) >= _MOST_KEPT:
                kept.clear()
            found = kept[key] = worked_out()
        return cast("_T", found)


def bare_terms(offer_ids: Sequence[str], offers: Sequence[bytes]) -> Terms:
    """Return the terms of offers that came with a request: it says nothing but what they are."""
    return Terms([OfferTerms(offer_id) for offer_id in offer_ids], offers)
