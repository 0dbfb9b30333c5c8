"""The situation of a logged decision, as it was decided in.

Decisions that drew from the catalogue name a set of offers, thousands of decisions the same one. It is encoded once.
The situation does not say that its actions are of a known set: a policy that learns changes with every step, and what
it would prepare for the set would be used once.
"""

from collections import OrderedDict
from dataclasses import dataclass

from attune.errors import InvalidInputError
from attune.serving.situation import context_of, situation_of
from attune.store.decisions import LoggedInteraction
from attune.store.offer_set import OfferSet, positions_of
from attune.v1.features_pb2 import Features
from attune_models.types import Situation

MOST_ACTIONS = 50_000
"""Most actions of all encoded sets together that are kept: about 30 MB."""


@dataclass(slots=True)
class _Encoded:
    """A set of offers; ids and actions as in `Situation`."""

    ids: list[str]
    actions: list[str]


class EncodedSets:
    """The encoded sets that were asked for last."""

    def __init__(self, most_actions: int = MOST_ACTIONS) -> None:
        """Keep no more actions than that; but always the newest set."""
        self._most_actions = most_actions
        self._sets: OrderedDict[bytes, _Encoded] = OrderedDict()
        self._n_actions = 0

    def situation(self, entry: LoggedInteraction) -> Situation:
        """Return the situation that a logged decision was made in.

        Raises:
            InvalidInputError: A feature breaks the limits: they were other ones when it was logged. Or the offers that
                the decision names are lost.
            DecodeError: The bytes are damaged.
        """
        decision, offer_set = entry.decision, entry.offer_set
        context = Features.FromString(decision.context)
        if offer_set is None:
            return situation_of(context, entry.offers)
        positions = positions_of(decision, len(offer_set.offers))
        try:
            known = self._encoded(offer_set)
        except InvalidInputError:
            # Perhaps it is another offer that is damaged; if not, this says which one.
            return situation_of(context, entry.offers)
        if positions is None:
            return Situation(context_of(context), known.ids, known.actions)
        ids, actions = known.ids, known.actions
        return Situation(context_of(context), [ids[i] for i in positions], [actions[i] for i in positions])

    def _encoded(self, offer_set: OfferSet) -> _Encoded:
        if (known := self._sets.get(offer_set.digest)) is not None:
            self._sets.move_to_end(offer_set.digest)
            return known
        situation = situation_of(Features(), offer_set.offers)
        known = self._sets[offer_set.digest] = _Encoded(list(situation.action_ids), list(situation.actions))
        self._n_actions += len(known.ids)
        while self._n_actions > self._most_actions and len(self._sets) > 1:
            self._n_actions -= len(self._sets.popitem(last=False)[1].ids)
        return known


# What is called by the same digest is the same, whatever placement it is of.
_ENCODED = EncodedSets()


def logged_situation(entry: LoggedInteraction) -> Situation:
    """Return the situation that a logged decision was made in; see `EncodedSets.situation`."""
    return _ENCODED.situation(entry)
