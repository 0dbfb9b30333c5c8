"""Frequency caps: what a customer has seen often enough is left out.

A cap counts the impressions of its window that its selector takes, in all placements and on all channels, those of each
offer, category or channel apart, and holds back what has come to its number. One impression is one offer of one
decision, however often it was noted. Looked at by `attune.serving.guard_checks.history`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attune.serving.circumstances import Circumstances
from attune.serving.guard import AtMost
from attune.serving.guard_checks.scopes import Scope
from attune.serving.guard_checks.seen import History, distinct
from attune.serving.guard_checks.selector import Selector
from attune.serving.terms import OfferTerms, Terms
from attune.storage.v1.records_pb2 import SeenRecord
from attune.v1.placement_pb2 import FrequencyCap

# Stands for a channel that is not named anywhere.
_SOME_CHANNEL = "\0"


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

    def limits(self, history: History, circumstances: Circumstances, terms: Terms) -> Iterator[AtMost]:
        """Yield of which offers one reply may show only so many; not those of which enough was seen already.

        Args:
            history: What was seen, at least in the window.
            circumstances: What the decision is made under.
            terms: Of each offer.
        """
        counted = self._counted(history, circumstances)
        said = circumstances.channel
        # Callers may make channels up: what is kept is the same for all that nobody names.
        place = said if not said or self.selector.names_channel(said) else _SOME_CHANNEL
        for group, positions in terms.once((self, place), lambda: self._grouped(circumstances, place, terms)).items():
            named = said if self.scope.is_of_channels and group == place else group
            if 0 < (room := self.impressions - counted[named]) < len(positions):
                yield AtMost(positions, room)

    def _full(self, history: History, circumstances: Circumstances) -> set[str]:
        """Return the groups of which enough was seen."""
        if len(history.noted) < self.impressions:
            return set()
        noted = self._noted(history, circumstances)
        groups = self.scope.groups(noted, circumstances)
        # Most have not been noted often enough, whether twice or not: so only of the others it is looked at that.
        often = {group for group, count in Counter(groups).items() if count >= self.impressions and group}
        if not often:
            return often
        pairs = [(each, group) for each, group in zip(noted, groups, strict=True) if group in often]
        counted = Counter(distinct(*zip(*pairs, strict=True)))
        return {group for group in often if counted[group] >= self.impressions}

    def _counted(self, history: History, circumstances: Circumstances) -> Counter[str]:
        noted = self._noted(history, circumstances)
        return Counter(distinct(noted, self.scope.groups(noted, circumstances)))

    def _noted(self, history: History, circumstances: Circumstances) -> Sequence[SeenRecord]:
        """Return those of the impressions in the window that it is about."""
        shown = history.noted_since(circumstances.now_ms - self.window_ms)
        return shown if self.selector.takes_all else [each for each in shown if self.selector.takes(each, each.channel)]

    def _grouped(self, circumstances: Circumstances, place: str, terms: Terms) -> dict[str, list[int]]:
        """Return the offers that it is about, by group, where they are shown on a channel unless they name one."""
        grouped: dict[str, list[int]] = {}
        for position, offer in enumerate(terms):
            channel = offer.channel or place
            if self.selector.takes_all or self.selector.takes(offer, channel):
                for group in filter(None, self.scope.groups([_as_seen(offer, channel, circumstances)], circumstances)):
                    grouped.setdefault(group, []).append(position)
        return grouped


def _as_seen(offer: OfferTerms, channel: str, circumstances: Circumstances) -> SeenRecord:
    """Return an offer as it will have been seen, once it is shown."""
    placement = circumstances.placement
    return SeenRecord(offer_id=offer.offer_id, category=offer.category, channel=channel, placement=placement)
