"""The situation of a logged decision, as it was decided in.

Decisions that drew from the catalogue name a set of offers, thousands of decisions the same one. It is encoded once.
The situation does not say that its actions are of a known set: a policy that learns changes with every step, and what
it would prepare for the set would be used once.
"""

from collections import OrderedDict
from dataclasses import dataclass

from attune.errors import InvalidInputError
from attune.serving.situation import context_of, situation_of
from attune.store.log_entries import LoggedInteraction
from attune.store.offer_set import OfferSet, positions_of
from attune.v1.features_pb2 import Features
from attune_models.types import Situation

MOST_ACTIONS = 50_000
"""Most actions of all encoded sets together that are kept."""
MOST_CHARACTERS = 32 << 20
"""Most characters of all of these: what limits large offers, a hundred times the size of usual ones."""


@dataclass(slots=True)
class _Encoded:
    """A set of offers; ids and actions as in `Situation`, and how many characters these have."""

    ids: list[str]
    actions: list[str]
    n_characters: int


class EncodedSets:
    """The encoded sets that were asked for last."""

    def __init__(self, most_actions: int = MOST_ACTIONS, most_characters: int = MOST_CHARACTERS) -> None:
        """Keep no more actions, and of them no more characters, than that; but always the newest set."""
        self._most_actions = most_actions
        self._most_characters = most_characters
        self._sets: OrderedDict[bytes, _Encoded] = OrderedDict()
        self._n_actions = 0
        self._n_characters = 0

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
        ids, actions = list(situation.action_ids), list(situation.actions)
        known = self._sets[offer_set.digest] = _Encoded(ids, actions, sum(map(len, actions)))
        self._n_actions += len(known.ids)
        self._n_characters += known.n_characters
        while len(self._sets) > 1 and self._has_too_much():
            forgotten = self._sets.popitem(last=False)[1]
            self._n_actions -= len(forgotten.ids)
            self._n_characters -= forgotten.n_characters
        return known

    def _has_too_much(self) -> bool:
        return self._n_actions > self._most_actions or self._n_characters > self._most_characters


# What is called by the same digest is the same, whatever placement it is of.
_ENCODED = EncodedSets()


def logged_situation(entry: LoggedInteraction) -> Situation:
    """Return the situation that a logged decision was made in; see `EncodedSets.situation`."""
    return _ENCODED.situation(entry)
