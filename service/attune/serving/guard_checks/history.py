"""Caps and cool-downs: the check of what the customer's history says.

The history is read once for all of them, because that is most of what they cost.
"""

from collections.abc import Iterator, Sequence

from attune.serving.circumstances import Circumstances, KnownCustomer
from attune.serving.guard import AtMost, Exclusion
from attune.serving.guard_checks.caps import Cap
from attune.serving.guard_checks.cool_downs import Rest
from attune.serving.guard_checks.seen import History
from attune.serving.seen import Seen
from attune.serving.terms import OfferTerms, Terms
from attune.storage.v1.records_pb2 import SeenRecord
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_CAP, EXCLUSION_REASON_COOL_DOWN, ExclusionReason
from attune.v1.placement_pb2 import CoolDown, FrequencyCap


class HistoryCheck:
    """The caps and cool-downs of a placement."""

    def __init__(self, caps: Sequence[FrequencyCap], cool_downs: Sequence[CoolDown] = ()) -> None:
        """Take those of a spec, valid and at least one."""
        self._caps = [Cap.of(each) for each in caps]
        self._rests = [Rest.of(each) for each in cool_downs]
        self._shown_ms = max((cap.window_ms for cap in self._caps), default=0)
        self._fewest = min((cap.impressions for cap in self._caps), default=0)
        self._taken_ms = max((rest.duration_ms for rest in self._rests), default=0)

    def __call__(
        self, circumstances: Circumstances, terms: Sequence[OfferTerms], positions: Sequence[int]
    ) -> Sequence[Exclusion]:
        """Return what was seen often enough, and what rests: see `attune.serving.guard.Check`."""
        if circumstances.customer is None or self._has_room(circumstances.customer.seen):
            return ()
        history = self._history(circumstances, circumstances.customer)
        exclusions: list[Exclusion] = []
        gone: set[int] = set()
        for exclusion in self._found(history, circumstances, terms, positions):
            # An offer goes for one reason.
            if held := [position for position in exclusion.positions if position not in gone]:
                exclusions.append(exclusion._replace(positions=held))
                gone.update(held)
        return exclusions

    def limits(self, circumstances: Circumstances, terms: Terms) -> Sequence[AtMost]:
        """Return of which offers one reply may show only so many: see `attune.serving.guard.Limiting`."""
        if circumstances.customer is None or not self._caps:
            return ()
        history = self._history(circumstances, circumstances.customer)
        return [limit for cap in self._caps for limit in cap.limits(history, circumstances, terms)]

    def _has_room(self, seen: Sequence[SeenRecord]) -> bool:
        """Tell whether so little was seen that nothing can be held back."""
        n_seen = seen.at_most if isinstance(seen, Seen) else len(seen)
        return n_seen == 0 or (not self._rests and n_seen < self._fewest)

    def _history(self, circumstances: Circumstances, customer: KnownCustomer) -> History:
        shown_ms, taken_ms = circumstances.now_ms - self._shown_ms, circumstances.now_ms - self._taken_ms
        return History(customer.seen, shown_ms, taken_ms)

    def _found(
        self, history: History, circumstances: Circumstances, terms: Sequence[OfferTerms], positions: Sequence[int]
    ) -> Iterator[Exclusion]:
        asked = (history, circumstances, terms, positions)
        for cap in self._caps if history.noted else ():
            yield from _exclusion(EXCLUSION_REASON_CAP, cap.name, cap.held_back(*asked))
        for rest in self._rests if history.outcomes else ():
            yield from _exclusion(EXCLUSION_REASON_COOL_DOWN, rest.outcome, rest.resting(*asked))


def _exclusion(reason: ExclusionReason, detail: str, positions: Sequence[int]) -> Iterator[Exclusion]:
    if positions:
        yield Exclusion(reason, detail, positions)
