"""Decisions, from the request to the store: drawn (`attune.serving.drawing`), written, and answered once written.

In the store, the first record of an event_id wins: a request that is repeated gets what was decided first.

Where a request names a customer, that customer is read first (`attune.serving.visitors`), and what is shown goes into
the history while the decision goes into the journal. Decisions without one do not wait for anything but the journal.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

from attune.errors import (
    ExpectedError,
    NotFoundError,
    NothingEligibleError,
    StoreUnavailableError,
)
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.budgets import Budgets
from attune.serving.circumstances import Visitor
from attune.serving.decided import Decided, repeated, unlogged, written
from attune.serving.drawing import Draft, draft, draw_all
from attune.serving.identity import new_event_id
from attune.serving.impressions import impressions
from attune.serving.joining import circumstances_of
from attune.serving.live import LivePlacement, LivePlacements
from attune.serving.live_offers import LiveOffers
from attune.serving.profile import ProfileRules
from attune.serving.visitors import Visitors
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.decisions import Decisions
from attune.store.history import Adding
from attune.store.journal import DEFERRED, Entry, Journal
from attune.v1.decision_service_pb2 import MODE_EMPTY
from attune.v1.placement_pb2 import STORE_FAILURE_REFUSE

# Other calls get their turn after so many decisions of a batch: a millisecond or two.
_DECISIONS_PER_TURN = 64
_NO_RULES = ProfileRules()
_NO_KEYS = (b"",)


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
        self._budgets = budgets
        self._visitors = visitors
        self._keys = _NO_KEYS if visitors is None else visitors.keys
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
        if not request.customer_id or self._visitors is None:
            return await self._decide(request, live, None)
        async with self._visitors.met([(request, live)]) as (visitor,):
            if isinstance(visitor, ExpectedError):
                raise visitor
            return await self._decide(request, live, visitor)

    async def _decide(self, request: DecideEnvelope, live: LivePlacement, visitor: Visitor | None) -> Decided:
        now_ms = time.time_ns() // 1_000_000
        event_id = request.event_id or new_event_id(now_ms, self._random)
        try:
            drawn = self._draft(request, live, event_id, now_ms, visitor)
        except NothingEligibleError as error:
            return await self._nothing(request, live, event_id, error)
        await self._draw(drawn, now_ms)
        adding = self._note(drawn)
        try:
            decided = await self._journaled(drawn, adding)
        except ExpectedError as error:
            await self._settle(drawn, adding, error)
            raise
        if adding is not None or drawn.charge is not None:
            await self._settle(drawn, adding, decided)
        return decided

    async def _draw(self, drawn: Draft, now_ms: int) -> None:
        """Draw for every slot, and use what is shown of the budgets."""
        drawn.draw(drawn.pmf_of(drawn.eligible.situation), now_ms)
        if drawn.n_slots > 1:
            await drawn.draw_later_slots()
        if self._budgets is not None and drawn.is_budgeted:
            drawn.charge = self._budgets.charge(drawn.shown, now_ms)

    async def _settle(self, drawn: Draft, adding: Adding | None, result: Decided | ExpectedError) -> None:
        """Wait until what a decision shows is in the history, and counted; or take it back, where it is not shown."""
        is_shown = isinstance(result, Decided) and result.record is drawn
        if adding is not None:
            await (adding.done() if is_shown else adding.take_back())
        if drawn.charge is None or self._budgets is None:
            return
        if is_shown:
            await drawn.charge.counted()
        elif not isinstance(result, StoreUnavailableError):
            # Where the store did not answer, it may have the decision, and a repeated request is going to show it.
            self._budgets.give_back(drawn.charge)

    async def _journaled(self, drawn: Draft, adding: Adding | None) -> Decided:
        keys, record, offer_set = drawn.live.keys, drawn.serialised(), drawn.eligible.offer_set
        along = None if adding is None else adding.send
        try:
            found = await self._journal.append(keys, drawn.window_ms, drawn.event_id, record, offer_set, along=along)
        except StoreUnavailableError as error:
            return unlogged(drawn, error)
        return written(drawn) if found is None else await self._first(drawn, found)

    def _draft(
        self, request: DecideEnvelope, live: LivePlacement, event_id: str, now_ms: int, visitor: Visitor | None
    ) -> Draft:
        """Begin a decision; where somebody looks at that, with what it is made under."""
        offers = self._offers(live)
        if visitor is None:
            terms = None if offers is None or request.offers else offers.terms
            if not live.guard.looks_at(terms, None):
                return draft(request, live, offers, event_id, digest_key=self._keys[0])
        rules = _NO_RULES if self._visitors is None else self._visitors.rules
        circumstances = circumstances_of(request, now_ms, visitor, rules)
        drawn = draft(request, live, offers, event_id, circumstances, digest_key=self._keys[0])
        drawn.visitor = visitor
        return drawn

    def _note(self, drawn: Draft) -> Adding | None:
        """Prepare to add to the customer's history what was drawn, where there is one, and it will be shown now."""
        visitor = drawn.visitor
        if self._visitors is None or visitor is None or not visitor.key or drawn.window_ms == DEFERRED:
            return None
        shown = impressions(drawn)
        return self._visitors.note(visitor, shown) if shown else None

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
        for positions in _together(len(requests), visitors):
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
                    await self._draw(each, now_ms)  # before the next one looks at what is left
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
            return self._draft(request, live, event_id, now_ms, visitor)
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
                return self._draft(request, live, event_id, now_ms, visitor)
            except NothingEligibleError as error:
                return await self._nothing(request, live, event_id, error)
        except ExpectedError as error:
            return error

    async def _write(self, results: list[Decided | ExpectedError | Draft], group: Sequence[int]) -> None:
        """Write decisions of one placement and reward window; what becomes of each takes its place."""
        drafts = [each for i in group if isinstance(each := results[i], Draft)]
        added = [self._note(each) for each in drafts]
        entries = [
            Entry(each.event_id, each.serialised(), each.eligible.offer_set, None if adding is None else adding.send)
            for each, adding in zip(drafts, added, strict=True)
        ]
        found = await self._journal.append_many(drafts[0].live.keys, drafts[0].window_ms, entries)
        for i, each, value, adding in zip(group, drafts, found, added, strict=True):
            result = results[i] = written(each) if value is None else await self._otherwise(each, value)
            await self._settle(each, adding, result)

    async def _otherwise(self, drawn: Draft, found: bytes | Exception) -> Decided | ExpectedError:
        try:
            if isinstance(found, bytes):
                return await self._first(drawn, found)
            if isinstance(found, StoreUnavailableError):
                return unlogged(drawn, found)
            raise found
        except ExpectedError as error:
            return error

    async def _nothing(
        self, request: DecideEnvelope, live: LivePlacement, event_id: str, error: NothingEligibleError
    ) -> Decided:
        """Return what was decided for a request when something was eligible, or what is answered without anything."""
        if request.event_id and (first := await self._made_before(request, live)) is not None:
            return repeated(first, request, self._keys)
        if error.shows_nothing or live.placement.when_nothing_eligible.HasField("empty"):
            return Decided(DecisionRecord(event_id=event_id, mode=MODE_EMPTY), (), logged=False)
        raise error

    async def _made_before(self, request: DecideEnvelope, live: LivePlacement) -> DecisionRecord | None:
        """Return what is in the store under a request's event_id, waiting for it no longer than a decision may."""
        try:
            async with asyncio.timeout(self._journal.timeout_s):
                return (await self._decisions.get(live.keys, request.event_id)).record
        except NotFoundError:
            return None
        except (StoreUnavailableError, TimeoutError) as error:
            if live.placement.store_failure != STORE_FAILURE_REFUSE:
                return None
            raise StoreUnavailableError(
                f"it is not known what was decided before: {str(error) or 'no answer in time'}"
            ) from error

    async def _first(self, drawn: Draft, found: bytes) -> Decided:
        """Return the decision that was in the store before, if it is of the same request."""
        # Where it cannot be read, nothing may be answered in its place, whatever the placement says: what was drawn now
        # may be another offer, and outcomes would be taken for those of the first.
        return repeated(await self._decisions.found(drawn.live.keys, found), drawn.request, self._keys)


def _together(n_requests: int, visitors: Mapping[int, Visitor | ExpectedError]) -> Iterator[Sequence[int]]:
    """Yield which requests of a batch are decided together: of a customer who takes turns, one after the other."""
    waves: list[list[int]] = [[]]
    n_before: defaultdict[bytes, int] = defaultdict(int)
    for i in range(n_requests):
        visitor, wave = visitors.get(i), 0
        if isinstance(visitor, Visitor) and visitor.in_turn:
            wave = n_before[visitor.key]
            n_before[visitor.key] += 1
            waves[wave:] = waves[wave:] or [[]]
        waves[wave].append(i)
    for each in waves:
        yield from (each[begin : begin + _DECISIONS_PER_TURN] for begin in range(0, len(each), _DECISIONS_PER_TURN))
