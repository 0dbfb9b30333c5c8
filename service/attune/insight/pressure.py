"""How much guardrails hold back: in how many decisions, and how many of the offers."""

from attune.storage.v1.records_pb2 import DecisionRecord
from attune.v1.decision_service_pb2 import MODE_DEFAULT, ExclusionReason
from attune.v1.insight_service_pb2 import Pressure

MOST_KEPT = 2000
MOST_SHOWN = 200
OTHER = "(other)"


class Pressures:
    """What was held back, by reason and rule."""

    def __init__(self) -> None:
        """Start without decisions."""
        self._found: dict[tuple[ExclusionReason, str], list[int]] = {}
        self._decisions = self._offers = 0

    def add(self, decision: DecisionRecord) -> None:
        """Count a decision in."""
        self._decisions += 1
        # Where a list was made, it was made of what was eligible; a default offer was not.
        if decision.mode != MODE_DEFAULT:
            self._offers += decision.shortlisted_from or len(decision.pmf)
        counted: dict[tuple[ExclusionReason, str], int] = {}
        for exclusion in decision.excluded:
            key = self._key(exclusion.reason, exclusion.detail)
            counted[key] = counted.get(key, 0) + exclusion.count
        for key, count in counted.items():
            totals = self._found.setdefault(key, [0, 0])
            totals[0] += 1
            totals[1] += count
            self._offers += count

    def found(self) -> list[Pressure]:
        """Return what was held back, the most frequent first."""
        ranked = sorted(self._found.items(), key=lambda item: (-item[1][0], -item[1][1], item[0]))
        return [
            Pressure(
                reason=reason,
                detail=detail,
                decisions=decisions,
                share_of_decisions=decisions / self._decisions,
                offers=offers,
                share_of_offers=offers / self._offers if self._offers else 0.0,
            )
            for (reason, detail), (decisions, offers) in ranked[:MOST_SHOWN]
        ]

    def _key(self, reason: ExclusionReason, detail: str) -> tuple[ExclusionReason, str]:
        key = reason, detail
        return key if key in self._found or len(self._found) < MOST_KEPT else (reason, OTHER)
