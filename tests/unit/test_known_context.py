"""A context with what is known about the customer is what one message of all of it would be."""

from attune.serving.known_context import KnownContext
from attune.serving.told import told_of
from attune.v1.features_pb2 import Features, Tags, Vector

OWN = Features(
    numeric={"hour": 7.0, "age": 31.0},
    categorical={"device": "mobile"},
    tags={"likes": Tags(values=["run"])},
    dense={"v": Vector(values=[1.0])},
)
TOLD = Features(
    numeric={"customer.page.count": 3.0, "said.spent": -2.5},
    categorical={"customer.stage": "new", "said.size": "M"},
    tags={"said.likes": Tags(values=["golf", "run"])},
)


def test_everything_is_found_in_it() -> None:
    whole, both = Features(), KnownContext(OWN, told_of(TOLD))
    whole.MergeFrom(OWN)
    whole.MergeFrom(TOLD)
    assert dict(both.numeric) == dict(whole.numeric)
    assert dict(both.categorical) == dict(whole.categorical)
    assert {name: list(both.tags[name].values) for name in both.tags} == {
        name: list(whole.tags[name].values) for name in whole.tags
    }
    assert (len(both.numeric), len(both.categorical), len(both.tags)) == (4, 3, 2)
    assert list(both.dense) == ["v"]
    for name in ("device", "customer.stage", "said.size", "said.missing", "likes", "customer.page.count"):
        for kind in ("numeric", "categorical", "tags"):
            assert (name in getattr(both, kind)) == (name in getattr(whole, kind)), (name, kind)


def test_what_nobody_asks_for_is_not_read() -> None:
    both = KnownContext(OWN, told_of(TOLD)._replace(said=b"\xff"))
    assert both.categorical["device"] == "mobile"
    assert "tablet" not in both.categorical
    assert both.numeric["customer.page.count"] == 3.0
