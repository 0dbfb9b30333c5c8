"""How sets are stored: what is read back is what was written, and sets that differ little share most of it."""

from hashlib import blake2b
from random import Random

import pytest

from attune.storage.v1.records_pb2 import OfferSetRecord
from attune.store.set_records import digest_of, offer_digests_of, record_of, records_of


def digests(count: int, seed: int = 1) -> list[bytes]:
    return [blake2b(b"%d %d" % (seed, i), digest_size=16).digest() for i in range(count)]


@pytest.mark.parametrize("count", [1, 2, 50, 1000, 10_000])
def test_what_is_read_is_what_was_written(count: int) -> None:
    written = records_of(digest_of(digests(count)), digests(count))
    read = {digest: record_of(record.SerializeToString()) for digest, record in written.items()}
    assert offer_digests_of(read[digest_of(digests(count))], read) == digests(count)
    assert list(written)[-1] == digest_of(digests(count))


def test_an_offer_that_comes_goes_or_changes_costs_one_part_or_two() -> None:
    before = digests(10_000)
    known, random = set(records_of(digest_of(before), before)), Random(5)
    for _ in range(5):
        at = random.randrange(len(before))
        for after in (
            before[:at] + before[at + 1 :],
            before[:at] + digests(1, seed=2) + before[at:],
            before[:at] + digests(1, seed=2) + before[at + 1 :],
        ):
            assert len(set(records_of(digest_of(after), after)) - known) <= 3


def test_no_part_is_long_even_if_no_digest_ends_one() -> None:
    same = [b"\xff" * 15 + bytes([i % 256]) + bytes([i // 256]) for i in range(2000)]
    records = records_of(digest_of(same), same)
    assert max(len(record.offers) for record in records.values()) == 512


def test_a_set_with_a_lost_part_has_no_offers() -> None:
    many = digests(1000)
    records = records_of(digest_of(many), many)
    part = records[digest_of(many)].parts[0]
    assert offer_digests_of(records[digest_of(many)], {**records, part: OfferSetRecord()}) == []


def test_what_is_damaged_is_empty() -> None:
    assert record_of(b"\xff\xff") == record_of(None) == OfferSetRecord()
