"""Policies that learn nothing: what a control group, a cold start and a comparison are made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune_models import pmf as pmfs
from attune_models.explanation import Explanation
from attune_models.one_by_one import OneByOne
from attune_models.types import ActionSet, Interaction, Pmf, PolicyError, Situation


@dataclass(frozen=True, slots=True)
class UniformSpec:
    """Every action with the same probability."""


@dataclass(frozen=True, slots=True)
class FixedSpec:
    """Always the same action.

    Attributes:
        action_id: The action; where it is empty or not among the actions, the first action stands in for it.
    """

    action_id: str = ""


class _Stateless(OneByOne):
    """The learning half of a policy that has nothing to learn."""

    def learn(self, interaction: Interaction) -> None:
        """Learn nothing."""

    def explain(self, situation: Situation) -> list[Explanation]:  # noqa: ARG002 - part of what a policy is
        """Return nothing: there are no scores."""
        return []

    def scores(self, situation: Situation) -> NDArray[np.float64] | None:  # noqa: ARG002 - the same
        """Return nothing: there are no scores."""
        return None

    def prepare(self, actions: ActionSet) -> None:
        """Do nothing: there is nothing to prepare."""

    def dumps(self) -> bytes:
        """Return the empty state."""
        return b""

    def loads(self, state: bytes) -> None:
        """Accept the empty state.

        Raises:
            PolicyError: The state is not empty.
        """
        if state:
            raise PolicyError(f"expected an empty state, got {len(state)} bytes")


class UniformPolicy(_Stateless):
    """Every action with the same probability 1 / n_actions."""

    def pmf(self, situation: Situation) -> Pmf:
        """Return equal probabilities."""
        return pmfs.uniform(len(situation.actions))


class FixedPolicy(_Stateless):
    """One action with probability 1."""

    def __init__(self, spec: FixedSpec) -> None:
        """Remember which action."""
        self._action_id = spec.action_id

    def pmf(self, situation: Situation) -> Pmf:
        """Return 1 for the fixed action, or for the first where it is missing, 0 for all others."""
        ids = list(situation.action_ids)
        return pmfs.one_hot(len(ids), ids.index(self._action_id) if self._action_id in ids else 0)
