"""The situation of a logged decision: the same whether it holds its offers or names a set of them."""

import pytest

from attune.errors import InvalidInputError
from attune.serving.logged import EncodedSets
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.log_entries import LoggedInteraction
from attune.store.offer_set import OfferSet, offer_digest, offer_set_of
from attune.v1.features_pb2 import Features, Offer

CONTEXT = Features(categorical={"device": "mobile"}).SerializeToString()


def set_of(*offers: Offer) -> OfferSet:
    serialised = [offer.SerializeToString() for offer in offers]
    return offer_set_of(serialised, list(map(offer_digest, serialised)))


def offers(n: int, price: float = 1.0) -> list[Offer]:
    return [Offer(id=f"o{i}", features=Features(numeric={"price": price + i})) for i in range(n)]


def naming(offer_set: OfferSet, positions: list[int], found: OfferSet | None) -> LoggedInteraction:
    record = DecisionRecord(context=CONTEXT, offer_set=offer_set.digest, offer_positions=positions)
    return LoggedInteraction("1-0", record, [], offer_set=found)


# All of the set, some of it, and in another order.
@pytest.mark.parametrize("positions", [[], [1, 2], [3, 0]])
def test_a_set_gives_the_same_situation_as_the_offers_themselves(positions: list[int]) -> None:
    known, offer_set = EncodedSets(), set_of(*offers(4))
    inline = DecisionRecord(context=CONTEXT, offers=[offer_set.offers[i] for i in positions or range(4)])
    expected = known.situation(LoggedInteraction("1-0", inline, []))
    for _ in range(2):
        assert known.situation(naming(offer_set, positions, offer_set)) == expected


@pytest.mark.parametrize("known", [EncodedSets(most_actions=5), EncodedSets(most_characters=60)])
def test_a_set_is_encoded_once_and_forgotten_when_there_are_too_many(known: EncodedSets) -> None:
    """Too many, or too large ones: large offers may have a hundred times the size of usual ones."""
    first, second = set_of(*offers(3)), set_of(*offers(3, price=9.0))
    before = known.situation(naming(first, [], first))
    assert known.situation(naming(first, [], first)).actions is before.actions
    known.situation(naming(second, [], second))
    again = known.situation(naming(first, [], first))
    assert again == before
    assert again.actions is not before.actions


def test_another_offer_of_the_set_that_breaks_the_limits_does_not_matter() -> None:
    known, bad = EncodedSets(), Offer(id="bad", features=Features(numeric={"price": 1e30}))
    offer_set = set_of(*offers(2), bad)
    assert known.situation(naming(offer_set, [0, 1], offer_set)).action_ids == ["o0", "o1"]
    with pytest.raises(InvalidInputError, match=r"offers\[1\].features.numeric"):
        known.situation(naming(offer_set, [1, 2], offer_set))


@pytest.mark.parametrize(
    ("positions", "found", "problem"),
    [
        ([], None, "offer_set: expected the digest of offers that the store has, got "),
        ([0, 3], set_of(*offers(3)), "offer_positions: expected positions of their own below 3, got 2 up to 3"),
        ([1, 1], set_of(*offers(3)), "offer_positions: expected positions of their own below 3, got 2 up to 1"),
    ],
)
def test_what_names_what_is_not_there_is_refused(positions: list[int], found: OfferSet | None, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        EncodedSets().situation(naming(set_of(*offers(3)), positions, found))
