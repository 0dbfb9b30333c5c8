"""Several slots of one decision: the situation of each, and the draws one after the other.

An action is drawn for slot 0 as if it were the only one. For every slot after it the policy is asked again, in the same
context with the slot as one more feature, about the actions that are left. So each slot has an exact pmf of its own,
conditional on what was drawn before, and the probability of the whole selection is the product over its slots. The
same situations are learned from: every policy takes several slots, and none has to know.

What was drawn may withdraw other actions, such as the rest of a group of which only one may be chosen: then they are
not left either.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from attune_models import pmf as pmfs
from attune_models.features import with_slot
from attune_models.types import Interaction, Pmf, Situation


@dataclass(frozen=True, slots=True)
class SlotDraw:
    """What was drawn for one slot.

    Attributes:
        pmf: Probability of each action of the decision, in their order, given what was drawn for the slots before; 0
            for those drawn before, sums to 1.
        chosen: Position of the action that was drawn, zero-based.
        withdrawn: Positions of the actions that could not be drawn although they were not drawn before.
    """

    pmf: Pmf
    chosen: int
    withdrawn: Sequence[int] = ()


def situation_of(decision: Situation, drawn: Sequence[int], withdrawn: Sequence[int] = ()) -> Situation:
    """Return the situation of the slot that comes after those drawn.

    Args:
        decision: The situation of slot 0.
        drawn: Positions of the actions drawn so far, zero-based.
        withdrawn: Positions of the actions that these withdraw; together fewer than there are actions.
    """
    if not drawn:
        return decision
    left = left_of(decision, drawn, withdrawn)
    ids, actions = decision.action_ids, decision.actions
    context = with_slot(decision.context, len(drawn))
    return Situation(
        context, [ids[i] for i in left], [actions[i] for i in left], decision.known, _positions(decision, left)
    )


def draws(
    decision: Situation,
    drawn: Sequence[int],
    n_slots: int,
    pmf_of: Callable[[Situation], Pmf],
    u_of: Callable[[int], float],
    *,
    withdrawn_by: Callable[[Sequence[int]], Sequence[int]] = lambda _: (),
) -> Iterator[SlotDraw]:
    """Draw for the slots that come after those drawn, until no slot or no action is left.

    Each draw is made when it is asked for: a caller may do other things in between.

    Args:
        decision: The situation of slot 0.
        drawn: Positions of the actions drawn so far, in the order of their slots; empty to begin with slot 0.
        n_slots: How many slots there are.
        pmf_of: What states the probabilities.
        u_of: Gives the uniform number in [0, 1) of a slot.
        withdrawn_by: Says which other actions those drawn withdraw.

    Yields:
        A draw for each slot, in their order.
    """
    before = list(drawn)
    for slot in range(len(before), min(n_slots, len(decision.actions))):
        withdrawn = withdrawn_by(before)
        left = left_of(decision, before, withdrawn)
        if not left:
            return
        conditional = pmf_of(situation_of(decision, before, withdrawn))
        chosen = left[pmfs.draw(conditional, u_of(slot))]
        yield SlotDraw(_of_all(conditional, decision, left), chosen, withdrawn)
        before.append(chosen)


def interaction(
    decision: Situation,
    drawn: Sequence[int],
    chosen: int,
    propensity: float,
    reward: float,
    *,
    withdrawn: Sequence[int] = (),
) -> Interaction:
    """Return what is learned from one slot.

    Args:
        decision: The situation of slot 0.
        drawn: Positions of the actions drawn for the slots before.
        chosen: Position of the action drawn for this one, zero-based in `decision`.
        propensity: Probability with which it was drawn, given what was drawn before.
        reward: What it earned in this slot.
        withdrawn: Positions of the actions that those before withdraw.
    """
    position = chosen - sum(earlier < chosen for earlier in (*drawn, *withdrawn))
    return Interaction(situation_of(decision, drawn, withdrawn), position, propensity, reward)


def left_of(decision: Situation, drawn: Sequence[int], withdrawn: Sequence[int] = ()) -> list[int]:
    """Return the positions of the actions that are left, in their order."""
    gone = {*drawn, *withdrawn}
    return [i for i in range(len(decision.actions)) if i not in gone]


def _positions(decision: Situation, left: Sequence[int]) -> Sequence[int] | None:
    if decision.known is None:
        return None
    positions = decision.positions
    return left if positions is None else [positions[i] for i in left]


def _of_all(conditional: Pmf, decision: Situation, left: Sequence[int]) -> Pmf:
    pmf = [0.0] * len(decision.actions)
    for position, probability in zip(left, conditional, strict=True):
        pmf[position] = probability
    return pmf
