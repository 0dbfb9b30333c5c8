"""Which offers suited whom, and whether they reached anybody.

    pmf: eligible --+
                    +--> suited --> drawn, or not
    held back ------+           unsuited: a condition, a rule, a preference, the channel, the request

An offer that suits many and reaches nobody is what somebody should look at: a cap too tight, a budget too small, or a
policy that has made up its mind.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from attune.insight.offers import OfferIds
from attune.store.log_entries import LoggedInteraction
from attune.v1.decision_service_pb2 import (
    EXCLUSION_REASON_BUDGET,
    EXCLUSION_REASON_CAP,
    EXCLUSION_REASON_COOL_DOWN,
    EXCLUSION_REASON_QUIET_HOURS,
)
from attune.v1.insight_service_pb2 import OfferReach

MOST_OFFERS = 20_000
MOST_SHOWN = 1000

_HELD_BACK = {
    EXCLUSION_REASON_CAP,
    EXCLUSION_REASON_COOL_DOWN,
    EXCLUSION_REASON_QUIET_HOURS,
    EXCLUSION_REASON_BUDGET,
}
_ELIGIBLE, _HELD, _FAVOURITE, _EXPECTED, _DRAWN, _UNSUITED = range(6)


class Reach:
    """What became of each offer."""

    def __init__(self, most: int = MOST_OFFERS) -> None:
        """Start without any.

        Args:
            most: Of how many offers account is kept at most.
        """
        self._ids = OfferIds()
        self._places: dict[str, int] = {}
        self._most = most
        # The last row is for all that are beyond.
        self._counts = np.zeros((6, most + 1))

    @property
    def is_full(self) -> bool:
        """Whether there were more offers than account is kept of."""
        return bool(self._counts[:, self._most].any())

    def eligible(self, entry: LoggedInteraction) -> Sequence[str]:
        """Return the ids of the offers that a decision could draw, in the order of its pmf.

        Raises:
            InvalidInputError: The offers are lost, or positions are none.
            DecodeError: The bytes of an offer are damaged.
        """
        return self._ids.eligible(entry)

    def add(self, entry: LoggedInteraction, eligible: Sequence[str]) -> None:
        """Count a decision in.

        Args:
            entry: The decision.
            eligible: What it could draw, as `eligible` returned it; none where nobody decided.
        """
        if eligible:
            self._add_draws(entry, self._rows(eligible))
        for exclusion in entry.decision.excluded:
            rows = self._rows(self._ids.excluded(entry, exclusion))
            self._counts[_HELD if exclusion.reason in _HELD_BACK else _UNSUITED, rows] += 1.0

    def found(self) -> list[OfferReach]:
        """Return what became of each offer: those that reached nobody first, then by how many they suited."""
        reached = [self._found(offer_id, row) for offer_id, row in self._places.items()]
        reached.sort(key=lambda each: (each.drawn > 0 or not each.suited, -each.suited, each.offer_id))
        return reached[:MOST_SHOWN]

    def unreached(self) -> int:
        """Return how many offers suited somebody and reached nobody."""
        counts = self._counts[:, : len(self._places)]
        return int(np.count_nonzero((counts[_ELIGIBLE] + counts[_HELD] > 0.0) & (counts[_DRAWN] == 0.0)))

    def _add_draws(self, entry: LoggedInteraction, rows: npt.NDArray[np.intp]) -> None:
        decision = entry.decision
        pmf = np.array(decision.pmf)
        self._counts[_ELIGIBLE, rows] += 1.0
        self._counts[_EXPECTED, rows] += pmf
        self._counts[_FAVOURITE, rows[int(pmf.argmax())]] += 1.0
        self._counts[_DRAWN, rows[decision.chosen]] += 1.0
        for slot in decision.later_slots:
            self._counts[_EXPECTED, rows] += np.array(slot.pmf)
            self._counts[_DRAWN, rows[slot.chosen]] += 1.0

    def _rows(self, offer_ids: Sequence[str]) -> npt.NDArray[np.intp]:
        return np.array([self._row(offer_id) for offer_id in offer_ids], np.intp)

    def _row(self, offer_id: str) -> int:
        row = self._places.get(offer_id)
        if row is None:
            if len(self._places) >= self._most:
                return self._most
            row = self._places[offer_id] = len(self._places)
        return row

    def _found(self, offer_id: str, row: int) -> OfferReach:
        eligible, held, favourite, expected, drawn, unsuited = self._counts[:, row].tolist()
        return OfferReach(
            offer_id=offer_id,
            suited=round(eligible + held),
            held_back=round(held),
            favourite=round(favourite),
            expected=expected,
            drawn=round(drawn),
            unsuited=round(unsuited),
        )
