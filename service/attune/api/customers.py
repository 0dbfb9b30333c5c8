"""attune.v1.CustomerService."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from attune.api.customer_validation import (
    activity_violations,
    check_activities,
    check_consents,
    check_customer_id,
    check_preferences,
    check_receipt_id,
)
from attune.api.decisions import decision_message
from attune.errors import NotFoundError
from attune.metrics import ServingMetrics
from attune.serving.customers import Became, Done, Folded, KnownCustomers
from attune.serving.erasures import CustomerErasures
from attune.serving.profile import values_by_name
from attune.serving.profile_features import known_features
from attune.storage.v1.records_pb2 import ActivityRecord, CustomerRecord, SeenRecord
from attune.store.decisions import Decisions
from attune.store.keys import PlacementKeys
from attune.tasks import end, in_turns
from attune.v1.customer_service_pb2 import (
    ACTIVITY_STATUS_ACCEPTED,
    ACTIVITY_STATUS_DUPLICATE,
    ACTIVITY_STATUS_FULL,
    ACTIVITY_STATUS_INVALID,
    ACTIVITY_STATUS_NO_CONSENT,
    Activity,
    ActivityReceipt,
    ActivityStatus,
    ActivitySummary,
    Consent,
    EraseCustomerRequest,
    EraseCustomerResponse,
    GetCustomerRequest,
    GetCustomerResponse,
    GetErasureRequest,
    GetErasureResponse,
    HistoryEntry,
    RecordActivityRequest,
    RecordActivityResponse,
    SetConsentRequest,
    SetConsentResponse,
    SetPreferencesRequest,
    SetPreferencesResponse,
)
from attune.v1.decision_service_pb2 import Decision
from attune.v1.features_pb2 import Features, Tags

_STATUS: dict[Became, ActivityStatus] = {
    Became.ACCEPTED: ACTIVITY_STATUS_ACCEPTED,
    Became.DUPLICATE: ACTIVITY_STATUS_DUPLICATE,
    Became.NO_CONSENT: ACTIVITY_STATUS_NO_CONSENT,
    Became.FULL: ACTIVITY_STATUS_FULL,
}


class CustomerServicer:
    """Hears of customers, and tells what is known about them."""

    def __init__(
        self,
        customers: KnownCustomers,
        erasures: CustomerErasures,
        decisions: Decisions,
        identifiers_allowed: Collection[str] = (),
        metrics: ServingMetrics | None = None,
    ) -> None:
        """Serve with these.

        Args:
            customers: What is known.
            erasures: Erases.
            decisions: Finds decisions.
            identifiers_allowed: Names of features that look like direct identifiers and may be sent all the same.
            metrics: Where activities are counted.
        """
        self._customers = customers
        self._erasures = erasures
        self._stored = decisions
        self._allowed = identifiers_allowed
        self._metrics = metrics or ServingMetrics()

    async def RecordActivity(self, request: RecordActivityRequest) -> RecordActivityResponse:  # noqa: N802 - the contract's name
        """Fold activities into profiles, a receipt each."""
        check_activities(request)
        now_ms = _now_ms()
        receipts = [ActivityReceipt(activity_id=each.activity_id) for each in request.activities]
        by_customer: dict[str, list[int]] = {}
        async for i, activity in in_turns(enumerate(request.activities)):
            if violations := list(activity_violations(activity, now_ms, self._allowed)):
                receipts[i].status = ACTIVITY_STATUS_INVALID
                receipts[i].detail = "; ".join(map(str, violations))
            else:
                by_customer.setdefault(activity.customer_id, []).append(i)
        await _all_or_none_waits(
            self._record(customer_id, [(request.activities[i], receipts[i]) for i in positions], now_ms)
            for customer_id, positions in by_customer.items()
        )
        self._metrics.heard_of(receipt.status for receipt in receipts)
        return RecordActivityResponse(receipts=receipts)

    async def SetPreferences(self, request: SetPreferencesRequest) -> SetPreferencesResponse:  # noqa: N802 - the contract's name
        """Replace what a customer has said."""
        check_preferences(request, self._allowed)
        await self._customers.prefer(request.customer_id, request.preferences, _now_ms())
        return SetPreferencesResponse()

    async def SetConsent(self, request: SetConsentRequest) -> SetConsentResponse:  # noqa: N802 - the contract's name
        """Note what a customer allows."""
        now_ms = _now_ms()
        check_consents(request, now_ms)
        consents = [_given(each, now_ms) for each in request.consents]
        return SetConsentResponse(consents=await self._customers.consent(request.customer_id, consents, now_ms))

    async def GetCustomer(self, request: GetCustomerRequest) -> GetCustomerResponse:  # noqa: N802 - the contract's name
        """Return all that is held about a customer."""
        check_customer_id(request.customer_id)
        record, seen = await self._customers.read(request.customer_id)
        if record is None and not seen:
            raise NotFoundError("customer_id: expected a customer of whom something is held, got another")
        record = record or CustomerRecord()
        response = GetCustomerResponse(
            consents=record.consents,
            preferences=record.preferences if record.HasField("preferences") else None,
            profile=known_features(record, _now_ms(), self._customers.rules.profile),
            activities=[_summary(kept) for kept in record.activities],
            history=[_entry(each) for each in seen],
            first_seen_at=_timestamp(record.first_seen_ms) if record.first_seen_ms else None,
        )
        async for decision in self._decisions(seen):
            response.decisions.append(decision)
        return response

    async def EraseCustomer(self, request: EraseCustomerRequest) -> EraseCustomerResponse:  # noqa: N802 - the contract's name
        """Erase a customer."""
        check_customer_id(request.customer_id)
        begun = await self._erasures.erase(request.customer_id)
        return EraseCustomerResponse(receipt=begun.receipt, customers=[each.hex() for each in begun.customers])

    async def GetErasure(self, request: GetErasureRequest) -> GetErasureResponse:  # noqa: N802 - the contract's name
        """Return the receipt of an erasure."""
        check_receipt_id(request.receipt_id)
        return GetErasureResponse(receipt=await self._erasures.receipt(request.receipt_id))

    async def _record(self, customer_id: str, sent: Sequence[tuple[Activity, ActivityReceipt]], now_ms: int) -> None:
        done = [Done(activity, _happened_ms(activity, now_ms)) for activity, _ in sent]
        folded: list[Folded] = await self._customers.record(customer_id, done, now_ms)
        for (_, receipt), (became, detail) in zip(sent, folded, strict=True):
            receipt.status = _STATUS[became]
            receipt.detail = detail

    async def _decisions(self, seen: Sequence[SeenRecord]) -> AsyncIterator[Decision]:
        """Yield the decisions that a history names and that are still held, in its order."""
        named = dict.fromkeys((each.placement, each.event_id) for each in seen)
        for placement, event_id in named:
            with suppress(NotFoundError):  # forgotten, or the placement is gone
                stored = await self._stored.get(PlacementKeys(placement), event_id)
                yield _of_customer(decision_message(placement, stored))


async def _all_or_none_waits(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do things at the same time; when one fails, do not wait for the others: they would wait for the same store."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        await end(*tasks)


def _of_customer(decision: Decision) -> Decision:
    """Return a decision without the offers that were not shown.

    They say nothing of the customer, and a thousand decisions of a thousand offers are more than a reply can hold.
    """
    chosen = {choice.offer_id for choice in decision.choices}
    shown = [each for each in decision.offers if each.offer.id in chosen]
    del decision.offers[:]
    decision.offers.extend(shown)
    for each in decision.excluded:
        del each.offer_ids[:]
    return decision


def _summary(kept: ActivityRecord) -> ActivitySummary:
    return ActivitySummary(
        name=kept.name,
        count=kept.count,
        first_at=_timestamp(kept.first_ms),
        last_at=_timestamp(kept.last_ms),
        features=Features(
            numeric=kept.sums,
            categorical=kept.last,
            tags={name: Tags(values=values) for name, values in values_by_name(kept).items()},
        ),
    )


def _entry(seen: SeenRecord) -> HistoryEntry:
    return HistoryEntry(
        at=_timestamp(seen.at_ms),
        placement=seen.placement,
        event_id=seen.event_id,
        offer_id=seen.offer_id,
        category=seen.category,
        channel=seen.channel,
        outcome=seen.outcome,
    )


def _given(consent: Consent, now_ms: int) -> Consent:
    given = Consent()
    given.CopyFrom(consent)
    if not given.HasField("given_at"):
        given.given_at.FromMilliseconds(now_ms)
    return given


def _happened_ms(activity: Activity, now_ms: int) -> int:
    """Return when something happened, milliseconds since the epoch; where it was not said, now."""
    return activity.occurred_at.ToMilliseconds() if activity.HasField("occurred_at") else now_ms


def _timestamp(milliseconds: int) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromMilliseconds(milliseconds)
    return timestamp


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
