"""A log of uniform draws says what a policy that learns earns live: Tom and Anna, with and without being there.

Two questions. What a policy earns that learns from its own draws is what rejection replay estimates, at every length of
a log. What one earns that learns from the log's draws is what progressive replay estimates: the same once both have
learned what there is, and another number before. Both are checked, and the difference is shown.

Every comparison is of two means over independent seeds. Its standard error is that of both together, from the spread
between seeds: what a policy happens to draw at first decides how soon it learns, which no single run knows.
"""

from collections.abc import Iterator
from itertools import islice
from random import Random

import numpy as np
import numpy.typing as npt
import pytest

from attune_models.linear import LinearThompsonSpec, LinearUcbSpec
from attune_models.policy import PolicySpec, started
from attune_models.popularity import PopularitySpec
from attune_models.replay import Step, rejection_replay, replay
from attune_models.types import Interaction
from attune_models.vw import Epsilon, VwSpec
from tom_and_anna import ARTICLES, LIKED, TIMES_OF_DAY, USERS, Visit, is_clicked, play, situation_of

SPECS = {
    "default": PolicySpec(),
    "epsilon": PolicySpec(VwSpec(Epsilon())),
    "linear_ucb": PolicySpec(LinearUcbSpec()),
    "linear_thompson": PolicySpec(LinearThompsonSpec()),
    "popularity": PolicySpec(PopularitySpec()),
}
# The quickest at once; all of them, for longer, take a minute: `make test-long`.
quick = pytest.mark.parametrize("name", ["default", "epsilon"])
# How many seeds of each: the quicker the more.
LONG_SEEDS = {"default": 16, "epsilon": 16, "linear_ucb": 5, "linear_thompson": 5, "popularity": 4}
SITUATIONS = {visit: situation_of(visit) for visit in LIKED}
LIKED_AT = {SITUATIONS[visit].context: ARTICLES.index(article) for visit, article in LIKED.items()}
K = len(ARTICLES)


def uniform_log(seed: int) -> Iterator[Interaction]:
    """Yield visits for ever, each of which was shown an article that was drawn uniformly."""
    random = Random(f"uniform log {seed}")
    while True:
        visit, chosen = Visit(random.choice(USERS), random.choice(TIMES_OF_DAY)), random.randrange(K)
        yield Interaction(SITUATIONS[visit], chosen, 1 / K, float(is_clicked(visit, ARTICLES[chosen])))


def live(name: str, n_rounds: int, n_seeds: int) -> npt.NDArray[np.float64]:
    """Return the clicks of each seed, shape (n_seeds, n_rounds)."""
    return np.array([play(started(SPECS[name]), n_rounds, seed, delay=0) for seed in range(n_seeds)], float)


def progressive(name: str, n_rounds: int, n_seeds: int) -> npt.NDArray[np.float64]:
    """Return what progressive estimates are means of, for the log of each seed, shape (n_seeds, n_rounds)."""
    logs = (replay(SPECS[name], islice(uniform_log(seed), n_rounds)) for seed in range(n_seeds))
    return np.array([[step.weight * step.reward for step in steps] for steps in logs])


def until_accepted(name: str, n_rounds: int, seed: int) -> list[Step]:
    """Return the steps of a rejection replay up to the one that makes its own so many."""
    steps: list[Step] = []
    left = n_rounds
    for step in rejection_replay(SPECS[name], uniform_log(seed), seed=seed):
        steps.append(step)
        left -= step.accepted
        if not left:
            return steps
    raise AssertionError("the log has no end")


def values_on_the_way(name: str, n_rounds: int, n_seeds: int) -> npt.NDArray[np.float64]:
    """Return what those estimate, without their noise: the probability of a click, shape (n_seeds, n_rounds)."""
    logs = [list(islice(uniform_log(seed), n_rounds)) for seed in range(n_seeds)]
    replays = [zip(replay(SPECS[name], log), log, strict=True) for log in logs]
    return np.array([[step.pmf[LIKED_AT[row.situation.context]] for step, row in steps] for steps in replays])


def standard_errors(estimates: npt.NDArray[np.float64], truths: npt.NDArray[np.float64]) -> float:
    """Return how many standard errors of their difference two means over seeds lie apart; each of shape (n_seeds,)."""
    error = np.sqrt(estimates.var(ddof=1) / len(estimates) + truths.var(ddof=1) / len(truths))
    return float((estimates.mean() - truths.mean()) / error)


def check_rejection(name: str, n_rounds: int, n_seeds: int) -> None:
    """Compare both estimates of rejection replay with the rate of the same number of live rounds."""
    truths = live(name, n_rounds, n_seeds).mean(axis=1)
    logs = [until_accepted(name, n_rounds, seed) for seed in range(n_seeds)]
    accepted = np.array([sum(step.reward for step in steps if step.accepted) / n_rounds for steps in logs])
    # As many rows as are needed: by Wald's identity their sum, and not their mean, is without bias.
    weighed = np.array([sum(step.weight * step.reward for step in steps) / (K * n_rounds) for steps in logs])
    assert abs(standard_errors(accepted, truths)) <= 2
    assert abs(standard_errors(weighed, truths)) <= 2
    # The rows of a log are the failures and successes of n_rounds geometric waits, of variance K (K - 1) each.
    rows = np.mean([len(steps) for steps in logs])
    assert abs(rows - K * n_rounds) <= 3 * np.sqrt(K * (K - 1) * n_rounds / n_seeds)


@quick
def test_rejection_replay_gives_the_live_click_rate_while_learning(name: str) -> None:
    """80 rounds, in which the policies still learn."""
    check_rejection(name, n_rounds=80, n_seeds=6)


@pytest.mark.long
@pytest.mark.parametrize("name", SPECS)
def test_rejection_replay_of_every_policy_gives_the_live_click_rate_while_learning(name: str) -> None:
    """The same with more rounds and seeds."""
    check_rejection(name, n_rounds=150, n_seeds=LONG_SEEDS[name])


def check_progressive(name: str, n_rounds: int, n_seeds: int) -> None:
    """Compare the progressive estimate with the live rate: of the whole log, and of its second half alone.

    Of the second half they estimate the same to .001, except where a live run has not found what is liked by then. Of
    the whole they do not, by what was learned sooner or later in the first few hundred rounds; in a log of 1,500 that
    is a quarter of the standard error of one log's estimate, or less.
    """
    estimates, truths = progressive(name, n_rounds, n_seeds), live(name, n_rounds, n_seeds)
    for part in (slice(None), slice(n_rounds // 2, None)):
        assert abs(standard_errors(estimates[:, part].mean(axis=1), truths[:, part].mean(axis=1))) <= 2


@quick
def test_the_progressive_estimate_of_a_log_is_the_live_click_rate(name: str) -> None:
    check_progressive(name, n_rounds=600, n_seeds=4)


@pytest.mark.long
@pytest.mark.parametrize("name", SPECS)
def test_the_progressive_estimate_of_a_long_log_is_the_live_click_rate_of_every_policy(name: str) -> None:
    check_progressive(name, n_rounds=1500, n_seeds=4)


def test_while_learning_the_draws_of_a_uniform_log_teach_other_things_than_a_policys_own() -> None:
    """LinUCB asks what it needs to know: in 100 rounds of its own it learns more than in 100 that chance has chosen.

    So no estimate of the latter is one of the former, and what rejection replay costs in rows is not for nothing.
    """
    taught, own = values_on_the_way("linear_ucb", 100, 8), live("linear_ucb", 100, 4)
    assert standard_errors(taught.mean(axis=1), own.mean(axis=1)) < -3
