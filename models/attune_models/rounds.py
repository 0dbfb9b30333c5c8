"""Logged rounds as a target policy sees them: what every estimator is computed from.

    sample --target policy, reward model--> rounds --estimators--> estimate --intervals--> how sure

A round is one draw: what was drawn, how probable that was, what it earned, and how probable it would have been under
the target policy. All arrays are float64 unless they say otherwise, and have one entry a round.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

LARGEST_WEIGHT: Final = 1e40
"""Whoever weighs cuts what is beyond, so that sums of squares stay finite: no log says anything about such a target."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """Rounds of one slot each; every array has shape (n_rounds,).

    Attributes:
        reward: What the logged action earned; finite.
        weight: Importance weight: probability of the logged action under the target policy, divided by its propensity.
            At least 0, finite.
        matched: bool; whether a draw of the target policy's own was the logged action.
        q_logged: Reward that a model, which did not see the round, predicts for the logged action.
        q_target: Mean of those predictions over all eligible actions, under the target policy.
    """

    reward: FloatArray
    weight: FloatArray
    matched: BoolArray
    q_logged: FloatArray
    q_target: FloatArray


@dataclass(frozen=True, slots=True)
class SlotRounds:
    """Rounds of several slots; every array has shape (n_rounds, n_slots), n_slots of the longest round.

    What a slot drew counts given what the slots before drew: so the weight of a whole round is the product of its rows.

    Attributes:
        reward: What each slot earned; 0 where there is no slot.
        weight: Importance weight of each slot, given the slots before; 1 where there is no slot.
        q_logged: Reward that a model predicts for what the slot drew; 0 where there is no slot.
        q_target: Mean of those predictions under the target policy, given what the slots before drew; 0 where there is
            no slot.
    """

    reward: FloatArray
    weight: FloatArray
    q_logged: FloatArray
    q_target: FloatArray
