"""What a policy is, how it is specified, and how a specification becomes a policy.

A policy states its probabilities exactly (`pmf`), learns from one interaction at a time (`learn`), and can be put away
and taken up again without a trace (`dumps`, `loads`): learn, dump, load, learn more gives bit for bit what learning
without a pause gives. A policy that cannot keep this promise is not offered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attune_models import pmf as pmfs
from attune_models.baselines import FixedPolicy, FixedSpec, UniformPolicy, UniformSpec
from attune_models.beliefs import Belief, pseudo_interactions
from attune_models.explanation import Explanation
from attune_models.linear import LinearThompsonPolicy, LinearThompsonSpec, LinearUcbPolicy, LinearUcbSpec
from attune_models.popularity import PopularityPolicy, PopularitySpec
from attune_models.types import ActionSet, Interaction, Pmf, Situation
from attune_models.vw import VwPolicy, VwSpec


class Policy(Protocol):
    """Chooses among actions. Not thread-safe; one instance serves one purpose, choosing or learning."""

    def pmf(self, situation: Situation) -> Pmf:
        """Return the exact probability of each action; sums to 1.

        Raises:
            PolicyError: The policy's state does not give a distribution.
        """
        ...

    def pmfs(self, situations: Sequence[Situation]) -> list[Pmf]:
        """Return what `pmf` returns of each situation, to the last bit; many at once may cost less.

        Cheapest where all of them are of one known set, and are all of it.

        Args:
            situations: Each by itself: none depends on the others.

        Returns:
            A pmf for each, in their order.

        Raises:
            PolicyError: The state does not give a distribution in one of them, which is not told. Whoever must answer
                the others asks `pmf` one by one then; nothing has changed.
        """
        ...

    def learn(self, interaction: Interaction) -> None:
        """Update the state with one interaction."""
        ...

    def explain(self, situation: Situation) -> list[Explanation]:
        """Return what the score of each action is made of, in their order; empty where a policy has no scores.

        An action's explanation does not depend on the other actions.
        """
        ...

    def scores(self, situation: Situation) -> NDArray[np.float64] | None:
        """Return the reward that is predicted of each action, for ranking many: see `explain`.

        An action's score does not depend on the other actions. Cheap where the situation's actions are of a known set.

        Returns:
            In the actions' order, in units of the reward, never clipped: float64, shape (n_actions,). None where a
            policy predicts none.

        Raises:
            PolicyError: The policy's state is damaged: a score is not finite.
        """
        ...

    def prepare(self, actions: ActionSet) -> None:
        """Do in advance what the first situation of a set would have to wait for; never needed.

        Of use before a large set is drawn from: for 10,000 actions it takes tens of milliseconds. May run in another
        thread than `pmf`.
        """
        ...

    def dumps(self) -> bytes:
        """Return the whole learned state; the spec is not part of it."""
        ...

    def loads(self, state: bytes) -> None:
        """Replace the learned state by one that `dumps` of a policy with an equal spec returned.

        Raises:
            PolicyError: The bytes are no such state, or hold numbers that are not finite.
        """
        ...


KindSpec: TypeAlias = VwSpec | LinearUcbSpec | LinearThompsonSpec | PopularitySpec | UniformSpec | FixedSpec


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """How to choose.

    Attributes:
        kind: The policy and its parameters.
        min_probability: Floor of every action's probability, 0 to 1; see `attune_models.pmf.floored`.
        beliefs: What is believed before there are data; see `attune_models.beliefs`.
    """

    kind: KindSpec = field(default_factory=VwSpec)
    min_probability: float = 0.0
    beliefs: tuple[Belief, ...] = ()


def build(spec: PolicySpec) -> Policy:
    """Return a new policy that has learned nothing, not even its beliefs: one to `loads` a state into."""
    policy = _build_kind(spec.kind)
    return FlooredPolicy(policy, spec.min_probability) if spec.min_probability > 0.0 else policy


def started(spec: PolicySpec) -> Policy:
    """Return a new policy that has learned its beliefs: one to choose, or to learn from the first interaction on."""
    policy = build(spec)
    if not spec.beliefs:
        return policy
    for interaction in pseudo_interactions(spec.beliefs):
        policy.learn(interaction)
    # What has just been loaded is what chooses fast among known actions.
    policy.loads(policy.dumps())
    return policy


def _build_kind(kind: KindSpec) -> Policy:
    match kind:
        case VwSpec():
            return VwPolicy(kind)
        case LinearUcbSpec():
            return LinearUcbPolicy(kind)
        case LinearThompsonSpec():
            return LinearThompsonPolicy(kind)
        case PopularitySpec():
            return PopularityPolicy(kind)
        case FixedSpec():
            return FixedPolicy(kind)
        case UniformSpec():
            return UniformPolicy()


class FlooredPolicy:
    """A policy whose probabilities are mixed with the uniform distribution; all else is the policy's own."""

    def __init__(self, policy: Policy, min_probability: float) -> None:
        """Wrap a policy.

        Args:
            policy: What to mix.
            min_probability: The floor, greater than 0, at most 1.
        """
        self._policy = policy
        self._min_probability = min_probability
        self.learn = policy.learn
        self.explain = policy.explain
        self.scores = policy.scores
        self.prepare = policy.prepare
        self.dumps = policy.dumps
        self.loads = policy.loads

    def pmf(self, situation: Situation) -> Pmf:
        """Return the mixed probabilities, none of which is below the floor."""
        return pmfs.floored(self._policy.pmf(situation), self._min_probability)

    def pmfs(self, situations: Sequence[Situation]) -> list[Pmf]:
        """Return the mixed probabilities of each situation."""
        return [pmfs.floored(pmf, self._min_probability) for pmf in self._policy.pmfs(situations)]
