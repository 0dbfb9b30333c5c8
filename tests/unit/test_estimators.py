"""Each estimator's formula, and what is said of its bias, by adding up every round that could have been logged."""

from dataclasses import replace

import numpy as np
import pytest

from attune_models.cressie_read import CressieRead
from attune_models.estimator import Estimator
from attune_models.estimators import (
    ClippedDr,
    ClippedIps,
    DirectMethod,
    DoublyRobust,
    Ips,
    OptimisticShrinkageDr,
    Replay,
    SelfNormalisedDr,
    Snips,
    SwitchDr,
    default_estimators,
)
from attune_models.rounds import FloatArray, Rounds
from rounds import expected, part, some_rounds

# Two contexts, three actions, a reward of 0 or 1 with these probabilities.
CONTEXTS = np.array([0.3, 0.7])
LOGGED = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
TARGET = np.array([[0.0, 0.9, 0.1], [0.6, 0.3, 0.1]])
MEANS = np.array([[0.2, 0.8, 0.5], [0.9, 0.1, 0.4]])
TRUTH = float((CONTEXTS[:, np.newaxis] * TARGET * MEANS).sum())
# A model that is wrong everywhere.
MODEL = np.array([[0.6, 0.1, 0.9], [0.2, 0.7, 0.3]])
EVERY = [pytest.param(each, id=each.name) for each in default_estimators()]


def every_round(logged: FloatArray = LOGGED, model: FloatArray = MODEL) -> tuple[Rounds, FloatArray]:
    """Return every round there could be, by context, action, the target's own draw and reward, and its probability."""
    x, action, own, won = (each.ravel() for each in np.indices((2, 3, 3, 2)))
    reward_probability = np.where(won == 1, MEANS[x, action], 1.0 - MEANS[x, action])
    probability = CONTEXTS[x] * logged[x, action] * TARGET[x, own] * reward_probability
    rounds = Rounds(
        won.astype(np.float64),
        TARGET[x, action] / logged[x, action],
        action == own,
        model[x, action],
        (TARGET * model).sum(axis=1)[x],
    )
    return rounds, probability


def value(estimator: Estimator[Rounds], rounds: Rounds) -> float:
    return float(estimator.value(estimator.columns(rounds).mean(axis=0), len(rounds.reward)))


@pytest.mark.parametrize("estimator", [Ips(), DoublyRobust(), ClippedIps(6.0), ClippedDr(6.0), SwitchDr(6.0)])
def test_ips_and_dr_are_unbiased_also_with_a_wrong_model(estimator: Estimator[Rounds]) -> None:
    """The largest weight is 6: limits of 6 change nothing."""
    rounds, probability = every_round()
    assert expected(estimator.per_round(rounds), probability) == pytest.approx(TRUTH, abs=1e-15)


@pytest.mark.parametrize("estimator", [Snips(), SelfNormalisedDr()])
def test_self_normalised_estimates_have_the_right_limit(estimator: Estimator[Rounds]) -> None:
    rounds, probability = every_round()
    means = probability @ estimator.columns(rounds)
    assert float(estimator.value(means, 10)) == pytest.approx(TRUTH, abs=1e-15)


def test_replay_is_right_on_uniform_logs_and_wrong_on_others() -> None:
    uniform, probability = every_round(np.full((2, 3), 1 / 3))
    estimator = Replay()
    assert float(estimator.value(probability @ estimator.columns(uniform), 10)) == pytest.approx(TRUTH, abs=1e-15)
    skewed, probability = every_round()
    assert abs(float(estimator.value(probability @ estimator.columns(skewed), 10)) - TRUTH) > 0.02


def test_the_direct_method_is_as_biased_as_its_model() -> None:
    rounds, probability = every_round()
    believed = float((CONTEXTS[:, np.newaxis] * TARGET * MODEL).sum())
    assert expected(DirectMethod().per_round(rounds), probability) == pytest.approx(believed, abs=1e-15)
    rounds, probability = every_round(model=MEANS)
    assert expected(DirectMethod().per_round(rounds), probability) == pytest.approx(TRUTH, abs=1e-15)


@pytest.mark.parametrize("estimator", [ClippedDr(1.0), SwitchDr(1.0), OptimisticShrinkageDr(1.0), ClippedDr(0.0)])
def test_with_the_right_model_nothing_that_is_done_to_weights_makes_a_bias(estimator: Estimator[Rounds]) -> None:
    rounds, probability = every_round(model=MEANS)
    assert expected(estimator.per_round(rounds), probability) == pytest.approx(TRUTH, abs=1e-15)


def test_the_right_model_takes_variance_off() -> None:
    rounds, probability = every_round(model=MEANS)
    spreads = [
        expected(estimator.per_round(rounds) ** 2, probability) for estimator in (DoublyRobust(), Ips(), DirectMethod())
    ]
    assert spreads[2] < spreads[0] < spreads[1]


def test_dr_with_a_model_of_zeros_is_ips() -> None:
    rounds = some_rounds(200)
    blind = replace(rounds, q_logged=np.zeros(200), q_target=np.zeros(200))
    assert DoublyRobust().per_round(blind).tolist() == Ips().per_round(rounds).tolist()
    assert ClippedDr(2.0).per_round(blind).tolist() == ClippedIps(2.0).per_round(rounds).tolist()
    assert SelfNormalisedDr().per_round(blind).tolist() == Snips().per_round(rounds).tolist()


def test_the_kernels_of_one_round_are_their_formulas() -> None:
    """Reward .5, weight 4, q .2, v .3; the other round has no weight."""
    rounds = Rounds(
        np.array([0.5, 1.0]), np.array([4.0, 0.0]), np.array([True, False]), np.array([0.2, 0.1]), np.array([0.3, 0.3])
    )
    kernels = {
        Replay(): [1.0, 0.0],
        DirectMethod(): [0.3, 0.3],
        Ips(): [2.0, 0.0],
        ClippedIps(3.0): [1.5, 0.0],
        Snips(): [1.0, 0.0],
        DoublyRobust(): [0.3 + 4 * 0.3, 0.3],
        ClippedDr(3.0): [0.3 + 3 * 0.3, 0.3],
        SelfNormalisedDr(): [0.3 + 2 * 0.3, 0.3],
        SwitchDr(4.0): [0.3 + 4 * 0.3, 0.3],
        SwitchDr(3.9): [0.3, 0.3],
        OptimisticShrinkageDr(16.0): [0.3 + 2 * 0.3, 0.3],
    }
    for estimator, kernel in kernels.items():
        assert estimator.per_round(rounds) == pytest.approx(kernel, abs=1e-15), estimator


@pytest.mark.parametrize("estimator", EVERY)
def test_the_mean_of_the_kernel_is_the_value_of_the_means(estimator: Estimator[Rounds]) -> None:
    rounds = some_rounds(500)
    columns = estimator.columns(rounds)
    assert columns.shape == (500, estimator.n_columns)
    assert estimator.per_round(rounds).shape == (500,)
    assert estimator.per_round(rounds).mean() == pytest.approx(value(estimator, rounds), abs=1e-14)


@pytest.mark.parametrize("estimator", EVERY)
def test_many_sets_of_means_have_their_values_at_once(estimator: Estimator[Rounds]) -> None:
    means = np.stack([estimator.columns(some_rounds(50, seed)).mean(axis=0) for seed in range(6)])
    one_by_one = [float(estimator.value(each, 50)) for each in means]
    assert estimator.value(means.reshape(2, 3, -1), 50).ravel() == pytest.approx(one_by_one, abs=1e-15)


@pytest.mark.parametrize("estimator", [*EVERY, CressieRead(weight_high=7.0)])
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_gradient_is_what_small_steps_show(estimator: Estimator[Rounds], seed: int) -> None:
    """Central differences of 1e-6; the seeds have mean weights on both sides of 1."""
    means = estimator.columns(some_rounds(400, seed)).mean(axis=0)
    steps = 1e-6 * np.eye(len(means))
    differences = (estimator.value(means + steps, 400) - estimator.value(means - steps, 400)) / 2e-6
    assert estimator.gradient(means, 400) == pytest.approx(differences, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("estimator", EVERY)
def test_one_round_and_none_have_kernels(estimator: Estimator[Rounds]) -> None:
    rounds = some_rounds(20)
    assert estimator.per_round(part(rounds, 0, 0)).shape == (0,)
    assert estimator.columns(part(rounds, 0, 0)).shape == (0, estimator.n_columns)
    assert estimator.per_round(part(rounds, 3, 4)).shape == (1,)


def test_without_any_weight_ratios_are_not_defined_and_means_are_nothing() -> None:
    """A target that never draws what was logged: NaN, without a warning."""
    nothing = replace(some_rounds(10), weight=np.zeros(10), matched=np.zeros(10, bool))
    assert Ips().per_round(nothing).tolist() == [0.0] * 10
    assert DoublyRobust().per_round(nothing).tolist() == nothing.q_target.tolist()
    for estimator in (Replay(), Snips(), SelfNormalisedDr()):
        assert np.isnan(estimator.per_round(nothing)).all()
        assert np.isnan(value(estimator, nothing))


def test_the_default_estimators_are_in_the_order_of_reports() -> None:
    names = "replay dm ips clipped-ips snips dr clipped-dr sndr switch-dr dr-os cressie-read"
    assert [estimator.name for estimator in default_estimators()] == names.split()
    with_model = [estimator.name for estimator in default_estimators() if estimator.needs_model]
    assert with_model == ["dm", "dr", "clipped-dr", "sndr", "switch-dr", "dr-os"]
