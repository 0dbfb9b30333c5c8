"""Conditions of the offers themselves: the catalogue's `when`."""

import logging
from collections import defaultdict
from collections.abc import Sequence

from attune.errors import InvalidInputError
from attune.serving.circumstances import Circumstances
from attune.serving.conditions import Conditions, compiled
from attune.serving.guard import Exclusion
from attune.serving.guard_checks.questions import Question, Questions, questions_of
from attune.serving.terms import Terms
from attune.v1.condition_pb2 import Condition
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_CONDITION
from attune_models.conditions import NEVER, Predicate, predicate_of

_log = logging.getLogger(__name__)


class OwnConditions:
    """Lets offers be shown only where what they say themselves holds."""

    def __init__(self, segments: Conditions, default_zone: str = "") -> None:
        """Take what conditions may name, and the time zone of customers of whom none is known."""
        self._segments = segments
        self._default_zone = default_zone

    def __call__(self, circumstances: Circumstances, terms: Terms, positions: Sequence[int]) -> Sequence[Exclusion]:
        """Return the offers whose condition does not hold: see `attune.serving.guard.Check`."""
        if not terms.are_limited:
            return ()
        return self.prepare(terms).unmet(circumstances, terms, positions, self._default_zone)

    def prepare(self, terms: Terms) -> Questions:
        """Work out what has to be asked about some offers, once."""
        return terms.once("when", lambda: Questions(self._questions(terms), EXCLUSION_REASON_CONDITION), owner=self)

    def _questions(self, terms: Terms) -> list[Question]:
        asking: defaultdict[bytes, list[int]] = defaultdict(list)
        for position, each in enumerate(terms):
            if each.when is not None:
                asking[each.when.SerializeToString(deterministic=True)].append(position)
        questions: list[Question] = []
        for positions in asking.values():
            if (when := terms[positions[0]].when) is not None:
                questions += questions_of(when.segment, self._predicate(when), terms, positions)
        return questions

    def _predicate(self, when: Condition) -> Predicate:
        try:
            return compiled(when, self._segments)
        except InvalidInputError as error:  # of another release: such an offer is not shown, and the others are
            _log.error("a condition of the catalogue is none: %s", error)
            return predicate_of(NEVER)
