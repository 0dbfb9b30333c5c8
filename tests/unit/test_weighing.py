"""Weighing: samples as a target sees them, by hand."""

import numpy as np
import pytest

from attune.evaluation.targets import FixedTarget, uniform
from attune.evaluation.weighing import as_logged, prepared, weigh
from attune_models.estimators import default_estimators
from attune_models.slot_estimators import default_slot_estimators
from sampled import clicks, of_slots, sample

ROWS = [sample(0, (0.8, 0.2), 0, 1.0), sample(1, (0.8, 0.2), 1, 0.5), sample(2, (1.0, 0.0), 0, 2.0)]


def predict(row: object) -> list[list[float]]:  # noqa: ARG001 - the same of every sample
    """Predicts 3 for the first offer and 5 for the second."""
    return [[3.0, 5.0]]


def test_the_rounds_of_a_target_are_those_that_a_hand_computes() -> None:
    weighed = weigh(prepared(ROWS, predict, seed=1), uniform())
    rounds = weighed.rounds
    assert weighed.index.tolist() == [0, 1, 2]
    assert rounds.reward.tolist() == [1.0, 0.5, 2.0]
    assert rounds.weight.tolist() == [0.5 / 0.8, 0.5 / 0.2, 0.5]
    assert rounds.q_logged.tolist() == [3.0, 5.0, 3.0]
    assert rounds.q_target.tolist() == [4.0, 4.0, 4.0]
    # The third row could never have shown the second offer.
    assert weighed.unsupported.tolist() == [0.0, 0.0, 0.5]


def test_a_fixed_target_matches_what_it_would_have_drawn() -> None:
    weighed = weigh(prepared(ROWS, None, seed=1), FixedTarget("o1"))
    assert weighed.matched.tolist() == [False, True, False]
    assert weighed.rounds.weight.tolist() == [0.0, 1 / 0.2, 0.0]
    assert weighed.rounds.q_logged.tolist() == [0.0] * 3


def test_draws_match_as_often_as_the_target_is_probable() -> None:
    rows = clicks(3000, 1)
    matched = weigh(prepared(rows, None, seed=1), uniform()).matched
    # Binomial with p = 1 / 3: within 4 standard errors.
    assert abs(matched.mean() - 1 / 3) < 4 * (2 / 9 / len(rows)) ** 0.5


def test_slots_are_weighed_given_those_before_and_padded_where_there_are_none() -> None:
    two = of_slots(0, [((0.2, 0.3, 0.5), 2, 1.0), ((0.4, 0.6), 1, 3.0)])
    weighed = weigh(prepared([two, sample(1, (0.5, 0.25, 0.25), 0, 7.0)], None, seed=1), uniform())
    assert weighed.slots.weight.tolist() == [[1 / 3 / 0.5, 1 / 2 / 0.6], [1 / 3 / 0.5, 1.0]]
    assert weighed.slots.reward.tolist() == [[1.0, 3.0], [7.0, 0.0]]
    assert weighed.weight == pytest.approx([1 / 3 / 0.5 * (1 / 2 / 0.6), 1 / 3 / 0.5], rel=1e-15)
    assert weighed.earned.tolist() == [4.0, 7.0]


def test_nobody_knows_what_could_not_be_drawn_where_the_log_has_no_pmf() -> None:
    rows = [sample(0, (0.5, 0.5), 0, 1.0, has_pmf=False)]
    assert np.isnan(weigh(prepared(rows, None, seed=1), uniform()).unsupported).all()


def test_what_was_logged_is_worth_its_mean_reward_by_every_estimator() -> None:
    logged = as_logged(prepared(ROWS, predict, seed=1))
    mean = sum(logged.earned) / 3
    for estimator in default_estimators():
        assert estimator.per_round(logged.rounds).mean() == pytest.approx(mean, abs=1e-12), estimator.name
    for slots in default_slot_estimators():
        assert slots.per_round(logged.slots).mean() == pytest.approx(mean, abs=1e-12), slots.name
