"""Decisions, from the request to the store: drawn (`attune.serving.drawing`), written, and answered once written.

In the store, the first record of an event_id wins: a request that is repeated gets what was decided first.

Where a request names a customer, that customer is read first (`attune.serving.visitors`), and what is shown goes into
the history while the decision goes into the journal. Decisions without one do not wait for anything but the journal.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from random import Random

from attune.errors import (
    ExpectedError,
    NothingEligibleError,
    StoreUnavailableError,
)
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.budgets import Budgets
from attune.serving.circumstances import Visitor
from attune.serving.decided import Decided, unlogged, written
from attune.serving.decision_steps import Steps
from attune.serving.drawing import Draft
from attune.serving.drawing_alike import draw_all
from attune.serving.identity import new_event_id
from attune.serving.impressions import impressions
from attune.serving.live import LivePlacement, LivePlacements
from attune.serving.live_offers import LiveOffers
from attune.serving.visitors import Visitors
from attune.serving.waves import waves_of
from attune.store.decisions import Decisions
from attune.store.history import Adding
from attune.store.journal import DEFERRED, Along, Entry, Journal


class Decider:
    """Decides."""

    def __init__(
        self,
        live: LivePlacements,
        offers: Callable[[LivePlacement], LiveOffers | None],
        journal: Journal,
        decisions: Decisions,
        visitors: Visitors | None = None,
        *,
        budgets: Budgets | None = None,
    ) -> None:
        """Take what decisions are made with.

        Args:
            live: The placements.
            offers: Returns what a placement may draw from the catalogue now; None when there is nothing.
            journal: Where decisions are written.
            decisions: Where repeated ones are found.
            visitors: Knows customers; None where nothing is kept of them.
            budgets: What is left of the budgets of offers; None where nobody counts them.
        """
        self._visitors = visitors
        self._live = live
        self._journal = journal
        self._steps = Steps(offers, decisions, visitors, budgets, journal.timeout_s)
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
        if not request.customer_id or self._visitors is None:
            return await self._decide(request, live, None)
        visitor, held = await self._visitors.meet(request, live)
        try:
            if isinstance(visitor, ExpectedError):
                raise visitor
            return await self._decide(request, live, visitor)
        finally:
            self._visitors.leave(held)

    async def _decide(self, request: DecideEnvelope, live: LivePlacement, visitor: Visitor | None) -> Decided:
        now_ms = time.time_ns() // 1_000_000
        event_id = request.event_id or new_event_id(now_ms, self._random)
        try:
            drawn = self._steps.draft(request, live, event_id, now_ms, visitor)
        except NothingEligibleError as error:
            return await self._steps.nothing(request, live, event_id, error, visitor)
        await self._steps.draw(drawn, now_ms)
        adding = self._steps.note(drawn)
        try:
            decided = await self._journaled(drawn, adding)
        except ExpectedError as error:
            await self._steps.settle(drawn, adding, error)
            raise
        if adding is not None or drawn.charge is not None or decided.record is not drawn:
            await self._steps.settle(drawn, adding, decided)
        return decided

    async def _journaled(self, drawn: Draft, adding: Adding | None) -> Decided:
        keys, record, offer_set = drawn.live.keys, drawn.serialised(), drawn.eligible.offer_set
        along: Sequence[Along] = () if adding is None else (adding,)
        if drawn.charge is not None:
            along = await self._steps.along(drawn, drawn.charge, along)
        try:
            found = await self._journal.append(keys, drawn.window_ms, drawn.event_id, record, offer_set, along=along)
        except StoreUnavailableError as error:
            return unlogged(drawn, error)
        return written(drawn) if found is None else await self._steps.first(drawn, found)

    async def decide_many(self, requests: Sequence[DecideEnvelope | ExpectedError]) -> list[Decided | ExpectedError]:
        """Make many decisions, and write those of a placement together.

        Args:
            requests: Requests whose ids and sizes are valid, or what is wrong with one.

        Returns:
            For each, in their order, what `decide` returns or raises.
        """
        pairs: dict[int, tuple[DecideEnvelope, LivePlacement]] = {}
        for i, request in enumerate(requests if self._visitors is not None else ()):
            if isinstance(request, DecideEnvelope) and request.customer_id and (live := await self._applied(request)):
                pairs[i] = request, live
        if self._visitors is None or not pairs:
            return await self._decide_many(requests, {})
        async with self._visitors.met(list(pairs.values())) as visitors:
            return await self._decide_many(requests, dict(zip(pairs, visitors, strict=True)))

    async def _applied(self, request: DecideEnvelope) -> LivePlacement | None:
        """Return a request's placement, if there is one."""
        try:
            return self._live.applied.get(request.placement) or await self._live.get(request.placement)
        except ExpectedError:
            return None  # that is said when the decision begins

    async def _decide_many(
        self,
        requests: Sequence[DecideEnvelope | ExpectedError],
        visitors: Mapping[int, Visitor | ExpectedError],
    ) -> list[Decided | ExpectedError]:
        drawn: dict[int, Decided | ExpectedError | Draft] = {}
        for positions in waves_of(len(requests), visitors):
            begun = await self._drawn([(requests[i], visitors.get(i)) for i in positions])
            drawn.update(zip(positions, begun, strict=True))
            await asyncio.sleep(0)
        results = [drawn[i] for i in range(len(requests))]
        together: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for i, each in enumerate(results):
            if isinstance(each, Draft):
                together[each.live.keys.name, each.window_ms].append(i)
        await asyncio.gather(*(self._write(results, group) for group in together.values()))
        return [each for each in results if not isinstance(each, Draft)]

    async def _drawn(
        self, asked: Sequence[tuple[DecideEnvelope | ExpectedError, Visitor | ExpectedError | None]]
    ) -> list[Decided | ExpectedError | Draft]:
        now_ms = time.time_ns() // 1_000_000
        begun: list[Decided | ExpectedError | Draft] = []
        for request, visitor in asked:
            if isinstance(request, ExpectedError):
                begun.append(request)
            elif isinstance(visitor, ExpectedError):
                begun.append(visitor)
            else:
                quickly = self._begun(request, now_ms, visitor)
                begun.append(each := quickly or await self._begun_slowly(request, now_ms, visitor))
                if isinstance(each, Draft) and each.is_budgeted:
                    await self._steps.draw(each, now_ms)  # before the next one looks at what is left
        drafts = [each for each in begun if isinstance(each, Draft)]
        draw_all((each for each in drafts if not each.is_budgeted), now_ms)
        for each in drafts:
            if each.n_slots > 1 and not each.is_budgeted:
                await each.draw_later_slots()
            if each.visitor is not None and each.visitor.in_turn and each.window_ms != DEFERRED:
                each.visitor.seen.extend(impressions(each))
        return begun

    def _begun(self, request: DecideEnvelope, now_ms: int, visitor: Visitor | None) -> ExpectedError | Draft | None:
        """Return a decision that is begun, or what is wrong; None where the store has to be asked first."""
        live = self._live.applied.get(request.placement)
        if live is None:
            return None
        try:
            event_id = request.event_id or new_event_id(now_ms, self._random)
            return self._steps.draft(request, live, event_id, now_ms, visitor)
        except NothingEligibleError:
            return None
        except ExpectedError as error:
            return error

    async def _begun_slowly(
        self, request: DecideEnvelope, now_ms: int, visitor: Visitor | None
    ) -> Decided | ExpectedError | Draft:
        event_id = request.event_id or new_event_id(now_ms, self._random)
        try:
            live = await self._live.get(request.placement)
            try:
                return self._steps.draft(request, live, event_id, now_ms, visitor)
            except NothingEligibleError as error:
                return await self._steps.nothing(request, live, event_id, error, visitor)
        except ExpectedError as error:
            return error

    async def _write(self, results: list[Decided | ExpectedError | Draft], group: Sequence[int]) -> None:
        """Write decisions of one placement and reward window; what becomes of each takes its place."""
        drafts = [each for i in group if isinstance(each := results[i], Draft)]
        added = [self._steps.note(each) for each in drafts]
        entries = []
        for each, adding in zip(drafts, added, strict=True):
            along: Sequence[Along] = () if adding is None else (adding,)
            if each.charge is not None:
                along = await self._steps.along(each, each.charge, along)
            entries.append(Entry(each.event_id, each.serialised(), each.eligible.offer_set, along))
        found = await self._journal.append_many(drafts[0].live.keys, drafts[0].window_ms, entries)
        for i, each, value, adding in zip(group, drafts, found, added, strict=True):
            result = results[i] = written(each) if value is None else await self._otherwise(each, value)
            if adding is not None or each.charge is not None:
                await self._steps.settle(each, adding, result)

    async def _otherwise(self, drawn: Draft, found: bytes | Exception) -> Decided | ExpectedError:
        try:
            if isinstance(found, bytes):
                return await self._steps.first(drawn, found)
            if isinstance(found, StoreUnavailableError):
                return unlogged(drawn, found)
            raise found
        except ExpectedError as error:
            return error
