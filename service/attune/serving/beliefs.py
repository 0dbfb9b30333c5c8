"""From the contract's beliefs to the core's: their features are encoded and checked as those of a decision are."""

import logging

from attune.errors import InvalidInputError, Violation
from attune.serving.situation import situation_of
from attune.v1.placement_pb2 import Belief, PolicySpec
from attune_models import beliefs as core

_log = logging.getLogger(__name__)


def beliefs_of(spec: PolicySpec, otherwise: float) -> tuple[core.Belief, ...]:
    """Translate the beliefs of a stored policy spec; one that breaks the limits is left out, and logged.

    Args:
        spec: The spec.
        otherwise: The reward that is expected of offers that nothing is believed of.
    """
    translated: list[core.Belief] = []
    for i, belief in enumerate(spec.beliefs):
        try:
            translated.append(belief_of(belief, otherwise))
        except InvalidInputError as error:
            # The limits were other ones when it was applied. Everybody leaves it out, so all stay equal.
            _log.warning("policy.beliefs[%d] is left out: %s", i, error)
    return tuple(translated)


def belief_of(belief: Belief, otherwise: float = 0.0) -> core.Belief:
    """Translate one belief.

    Args:
        belief: The belief.
        otherwise: See `beliefs_of`.

    Raises:
        InvalidInputError: A feature or an id breaks the limits; the violation's path starts at the belief.
    """
    try:
        situation = situation_of(belief.context, [belief.offer.SerializeToString()])
    except InvalidInputError as error:
        raise InvalidInputError(*map(_located, error.violations)) from None
    return core.Belief(
        context=situation.context,
        action_id=situation.action_ids[0],
        action=situation.actions[0],
        reward=belief.reward,
        strength=belief.strength,
        otherwise=otherwise,
    )


def _located(violation: Violation) -> Violation:
    # A decision has a list of offers, a belief has one.
    field = violation.field
    if field.startswith("offers[0]"):
        field = f"offer{field.removeprefix('offers[0]')}"
    return Violation(field, violation.description)
