"""How often the verdict is wrong about logs of which nothing is wrong, and about logs that were spoiled.

All seeds are fixed. With -s the rates are printed.
"""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from attune_models.diagnostics import Diagnostics, Verdict
from attune_models.rounds import FloatArray
from attune_models.types import Interaction
from logged import Logged, situation

K = 5
SITUATION = situation(K)
ROUNDS = 2000
CLICK_RATES = np.linspace(0.05, 0.25, K)
CONTROL = 0.1


def uniform(rng: np.random.Generator) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return the pmfs of a log of chance, shape (n_rounds, K), and what was drawn."""
    return np.full((ROUNDS, K), 1.0 / K), rng.integers(K, size=ROUNDS)


def learning(rng: np.random.Generator) -> tuple[FloatArray, NDArray[np.int64]]:
    """The same of a policy that learns: it draws what earned most so far more and more, and the rest at a floor.

    What it has learned after t rounds is drawn here with the error that it would have, so that all rounds are at once.
    """
    rounds = np.arange(1, ROUNDS + 1)[:, np.newaxis]
    believed = CLICK_RATES + rng.normal(size=(ROUNDS, K)) * np.sqrt(0.15 * K / rounds)
    greedy = np.eye(K)[believed.argmax(axis=1)]
    pmfs = 0.5 * greedy + 0.5 / K
    return pmfs, (rng.random((ROUNDS, 1)) > pmfs.cumsum(axis=1)[:, :-1]).sum(axis=1)


def judged(pmfs: FloatArray, drawn: NDArray[np.int64], rng: np.random.Generator) -> Verdict:
    """Return the verdict on a near policy for a log that was drawn so, with clicks and a control group."""
    rows = np.arange(ROUNDS)
    reward = (rng.random(ROUNDS) < CLICK_RATES[drawn]).astype(float)
    near = rng.dirichlet(np.full(K, 10.0), ROUNDS)
    modes = np.where(rng.random(ROUNDS) < CONTROL, "control", "learned").tolist()
    columns = zip(drawn.tolist(), pmfs[rows, drawn].tolist(), reward.tolist(), pmfs.tolist(), modes, strict=True)
    log = [
        Logged(f"{i}", mode, [Interaction(SITUATION, chosen, propensity, earned)], [pmf])
        for i, (chosen, propensity, earned, pmf, mode) in enumerate(columns)
    ]
    diagnostics = Diagnostics(control_share=CONTROL)
    diagnostics.add(log, near[rows, drawn] / pmfs[rows, drawn], reward, np.zeros(ROUNDS))
    return diagnostics.verdict()


def levels(draw: Callable[[np.random.Generator], tuple[FloatArray, NDArray[np.int64]]], n_logs: int) -> Counter[str]:
    """Return how often each verdict is given for good logs, and print it."""
    found: Counter[str] = Counter()
    for seed in range(n_logs):
        rng = np.random.default_rng(seed)
        verdict = judged(*draw(rng), rng)
        found[verdict.level] += 1
        if verdict.level != "trust":
            print(verdict.reasons)  # noqa: T201 - what -s is for
    print(f"{draw.__name__}: {dict(found)} of {n_logs}")  # noqa: T201
    return found


@pytest.mark.parametrize("draw", [uniform, learning])
def test_good_logs_are_trusted(draw: Callable[[np.random.Generator], tuple[FloatArray, NDArray[np.int64]]]) -> None:
    """Some fifteen figures a log are compared with 4 standard deviations: one log in 1,000 may be doubted by chance."""
    assert levels(draw, 25) == {"trust": 25}


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("draw", [uniform, learning])
def test_of_500_good_logs_none_is_refused(
    draw: Callable[[np.random.Generator], tuple[FloatArray, NDArray[np.int64]]],
) -> None:
    """And of doubted ones there are at most 4: with one in 1,000, more than that come once in 5,000 runs."""
    found = levels(draw, 500)
    assert found["refuse"] == 0
    assert found["caution"] <= 4


def test_logs_with_other_probabilities_than_were_drawn_with_are_refused() -> None:
    """A logger that writes down its probabilities before it smooths them: .7 and .075 instead of .6 and .1."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        pmfs, drawn = learning(rng)
        greedy = (pmfs - 0.5 / K) / 0.5
        verdict = judged(0.625 * greedy + 0.375 / K, drawn, rng)
        assert verdict.level == "refuse"
        assert any("should have been drawn" in reason for reason in verdict.reasons)
