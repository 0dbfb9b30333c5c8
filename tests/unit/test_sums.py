"""Sums have the same bits however a log was cut into batches."""

import numpy as np

from attune_models.sums import add_at, added

NUMBERS = np.random.default_rng(1).lognormal(0.0, 8.0, (1000, 3))


def test_rows_are_added_one_after_the_other_whatever_the_batches() -> None:
    whole = added(np.zeros(3), NUMBERS)
    cut = np.zeros(3)
    for start, end in ((0, 1), (1, 8), (8, 8), (8, 700), (700, 1000)):
        cut = added(cut, NUMBERS[start:end])
    one_by_one = [0.0, 0.0, 0.0]
    for row in NUMBERS.tolist():
        one_by_one = [total + number for total, number in zip(one_by_one, row, strict=True)]
    assert whole.tolist() == cut.tolist() == one_by_one


def test_places_that_repeat_are_all_added() -> None:
    totals = np.ones((2, 2))
    add_at(totals, (np.array([0, 1, 0]), 1), np.array([1.0, 2.0, 3.0]))
    assert totals.tolist() == [[1.0, 5.0], [1.0, 3.0]]
