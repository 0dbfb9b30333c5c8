"""Decisions, from the request to the store: drawn (`attune.serving.drawing`), written, and answered once written.

In the store, the first record of an event_id wins: a request that is repeated gets what was decided first.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from attune.errors import (
    AlreadyExistsError,
    ExpectedError,
    NotFoundError,
    NothingEligibleError,
    StoreUnavailableError,
)
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.catalog import LiveOffers
from attune.serving.drawing import Drawn, draw
from attune.serving.identity import new_event_id, request_digest
from attune.serving.live import LivePlacement, LivePlacements
from attune.serving.situation import context_of
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.decisions import Decisions
from attune.store.journal import DEFERRED, Entry, Journal
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import STORE_FAILURE_REFUSE
from attune_models.types import Situation

# Other calls get their turn after so many decisions of a batch: a millisecond or two.
_DECISIONS_PER_TURN = 16

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision.

    Attributes:
        record: As it is, or would be, in the store.
        offer_ids: Ids of the offers that could be drawn, in the record's order.
        logged: Whether it is in the store.
    """

    record: DecisionRecord
    offer_ids: Sequence[str]
    logged: bool


@dataclass(frozen=True, slots=True)
class _Unwritten:
    """A decision on its way to the store."""

    live: LivePlacement
    window_ms: int
    drawn: Drawn

    def unlogged(self, error: StoreUnavailableError) -> Decided:
        """Return the decision as it is answered without the store; raise the error where the placement refuses to."""
        if self.live.placement.store_failure == STORE_FAILURE_REFUSE:
            raise error
        return Decided(self.drawn.record, self.drawn.offer_ids, logged=False)


class Decider:
    """Decides."""

    def __init__(
        self,
        live: LivePlacements,
        offers: Callable[[str], LiveOffers | None],
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
        unwritten = await self._drawn(request)
        if isinstance(unwritten, Decided):
            return unwritten
        record = unwritten.drawn.record
        try:
            found: bytes | Exception | None = await self._journal.append(
                unwritten.live.keys,
                unwritten.window_ms,
                record.event_id,
                record.SerializeToString(),
                record.offer_set,
            )
        except StoreUnavailableError as error:
            found = error
        return await self._answer(unwritten, found)

    async def decide_many(self, requests: Sequence[DecideEnvelope | ExpectedError]) -> list[Decided | ExpectedError]:
        """Make many decisions, and write those of a placement together.

        Args:
            requests: Requests whose ids and sizes are valid, or what is wrong with one.

        Returns:
            For each, in their order, what `decide` returns or raises.
        """
        results: list[Decided | ExpectedError | _Unwritten] = []
        for i, request in enumerate(requests, 1):
            results.append(request if isinstance(request, ExpectedError) else await _caught(self._drawn(request)))
            if not i % _DECISIONS_PER_TURN:
                await asyncio.sleep(0)
        together: defaultdict[tuple[str, int], list[_Unwritten]] = defaultdict(list)
        for each in results:
            if isinstance(each, _Unwritten):
                together[each.live.keys.name, each.window_ms].append(each)
        written = await asyncio.gather(*map(self._write, together.values()))
        answers = {key: iter(answered) for key, answered in zip(together, written, strict=True)}
        return [
            next(answers[each.live.keys.name, each.window_ms]) if isinstance(each, _Unwritten) else each
            for each in results
        ]

    async def _drawn(self, request: DecideEnvelope) -> Decided | _Unwritten:
        """Draw; where the catalogue has nothing left to draw from, return what was decided when it had."""
        try:
            return await self._draw(request)
        except NothingEligibleError:
            if (first := await self._decided_before(request)) is None:
                raise
            return first

    async def _decided_before(self, request: DecideEnvelope) -> Decided | None:
        if not request.event_id:
            return None
        live = await self._live.get(request.placement)
        try:
            first = (await self._decisions.get(live.keys, request.event_id)).record
        except NotFoundError:
            return None
        return _repeated(first, request_digest(request, Situation(context_of(request.context), (), ())))

    async def _draw(self, request: DecideEnvelope) -> _Unwritten:
        live = await self._live.get(request.placement)
        now_ms = time.time_ns() // 1_000_000
        event_id = request.event_id or new_event_id(now_ms, self._random)
        drawn = await draw(request, live, self._offers(request.placement), event_id, now_ms)
        return _Unwritten(live, DEFERRED if request.deferred else live.window_ms, drawn)

    async def _write(self, group: Sequence[_Unwritten]) -> list[Decided | ExpectedError]:
        """Write decisions of one placement and reward window, and return what becomes of each."""
        records = [each.drawn.record for each in group]
        found = await self._journal.append_many(
            group[0].live.keys,
            group[0].window_ms,
            [Entry(record.event_id, record.SerializeToString(), record.offer_set) for record in records],
        )
        return [await _caught(self._answer(each, value)) for each, value in zip(group, found, strict=True)]

    async def _answer(self, unwritten: _Unwritten, found: bytes | Exception | None) -> Decided:
        """Answer with a decision that was written, or with the one that was there before, if it is of this request."""
        drawn = unwritten.drawn
        if found is None:
            return Decided(drawn.record, drawn.offer_ids, logged=True)
        try:
            if isinstance(found, Exception):
                raise found
            first = await self._decisions.found(unwritten.live.keys, found)
        except StoreUnavailableError as error:
            return unwritten.unlogged(error)
        return _repeated(first, drawn.record.request_digest)


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


async def _caught(answer: Awaitable[_Answer]) -> _Answer | ExpectedError:
    try:
        return await answer
    except ExpectedError as error:
        return error
