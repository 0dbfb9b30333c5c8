"""attune.v1.DecisionService."""

from collections import Counter
from collections.abc import Collection, Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from attune.api.decide_validation import check_decide, checked_batch
from attune.api.explanations import write_explanations
from attune.api.identifiers import ContextNames
from attune.api.replies import Written, add_choices, channels_chosen, decided_response, decided_result
from attune.api.status import MAX_VIOLATIONS, code_of, message_of
from attune.api.validation import check_names
from attune.errors import ExpectedError, InvalidInputError
from attune.internal.v1.envelope_pb2 import DecideBatchAnswer, DecideBatchEnvelope, DecideEnvelope
from attune.metrics import ServingMetrics
from attune.serving.activator import Activator
from attune.serving.decided import Decided
from attune.serving.decider import Decider
from attune.serving.explainer import Explainer
from attune.serving.live import LivePlacements
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.decisions import Decisions, StoredDecision
from attune.store.log_entries import RecordedOutcome
from attune.v1.decision_service_pb2 import (
    ActivateRequest,
    ActivateResponse,
    DecideResult,
    Decision,
    DecisionError,
    EligibleOffer,
    ExcludedOffers,
    GetDecisionRequest,
    GetDecisionResponse,
    Mode,
)
from attune.v1.features_pb2 import Features, Offer
from attune.v1.reward_service_pb2 import Outcome


class DecisionServicer:
    """Decides, and explains decisions."""

    def __init__(
        self,
        decider: Decider,
        activator: Activator,
        explainer: Explainer,
        decisions: Decisions,
        live: LivePlacements,
        *,
        identifiers_allowed: Collection[str] = (),
        metrics: ServingMetrics | None = None,
    ) -> None:
        """Serve with these."""
        self._metrics = metrics or ServingMetrics()
        self._names = ContextNames(identifiers_allowed)
        self._decider = decider
        self._activator = activator
        self._explainer = explainer
        self._decisions = decisions
        self._live = live

    async def Decide(self, request: DecideEnvelope) -> Written:  # noqa: N802 - the contract's name
        """Draw an offer for each slot."""
        check_decide(request)
        self._names.check(request)
        decided = await self._decider.decide(request)
        placement = request.placement
        self._metrics.decided(placement, decided.record.mode, logged=decided.logged)
        self._count_offers(placement, decided)
        return Written(decided_response(decided, request.ranking_size))

    async def DecideBatch(self, request: DecideBatchEnvelope) -> DecideBatchAnswer:  # noqa: N802 - the contract's name
        """Draw an offer for each slot of each request."""
        checked = checked_batch(request, self._n_channels)
        results = await self._decider.decide_many([self._checked(each) for each in checked])
        answers: list[bytes] = []
        counted: Counter[tuple[str, Mode, bool]] = Counter()
        for asked, result in zip(request.requests, results, strict=True):
            if isinstance(result, ExpectedError):
                answers.append(DecideResult(error=_decision_error(result)).SerializeToString())
                self._metrics.failed("DecideBatch", code_of(result).name)
            else:
                placement = asked.placement
                answers.append(decided_result(result, asked.ranking_size))
                counted[placement, result.record.mode, result.logged] += 1
                self._count_offers(placement, result)
        for (placement, mode, logged), n_decisions in counted.items():
            self._metrics.decided(placement, mode, logged=logged, n_decisions=n_decisions)
        return DecideBatchAnswer(results=answers)

    def _n_channels(self, placement: str) -> int:
        live = self._live.applied.get(placement)
        return 0 if live is None else len(live.channels)

    def _checked(self, request: DecideEnvelope | InvalidInputError) -> DecideEnvelope | InvalidInputError:
        """Return a request of a batch, or what is wrong with it."""
        try:
            if isinstance(request, DecideEnvelope):
                self._names.check(request)
        except InvalidInputError as error:
            return error
        return request

    def _count_offers(self, placement: str, decided: Decided) -> None:
        if decided.record.with_channels:
            self._metrics.chose(placement, channels_chosen(decided))
        if excluded := decided.record.excluded:
            self._metrics.excluded(placement, ((each.reason, each.count) for each in excluded))

    async def Activate(self, request: ActivateRequest) -> ActivateResponse:  # noqa: N802 - the contract's name
        """Say that a deferred decision is being shown."""
        check_names(request.placement, request.event_id)
        live = await self._live.get(request.placement)
        return ActivateResponse(activated=await self._activator.activate(live, request.event_id))

    async def GetDecision(self, request: GetDecisionRequest) -> GetDecisionResponse:  # noqa: N802 - the contract's name
        """Return a stored decision, and what made its scores where that is asked for."""
        check_names(request.placement, request.event_id)
        live = await self._live.get(request.placement)
        stored = await self._decisions.get(live.keys, request.event_id)
        response = GetDecisionResponse(decision=decision_message(request.placement, stored))
        if request.explain:
            write_explanations(await self._explainer.explain(live, stored.record), response.decision)
        return response


def _decision_error(error: ExpectedError) -> DecisionError:
    written = DecisionError(code=code_of(error).value[0], message=message_of(error))
    if isinstance(error, InvalidInputError):
        for violation in error.violations[:MAX_VIOLATIONS]:
            written.field_violations.add(field=violation.field, description=violation.description)
    return written


def decision_message(placement: str, stored: StoredDecision) -> Decision:
    """Return a stored decision as the contract has it."""
    record = stored.record
    offers = [Offer.FromString(offer) for offer in record.offers]
    decision = Decision(
        placement=placement,
        event_id=record.event_id,
        decided_at=_timestamp(record.decided_at_ms),
        context=Features.FromString(record.context),
        offers=_eligible(record, offers),
        policy_version=record.policy_version,
        mode=record.mode,
        state=stored.state,
        outcomes=[_outcome(placement, record.event_id, outcome) for outcome in stored.outcomes],
        shortlisted_from=record.shortlisted_from,
        excluded=[
            ExcludedOffers(reason=each.reason, detail=each.detail, count=each.count, offer_ids=each.offer_ids)
            for each in record.excluded
        ],
        withheld=record.withheld,
        personalized=bool(record.customer),
    )
    add_choices(record, [offer.id for offer in offers], decision)
    return decision


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
