"""Decisions, from the request to the store: drawn (`attune.serving.drawing`), written, and answered once written.

In the store, the first record of an event_id wins: a request that is repeated gets what was decided first.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from attune.errors import (
    AlreadyExistsError,
    ExpectedError,
    NotFoundError,
    NothingEligibleError,
    StoreUnavailableError,
)
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.candidates import joined
from attune.serving.catalog import LiveOffers
from attune.serving.drawing import Draft, draft, draw_all
from attune.serving.identity import new_event_id, request_digest
from attune.serving.live import LivePlacement, LivePlacements
from attune.serving.situation import read_context
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.decisions import Decisions
from attune.store.journal import Entry, Journal
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import STORE_FAILURE_REFUSE
from attune_models.types import Situation

# Other calls get their turn after so many decisions of a batch: a millisecond or two.
_DECISIONS_PER_TURN = 64


class Decided(NamedTuple):
    """A decision.

    Attributes:
        record: What is, or would be, in the store.
        offer_ids: Ids of the offers that could be drawn, in the record's order.
        logged: Whether it is in the store.
    """

    record: Draft | DecisionRecord
    offer_ids: Sequence[str]
    logged: bool


class Decider:
    """Decides."""

    def __init__(
        self,
        live: LivePlacements,
        offers: Callable[[LivePlacement], LiveOffers | None],
        journal: Journal,
        decisions: Decisions,
    ) -> None:
        """Take what decisions are made with.

        Args:
            live: The placements.
            offers: Returns what a placement may draw from the catalogue now; None when there is nothing.
            journal: Where decisions are written.
            decisions: Where repeated ones are found.
        """
        self._live = live
        self._offers = offers
        self._journal = journal
        self._decisions = decisions
        self._random = Random()  # noqa: S311 - event ids have to be unique, not secret

    async def decide(self, request: DecideEnvelope) -> Decided:
        """Make a decision, or return the one that was made for the same request before.

        Args:
            request: A request whose ids and sizes are valid.

        Raises:
            InvalidInputError: A feature breaks the limits, or no offer of the request is left.
            NotFoundError: There is no such placement.
            NothingEligibleError: No offer of the catalogue is left.
            AlreadyExistsError: The event_id was used with a different request.
            StoreUnavailableError: The store is out of reach and the placement refuses to answer without it.
            OverloadedError: More decisions wait to be written than the store takes in time.
        """
        live = self._live.applied.get(request.placement) or await self._live.get(request.placement)
        now_ms = time.time_ns() // 1_000_000
        event_id = request.event_id or new_event_id(now_ms, self._random)
        try:
            drawn = draft(request, live, self._offers(live), event_id)
        except NothingEligibleError:
            if (first := await self._decided_before(live, request)) is None:
                raise
            return first
        drawn.draw(drawn.pmf_of(drawn.eligible.situation), now_ms)
        if request.slots > 1:
            await drawn.draw_later_slots(request.slots)
        record, offer_set = drawn.serialised(), drawn.eligible.offer_set
        try:
            found = await self._journal.append(live.keys, drawn.window_ms, event_id, record, offer_set)
        except StoreUnavailableError as error:
            return _unlogged(drawn, error)
        return _written(drawn) if found is None else await self._first(drawn, found)

    async def decide_many(self, requests: Sequence[DecideEnvelope | ExpectedError]) -> list[Decided | ExpectedError]:
        """Make many decisions, and write those of a placement together.

        Args:
            requests: Requests whose ids and sizes are valid, or what is wrong with one.

        Returns:
            For each, in their order, what `decide` returns or raises.
        """
        results: list[Decided | ExpectedError | Draft] = []
        for begin in range(0, len(requests), _DECISIONS_PER_TURN):
            results += await self._drawn(requests[begin : begin + _DECISIONS_PER_TURN])
            await asyncio.sleep(0)
        together: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for i, each in enumerate(results):
            if isinstance(each, Draft):
                together[each.live.keys.name, each.window_ms].append(i)
        await asyncio.gather(*(self._write(results, group) for group in together.values()))
        return [each for each in results if not isinstance(each, Draft)]

    async def _drawn(self, requests: Sequence[DecideEnvelope | ExpectedError]) -> list[Decided | ExpectedError | Draft]:
        now_ms = time.time_ns() // 1_000_000
        begun = [
            request if isinstance(request, ExpectedError) else await self._begun(request, now_ms)
            for request in requests
        ]
        draw_all([each for each in begun if isinstance(each, Draft)], now_ms)
        for request, each in zip(requests, begun, strict=True):
            if isinstance(each, Draft) and isinstance(request, DecideEnvelope) and request.slots > 1:
                await each.draw_later_slots(request.slots)
        return begun

    async def _begun(self, request: DecideEnvelope, now_ms: int) -> Decided | ExpectedError | Draft:
        try:
            live = self._live.applied.get(request.placement) or await self._live.get(request.placement)
            event_id = request.event_id or new_event_id(now_ms, self._random)
            return draft(request, live, self._offers(live), event_id)
        except NothingEligibleError as error:
            try:
                return await self._decided_before(live, request) or error
            except ExpectedError as other:
                return other
        except ExpectedError as error:
            return error

    async def _write(self, results: list[Decided | ExpectedError | Draft], group: Sequence[int]) -> None:
        """Write decisions of one placement and reward window; what becomes of each takes its place."""
        drafts = [each for i in group if isinstance(each := results[i], Draft)]
        entries = [Entry(each.event_id, each.serialised(), each.eligible.offer_set) for each in drafts]
        found = await self._journal.append_many(drafts[0].live.keys, drafts[0].window_ms, entries)
        for i, each, value in zip(group, drafts, found, strict=True):
            results[i] = _written(each) if value is None else await self._otherwise(each, value)

    async def _otherwise(self, drawn: Draft, found: bytes | Exception) -> Decided | ExpectedError:
        try:
            if isinstance(found, bytes):
                return await self._first(drawn, found)
            if isinstance(found, StoreUnavailableError):
                return _unlogged(drawn, found)
            raise found
        except ExpectedError as error:
            return error

    async def _decided_before(self, live: LivePlacement, request: DecideEnvelope) -> Decided | None:
        """Return what was decided for a request when the catalogue had something to draw from."""
        if not request.event_id:
            return None
        try:
            first = (await self._decisions.get(live.keys, request.event_id)).record
        except NotFoundError:
            return None
        return _repeated(first, request_digest(request, Situation(read_context(joined(request.context)).text, (), ())))

    async def _first(self, drawn: Draft, found: bytes) -> Decided:
        """Return the decision that was in the store before, if it is of the same request."""
        # Where it cannot be read, nothing may be answered in its place, whatever the placement says: what was drawn now
        # may be another offer, and outcomes would be taken for those of the first.
        return _repeated(await self._decisions.found(drawn.live.keys, found), drawn.digest)


def _written(drawn: Draft) -> Decided:
    return Decided(drawn, drawn.eligible.situation.action_ids, logged=True)


def _unlogged(drawn: Draft, error: StoreUnavailableError) -> Decided:
    """Return a decision as it is answered without the store; raise the error where the placement refuses to."""
    if drawn.live.placement.store_failure == STORE_FAILURE_REFUSE:
        raise error
    return Decided(drawn, drawn.eligible.situation.action_ids, logged=False)


def _repeated(first: DecisionRecord, digest: bytes) -> Decided:
    """Return what was decided first under an event_id.

    Args:
        first: What is in the store.
        digest: Of the request that has the same event_id.

    Raises:
        AlreadyExistsError: It was another request.
    """
    if first.request_digest != digest:
        raise AlreadyExistsError(
            f'event_id: expected an id that is new, or the request it was first used with, got "{first.event_id}" '
            "with a different request"
        )
    return Decided(first, [Offer.FromString(offer).id for offer in first.offers], logged=True)
