"""Encoding is injective and canonical."""

import math
from collections.abc import Iterable
from random import Random
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_models.features import Kind, NamedFeature, encode, encode_action, has_slot, situation, slot_of, with_slot
from attune_models.features import decode as decode_token
from attune_models.types import FeatureSet, PlainAction, Situation, ValueList
from encoded import decode, meaning, message

T = TypeVar("T")
TRICKY = (
    " ",
    "|",
    ":",
    "=",
    "~",
    "@",
    "%",
    "\n",
    "\r",
    "\t",
    "\0",
    "\x1f",
    "\x7f",
    "\x85",
    "\u00a0",
    "\u2028",
    "'",
    "_",
)

texts = st.one_of(
    st.text(max_size=20), st.lists(st.sampled_from([*TRICKY, "a", "é", "😀", "%20"]), max_size=8).map("".join)
)
names = texts.filter(bool)
numbers = st.floats(-1e6, 1e6)
components = st.floats(-1e6, 1e6, width=32)  # as a message holds them
feature_sets = st.builds(
    FeatureSet,
    numeric=st.dictionaries(names, numbers, max_size=4),
    categorical=st.dictionaries(names, texts, max_size=4),
    tags=st.dictionaries(names, st.lists(texts, max_size=4).map(ValueList), max_size=3),
    dense=st.dictionaries(names, st.lists(components, max_size=12).map(ValueList), max_size=3),
)


@pytest.mark.parametrize(
    ("features", "line"),
    [
        (FeatureSet(), ""),  # nothing is known
        (FeatureSet(numeric={"price": 9.5}), "price:9.5"),  # measured
        (
            FeatureSet(numeric={"x": -1e6, "y": 1e-05, "z": 0.0}),
            "x:-1000000.0 y:1e-05 z:0.0",
        ),  # as Python writes them
        (FeatureSet(numeric={"x": 1e-30, "y": -1e-30}), "x:1e-30 y:-1e-30"),  # the smallest that count
        (FeatureSet(numeric={"x": 9.99e-31, "y": -2e-150, "z": -0.0}), "x:0.0 y:0.0 z:0.0"),  # smaller ones, and -0
        (FeatureSet(dense={"e": ValueList([5e-324, -2.98e-256])}), "e@0:0.0 e@1:0.0"),  # in vectors, too
        (FeatureSet(categorical={"device": "mobile"}), "device=mobile"),  # one out of several
        (FeatureSet(categorical={"device": ""}), "device="),  # an empty value is a value
        (FeatureSet(tags={"interests": ValueList(["yoga", "run"])}), "interests~run interests~yoga"),  # a set
        (FeatureSet(tags={"interests": ValueList(["run", "run"])}), "interests~run"),  # repeated counts once
        (FeatureSet(tags={"interests": ValueList([])}), ""),  # an empty set
        (FeatureSet(dense={"e": ValueList([0.5, -2.0])}), "e@0:0.5 e@1:-2.0"),  # a vector
        (FeatureSet(categorical={"a b|c": "d:e\nf"}), "a%20b%7Cc=d%3Ae%0Af"),  # Vowpal Wabbit's separators
        (FeatureSet(categorical={"a=b~c@d%": "\0"}), "a%3Db%7Ec%40d%25=%00"),  # our separators, and NUL
        (FeatureSet(categorical={"x": "\u2028\u00a0"}), "x=%E2%80%A8%C2%A0"),  # space of other scripts
        (FeatureSet(categorical={"größe": "😀"}), "größe=😀"),  # other Unicode stays readable
        (FeatureSet(categorical={"_multi": "_label"}), "_multi=_label"),  # words of other input formats
        (FeatureSet({"k": 1.0}, {"k": "v"}, {"k": ValueList(["v"])}, {"k": ValueList([1.0])}), "k:1.0 k=v k@0:1.0 k~v"),
    ],
)
def test_the_encoding_of_each_kind_is_stable(features: FeatureSet, line: str) -> None:
    assert encode(features) == line


@pytest.mark.parametrize(
    ("action", "line"),
    [
        (PlainAction("a"), "=a"),  # learned from its id alone
        (PlainAction("a b|c"), "=a%20b%7Cc"),  # an id is escaped, too
        (PlainAction("a", FeatureSet(categorical={"c": "v"})), "=a c=v"),  # with features
    ],
)
def test_an_action_is_its_id_and_its_features(action: PlainAction, line: str) -> None:
    assert encode_action(action) == line


def test_a_situation_keeps_the_order_of_its_actions() -> None:
    actions = (PlainAction(action_id) for action_id in ("b", "a"))
    assert situation(FeatureSet(numeric={"x": 1.0}), actions) == Situation("x:1.0", ["b", "a"], ["=b", "=a"])


@settings(deadline=None, max_examples=60)
@given(feature_sets)
def test_encoding_loses_nothing(features: FeatureSet) -> None:
    """Decodable means injective: no two different feature sets give the same line."""
    assert decode(encode(features)) == meaning(features)


@settings(deadline=None, max_examples=60)
@given(feature_sets)
def test_every_token_is_decoded_to_what_it_was_made_of(features: FeatureSet) -> None:
    expected = [NamedFeature(Kind.NUMERIC, name, number=shown(features.numeric[name])) for name in features.numeric]
    expected += [NamedFeature(Kind.CATEGORICAL, name, value) for name, value in features.categorical.items()]
    expected += [NamedFeature(Kind.TAG, name, tag) for name in features.tags for tag in set(features.tags[name].values)]
    expected += [
        NamedFeature(Kind.COMPONENT, name, str(i), shown(number))
        for name in features.dense
        for i, number in enumerate(features.dense[name].values)
    ]
    tokens = [token for token in encode(features).split(" ") if token]
    assert sorted(map(repr, map(decode_token, tokens))) == sorted(map(repr, expected))


def shown(number: float) -> float:
    """Return a number as it is encoded: what is next to nothing is nothing."""
    return number if abs(number) >= 1e-30 else 0.0


@given(names)
def test_an_id_is_decoded(action_id: str) -> None:
    assert decode_token(encode_action(PlainAction(action_id))) == NamedFeature(Kind.IDENTITY, "", action_id)


def test_a_slot_is_decoded() -> None:
    assert decode_token(with_slot("", 2)) == NamedFeature(Kind.IDENTITY, "", "2")


@pytest.mark.parametrize("text", ["", "word", "100%25"])
def test_what_is_no_token_is_not_decoded(text: str) -> None:
    with pytest.raises(ValueError, match="expected a token"):
        decode_token(text)


@given(feature_sets, st.randoms(use_true_random=False))
def test_the_order_of_maps_and_tags_does_not_matter(features: FeatureSet, random: Random) -> None:
    def shuffled(values: Iterable[T]) -> list[T]:
        return sorted(values, key=lambda _: random.random())

    other = FeatureSet(
        dict(shuffled(features.numeric.items())),
        dict(shuffled(features.categorical.items())),
        {name: ValueList(shuffled(tags.values)) for name, tags in shuffled(features.tags.items())},
        dict(shuffled(features.dense.items())),
    )
    assert encode(other) == encode(features)


@settings(deadline=None, max_examples=60)
@given(feature_sets)
def test_a_message_and_a_plain_feature_set_give_the_same_line(features: FeatureSet) -> None:
    assert encode(message(features)) == encode(features)


@settings(deadline=None, max_examples=60)
@given(feature_sets, feature_sets)
def test_no_text_adds_a_token(features: FeatureSet, others: FeatureSet) -> None:
    """A line is split at its spaces only, so each feature is one token, whatever is in it."""
    for each in (features, others):
        said = meaning(each)
        expected = len(said.numeric) + len(said.categorical) + len(said.tags) + len(said.dense)
        assert len(encode(each).split()) == expected


@settings(deadline=None, max_examples=60)
@given(feature_sets, st.integers(1, 19))
def test_a_slot_is_a_token_of_its_own_in_canonical_order(features: FeatureSet, slot: int) -> None:
    """No feature of a caller gives it: nothing but a slot starts with the sign that ends a name."""
    line = encode(features)
    assert not has_slot(line)
    marked = with_slot(line, slot)
    assert has_slot(marked)
    assert [slot_of(line), slot_of(marked)] == [0, slot]
    assert marked.split(" ") == sorted([*line.split(), f"={slot}"])


def test_the_first_slot_is_not_marked() -> None:
    assert [with_slot("", 0), with_slot("a=b", 0)] == ["", "a=b"]


@pytest.mark.parametrize(
    ("context", "marked"),
    [
        ("", "=2"),  # nothing is known
        ("device=mobile", "=2 device=mobile"),
        ("!=1 0:3.0 a=b", "!=1 0:3.0 =2 a=b"),  # names that sort before it
    ],
)
def test_the_encoding_of_a_slot_is_stable(context: str, marked: str) -> None:
    assert with_slot(context, 2) == marked


def test_features_of_every_kind_with_one_name_are_different() -> None:
    line = encode(FeatureSet({"k": 1.0}, {"k": "0:1.0"}, {"k": ValueList(["0:1.0"])}, {"k": ValueList([1.0])}))
    assert len(set(line.split())) == 4


def test_an_id_is_not_a_feature() -> None:
    tokens = encode_action(PlainAction("v", FeatureSet(categorical={"=": "v", "id": "v"}))).split()
    assert tokens == ["=v", "%3D=v", "id=v"]


@pytest.mark.parametrize("number", [0.1, -1e6, 1e-30, 1e-40, 0.0])
def test_numpy_s_numbers_are_encoded_like_python_s(number: float) -> None:
    """Their repr is another one: np.float64(0.1)."""
    plain = FeatureSet(numeric={"x": number}, dense={"e": ValueList([number, 1.0])})
    array = np.array([number, 1.0])
    assert encode(FeatureSet(numeric={"x": array[0]}, dense={"e": ValueList(list(array))})) == encode(plain)


def test_numpy_s_float32_is_encoded_as_the_number_it_is() -> None:
    assert encode(FeatureSet(dense={"e": ValueList([np.float32(0.1)])})) == "e@0:0.10000000149011612"


def test_what_a_service_has_counted_of_a_customer_is_encoded_as_its_logarithm() -> None:
    """Whatever its size: sums of what somebody has spent know no limit."""
    counted = {
        "customer.purchase.count": 0.0,
        "customer.a": math.e - 1,
        "customer.b": -(math.e**2 - 1),
        "customer.c": 1e15,
        "customer.d": 4e-7,
        "customer.e": -2e-150,
    }
    assert encode(FeatureSet(numeric=counted)) == " ".join(
        [
            "customer.a:1.0",
            "customer.b:-2.0",
            f"customer.c:{math.log1p(1e15)!r}",
            "customer.d:0.0",
            "customer.e:0.0",
            "customer.purchase.count:0.0",
        ]
    )
    assert encode(FeatureSet(numeric={"customers": 5.0, "said.x": 5.0})) == "customers:5.0 said.x:5.0"
