"""Estimators for several slots, by adding up every round that could have been logged."""

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest

from attune_models.estimator import Estimator
from attune_models.rounds import FloatArray, SlotRounds
from attune_models.slot_estimators import (
    CascadeDr,
    IndependentIps,
    RewardInteractionIps,
    RoundIps,
    default_slot_estimators,
)
from rounds import expected, some_slot_rounds

# Two of three actions are shown, one after the other, without repetition.
SHOWN = np.array(list(permutations(range(3), 2)))
FIRST, SECOND = SHOWN.T
LOGGED = np.array([0.2, 0.3, 0.5])
TARGET = np.array([0.7, 0.2, 0.1])
EVERY = [pytest.param(each, id=each.name) for each in default_slot_estimators()]
Reward = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]


def by_the_customer_who_sees_everything(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What the first slot earns depends on what the second shows."""
    return 1.0 * first + 0.5 * (second == 2), 2.0 * second - 0.3 * first


def by_the_customer_who_looks_downwards(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What a slot earns depends on it and the one above."""
    return 1.0 * first, 2.0 * second - 0.3 * first * second


def steps(first_draw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the probability of each slot's draw given the slots before, when drawing without repetition."""
    return first_draw[FIRST], first_draw[SECOND] / (1.0 - first_draw[FIRST])


def every_round(reward: Reward, model: tuple[FloatArray, FloatArray]) -> tuple[SlotRounds, FloatArray, float]:
    """Return every pair, its probability in the log, and what the target policy earns."""
    logged, target = steps(LOGGED), steps(TARGET)
    rewards = reward(FIRST, SECOND)
    q_first, q_second = model
    v_first = np.full(len(SHOWN), TARGET @ q_first)
    v_second = np.array([sum(p * q_second[i, j] for j, p in rest(i)) for i in FIRST])
    rounds = SlotRounds(
        np.stack(rewards, axis=1),
        np.stack([target[0] / logged[0], target[1] / logged[1]], axis=1),
        np.stack([q_first[FIRST], q_second[FIRST, SECOND]], axis=1),
        np.stack([v_first, v_second], axis=1),
    )
    return rounds, logged[0] * logged[1], float((target[0] * target[1]) @ (rewards[0] + rewards[1]))


def rest(first: int) -> list[tuple[int, float]]:
    """Return the actions that are left for the second slot, with the target policy's probabilities."""
    return [(j, float(TARGET[j] / (1.0 - TARGET[first]))) for j in range(3) if j != first]


NO_MODEL = (np.zeros(3), np.zeros((3, 3)))
WRONG = (np.array([0.4, -1.0, 2.0]), np.array([[0.0, 1.0, 3.0], [2.0, 0.0, -1.0], [0.5, 0.7, 0.0]]))


def test_ips_of_the_round_is_unbiased_whatever_rewards_depend_on() -> None:
    rounds, probability, truth = every_round(by_the_customer_who_sees_everything, NO_MODEL)
    assert expected(RoundIps().per_round(rounds), probability) == pytest.approx(truth, abs=1e-14)


@pytest.mark.parametrize("estimator", [RewardInteractionIps(), CascadeDr()])
def test_cascades_are_unbiased_for_customers_who_look_downwards(estimator: Estimator[SlotRounds]) -> None:
    """And with a wrong model; not for customers who see everything."""
    rounds, probability, truth = every_round(by_the_customer_who_looks_downwards, WRONG)
    assert expected(estimator.per_round(rounds), probability) == pytest.approx(truth, abs=1e-14)
    rounds, probability, truth = every_round(by_the_customer_who_sees_everything, WRONG)
    assert abs(expected(estimator.per_round(rounds), probability) - truth) > 0.01


def test_cascade_dr_varies_least_with_a_model_of_what_is_still_to_come() -> None:
    """Rewards have no noise here: with predictions of all that follows, every round says the value itself."""
    reward = by_the_customer_who_looks_downwards
    q_second = np.array([[reward(np.array(i), np.array(j))[1] for j in range(3)] for i in range(3)], dtype=np.float64)
    to_come = np.array([sum(p * q_second[i, j] for j, p in rest(i)) for i in range(3)])
    rounds, _, truth = every_round(reward, (np.arange(3.0) + to_come, q_second))
    assert CascadeDr().per_round(rounds) == pytest.approx([truth] * 6, abs=1e-14)
    own_slot_only, _, _ = every_round(reward, (np.arange(3.0), q_second))
    assert CascadeDr().per_round(own_slot_only).std() > 1.0


def test_the_independent_one_has_the_slots_before_as_they_were_logged() -> None:
    """Just what its docstring says: slot 2 by the target policy, after a first slot by the logging policy."""
    rounds, probability, truth = every_round(by_the_customer_who_looks_downwards, NO_MODEL)
    rewards = by_the_customer_who_looks_downwards(FIRST, SECOND)
    (logged_first, _), (target_first, target_second) = steps(LOGGED), steps(TARGET)
    mixture = float((target_first * rewards[0] + logged_first * rewards[1]) @ target_second)
    assert expected(IndependentIps().per_round(rounds), probability) == pytest.approx(mixture, abs=1e-14)
    assert abs(mixture - truth) > 0.1


def test_the_independent_one_is_right_where_slots_do_not_meet() -> None:
    """Both slots draw from the same three, and earn by themselves."""
    first, second = (each.ravel() for each in np.indices((3, 3)))
    rewards = np.stack([1.0 * first, 2.0 * (second == 1)], axis=1)
    weight = np.stack([(TARGET / LOGGED)[first], (TARGET / LOGGED)[second]], axis=1)
    rounds = SlotRounds(rewards, weight, np.zeros((9, 2)), np.zeros((9, 2)))
    truth = float((TARGET[first] * TARGET[second]) @ rewards.sum(axis=1))
    probability = LOGGED[first] * LOGGED[second]
    assert expected(IndependentIps().per_round(rounds), probability) == pytest.approx(truth, abs=1e-14)


@pytest.mark.parametrize("estimator", EVERY)
def test_slots_that_are_not_there_change_nothing(estimator: Estimator[SlotRounds]) -> None:
    """Weight 1 and zeros: rounds of two slots among rounds of three."""
    rounds = some_slot_rounds(40, 2)
    zeros = np.zeros((40, 1))
    padded = SlotRounds(
        np.hstack([rounds.reward, zeros]),
        np.hstack([rounds.weight, zeros + 1.0]),
        np.hstack([rounds.q_logged, zeros]),
        np.hstack([rounds.q_target, zeros]),
    )
    assert estimator.per_round(padded) == pytest.approx(estimator.per_round(rounds), abs=1e-15)


def test_with_one_slot_they_are_ips_and_dr() -> None:
    rounds = some_slot_rounds(40, 1)
    ips = (rounds.weight * rounds.reward)[:, 0]
    for estimator in (RoundIps(), IndependentIps(), RewardInteractionIps()):
        assert estimator.per_round(rounds) == pytest.approx(ips, abs=1e-15)
    corrected = (rounds.q_target + rounds.weight * (rounds.reward - rounds.q_logged))[:, 0]
    assert CascadeDr().per_round(rounds) == pytest.approx(corrected, abs=1e-15)


def test_no_rounds_have_no_kernel() -> None:
    for estimator in default_slot_estimators():
        assert estimator.per_round(some_slot_rounds(0, 2)).shape == (0,)
    assert [each.name for each in default_slot_estimators()] == ["ips", "iips", "rips", "cascade-dr"]
    assert [each.needs_model for each in default_slot_estimators()] == [False, False, False, True]
