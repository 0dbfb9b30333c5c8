"""What a reward model is worth to a doubly robust estimate, and what it costs: `python -m benchmarks.reward_models`.

The figures of `docs/decisions/0011-reward-models.md`. Tom and Anna click on what they like 7 times in 10 and on the
rest once in 10; articles are drawn by chance; the target policy draws what is liked 9 times in 10. Each model is fitted
on three folds and predicts all seven articles of each row; what is printed is the variance of the rounds of the doubly
robust estimate, divided by that of inverse propensities alone, and the time a row takes, learning and predicting.
The same seed gives the same ratios.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from random import Random

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LogisticRegression, Ridge
from tests.support.tom_and_anna import ARTICLES, is_clicked, situation_of, visits

from attune_models.reward_model import N_FOLDS, CrossFitted
from attune_models.types import Interaction

N_ARTICLES = len(ARTICLES)


@dataclass(frozen=True, slots=True)
class Log:
    """Rounds of chance, and what the target policy would have done in each.

    Attributes:
        interactions: What was decided, and what came of it.
        target: Probability of each article; float64, shape (n_rounds, 7).
    """

    interactions: Sequence[Interaction]
    target: NDArray[np.float64]


def make_log(n_rounds: int, seed: int) -> Log:
    """Play."""
    random, interactions, target = Random(seed), [], []  # noqa: S311 - no secret
    for visit in visits(n_rounds, seed):
        liked = [is_clicked(visit, article) for article in ARTICLES]
        chosen = random.randrange(N_ARTICLES)
        clicked = float(random.random() < (0.7 if liked[chosen] else 0.1))
        interactions.append(Interaction(situation_of(visit), chosen, 1.0 / N_ARTICLES, clicked))
        target.append([0.1 / N_ARTICLES + 0.9 * each for each in liked])
    return Log(interactions, np.array(target))


def by_vowpal_wabbit(log: Log) -> NDArray[np.float64]:
    """Return the predictions of our own models, shape (n_rounds, 7)."""
    models = CrossFitted()
    for i, each in enumerate(log.interactions):
        models.learn(str(i), each)
    return np.array([models.predict(str(i), each.situation) for i, each in enumerate(log.interactions)])


def by_scikit_learn(make: Callable[[], object], *, dense: bool) -> Callable[[Log], NDArray[np.float64]]:
    """Return what predicts with a model of scikit-learn, from the same features: all rows are held in memory."""

    def predictions(log: Log) -> NDArray[np.float64]:
        """Return the predictions of a model that saw the other folds, shape (n_rounds, 7)."""
        rows = [crossed(each) for each in log.interactions]
        # Few columns for trees, which need them all as numbers.
        features = FeatureHasher(64 if dense else 1 << 18, input_type="string").transform(chain.from_iterable(rows))
        features = features.toarray() if dense else features.tocsr()
        chosen = np.arange(len(rows)) * N_ARTICLES + [each.chosen for each in log.interactions]
        reward = np.array([each.reward for each in log.interactions])
        fold = np.arange(len(rows)) % N_FOLDS
        predicted = np.zeros((len(rows), N_ARTICLES))
        for held_out in range(N_FOLDS):
            model = make().fit(features[chosen[fold != held_out]], reward[fold != held_out])
            asked = features[np.repeat(fold == held_out, N_ARTICLES)]
            values = model.predict_proba(asked)[:, 1] if hasattr(model, "predict_proba") else model.predict(asked)
            predicted[fold == held_out] = values.reshape(-1, N_ARTICLES)
        return predicted

    return predictions


def crossed(interaction: Interaction) -> list[list[str]]:
    """Return the tokens of each action: its own, the context's, their products, and those of the context's pair."""
    context = interaction.situation.context.split()
    context = [*context, "&".join(context)]
    return [[*context, action, *(f"{token}*{action}" for token in context)] for action in interaction.situation.actions]


MODELS: dict[str, Callable[[Log], NDArray[np.float64]]] = {
    "Vowpal Wabbit": by_vowpal_wabbit,
    "ridge regression": by_scikit_learn(Ridge, dense=False),
    "logistic regression": by_scikit_learn(LogisticRegression, dense=False),
    "gradient boosting": by_scikit_learn(HistGradientBoostingClassifier, dense=True),
}


def ratio(log: Log, predicted: NDArray[np.float64]) -> float:
    """Return the variance of doubly robust rounds, divided by that of rounds of inverse propensities."""
    rows, chosen = np.arange(len(predicted)), [each.chosen for each in log.interactions]
    reward = np.array([each.reward for each in log.interactions])
    weight = log.target[rows, chosen] * N_ARTICLES
    rounds = (log.target * predicted).sum(axis=1) + weight * (reward - predicted[rows, chosen])
    return float(rounds.var() / (weight * reward).var())


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, nargs="+", default=[500, 2_000, 10_000])
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    print(f"| model | {' | '.join(f'{n:,} rounds' for n in options.rounds)} | us a row |")
    print(f"|---|{'---|' * (len(options.rounds) + 1)}")
    for name, predictions in MODELS.items():
        cells, last = [], 0.0
        for n_rounds in options.rounds:
            logs = [make_log(n_rounds, seed) for seed in range(options.seeds)]
            start = time.perf_counter()
            found = [predictions(log) for log in logs]
            last = (time.perf_counter() - start) / n_rounds / options.seeds
            cells.append(np.mean([ratio(*pair) for pair in zip(logs, found, strict=True)]))
        print(f"| {name} | {' | '.join(f'{cell:.2f}' for cell in cells)} | {last * 1e6:.0f} |", flush=True)


if __name__ == "__main__":
    main()
