"""Features as Vowpal Wabbit's JSON, and back."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from attune.logs.namespaces import CONTEXT, escaped, from_namespaces, to_namespaces, unescaped
from attune.v1.features_pb2 import Features
from strategies import NAME, features


@given(features())
@settings(max_examples=80, deadline=None)
def test_features_come_back_as_they_were(known: Features) -> None:
    written = json.loads(json.dumps(to_namespaces(CONTEXT, known)))
    read = from_namespaces(CONTEXT, written)
    for tags in read.tags.values():
        tags.values.sort()
    assert read == known


@given(NAME)
def test_no_name_has_a_meaning_to_vowpal_wabbit(name: str) -> None:
    assert not escaped(name).startswith("_")
    assert unescaped(escaped(name)) == name


# A namespace, and what is said about it.
@pytest.mark.parametrize(
    ("namespaces", "error"),
    [
        ({"c_numeric": {"price": "x"}}, TypeError),
        ({"c_categorical": {"device": 7}}, TypeError),
        ({"c_numeric": [1]}, AttributeError),
        ({"c_tags": {"%FF~x": 1}}, ValueError),
    ],
)
def test_what_was_not_written_so_is_not_read(namespaces: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        from_namespaces(CONTEXT, namespaces)
