"""Beliefs: what a policy is told about actions before there are data, as interactions that never happened.

A belief says that an action earns a reward in a context. It becomes `strength` pairs of pseudo-interactions, each of
a single action that was drawn with probability 1:

    an action of which nothing is known, in that context    ->  what other actions are expected to earn there
    the action itself, in that context                      ->  the reward

Without the first of each pair, a regression explains much of the reward by what all actions share, the context and the
constant, and expects nearly as much of every other action. With it, the shared part is known and what is left belongs
to the action. The action of which nothing is known has no features, and an empty id, which no other action has. Both
count wherever a policy counts what it has learned: SquareCB's gamma, the uniform start of First.

After a pseudo-interaction a policy learns on as usual, so data overrule a belief as they overrule older data.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attune_models.types import Interaction, Situation


@dataclass(frozen=True, slots=True)
class Belief:
    """What an action is believed to earn.

    Attributes:
        context: Encoded features of the contexts it is about, see `attune_models.features.encode`; empty for any.
        action_id: The action.
        action: Its encoded features, see `attune_models.features.encode_action`.
        reward: What it is believed to earn; -1e6 to 1e6.
        strength: How many interactions the belief is worth; at least 1.
        otherwise: What actions that nothing is believed of are expected to earn there; -1e6 to 1e6.
    """

    context: str
    action_id: str
    action: str
    reward: float
    strength: int
    otherwise: float = 0.0


def pseudo_interactions(beliefs: Sequence[Belief]) -> Iterator[Interaction]:
    """Yield what a policy that starts with beliefs learns first: 2 interactions for each unit of strength.

    Beliefs take turns, each spread evenly over the whole, so that none has the last word: pair k of a belief of
    strength s comes at (k + 1/2) / s.
    """
    turns = sorted(((k + 0.5) / belief.strength, i) for i, belief in enumerate(beliefs) for k in range(belief.strength))
    pairs = [_pair(belief) for belief in beliefs]
    for _, i in turns:
        yield from pairs[i]


def _pair(belief: Belief) -> tuple[Interaction, Interaction]:
    unknown, known = (
        Situation(belief.context, [""], [""]),
        Situation(belief.context, [belief.action_id], [belief.action]),
    )
    # The belief itself comes last: a policy that remembers only a few actions remembers those that came last.
    return Interaction(unknown, 0, 1.0, belief.otherwise), Interaction(known, 0, 1.0, belief.reward)
