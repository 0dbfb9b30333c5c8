"""Rules of a placement: offers that are shown only under conditions."""

from collections.abc import Sequence

from attune.serving.circumstances import Circumstances
from attune.serving.conditions import Conditions, compiled
from attune.serving.guard import Exclusion
from attune.serving.guard_checks.questions import Question, Questions, questions_of
from attune.serving.guard_checks.selector import Selector
from attune.serving.terms import Terms
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_RULE
from attune.v1.placement_pb2 import EligibilityRule


class Rules:
    """The rules of a placement."""

    def __init__(self, rules: Sequence[EligibilityRule], segments: Conditions, default_zone: str = "") -> None:
        """Prepare rules.

        Args:
            rules: Those of a spec, valid and at least one.
            segments: What they may name.
            default_zone: The time zone of customers of whom none is known.
        """
        self._rules = [(rule.name, Selector(rule.offers), compiled(rule.when, segments)) for rule in rules]
        self._channels = frozenset(channel for rule in rules for channel in rule.offers.channels)
        self._default_zone = default_zone

    def __call__(self, circumstances: Circumstances, terms: Terms, positions: Sequence[int]) -> Sequence[Exclusion]:
        """Return the offers for which a rule does not hold: see `attune.serving.guard.Check`."""
        return self._asked(terms, circumstances.channel).unmet(circumstances, terms, positions, self._default_zone)

    def prepare(self, terms: Terms) -> None:
        """Work out what has to be asked about some offers, once."""
        for channel in ("", *self._channels):
            self._asked(terms, channel)

    def _asked(self, terms: Terms, channel: str) -> Questions:
        """Return what has to be asked where the request says a channel."""
        # All that no rule is about are the same.
        known = channel if channel in self._channels else ""
        return terms.once(known, lambda: Questions(self._questions(terms, known), EXCLUSION_REASON_RULE), owner=self)

    def _questions(self, terms: Terms, channel: str) -> list[Question]:
        return [
            question
            for name, selector, predicate in self._rules
            for question in questions_of(
                name,
                predicate,
                terms,
                [i for i, each in enumerate(terms) if selector.takes(each, each.channel or channel)],
            )
        ]
