"""Segments: what a value of a feature is, and how many there are at most."""

import pytest

from attune.evaluation import choices
from attune.evaluation.segments import MOST_VALUES, OTHER, Segments, value_of
from attune.evaluation.targets import uniform
from attune.evaluation.weighing import as_logged, prepared, weigh
from attune.v1.features_pb2 import Features
from messages import features
from sampled import sample

KNOWN = features(categorical={"device": "mobile"}, numeric={"age": 31.0}, tags={"likes": ["tea", "cake"]})


@pytest.mark.parametrize(
    ("feature", "value"),
    [("device", "mobile"), ("age", "31"), ("likes", "cake, tea"), ("shoe_size", "(none)")],
)
def test_a_value_is_text(feature: str, value: str) -> None:
    assert value_of(feature, KNOWN) == value


def test_after_so_many_values_new_ones_are_counted_together() -> None:
    rows = [sample(i, (0.5, 0.5), 0, 1.0, context=Features(categorical={"city": f"c{i % 30}"})) for i in range(60)]
    segments = Segments(["city"], choices.estimators(["ips"], model=False).main)
    chunk = prepared(rows, None, seed=1)
    for _ in range(2):
        segments.add(rows, weigh(chunk, uniform()), as_logged(chunk))
    found = [(value, account.own.main.n_rounds) for _, value, account in segments.accounts()]
    assert found == [*((f"c{i}", 4) for i in range(MOST_VALUES)), (OTHER, 40)]
