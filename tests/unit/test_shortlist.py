"""The best are on a shortlist, and everybody else has the same chance to be."""

from collections import Counter

import numpy as np
import pytest

from attune.serving.shortlist import ranking, shortlist
from attune_models.baselines import UniformPolicy
from attune_models.types import Situation

SCORES = np.array([0.1, 0.9, 0.3, 0.8, 0.2, 0.7, 0.0, 0.6])


@pytest.mark.parametrize(("size", "n_random"), [(2, 0), (4, 2), (4, 4), (7, 1), (3, 1)])
def test_a_shortlist_has_the_best_and_some_others_once_each_in_order(size: int, n_random: int) -> None:
    best = set(np.argsort(-SCORES)[: size - n_random].tolist())
    for i in range(50):
        listed = shortlist(SCORES, size, n_random, "shortlist", "home_hero", str(i))
        assert len(listed) == len(set(listed)) == size
        assert best <= set(listed)
        assert list(listed) == sorted(listed)


def test_the_same_decision_has_the_same_shortlist_and_another_one_another() -> None:
    lists = [tuple(shortlist(SCORES, 4, 2, "shortlist", "home_hero", f"e{i % 10}")) for i in range(20)]
    assert lists[:10] == lists[10:]
    assert len(set(lists)) > 1


def test_every_lower_rank_has_the_same_chance() -> None:
    """5 offers share 2 places: each is on 2 of 5 lists. The keys are fixed."""
    n_lists = 4000
    counts = Counter(i for n in range(n_lists) for i in shortlist(SCORES, 5, 2, "shortlist", "home_hero", str(n)))
    low = [i for i in range(len(SCORES)) if i not in (1, 3, 5)]
    observed = np.array([counts[i] for i in low])
    expected = n_lists * 2 / 5
    # Covariance of inclusion without replacement: p (1 - p) N / (N - 1) (I - J / N).
    statistic = ((observed - expected) ** 2).sum() / (n_lists * 0.4 * 0.6 * 5 / 4)
    assert statistic < 18.47  # 99.9 % of chi-square with 4 degrees of freedom
    assert all(counts[i] == n_lists for i in (1, 3, 5))


def test_equal_scores_have_equal_chances_also_where_some_are_best() -> None:
    """So a control group that draws uniformly from its lists draws uniformly from all."""
    n_lists = 4000
    counts = Counter(i for n in range(n_lists) for i in shortlist(np.zeros(6), 3, 1, "shortlist", "p", str(n)))
    observed = np.array([counts[i] for i in range(6)])
    statistic = ((observed - n_lists / 2) ** 2).sum() / (n_lists * 0.5 * 0.5 * 6 / 5)
    assert statistic < 20.52  # 99.9 % of chi-square with 5 degrees of freedom


def test_a_policy_without_scores_ranks_by_its_probabilities() -> None:
    situation = Situation("", ["a", "b"], ["=a", "=b"])
    assert ranking(UniformPolicy(), situation).tolist() == [0.5, 0.5]
