"""Event ids are UUIDs of version 7, and a request is recognised by what it asks, not by its bytes.

What a decider does with a store is seen in tests/contract and tests/integration.
"""

from collections.abc import Sequence
from itertools import permutations
from random import Random
from typing import Any
from uuid import RFC_4122, UUID

import pytest

from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.candidates import asked as asked_about
from attune.serving.identity import new_event_id, request_digest
from attune.v1.decision_service_pb2 import DecideRequest
from attune.v1.features_pb2 import Features, Offer, Tags, Vector
from attune_models.types import Situation

NOW_MS = 1_700_000_000_000
LATEST_MS = (1 << 48) - 1


@pytest.mark.parametrize("now_ms", [0, 1, NOW_MS, LATEST_MS])
def test_an_event_id_is_a_uuid_of_version_7(now_ms: int) -> None:
    event_id = new_event_id(now_ms, Random(1))
    parsed = UUID(event_id)
    assert str(parsed) == event_id  # 8-4-4-4-12 digits, lower case
    assert (parsed.version, parsed.variant) == (7, RFC_4122)
    assert parsed.int >> 80 == now_ms


def test_later_event_ids_are_greater() -> None:
    """As text, which is how a store keeps them."""
    random = Random(1)
    moments = [0, 1, 255, 256, NOW_MS, NOW_MS + 1, NOW_MS + 1000, LATEST_MS]
    ids = [new_event_id(moment, random) for moment in moments]
    assert ids == sorted(ids)


def test_event_ids_of_one_moment_differ() -> None:
    """10,000 of 2^74: a repetition has probability 3e-15, and the seed is fixed."""
    random = Random(1)
    assert len({new_event_id(NOW_MS, random) for _ in range(10_000)}) == 10_000


def test_each_of_the_74_random_bits_is_used() -> None:
    """Of 200 ids, each of these bits is 1 in some and 0 in some; one that is always the same has probability 1e-58."""
    random = Random(1)
    ids = [UUID(new_event_id(NOW_MS, random)).int for _ in range(200)]
    varying = [bit for bit in range(128) if len({number >> bit & 1 for number in ids}) == 2]
    assert varying == [*range(62), *range(64, 76)]


# --- digests


def joined(*parts: Features) -> bytes:
    """Return features in the order of their parts on the wire, which protobuf merges when it reads them."""
    return b"".join(part.SerializeToString() for part in parts)


PARTS = (
    Features(numeric={"x": 1.0}),
    Features(numeric={"y": 2.0}),
    Features(categorical={"device": "mobile"}),
    Features(tags={"t": Tags(values=["a"])}, dense={"e": Vector(values=[0.5])}),
)


def request(context: bytes = b"", offers: list[bytes] | None = None, **fields: Any) -> DecideEnvelope:
    """Return a request as it comes from the wire."""
    listed = [Offer(id=name).SerializeToString() for name in ("a", "b", "c")] if offers is None else offers
    made = DecideEnvelope(placement="home_hero", event_id="e", offers=listed, **fields)
    made.context.append(context)
    return made


def digest_of(asked: DecideEnvelope) -> bytes:
    return request_digest(asked, asked_about(asked))


def test_the_order_of_map_entries_in_the_context_does_not_matter() -> None:
    orders = [joined(*parts) for parts in permutations(PARTS)]
    assert len(set(orders)) == 24
    assert len({digest_of(request(order)) for order in orders}) == 1


def test_the_order_of_map_entries_in_an_offer_does_not_matter() -> None:
    def offer(*parts: Features) -> bytes:
        # The id first or last: fields may come in any order, too.
        fields = [Offer(id="a"), *(Offer(features=part) for part in parts)]
        return b"".join(field.SerializeToString() for field in fields)

    assert len({offer(*parts) for parts in permutations(PARTS)}) == 24
    assert len({digest_of(request(offers=[offer(*parts)])) for parts in permutations(PARTS)}) == 1


def test_the_same_request_sent_by_a_client_twice_has_one_digest() -> None:
    """With more entries in a map than protobuf keeps in the order in which they were set."""
    names = [f"name-{i}" for i in range(50)]

    def sent(order: list[str]) -> bytes:
        known = Features(numeric=dict.fromkeys(order, 1.0), categorical={name: name for name in order})
        asked = DecideRequest(
            placement="home_hero", event_id="e", context=known, offers=[Offer(id="a", features=known)]
        )
        return digest_of(DecideEnvelope.FromString(asked.SerializeToString()))

    assert sent(names) == sent(names[::-1])


def test_order_and_repetition_of_excluded_offers_do_not_matter() -> None:
    one, other = request(excluded_offer_ids=["b", "a"]), request(excluded_offer_ids=["a", "b", "a"])
    assert digest_of(one) == digest_of(other)


A, B, C = (Offer(id=name).SerializeToString() for name in ("a", "b", "c"))


@pytest.mark.parametrize(
    "changed",
    [
        request(joined(Features(numeric={"x": 1.0}))),  # another context
        request(offers=[A, B]),  # fewer offers
        request(offers=[B, A, C]),  # another order of preference
        request(offers=[A, B, Offer(id="c", features=Features(numeric={"x": 1.0})).SerializeToString()]),  # a feature
        request(excluded_offer_ids=["b"]),  # an exclusion
        request(excluded_offer_ids=["not there"]),  # an exclusion, even without effect
        request(customer_id="c"),  # a customer, who may be in the control group
        request(slots=2),  # more slots
    ],
)
def test_a_request_that_asks_something_else_has_another_digest(changed: DecideEnvelope) -> None:
    assert digest_of(changed) != digest_of(request())


def test_requests_for_different_numbers_of_slots_have_different_digests() -> None:
    """Also where there are fewer offers than slots; 0 slots means 1."""
    digests = [digest_of(request(slots=slots)) for slots in range(21)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 20


@pytest.mark.parametrize("slots", [0, 1])
def test_the_digest_of_a_request_for_one_slot_is_what_it_always_was(slots: int) -> None:
    """Golden: it is compared with digests that earlier releases have stored."""
    priced = Features(numeric={"price": 9.5})
    asked = request(
        joined(Features(categorical={"device": "mobile"}, tags={"likes": Tags(values=["run"])})),
        offers=[Offer(id=name, features=priced).SerializeToString() for name in "abc"],
        customer_id="anna",
        excluded_offer_ids=["x"],
        slots=slots,
    )
    assert digest_of(asked).hex() == "20b37a1ccbcc0922"


def test_what_could_be_read_as_another_field_is_not() -> None:
    """The parts of a digest cannot be shifted into each other."""
    asked = [
        request(customer_id="a", excluded_offer_ids=[]),
        request(customer_id="", excluded_offer_ids=["a"]),
        request(customer_id="', ['a"),
        request(offers=[Offer(id="a', 'b").SerializeToString(), C]),
        request(offers=[A, B, C]),
    ]
    assert len({digest_of(each) for each in asked}) == len(asked)


def of_catalog(known: Sequence[str], **fields: Any) -> bytes:
    """Return the digest of a request for offers of a catalogue in which these are known."""
    situation = Situation("device=mobile", known, [f"={offer_id}" for offer_id in known])
    return request_digest(request(offers=[], **fields), situation)


def test_a_request_for_offers_of_the_catalogue_is_the_same_when_the_catalogue_has_changed() -> None:
    assert of_catalog(["a", "b"]) == of_catalog(["a"])
    assert of_catalog(["a", "b"], offer_ids=["a", "b"]) == of_catalog(["a"], offer_ids=["a", "b"])


def test_what_is_asked_of_the_catalogue_is_part_of_the_digest() -> None:
    asked: list[dict[str, Any]] = [
        {},
        {"offer_ids": ["a", "b"]},
        {"offer_ids": ["b", "a"]},
        {"channel": "email"},
        {"offer_ids": ["a", "b"], "channel": "email"},
        {"excluded_offer_ids": ["a"]},
    ]
    assert len({of_catalog(["a", "b"], **fields) for fields in asked}) == len(asked)
