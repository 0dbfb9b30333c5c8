"""attune.v1.RewardService."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from attune.api.validation import MAX_OUTCOMES, outcome_violations
from attune.errors import InvalidInputError, NotFoundError, Violation
from attune.metrics import ServingMetrics
from attune.serving.live import LivePlacement, LivePlacements
from attune.storage.v1.records_pb2 import OutcomeRecord
from attune.store.decisions import Decisions
from attune.store.keys import PlacementKeys
from attune.store.outcomes import MAX_OUTCOMES_PER_DECISION, NewOutcome, Outcomes, Recorded
from attune.store.taken import Taken, TakenOutcomes
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

MAX_AHEAD_S = 300
"""How far an outcome may lie in the future, in seconds: clocks differ."""

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

# Those that the customer's history may be told of.
_COUNTED = (Recorded.ACCEPTED, Recorded.LATE, Recorded.DUPLICATE)

_Numbered: TypeAlias = list[tuple[int, NewOutcome]]


class RewardServicer:
    """Hears outcomes."""

    def __init__(
        self,
        live: LivePlacements,
        outcomes: Outcomes,
        decisions: Decisions,
        taken: TakenOutcomes,
        metrics: ServingMetrics | None = None,
    ) -> None:
        """Serve with these."""
        self._metrics = metrics or ServingMetrics()
        self._live = live
        self._outcomes = outcomes
        self._decisions = decisions
        self._taken = taken

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
        live, now_ms = await self._find(placement), time.time_ns() // 1_000_000
        receipts: dict[int, OutcomeReceipt] = {}
        valid: _Numbered = []
        for i, outcome in outcomes:
            violations = list(_violations(outcome, live)) or list(_time_violations(outcome, now_ms))
            if violations:
                receipts[i] = _receipt(
                    outcome, OutcomeReceipt(status=OUTCOME_STATUS_INVALID, detail="; ".join(map(str, violations)))
                )
            else:
                valid.append((i, _new_outcome(outcome)))
        if live is not None and valid:
            templates = await self._recorded(live, valid)
            receipts |= {i: _receipt(new, templates[i]) for i, new in valid}
        if live is not None:
            self._metrics.received(placement, (receipt.status for receipt in receipts.values()))
        return receipts

    async def _recorded(self, live: LivePlacement, numbered: _Numbered) -> dict[int, OutcomeReceipt]:
        revise = live.placement.reward.revise_late
        try:
            templates = await self._without_slot(live.keys, numbered)
            good = [(i, outcome) for i, outcome in numbered if i not in templates]
            recorded = await self._outcomes.record(live.keys, [new for _, new in good], revise=revise) if good else []
            # Before the receipts: whoever gets one may count on it that what rests is not shown any more.
            if rests := list(self._resting(good, recorded)):
                await self._taken.note(live.keys, rests)
        except NotFoundError as error:  # the placement was deleted a moment ago
            deleted = OutcomeReceipt(status=OUTCOME_STATUS_INVALID, detail=str(error))
            return {i: deleted for i, _ in numbered}
        return templates | {i: _RECEIPTS[status] for (i, _), status in zip(good, recorded, strict=True)}

    def _resting(self, numbered: _Numbered, recorded: Sequence[Recorded]) -> Iterator[Taken]:
        """Yield the outcomes after which something rests."""
        now_ms = time.time_ns() // 1_000_000
        for (_, new), status in zip(numbered, recorded, strict=True):
            record = new.record
            if status in _COUNTED and self._live.rests_after(record.name):
                happened_ms = min(record.occurred_at_ms, now_ms) if record.HasField("occurred_at_ms") else now_ms
                # One that was recorded before may not have come further than that: it is sent again for that reason.
                yield Taken(new.event_id, record.slot, record.name, happened_ms, status is not Recorded.DUPLICATE)

    async def _without_slot(self, keys: PlacementKeys, numbered: _Numbered) -> dict[int, OutcomeReceipt]:
        """Return the receipts of those whose decision has no such slot."""
        # Every decision has the first slot: nothing is read for that one.
        later = [(i, outcome) for i, outcome in numbered if outcome.record.slot]
        if not later:
            return {}
        slots = await self._decisions.slots(keys, [outcome.event_id for _, outcome in later])
        refusals: dict[int, OutcomeReceipt] = {}
        for i, outcome in later:
            n_slots = slots.get(outcome.event_id)
            if n_slots is None:
                refusals[i] = _RECEIPTS[Recorded.UNKNOWN_EVENT]
            elif outcome.record.slot >= n_slots:
                refusals[i] = _no_such_slot(outcome.record.slot, n_slots)
        return refusals

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


def _no_such_slot(slot: int, n_slots: int) -> OutcomeReceipt:
    violation = Violation("slot", f"expected less than {n_slots}, the number of slots of the decision, got {slot}")
    return OutcomeReceipt(status=OUTCOME_STATUS_INVALID, detail=str(violation))


def _time_violations(outcome: Outcome, now_ms: int) -> Iterator[Violation]:
    if outcome.HasField("occurred_at") and outcome.occurred_at.ToMilliseconds() > now_ms + MAX_AHEAD_S * 1000:
        said = outcome.occurred_at.ToJsonString()
        yield Violation("occurred_at", f"expected a time at most {MAX_AHEAD_S} s in the future, got {said}")


def _new_outcome(outcome: Outcome) -> NewOutcome:
    value = outcome.value if outcome.HasField("value") else 1.0
    record = OutcomeRecord(name=outcome.name, value=value, slot=outcome.slot)
    if outcome.HasField("occurred_at"):
        record.occurred_at_ms = outcome.occurred_at.ToMilliseconds()
    default_id = f"{outcome.name}@{outcome.slot}" if outcome.slot else outcome.name
    return NewOutcome(outcome.event_id, outcome.outcome_id or default_id, record)


def _receipt(outcome: Outcome | NewOutcome, template: OutcomeReceipt) -> OutcomeReceipt:
    receipt = OutcomeReceipt(outcome_id=outcome.outcome_id)
    receipt.MergeFrom(template)
    return receipt
