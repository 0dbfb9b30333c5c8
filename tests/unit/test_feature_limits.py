"""Every limit of a feature holds at its border, and what is beyond it is named."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from attune_models.features import FeatureError, encode, encode_action
from attune_models.types import FeatureSet, PlainAction, ValueList
from encoded import decode, meaning, message

LONGEST = "n" * 256


@pytest.mark.parametrize(
    "features",
    [
        FeatureSet(numeric={f"n{i}": 1.0 for i in range(200)}),  # as many as allowed
        FeatureSet(
            numeric={f"n{i}": 1.0 for i in range(197)}, tags={"t": ValueList(["a", "b"] * 9)}, categorical={"c": ""}
        ),
        FeatureSet(dense={"e": ValueList([1.0] * 200)}),  # a component counts one
        FeatureSet(numeric={LONGEST: 1.0}, categorical={LONGEST: LONGEST}, tags={LONGEST: ValueList([LONGEST])}),
        FeatureSet(categorical={"é" * 128: "😀" * 64}),  # bytes are counted, before escaping
        FeatureSet(categorical={"c": " " * 256}),  # escaping does not count
        FeatureSet(numeric={"low": -1e6, "high": 1e6}, dense={"e": ValueList([-1e6, 1e6])}),  # the borders
        FeatureSet(numeric={"small": 1e-20, "zero": 0.0}),
        FeatureSet(tags={f"t{i}": ValueList([]) for i in range(200)}),  # as many names as allowed, without values
    ],
)
def test_what_is_just_within_the_limits_is_taken(features: FeatureSet) -> None:
    assert decode(encode(features)) == meaning(features)


TOO_LONG = "expected at most 256 bytes of UTF-8, got 257"
NOT_A_NUMBER = "expected a number between -1e6 and 1e6, got "


@pytest.mark.parametrize(
    ("features", "field", "description"),
    [
        # one more than allowed, of one kind and of all kinds
        (FeatureSet(numeric={f"n{i}": 1.0 for i in range(201)}), "", "expected at most 200 features, got 201"),
        (
            FeatureSet({"n": 1.0}, {"c": ""}, {"t": ValueList(["a", "b"])}, {"e": ValueList([1.0] * 197)}),
            "",
            "expected at most 200 features, got 201",
        ),
        # names without values count one each
        (
            FeatureSet(tags={f"t{i}": ValueList([]) for i in range(201)}),
            "",
            "expected at most 200 features, got 201",
        ),
        (
            FeatureSet({"n": 1.0}, {}, {"t": ValueList([])}, {f"e{i}": ValueList([]) for i in range(199)}),
            "",
            "expected at most 200 features, got 201",
        ),
        # names: empty, and one byte too long
        (FeatureSet(numeric={"": 1.0}), "numeric", "expected a feature name of 1 to 256 bytes, got an empty one"),
        (
            FeatureSet(categorical={"": ""}),
            "categorical",
            "expected a feature name of 1 to 256 bytes, got an empty one",
        ),
        (
            FeatureSet(tags={"": ValueList(["a"])}),
            "tags",
            "expected a feature name of 1 to 256 bytes, got an empty one",
        ),
        (
            FeatureSet(dense={"": ValueList([1.0])}),
            "dense",
            "expected a feature name of 1 to 256 bytes, got an empty one",
        ),
        (FeatureSet(tags={"": ValueList([])}), "tags", "expected a feature name of 1 to 256 bytes, got an empty one"),
        (FeatureSet(dense={"": ValueList([])}), "dense", "expected a feature name of 1 to 256 bytes, got an empty one"),
        (FeatureSet(tags={LONGEST + "n": ValueList([])}), f'tags["{"n" * 40}..."]', TOO_LONG),
        (
            FeatureSet(numeric={LONGEST + "n": 1.0}),
            f'numeric["{"n" * 40}..."]',
            "expected at most 256 bytes of UTF-8, got 257",
        ),
        (
            FeatureSet(dense={"é" * 129: ValueList([1.0])}),
            f'dense["{"é" * 40}..."]',
            "expected at most 256 bytes of UTF-8, got 258",
        ),
        # values: one byte too long
        (FeatureSet(categorical={"c": "v" * 257}), 'categorical["c"]', "expected at most 256 bytes of UTF-8, got 257"),
        (FeatureSet(tags={"t": ValueList(["😀" * 65])}), 'tags["t"]', "expected at most 256 bytes of UTF-8, got 260"),
        # numbers: not finite, and too large
        (FeatureSet(numeric={"price": math.nan}), 'numeric["price"]', NOT_A_NUMBER + "nan"),
        (FeatureSet(numeric={"price": math.inf}), 'numeric["price"]', NOT_A_NUMBER + "inf"),
        (FeatureSet(numeric={"price": -math.inf}), 'numeric["price"]', NOT_A_NUMBER + "-inf"),
        (FeatureSet(numeric={"price": 2e9}), 'numeric["price"]', NOT_A_NUMBER + "2000000000: scale it"),
        (FeatureSet(numeric={"price": -1e300}), 'numeric["price"]', NOT_A_NUMBER + "-1e+300: scale it"),
        (FeatureSet(dense={"e": ValueList([0.0, math.nan])}), 'dense["e"]', NOT_A_NUMBER + "nan"),
    ],
)
@pytest.mark.parametrize("form", [lambda features: features, message], ids=["plain", "message"])
def test_what_is_outside_the_limits_is_named(
    features: FeatureSet, field: str, description: str, form: Callable[[FeatureSet], FeatureSet]
) -> None:
    with pytest.raises(FeatureError) as caught:
        encode(form(features))
    assert (caught.value.field, caught.value.description) == (field, description)


@pytest.mark.parametrize(
    ("action", "field", "description"),
    [
        # no id, and one that is too long
        (PlainAction(""), "id", "expected 1 to 256 bytes of UTF-8, got nothing"),
        (PlainAction("i" * 257), "id", TOO_LONG),
        # a feature of an action is named within it
        (PlainAction("a", FeatureSet(numeric={"x": math.nan})), 'features.numeric["x"]', NOT_A_NUMBER + "nan"),
        # too many features: no single one is to blame
        (
            PlainAction("a", FeatureSet(numeric={f"n{i}": 1.0 for i in range(201)})),
            "features",
            "expected at most 200 features, got 201",
        ),
    ],
)
def test_an_action_outside_the_limits_is_named(action: PlainAction, field: str, description: str) -> None:
    with pytest.raises(FeatureError) as caught:
        encode_action(action)
    assert (caught.value.field, caught.value.description) == (field, description)
    assert str(caught.value) == f"{field}: {description}"


@pytest.mark.parametrize("value", [math.nextafter(1e6, math.inf), math.nextafter(-1e6, -math.inf)])
def test_the_next_number_beyond_the_limit_is_refused(value: float) -> None:
    with pytest.raises(FeatureError, match="expected a number between -1e6 and 1e6"):
        encode(FeatureSet(numeric={"x": value}))


LONE = "a\ud800b"
NO_UTF8 = f"expected text that UTF-8 can hold, got {LONE!r}"


@pytest.mark.parametrize(
    ("features", "field"),
    [
        (FeatureSet(numeric={LONE: 1.0}), f'numeric["{LONE}"]'),
        (FeatureSet(categorical={LONE: "v"}), f'categorical["{LONE}"]'),
        (FeatureSet(categorical={"c": LONE}), 'categorical["c"]'),
        (FeatureSet(tags={LONE: ValueList([])}), f'tags["{LONE}"]'),
        (FeatureSet(tags={"t": ValueList(["v", LONE])}), 'tags["t"]'),
        (FeatureSet(dense={LONE: ValueList([1.0])}), f'dense["{LONE}"]'),
    ],
)
def test_half_a_surrogate_pair_is_refused(features: FeatureSet, field: str) -> None:
    """A message cannot hold one; a dictionary of Python can."""
    with pytest.raises(FeatureError) as caught:
        encode(features)
    assert (caught.value.field, caught.value.description) == (field, NO_UTF8)


def test_half_a_surrogate_pair_is_refused_in_an_id() -> None:
    with pytest.raises(FeatureError) as caught:
        encode_action(PlainAction(LONE))
    assert (caught.value.field, caught.value.description) == ("id", NO_UTF8)


@pytest.mark.parametrize("number", [np.float64("nan"), np.float32("inf"), np.float64(2e9)])
def test_numpy_s_numbers_outside_the_limits_are_refused(number: float) -> None:
    with pytest.raises(FeatureError, match="expected a number between -1e6 and 1e6, got "):
        encode(FeatureSet(dense={"e": ValueList([number])}))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_of_a_customer_too(value: float) -> None:
    with pytest.raises(FeatureError, match="between -1e6 and 1e6"):
        encode(FeatureSet(numeric={"customer.x": value}))
