"""Sets of offers that are kept in memory: bounded, and each offer once."""

from attune.store.kept_sets import KeptSets
from attune.store.offer_sets import OfferSet, offer_digest, offer_set_of


def set_of(*offers: bytes) -> OfferSet:
    return offer_set_of(offers, [offer_digest(offer) for offer in offers])


A, B, C = b"a" * 100, b"b" * 100, b"c" * 100


def test_a_set_is_found_by_its_digest() -> None:
    kept, both = KeptSets(), set_of(A, B)
    kept.add(both)
    assert (kept.get(both.digest), kept.get(set_of(A).digest)) == (both, None)


def test_an_offer_counts_once_and_stays_while_a_set_has_it() -> None:
    kept = KeptSets(most_positions=4)
    kept.add(set_of(A, B))
    kept.add(set_of(B, C))
    assert kept.size_bytes == 300
    kept.add(set_of(C))
    assert kept.get(set_of(A, B).digest) is None
    assert (kept.offer(offer_digest(A)), kept.offer(offer_digest(B)), kept.size_bytes) == (None, B, 200)


def test_the_set_that_was_asked_for_longest_ago_goes_first() -> None:
    kept = KeptSets(most_bytes=200)
    kept.add(set_of(A))
    kept.add(set_of(B))
    kept.get(set_of(A).digest)
    kept.add(set_of(C))
    assert [kept.get(set_of(each).digest) is not None for each in (A, B, C)] == [True, False, True]


def test_a_set_that_is_too_large_is_kept_until_another_one_comes() -> None:
    kept = KeptSets(most_bytes=100)
    kept.add(set_of(A, B))
    assert kept.get(set_of(A, B).digest) is not None
    kept.add(set_of(C))
    assert (kept.get(set_of(A, B).digest), kept.size_bytes) == (None, 100)


def test_adding_a_set_twice_changes_nothing() -> None:
    kept = KeptSets()
    kept.add(set_of(A))
    kept.add(set_of(A))
    assert kept.size_bytes == 100


def test_digests_are_shared_between_sets() -> None:
    kept, first = KeptSets(), set_of(A)
    kept.add(first)
    [shared] = kept.shared([bytes(bytearray(first.offer_digests[0]))])
    assert shared is first.offer_digests[0]
