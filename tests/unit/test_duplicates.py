"""Duplicates are found exactly in small logs, and by a fair sample in large ones."""

import pytest

from attune_models.duplicates import Duplicates


def ids(n: int) -> list[str]:
    """Return so many different ids."""
    return [f"event-{i}" for i in range(n)]


def test_a_log_without_duplicates_has_none() -> None:
    counted = Duplicates()
    counted.add(ids(1000))
    assert counted.share == 0.0


def test_an_empty_log_has_none() -> None:
    assert Duplicates().share == 0.0


def test_within_a_batch_and_across_batches_each_repetition_counts() -> None:
    counted = Duplicates()
    counted.add(["a", "b", "a"])
    counted.add(["b", "c", "a", "d"])
    assert counted.share == pytest.approx(3 / 7)


def test_decisions_without_ids_are_no_duplicates() -> None:
    counted = Duplicates()
    counted.add(["", "", "a", ""])
    assert counted.share == 0.0


def test_what_is_remembered_is_bounded_and_the_share_is_still_found() -> None:
    """8,000 ids of which every fifth comes twice, in a memory of 1,000: a share of 1 / 6.

    One in eight or more of the ids are in the sample: about 1,000, halved once more 500, and not 400 by chance (four
    standard deviations). The sample's share of ids that come twice has a standard error of at most
    sqrt(.2 x .8 / 400) = .02, and the share of duplicates has (5 / 6)^2 of that: .014.
    """
    counted, different = Duplicates(most_ids=1000), ids(8000)
    for start in range(0, 8000, 500):
        counted.add(different[start : start + 500])
    counted.add(different[::5])
    assert counted.level >= 3
    assert 400 <= len(counted.array()) <= 1000, "as many as fit, and no more"
    assert abs(counted.share - 1 / 6) < 3.0 * 0.014


def test_the_sample_is_the_same_however_the_log_is_cut() -> None:
    seen = ids(3000) + ids(700)
    whole, cut = Duplicates(most_ids=500), Duplicates(most_ids=500)
    whole.add(seen)
    for start in range(0, len(seen), 11):
        cut.add(seen[start : start + 11])
    assert whole.level == cut.level
    assert whole.array().tobytes() == cut.array().tobytes()


def test_it_goes_on_where_another_one_stopped() -> None:
    whole, first = Duplicates(most_ids=100), Duplicates(most_ids=100)
    whole.add(ids(400))
    first.add(ids(400))
    second = Duplicates.of(100, first.level, first.array())
    for each in (whole, second):
        each.add(ids(300))
    assert whole.array().tobytes() == second.array().tobytes()
