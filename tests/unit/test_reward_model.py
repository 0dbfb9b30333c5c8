"""Reward models learn what each action earns where, and predict no row by its own reward."""

import math
from random import Random

import numpy as np
import pytest

from attune_models.features import situation, with_slot
from attune_models.reward_model import N_FOLDS, CrossFitted, RewardModel
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation
from tom_and_anna import ARTICLES, LIKED, Visit, is_clicked, situation_of, visits

SITUATIONS = {visit: situation_of(visit) for visit in LIKED}
N_ARTICLES = len(ARTICLES)


def click_rate(visit: Visit, article: str) -> float:
    """Return how often a reader who is not quite sure clicks."""
    return 0.7 if is_clicked(visit, article) else 0.1


def uniform_log(n: int, seed: int) -> list[tuple[str, Visit, Interaction]]:
    """Return a log of articles drawn by chance: id, visit, interaction."""
    random, log = Random(seed), []
    for i, visit in enumerate(visits(n, seed)):
        chosen = random.randrange(N_ARTICLES)
        reward = float(random.random() < click_rate(visit, ARTICLES[chosen]))
        log.append((f"{seed}-{i}", visit, Interaction(SITUATIONS[visit], chosen, 1.0 / N_ARTICLES, reward)))
    return log


def fitted(log: list[tuple[str, Visit, Interaction]]) -> CrossFitted:
    """Return models that learned a log."""
    models = CrossFitted()
    for event_id, _, interaction in log:
        models.learn(event_id, interaction)
    return models


def test_it_learns_that_readers_differ_by_time_of_day() -> None:
    """2,000 rounds are 71 of each article in each situation: a mean of those has a standard error of .05."""
    model = RewardModel()
    for _, _, each in uniform_log(2000, seed=1):
        model.learn(each.situation, each.chosen, each.reward)
    errors = [
        predicted - click_rate(visit, article)
        for visit, asked in SITUATIONS.items()
        for article, predicted in zip(ARTICLES, model.predict(asked), strict=True)
    ]
    assert math.sqrt(np.mean(np.square(errors))) < 0.1
    for visit, asked in SITUATIONS.items():
        assert ARTICLES[int(np.argmax(model.predict(asked)))] == LIKED[visit]


def test_untrained_it_predicts_nothing_for_anybody() -> None:
    assert RewardModel().predict(SITUATIONS[Visit("Tom", "morning")]) == [0.0] * N_ARTICLES


def test_it_predicts_within_the_rewards_that_were_seen() -> None:
    model, random = RewardModel(), Random(2)
    for visit in visits(300, 2):
        model.learn(SITUATIONS[visit], random.randrange(N_ARTICLES), random.choice((2.0, 3.0)))
    predictions = [each for asked in SITUATIONS.values() for each in model.predict(asked)]
    assert min(predictions) >= 2.0
    assert max(predictions) <= 3.0


@pytest.mark.parametrize("scale", [0.0078125, 1024.0])
def test_rewards_of_another_size_are_learned_as_well(scale: float) -> None:
    """Powers of 2, so that scaling does not round. With adaptive steps a scale of 1024 would hardly be learned."""
    plain, scaled = RewardModel(), RewardModel()
    for _, _, each in uniform_log(500, seed=3):
        plain.learn(each.situation, each.chosen, each.reward)
        scaled.learn(each.situation, each.chosen, scale * each.reward)
    for asked in SITUATIONS.values():
        expected = [scale * each for each in plain.predict(asked)]
        # Vowpal Wabbit computes in single precision.
        assert scaled.predict(asked) == pytest.approx(expected, rel=1e-3, abs=1e-3 * scale)


def test_the_prediction_of_a_row_does_not_depend_on_its_reward() -> None:
    """Nor on anything else of it: without the row it is the same, to the bit. Other rows notice."""
    log = uniform_log(200, seed=4)
    event_id, _, row = log[100]
    changed = list(log)
    changed[100] = (event_id, log[100][1], Interaction(row.situation, row.chosen, row.propensity, 50.0))
    original, with_change, without = fitted(log), fitted(changed), fitted(log[:100] + log[101:])
    expected = original.predict(event_id, row.situation)
    assert with_change.predict(event_id, row.situation) == expected
    assert without.predict(event_id, row.situation) == expected
    others = [other for other, _, _ in log]
    noticed = [each for each in others if with_change.predict(each, row.situation) != expected]
    assert noticed, "the models of other folds have learned it"


def test_slots_of_a_decision_share_a_fold_and_are_told_apart() -> None:
    """The second slot earns nothing, whatever is drawn; its model has seen neither slot of the decision."""
    models, random = CrossFitted(), Random(5)
    asked = SITUATIONS[Visit("Anna", "morning")]
    second = Situation(with_slot(asked.context, 1), asked.action_ids, asked.actions)
    for i in range(300):
        for slot in (asked, second):
            chosen = random.randrange(N_ARTICLES)
            models.learn(f"{i}", Interaction(slot, chosen, 1.0 / N_ARTICLES, float(slot is asked)))
    for i in range(10):
        assert min(models.predict(f"{i}", asked)) > 0.8
        assert max(models.predict(f"{i}", second)) < 0.2


def test_folds_are_of_about_the_same_size() -> None:
    """A model that has not learned a row says so: of 600 rows of reward 1, each fold has a third."""
    models, asked = CrossFitted(), SITUATIONS[Visit("Tom", "morning")]
    models.learn("only", Interaction(asked, 0, 0.5, 1.0))
    unseen = sum(models.predict(f"{i}", asked)[0] == 0.0 for i in range(600))
    # Four standard errors of a binomial share.
    assert abs(unseen - 600 / N_FOLDS) < 4.0 * math.sqrt(600 * (1 / 3) * (2 / 3))


def test_the_same_log_gives_the_same_bits() -> None:
    log = uniform_log(300, seed=6)
    one, other = fitted(log), fitted(log)
    for event_id, _, each in log[:50]:
        assert one.predict(event_id, each.situation) == other.predict(event_id, each.situation)


@pytest.mark.parametrize("reward", [math.nan, math.inf, -1.1e6])
def test_a_reward_that_would_spoil_the_weights_is_refused(reward: float) -> None:
    with pytest.raises(ValueError, match="expected a reward between -1e6 and 1e6, got"):
        RewardModel().learn(SITUATIONS[Visit("Tom", "morning")], 0, reward)


def test_the_largest_features_and_rewards_leave_predictions_finite() -> None:
    model, random = RewardModel(), Random(7)
    for _ in range(500):
        numbers = [random.choice((1e6, -1e6, 1e-29, 0.0)) for _ in range(4)]
        actions = [PlainAction(f"{i}", FeatureSet({"price": number})) for i, number in enumerate(numbers)]
        asked = situation(FeatureSet({"age": random.choice(numbers)}, {"user": random.choice("ab")}), actions)
        assert all(abs(each) <= 1e6 for each in model.predict(asked))
        model.learn(asked, random.randrange(4), random.choice((1e6, -1e6, 0.0)))


def test_doubly_robust_estimates_are_unbiased_and_less_noisy_than_weighting_alone() -> None:
    """Eight logs of 600 rounds, for a policy that draws what is liked nine times in ten.

    Each estimate's rounds give its standard error; over the eight logs its mean is within 4 of them. The model knows
    what is liked, so what is left to weigh is the noise of the clicks: .7 x .3 of .7 x .3 + .7^2 or less.
    """
    weighted, corrected = zip(*(estimated(uniform_log(600, seed)) for seed in range(8)), strict=True)
    truth = 0.9 * 0.7 + 0.1 * (0.7 + 6 * 0.1) / 7
    for rounds in (np.concatenate(weighted), np.concatenate(corrected)):
        assert abs(rounds.mean() - truth) < 4.0 * rounds.std() / math.sqrt(len(rounds))
    assert np.concatenate(corrected).var() < 0.6 * np.concatenate(weighted).var()


def estimated(log: list[tuple[str, Visit, Interaction]]) -> tuple[np.ndarray, np.ndarray]:
    """Return what each round gives by inverse propensities, and doubly robust."""
    models, weighted, corrected = fitted(log), [], []
    for event_id, visit, each in log:
        target = [0.1 / N_ARTICLES + 0.9 * is_clicked(visit, article) for article in ARTICLES]
        predicted = models.predict(event_id, each.situation)
        weight = target[each.chosen] / each.propensity
        weighted.append(weight * each.reward)
        mean = sum(p * q for p, q in zip(target, predicted, strict=True))
        corrected.append(mean + weight * (each.reward - predicted[each.chosen]))
    return np.array(weighted), np.array(corrected)
