"""Offers on channels: their ids, their features and their terms."""

import pytest

from attune.serving.terms import OfferTerms
from attune.serving.variants import Channel, channels_of, same_offers, split, terms_on, variant, variant_id
from attune.v1.features_pb2 import Features, Offer, Tags, Vector
from attune.v1.placement_pb2 import ChannelSpec
from attune_models.features import FeatureError, encode_action


def test_a_placement_says_its_channels_in_order() -> None:
    specs = [ChannelSpec(name="push"), ChannelSpec(name="email", cost=0.01)]
    assert channels_of(specs) == (Channel("push", 0.0), Channel("email", 0.01))


@pytest.mark.parametrize("offer_id", ["shoes", "a@b", "@", "ö@"])
def test_an_id_is_taken_apart_as_it_was_put_together(offer_id: str) -> None:
    assert split(variant_id(offer_id, "web-push_2")) == (offer_id, "web-push_2")


@pytest.mark.parametrize("name", ["shoes", "@shoes"])
def test_an_id_without_a_channel_is_an_offers_own(name: str) -> None:
    assert split(name) == (name, "")
    assert split("a@b", with_channels=False) == ("a@b", "")


def test_a_variant_is_the_offer_with_its_channel() -> None:
    offer = Offer(id="shoes", features=Features(numeric={"price": 9.5}))
    expected = Offer(id="shoes@email", features=Features(numeric={"price": 9.5}, categorical={"channel": "email"}))
    made = variant(offer.SerializeToString(), "email")
    assert (made.id, Offer.FromString(made.serialised)) == ("shoes@email", expected)
    assert made.action == encode_action(expected) == "=shoes%40email channel=email price:9.5"


def test_a_feature_of_the_same_name_gives_way() -> None:
    own = Features(
        numeric={"channel": 1.0},
        categorical={"channel": "print"},
        tags={"channel": Tags(values=["x"])},
        dense={"channel": Vector(values=[1.0])},
    )
    made = variant(Offer(id="a", features=own).SerializeToString(), "email")
    assert Offer.FromString(made.serialised).features == Features(categorical={"channel": "email"})


def test_equal_offers_are_equal_variants_whatever_the_order_of_their_maps() -> None:
    names = [f"f{i}" for i in range(20)]
    one = Offer(id="a", features=Features(numeric=dict.fromkeys(names, 1.0)))
    other = Offer(id="a", features=Features(numeric=dict.fromkeys(reversed(names), 1.0)))
    assert variant(one.SerializeToString(), "sms") == variant(other.SerializeToString(), "sms")


@pytest.mark.parametrize(
    ("offer", "field"),
    [
        (Offer(id="x" * 251), "id"),  # 257 bytes with @email
        (Offer(id="x", features=Features(numeric={f"f{i}": 1.0 for i in range(200)})), "features"),
    ],
)
def test_what_is_too_large_with_a_channel_is_none(offer: Offer, field: str) -> None:
    encode_action(offer)
    with pytest.raises(FeatureError) as caught:
        variant(offer.SerializeToString(), "email")
    assert caught.value.field == field


def test_offer_and_channel_cost_together() -> None:
    terms = OfferTerms("a", category="shoes", cost=1.5)
    assert terms_on(terms, Channel("email", 0.25)) == OfferTerms("a", "email", "shoes", cost=1.75)


def test_variants_of_an_offer_belong_together() -> None:
    terms = [
        OfferTerms("a", "email"),
        OfferTerms("a", "push"),
        OfferTerms("b", "email"),
        OfferTerms("c"),
        OfferTerms("c"),
    ]
    assert same_offers(terms, range(5)) == {0: [0, 1], 1: [0, 1], 2: [2]}
    assert same_offers(terms, [2, 1, 0]) == {0: [0], 1: [1, 2], 2: [1, 2]}
