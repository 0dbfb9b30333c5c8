"""Offers become actions, and a feature that breaks the limits is named by its path in the request."""

import math

import pytest

from attune.errors import InvalidInputError, Violation
from attune.serving.situation import situation_of
from attune.v1.features_pb2 import Features, Offer, Tags
from attune_models import features as core
from attune_models.types import Situation

GOOD = Offer(id="a", features=Features(categorical={"topic": "sports"}))
NOT_A_NUMBER = "expected a number between -1e9 and 1e9, got nan"


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
