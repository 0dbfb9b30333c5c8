"""attune.v1.RewardService."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from attune.api.validation import MAX_OUTCOMES, outcome_violations
from attune.errors import InvalidInputError, NotFoundError, Violation
from attune.metrics import ServingMetrics
from attune.serving.live import LivePlacement, LivePlacements
from attune.storage.v1.records_pb2 import OutcomeRecord
from attune.store.outcomes import MAX_OUTCOMES_PER_DECISION, NewOutcome, Outcomes, Recorded
from attune.v1.reward_service_pb2 import (
    OUTCOME_STATUS_ACCEPTED,
    OUTCOME_STATUS_DUPLICATE,
    OUTCOME_STATUS_INVALID,
    OUTCOME_STATUS_LATE,
    OUTCOME_STATUS_UNKNOWN_EVENT,
    Outcome,
    OutcomeReceipt,
    RecordOutcomesRequest,
    RecordOutcomesResponse,
)

_RECEIPTS: dict[Recorded, OutcomeReceipt] = {
    Recorded.ACCEPTED: OutcomeReceipt(status=OUTCOME_STATUS_ACCEPTED),
    Recorded.DUPLICATE: OutcomeReceipt(
        status=OUTCOME_STATUS_DUPLICATE, detail="outcome_id: expected a new one, got one that was recorded before"
    ),
    Recorded.LATE: OutcomeReceipt(
        status=OUTCOME_STATUS_LATE, detail="expected an outcome within the reward window, got one after it"
    ),
    Recorded.UNKNOWN_EVENT: OutcomeReceipt(
        status=OUTCOME_STATUS_UNKNOWN_EVENT, detail="event_id: expected a decision of this placement, got no such"
    ),
    Recorded.TOO_MANY: OutcomeReceipt(
        status=OUTCOME_STATUS_INVALID,
        detail=f"outcome_id: expected at most {MAX_OUTCOMES_PER_DECISION} outcomes of one decision, got one more",
    ),
}

_Numbered: TypeAlias = list[tuple[int, NewOutcome]]


class RewardServicer:
    """Hears outcomes."""

    def __init__(self, live: LivePlacements, outcomes: Outcomes, metrics: ServingMetrics | None = None) -> None:
        """Serve with these."""
        self._metrics = metrics or ServingMetrics()
        self._live = live
        self._outcomes = outcomes

    async def RecordOutcomes(self, request: RecordOutcomesRequest) -> RecordOutcomesResponse:  # noqa: N802 - the contract's name
        """Record outcomes, a receipt each."""
        if not 1 <= len(request.outcomes) <= MAX_OUTCOMES:
            raise InvalidInputError(
                Violation("outcomes", f"expected 1 to {MAX_OUTCOMES} outcomes, got {len(request.outcomes)}")
            )
        receipts: dict[int, OutcomeReceipt] = {}
        for placement, positions in _by_placement(request.outcomes).items():
            receipts |= await self._record(placement, [(i, request.outcomes[i]) for i in positions])
        return RecordOutcomesResponse(receipts=[receipts[i] for i in range(len(request.outcomes))])

    async def _record(self, placement: str, outcomes: Sequence[tuple[int, Outcome]]) -> dict[int, OutcomeReceipt]:
        live = await self._find(placement)
        receipts: dict[int, OutcomeReceipt] = {}
        valid: _Numbered = []
        for i, outcome in outcomes:
            violations = list(_violations(outcome, live))
            if violations:
                receipts[i] = _receipt(
                    outcome, OutcomeReceipt(status=OUTCOME_STATUS_INVALID, detail="; ".join(map(str, violations)))
                )
            else:
                valid.append((i, _new_outcome(outcome)))
        if live is not None and valid:
            for (i, new), template in zip(valid, await self._recorded(live, valid), strict=True):
                receipts[i] = _receipt(new, template)
        if live is not None:
            self._metrics.received(placement, (receipt.status for receipt in receipts.values()))
        return receipts

    async def _recorded(self, live: LivePlacement, numbered: _Numbered) -> list[OutcomeReceipt]:
        try:
            recorded = await self._outcomes.record(live.keys, [outcome for _, outcome in numbered])
        except NotFoundError as error:  # the placement was deleted a moment ago
            return [OutcomeReceipt(status=OUTCOME_STATUS_INVALID, detail=str(error))] * len(numbered)
        return [_RECEIPTS[status] for status in recorded]

    async def _find(self, placement: str) -> LivePlacement | None:
        try:
            return await self._live.get(placement)
        except NotFoundError:
            return None


def _by_placement(outcomes: Iterable[Outcome]) -> dict[str, list[int]]:
    positions: dict[str, list[int]] = {}
    for i, outcome in enumerate(outcomes):
        positions.setdefault(outcome.placement, []).append(i)
    return positions


def _violations(outcome: Outcome, live: LivePlacement | None) -> Iterator[Violation]:
    yield from outcome_violations(outcome)
    if live is None and outcome.placement:
        yield Violation("placement", f'expected the name of an applied placement, got "{outcome.placement[:80]}"')
    if live is None:
        return
    names = [rule.name for rule in live.placement.reward.outcomes]
    if outcome.name and outcome.name not in names:
        yield Violation("name", f'expected one of {", ".join(names)}, got "{outcome.name[:80]}"')


def _new_outcome(outcome: Outcome) -> NewOutcome:
    record = OutcomeRecord(name=outcome.name, value=outcome.value if outcome.HasField("value") else 1.0)
    if outcome.HasField("occurred_at"):
        record.occurred_at_ms = outcome.occurred_at.ToMilliseconds()
    return NewOutcome(outcome.event_id, outcome.outcome_id or outcome.name, record)


def _receipt(outcome: Outcome | NewOutcome, template: OutcomeReceipt) -> OutcomeReceipt:
    receipt = OutcomeReceipt(outcome_id=outcome.outcome_id)
    receipt.MergeFrom(template)
    return receipt
