"""Offers become actions, and a feature that breaks the limits is named by its path in the request."""

import math

import pytest

from attune.errors import InvalidInputError, Violation
from attune.serving.situation import situation_of
from attune.v1.features_pb2 import Features, Offer, Tags
from attune_models import features as core
from attune_models.contexts import names_and_numbers
from attune_models.types import ReadSituation, Situation

GOOD = Offer(id="a", features=Features(categorical={"topic": "sports"}))
NOT_A_NUMBER = "expected a number between -1e6 and 1e6, got nan"


def serialised(*offers: Offer) -> list[bytes]:
    return [offer.SerializeToString() for offer in offers]


def test_a_situation_holds_context_ids_and_actions_in_the_caller_s_order() -> None:
    offers = [Offer(id="b", features=Features(numeric={"price": 9.5})), GOOD, Offer(id="c d")]
    context = Features(categorical={"device": "mobile"}, tags={"interests": Tags(values=["run"])})
    assert situation_of(context, serialised(*offers)) == Situation(
        "device=mobile interests~run", ["b", "a", "c d"], ["=b price:9.5", "=a topic=sports", "=c%20d"]
    )


def test_offers_are_encoded_as_the_core_encodes_them_small_or_large_once_or_again() -> None:
    """Only small offers are remembered."""
    large = Offer(id="large", features=Features(categorical={f"name-{i}": "v" * 200 for i in range(20)}))
    assert large.ByteSize() > 2048
    expected = core.situation(Features(), [GOOD, large])
    assert [situation_of(Features(), serialised(GOOD, large)) for _ in range(3)] == [expected] * 3


@pytest.mark.parametrize(
    ("context", "offers", "violation"),
    [
        # in the context
        (Features(numeric={"age": math.nan}), [GOOD], Violation('context.numeric["age"]', NOT_A_NUMBER)),
        # in an offer, which is named by its position
        (
            Features(),
            [GOOD, Offer(id="b", features=Features(numeric={"price": math.nan}))],
            Violation('offers[1].features.numeric["price"]', NOT_A_NUMBER),
        ),
        # in the id of an offer
        (
            Features(),
            [GOOD, GOOD, Offer(id="x" * 257)],
            Violation("offers[2].id", "expected at most 256 bytes of UTF-8, got 257"),
        ),
        # an id is missing
        (
            Features(),
            [GOOD, Offer(features=Features(numeric={"price": 1.0}))],
            Violation("offers[1].id", "expected 1 to 256 bytes of UTF-8, got nothing"),
        ),
        # too many in the context: no single feature is to blame
        (
            Features(numeric={str(i): 1.0 for i in range(201)}),
            [GOOD],
            Violation("context", "expected at most 200 features, got 201"),
        ),
        # too many in an offer
        (
            Features(),
            [Offer(id="b", features=Features(numeric={str(i): 1.0 for i in range(201)}))],
            Violation("offers[0].features", "expected at most 200 features, got 201"),
        ),
        # a name without a character
        (
            Features(categorical={"": "x"}),
            [GOOD],
            Violation("context.categorical", "expected a feature name of 1 to 256 bytes, got an empty one"),
        ),
    ],
)
def test_a_bad_feature_is_named_by_its_path(context: Features, offers: list[Offer], violation: Violation) -> None:
    for _ in range(2):  # a refusal is not remembered as a success
        with pytest.raises(InvalidInputError) as caught:
            situation_of(context, serialised(*offers))
        assert caught.value.violations == (violation,)


@pytest.mark.parametrize(
    ("offers", "violations"),
    [
        # twice
        ([GOOD, Offer(id="b"), Offer(id="a")], [("offers[2].id", "a", 0)]),
        # the very same bytes
        ([Offer(id="b"), GOOD, GOOD], [("offers[2].id", "a", 1)]),
        # three times, and another one twice: each is told which was the first
        (
            [Offer(id=each) for each in "abaab"],
            [("offers[2].id", "a", 0), ("offers[3].id", "a", 0), ("offers[4].id", "b", 1)],
        ),
    ],
)
def test_an_id_that_comes_again_is_named_with_the_first(
    offers: list[Offer], violations: list[tuple[str, str, int]]
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        situation_of(Features(), serialised(*offers))
    assert [*caught.value.violations] == [
        Violation(field, f'expected an id of its own, got "{offer_id}" as in offers[{first}]')
        for field, offer_id, first in violations
    ]


def test_ids_that_differ_a_little_are_different_ids() -> None:
    ids = ["a", "A", "a ", "ä", "a\u0308"]
    assert situation_of(Features(), serialised(*(Offer(id=each) for each in ids))).action_ids == ids


# Field 1 of an offer with fewer bytes than it says; and no UTF-8, which a string of proto3 has to be.
NO_MESSAGES = [b"\x0a\x05ab", b"\x0a\x01\xff"]


@pytest.mark.parametrize("garbage", NO_MESSAGES, ids=["cut off", "no UTF-8"])
def test_an_offer_of_bytes_that_are_no_message_is_named_by_its_position(garbage: bytes) -> None:
    for _ in range(2):  # a refusal is not remembered as a success
        with pytest.raises(InvalidInputError) as caught:
            situation_of(Features(), [*serialised(GOOD), garbage])
        said = "expected a message of the contract, got bytes that are none"
        assert caught.value.violations == (Violation("offers[1]", said),)


def test_the_first_of_several_bad_offers_is_named() -> None:
    bad = [GOOD, Offer(id="b", features=Features(numeric={"x": math.inf})), Offer()]
    with pytest.raises(InvalidInputError) as caught:
        situation_of(Features(), serialised(*bad))
    assert [violation.field for violation in caught.value.violations] == ['offers[1].features.numeric["x"]']


def test_a_situation_is_the_same_whichever_way_its_context_came() -> None:
    read, written = names_and_numbers("age:31.0 device=mobile"), "age:31.0 device=mobile"
    assert ReadSituation(read, ["a"], ["=a"]) == Situation(written, ["a"], ["=a"])
    assert Situation(written, ["a"], ["=a"]) == ReadSituation(read, ["a"], ["=a"])
    assert ReadSituation(read, ["a"], ["=a"]) != Situation(written, ["a"], ["=b"])
    assert ReadSituation(read, ["a"], ["=a"]) != Situation("device=mobile", ["a"], ["=a"])
    assert ReadSituation(read, ["a"], ["=a"]) != read
