"""Features as other services on Vowpal Wabbit logged them."""

from typing import Any

import pytest

from attune.logs.personalizer import features, offers
from attune.logs.readings import RowError
from attune.v1.features_pb2 import Offer


def test_a_name_is_the_path_to_it() -> None:
    found = features({"User": {"age": 31, "plan": {"name": "gold"}}, "Geo": [{"city": "Oslo"}, {"zip": "0150"}]})
    assert dict(found.numeric) == {"User.age": 31.0}
    assert dict(found.categorical) == {"User.plan.name": "gold", "Geo.city": "Oslo", "Geo.zip": "0150"}


def test_what_vowpal_wabbit_leaves_out_is_left_out() -> None:
    assert not features(
        {"_synthetic": False, "OUserAgent": {"_ua": "x", "_DeviceBrand": ""}, "nothing": None}
    ).ByteSize()


def test_each_type_becomes_its_kind() -> None:
    found = features({"bot": False, "words": ["a", "b"], "vector": [1, 0.5], "empty": []})
    assert dict(found.categorical) == {"bot": "false"}
    assert list(found.tags["words"].values) == ["a", "b"]
    assert list(found.dense["vector"].values) == [1.0, 0.5]


def test_no_feature_replaces_another() -> None:
    found = features({"j": [{"tag": "x"}, {"tag": "y"}], "j.tag": "z"})
    assert dict(found.categorical) == {"j.tag": "x", "j.tag[1]": "y", "j.tag[2]": "z"}


def test_an_action_is_called_what_it_was_called() -> None:
    named = [
        {"_tag": "tag", "i": {"id": "other"}},
        {"i": {"constant": 1, "id": "id"}, "j": [{"x": 1}]},
        {"x": 1},
        {"x": 2},
    ]
    found = offers(named)
    assert [offer.id for offer in found][:2] == ["tag", "id"]
    assert dict(Offer.FromString(found[1].serialised).features.numeric) == {"j.x": 1.0}
    # Without a name: the same features, the same id.
    assert found[2].id != found[3].id
    assert offers([{"x": 2}])[0].id == found[3].id


# What has no meaning as a feature.
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"x": [1, "a"]}, "c.x: expected an array of objects, of texts or of numbers, got a mixed one"),
        ({"x": [[1], [2]]}, "c.x: expected an array"),
        ({"x": 10**400}, "c.x: expected a number between -1e6 and 1e6"),
    ],
)
def test_what_has_no_meaning_is_refused(value: dict[str, Any], said: str) -> None:
    with pytest.raises(RowError, match=said):
        features(value)


def test_features_are_not_nested_without_end() -> None:
    deep: dict[str, Any] = {"x": 1}
    for _ in range(50):
        deep = {"x": deep}
    with pytest.raises(RowError, match="nested at most 20 deep"):
        features(deep)
