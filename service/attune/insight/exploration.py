"""What it costs to find out: the policy's draws, beside always taking what it held most probable."""

from typing import NamedTuple

import numpy as np

from attune.insight.comparisons import figure
from attune.insight.counted import REWARD, Counted
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune.v1.insight_service_pb2 import Exploration
from attune_models.grouped_sums import POLICY, GroupedSums
from attune_models.rounds import FloatArray

_DRAWS, _REWARD, _WEIGHT, _WEIGHTED, _EXPLORED, _ENTROPY, _EFFECTIVE = range(7)
# Probabilities that differ by less are the same: the rounding of a division must not choose among equals.
_TIE = 1e-12


class Spread(NamedTuple):
    """How a decision's probabilities are spread, all slots together.

    Attributes:
        draws: How many slots; 0 where the policy did not draw.
        entropy: Sum of their entropies, in nats.
        explored: Sum of the probabilities that something else is drawn than the most probable offer.
    """

    draws: int = 0
    entropy: float = 0.0
    explored: float = 0.0


class Explored:
    """The draws of the policy."""

    def __init__(self) -> None:
        """Start without any."""
        self._sums = GroupedSums(7)

    def add(self, decision: Counted) -> Spread:
        """Count the draws of a decision in, and return how they were spread.

        The greedy policy would draw evenly among the most probable offers, `1 / n` each: the weight of a draw of one of
        them, at probability p, is `1 / (n p)`, at most the number of offers.
        """
        if decision.record.mode != MODE_LEARNED:
            return Spread()
        spread = Spread()
        for slot, earned in zip(decision.slots, decision.earned, strict=True):
            pmf = np.array(slot.pmf)
            columns = _columns(pmf, slot.chosen, float(earned[REWARD]))
            self._sums.add(POLICY, decision.unit, columns)
            entropy, explored = float(columns[_ENTROPY]), float(columns[_EXPLORED])
            spread = Spread(spread.draws + 1, spread.entropy + entropy, spread.explored + explored)
        return spread

    def found(self, confidence: float) -> Exploration | None:
        """Return what was found; None without a draw."""
        sums = self._sums
        draws = sums.total(POLICY, _DRAWS)
        if not draws:
            return None
        drawn, greedy = (_REWARD, _DRAWS), (_WEIGHTED, _WEIGHT)
        return Exploration(
            draws=round(draws),
            explored=sums.total(POLICY, _EXPLORED) / draws,
            drawn=figure(sums.quotient(POLICY, *drawn), confidence),
            greedy=figure(sums.quotient(POLICY, *greedy), confidence),
            cost=figure(sums.change(POLICY, greedy, drawn), confidence),
            entropy=sums.total(POLICY, _ENTROPY) / draws,
            effective_offers=sums.total(POLICY, _EFFECTIVE) / draws,
        )


def _columns(pmf: FloatArray, chosen: int, reward: float) -> FloatArray:
    most = float(pmf.max())
    best = pmf >= most - _TIE
    weight = 1.0 / (np.count_nonzero(best) * float(pmf[chosen])) if best[chosen] else 0.0
    able = pmf[pmf > 0.0]
    entropy = max(0.0, -float(able @ np.log(able)))
    # Rounding may leave the only offer with a probability just above 1.
    explored = max(0.0, 1.0 - most)
    return np.array([1.0, reward, weight, weight * reward, explored, entropy, np.exp(entropy)])
