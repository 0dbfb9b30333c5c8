"""Frequency caps: what a customer has seen often enough is left out.

A cap counts the impressions of its window that its selector takes, in all placements and on all channels, those of each
offer, category or channel apart, and holds back what has come to its number. One impression is one offer of one
decision, however often it was noted. Looked at by `attune.serving.guard_checks.history`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from attune.serving.circumstances import Circumstances
from attune.serving.guard_checks.scopes import Scope
from attune.serving.guard_checks.seen import History
from attune.serving.guard_checks.selector import Selector
from attune.serving.terms import OfferTerms
from attune.v1.placement_pb2 import FrequencyCap


@dataclass(frozen=True, slots=True)
class Cap:
    """A cap of a placement, ready to be used.

    Attributes:
        name: Its name.
        impressions: How often something may be shown.
        window_ms: Within which time, in milliseconds.
        scope: What is counted together.
        selector: Which offers it is about.
    """

    name: str
    impressions: int
    window_ms: int
    scope: Scope
    selector: Selector

    @classmethod
    def of(cls, cap: FrequencyCap) -> "Cap":
        """Make it of a valid one of the contract."""
        return cls(cap.name, cap.impressions, cap.window.ToMilliseconds(), Scope(cap.scope), Selector(cap.offers))

    def held_back(
        self, history: History, circumstances: Circumstances, terms: Sequence[OfferTerms], positions: Sequence[int]
    ) -> Sequence[int]:
        """Return those of the positions whose offer has been seen often enough.

        Args:
            history: What was seen, at least in the window.
            circumstances: What the decision is made under.
            terms: Of each offer.
            positions: Which of them are left.
        """
        full = self._full(history, circumstances)
        if not full:
            return ()
        held = self.scope.among(full, circumstances, terms, positions)
        if self.selector.takes_all:
            return held
        channel = circumstances.channel
        return [i for i in held if self.selector.takes(terms[i], terms[i].channel or channel)]

    def _full(self, history: History, circumstances: Circumstances) -> set[str]:
        """Return the groups of which enough was seen."""
        shown = history.shown_since(circumstances.now_ms - self.window_ms)
        if not self.selector.takes_all:
            shown = [each for each in shown if self.selector.takes(each, each.channel)]
        if len(shown) < self.impressions:
            return set()
        counted = Counter(self.scope.groups(shown, circumstances))
        return {group for group, count in counted.items() if count >= self.impressions}
