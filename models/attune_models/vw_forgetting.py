"""How a Vowpal Wabbit policy forgets: what is discounted, when, and how the count of it is kept with the model.

Three things in Vowpal Wabbit remember for ever. A weight stays where it is until an example moves it. Its steps become
smaller with the sum of all squared gradients (AdaGrad), so that after a long time no example can. And SquareCB's gamma
grows with the number of interactions, so that after a long time nothing else is tried. With a half-life of h

    weights, sums of squared gradients    times 0.5^(period / h) after every `period` interactions
    gamma    gamma_scale n^gamma_exponent with n = 1 + d + ... + d^(t-1) after t interactions, d = 0.5^(1 / h)

so that each interaction counts half after h more. This is what discounting does to a regression with a prior, which is
not discounted: where nothing is seen any more, predictions go back to 0. Source of the discounted count: Garivier,
Moulines, "On Upper-Confidence Bound Policies for Switching Bandit Problems", 2011.

t is all that has to be known besides the model file. It is written before it.
"""

import math
from dataclasses import dataclass

from attune_models.types import Pmf, PolicyError

# Discounting costs a look at every weight, so it is done a few times in a half-life.
_DISCOUNTS_PER_HALF_LIFE = 4
_SHORTEST_PERIOD = 50

# A gap may be too large for a float32: its probability is then 0, and has to have an inverse.
_SMALLEST = 1e-300

_MAGIC = b"attune-forgetting-1\n"
_COUNT_BYTES = 8


@dataclass(frozen=True, slots=True)
class Forgetting:
    """A half-life.

    Attributes:
        half_life: Interactions after which an interaction counts half; greater than 0.
    """

    half_life: float

    @property
    def period(self) -> int:
        """After how many interactions weights and sums are discounted again."""
        return max(_SHORTEST_PERIOD, round(self.half_life / _DISCOUNTS_PER_HALF_LIFE))

    @property
    def discount(self) -> float:
        """What they are multiplied with then; between 0 and 1."""
        return float(0.5 ** (self.period / self.half_life))

    def is_due(self, n_learned: int) -> bool:
        """Tell whether they are to be discounted after so many interactions."""
        return n_learned % self.period == 0

    def discounted_count(self, n_learned: int) -> float:
        """Return what so many interactions count together: at most `half_life / ln 2`, and a half."""
        per_interaction = math.log(0.5) / self.half_life
        return math.expm1(n_learned * per_interaction) / math.expm1(per_interaction)


def with_gamma(pmf: Pmf, factor: float) -> Pmf:
    """Return SquareCB's probabilities for another gamma.

    All but the best action have `p = 1 / (K + gamma gap)`, so that `gamma gap = 1 / p - K`; the best gets the rest.

    Args:
        pmf: SquareCB's probabilities.
        factor: By how much gamma is larger; at least 0.
    """
    n_actions = len(pmf)
    best = pmf.index(max(pmf))
    # Rounding may put a probability above 1 / K, as if it were better than the best.
    gaps = [max(0.0, 1.0 / max(probability, _SMALLEST) - n_actions) for probability in pmf]
    result = [1.0 / (n_actions + factor * gap) for gap in gaps]
    result[best] = 0.0
    result[best] = 1.0 - math.fsum(result)
    return result


def with_count(model: bytes, n_learned: int) -> bytes:
    """Return a state: how many interactions were learned from, and the model file."""
    return _MAGIC + n_learned.to_bytes(_COUNT_BYTES, "little") + model


def without_count(state: bytes) -> tuple[bytes, int]:
    """Return the model file and the count of a state.

    Raises:
        PolicyError: It does not begin as one.
    """
    start = len(_MAGIC) + _COUNT_BYTES
    if not state.startswith(_MAGIC) or len(state) < start:
        raise PolicyError(f"expected a state of a policy that forgets, got {len(state)} bytes that are not one")
    return state[start:], int.from_bytes(state[len(_MAGIC) : start], "little")
