"""attune.v1.DecisionService."""

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from attune.api.explanations import write_explanations
from attune.api.validation import check_decide, check_names
from attune.internal.v1.envelope_pb2 import DecideBatchEnvelope, DecideEnvelope
from attune.metrics import ServingMetrics
from attune.serving.decider import Decided, Decider
from attune.serving.explainer import Explainer
from attune.serving.live import LivePlacements
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.decisions import Decisions, RecordedOutcome, StoredDecision
from attune.v1.decision_service_pb2 import (
    ActivateRequest,
    ActivateResponse,
    Choice,
    DecideBatchResponse,
    DecideResponse,
    DecideResult,
    Decision,
    EligibleOffer,
    GetDecisionRequest,
    GetDecisionResponse,
    ScoredOffer,
)
from attune.v1.features_pb2 import Features, Offer
from attune.v1.reward_service_pb2 import Outcome


class DecisionServicer:
    """Decides, and explains decisions."""

    def __init__(
        self,
        decider: Decider,
        explainer: Explainer,
        decisions: Decisions,
        live: LivePlacements,
        metrics: ServingMetrics | None = None,
    ) -> None:
        """Serve with these."""
        self._metrics = metrics or ServingMetrics()
        self._decider = decider
        self._explainer = explainer
        self._decisions = decisions
        self._live = live

    async def Decide(self, request: DecideEnvelope) -> DecideResponse:  # noqa: N802 - the contract's name
        """Draw an offer for each slot."""
        check_decide(request)
        decided = await self._decider.decide(request)
        self._metrics.decided(request.placement, decided.record.mode, logged=decided.logged)
        return _decide_response(decided, request.ranking_size)

    async def DecideBatch(self, request: DecideBatchEnvelope) -> DecideBatchResponse:  # noqa: N802 - the contract's name
        """Make many decisions."""
        return DecideBatchResponse(results=[DecideResult(decision=await self.Decide(one)) for one in request.requests])

    async def Activate(self, request: ActivateRequest) -> ActivateResponse:  # noqa: N802 - the contract's name
        """Say that a deferred decision is being shown."""
        check_names(request.placement, request.event_id)
        live = await self._live.get(request.placement)
        return ActivateResponse(activated=await self._decisions.activate(live.keys, live.window_ms, request.event_id))

    async def GetDecision(self, request: GetDecisionRequest) -> GetDecisionResponse:  # noqa: N802 - the contract's name
        """Return a stored decision, and what made its scores where that is asked for."""
        check_names(request.placement, request.event_id)
        live = await self._live.get(request.placement)
        stored = await self._decisions.get(live.keys, request.event_id)
        response = GetDecisionResponse(decision=_decision(request.placement, stored))
        if request.explain:
            write_explanations(await self._explainer.explain(live, stored.record), response.decision)
        return response


def _decide_response(decided: Decided, ranking_size: int) -> DecideResponse:
    record = decided.record
    return DecideResponse(
        event_id=record.event_id,
        choices=_choices(record, decided.offer_ids),
        ranking=_ranking(decided, ranking_size) if ranking_size else None,
        policy_version=record.policy_version,
        mode=record.mode,
        logged=decided.logged,
    )


def _choices(record: DecisionRecord, offer_ids: Sequence[str]) -> list[Choice]:
    first = Choice(offer_id=offer_ids[record.chosen], propensity=record.pmf[record.chosen])
    later = record.later_slots
    if not later:  # almost always: even looping over nothing costs
        return [first]
    return [first] + [
        Choice(slot=slot, offer_id=offer_ids[drawn.chosen], propensity=drawn.pmf[drawn.chosen])
        for slot, drawn in enumerate(later, 1)
    ]


def _ranking(decided: Decided, size: int) -> list[ScoredOffer]:
    # Equal probabilities keep the caller's order: sorting is stable.
    ranked = sorted(zip(decided.record.pmf, decided.offer_ids, strict=True), key=lambda pair: -pair[0])
    return [ScoredOffer(offer_id=offer_id, probability=probability) for probability, offer_id in ranked[:size]]


def _decision(placement: str, stored: StoredDecision) -> Decision:
    record = stored.record
    offers = [Offer.FromString(offer) for offer in record.offers]
    return Decision(
        placement=placement,
        event_id=record.event_id,
        decided_at=_timestamp(record.decided_at_ms),
        context=Features.FromString(record.context),
        offers=_eligible(record, offers),
        choices=_choices(record, [offer.id for offer in offers]),
        policy_version=record.policy_version,
        mode=record.mode,
        state=stored.state,
        outcomes=[_outcome(placement, record.event_id, outcome) for outcome in stored.outcomes],
    )


def _eligible(record: DecisionRecord, offers: Sequence[Offer]) -> list[EligibleOffer]:
    later = [later.pmf for later in record.later_slots]
    return [
        EligibleOffer(offer=offer, probability=probability, later_probabilities=[pmf[i] for pmf in later])
        for i, (offer, probability) in enumerate(zip(offers, record.pmf, strict=True))
    ]


def _outcome(placement: str, event_id: str, outcome: RecordedOutcome) -> Outcome:
    return Outcome(
        placement=placement,
        event_id=event_id,
        outcome_id=outcome.outcome_id,
        name=outcome.record.name,
        value=outcome.record.value,
        occurred_at=_timestamp(outcome.happened_ms),
        slot=outcome.record.slot,
    )


def _timestamp(milliseconds: int) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromMilliseconds(milliseconds)
    return timestamp
