"""A challenger that is no better is hardly ever promoted, however often one looks; one that is better is, soon."""

from collections.abc import Sequence

import numpy as np
import pytest

from attune.learning.estimates import Estimates
from attune.learning.measuring import Measured
from attune.storage.v1.records_pb2 import Measuring
from attune_models.types import Interaction, Situation

ACTIONS = Situation("", ["a", "b", "c"], ["=a", "=b", "=c"])
LOOK_EVERY = 100
CONFIDENCE = 0.9
# Probabilities of the policy and of the challenger: much alike; and one with weights up to 8 that most decisions miss.
ALIKE = ((0.4, 0.3, 0.3), (0.2, 0.4, 0.4))
APART = ((0.1, 0.45, 0.45), (0.8, 0.1, 0.1))


def log(
    rng: np.random.Generator, n: int, policies: tuple[Sequence[float], Sequence[float]], click_rates: Sequence[float]
) -> list[Measured]:
    """Decisions of a policy, as a challenger sees them."""
    policy, challenger = policies
    chosen = rng.choice(3, size=n, p=policy)
    clicked = rng.random(n) < np.asarray(click_rates)[chosen]
    made = []
    for i, (action, click) in enumerate(zip(chosen.tolist(), clicked.tolist(), strict=True)):
        slot = Interaction(ACTIONS, action, policy[action], float(click))
        weight = challenger[action] / policy[action]
        made.append(Measured(f"e{i}", "learned", [slot], [list(policy)], weight, float(click), 0.0))
    return made


def is_ever_above(decisions: Sequence[Measured], confidence: float = CONFIDENCE) -> bool:
    """Look after every few decisions; whether the difference is ever said to be above 0, trusted or not."""
    estimates = Estimates(Measuring(confidence=confidence, ordinal=1), (0.0, 1.0))
    for first in range(0, len(decisions), LOOK_EVERY):
        for each in decisions[first : first + LOOK_EVERY]:
            estimates.add(each)
        if estimates.status().difference.low > 0.0:
            return True
    return False


@pytest.mark.parametrize(
    "policies", [pytest.param(ALIKE, id="alike"), pytest.param(APART, id="apart", marks=pytest.mark.long)]
)
@pytest.mark.parametrize("runs", [10, pytest.param(400, marks=pytest.mark.long)])
def test_an_equal_challenger_is_hardly_ever_promoted(
    runs: int, policies: tuple[Sequence[float], Sequence[float]]
) -> None:
    """All offers are clicked on alike. The whole error is 10 %: no more than that share of the runs may go wrong."""
    rng = np.random.default_rng(20261122)
    wrong = sum(is_ever_above(log(rng, 1500, policies, (0.3, 0.3, 0.3))) for _ in range(runs))
    assert wrong <= (1.0 - CONFIDENCE) * runs


def test_a_better_challenger_is_found_out_soon() -> None:
    """It shows c a sixth more often, which earns .6 more: .1 a decision. In every one of 20 runs, 3,000 are enough."""
    policies = ((1 / 3, 1 / 3, 1 / 3), (0.25, 0.25, 0.5))
    rng = np.random.default_rng(20261122)
    assert all(is_ever_above(log(rng, 3000, policies, (0.2, 0.2, 0.8))) for _ in range(20))
