"""What is counted together, or rests together: the contract's CapScope, for what was seen and for what may be shown.

What belongs together is a group, and has a name: an offer's id, a category, a channel.
"""

from collections.abc import Collection, Sequence

from attune.serving.circumstances import Circumstances
from attune.serving.terms import OfferTerms
from attune.storage.v1.records_pb2 import SeenRecord
from attune.v1.placement_pb2 import (
    CAP_SCOPE_CATEGORY,
    CAP_SCOPE_CHANNEL,
    CAP_SCOPE_CUSTOMER,
    CAP_SCOPE_OFFER,
    CAP_SCOPE_PLACEMENT,
    CapScope,
)

_ALL = "*"


class Scope:
    """Knows the groups of a scope."""

    __slots__ = ("_scope",)

    def __init__(self, scope: CapScope) -> None:
        """Take one of the contract's."""
        self._scope = scope

    @property
    def is_of_channels(self) -> bool:
        """Whether groups are channels."""
        return self._scope == CAP_SCOPE_CHANNEL

    def groups(self, seen: Collection[SeenRecord], circumstances: Circumstances) -> Sequence[str]:
        """Return the group of each of what was seen; empty where it is in none.

        Args:
            seen: What was seen.
            circumstances: What the decision is made under: a placement counts what is its own.
        """
        if self._scope == CAP_SCOPE_OFFER:
            return [each.offer_id for each in seen]
        if self._scope == CAP_SCOPE_CATEGORY:
            return [each.category for each in seen]
        if self._scope == CAP_SCOPE_CHANNEL:
            return [each.channel for each in seen]
        if self._scope == CAP_SCOPE_CUSTOMER:
            return [_ALL] * len(seen)
        here = circumstances.placement
        return [_ALL if each.placement == here else "" for each in seen]

    def among(
        self,
        groups: Collection[str],
        circumstances: Circumstances,
        terms: Sequence[OfferTerms],
        positions: Sequence[int],
    ) -> Sequence[int]:
        """Return those of the positions whose offer is in one of the groups.

        Args:
            groups: Of `groups`, at least one.
            circumstances: What the decision is made under: where the offers do not name a channel, it may.
            terms: Of each offer.
            positions: Which of them to look at.
        """
        if self._scope in (CAP_SCOPE_PLACEMENT, CAP_SCOPE_CUSTOMER):
            return positions
        if self._scope == CAP_SCOPE_OFFER:
            return [i for i in positions if terms[i].offer_id in groups]
        if self._scope == CAP_SCOPE_CATEGORY:
            return [i for i in positions if terms[i].category in groups]
        channel = circumstances.channel
        return [i for i in positions if (terms[i].channel or channel) in groups]
