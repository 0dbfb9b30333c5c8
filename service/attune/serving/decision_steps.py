"""The steps of a decision that one by itself and those of a batch have in common.

    begin -> draw -> what is shown is prepared for the history -> (written) -> settled, or found to be made before

What is written together differs: `attune.serving.decider`.
"""

import asyncio
from collections.abc import Callable, Sequence

from attune.errors import ExpectedError, NotFoundError, NothingEligibleError, StoreUnavailableError
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.budgets import Budgets, Charge
from attune.serving.circumstances import Visitor
from attune.serving.decided import Decided, repeated
from attune.serving.drawing import Draft, draft
from attune.serving.impressions import entries, impressions_of
from attune.serving.joining import circumstances_of
from attune.serving.live import LivePlacement
from attune.serving.live_offers import LiveOffers
from attune.serving.profile import ProfileRules
from attune.serving.visitors import Visitors
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.decisions import Decisions
from attune.store.history import Adding
from attune.store.journal import DEFERRED, Along
from attune.v1.decision_service_pb2 import MODE_EMPTY
from attune.v1.placement_pb2 import STORE_FAILURE_REFUSE

_NO_RULES = ProfileRules()
_NO_KEYS = (b"",)


class Steps:
    """Takes the steps of decisions."""

    def __init__(
        self,
        offers: Callable[[LivePlacement], LiveOffers | None],
        decisions: Decisions,
        visitors: Visitors | None,
        budgets: Budgets | None,
        timeout_s: float,
    ) -> None:
        """Take what they need.

        Args:
            offers: Returns what a placement may draw from the catalogue now; None when there is nothing.
            decisions: Where repeated ones are found.
            visitors: Knows customers; None where nothing is kept of them.
            budgets: What is left of the budgets of offers; None where nobody counts them.
            timeout_s: How long a decision may wait for the store, in seconds.
        """
        self._offers = offers
        self._decisions = decisions
        self._visitors = visitors
        self._budgets = budgets
        self._timeout_s = timeout_s
        self._keys = _NO_KEYS if visitors is None else visitors.keys

    def draft(
        self, request: DecideEnvelope, live: LivePlacement, event_id: str, now_ms: int, visitor: Visitor | None
    ) -> Draft:
        """Begin a decision; where somebody looks at that, with what it is made under."""
        offers = self._offers(live)
        if visitor is None:
            # Asking the request costs something: only where the answer would change anything.
            terms = offers.terms if offers is not None and offers.terms.are_limited and not request.offers else None
            if not live.guard.looks_at(terms, None):
                return draft(request, live, offers, event_id, digest_key=self._keys[0])
        rules = _NO_RULES if self._visitors is None else self._visitors.rules
        circumstances = circumstances_of(request, now_ms, visitor, rules)
        drawn = draft(request, live, offers, event_id, circumstances, digest_key=self._keys[0])
        drawn.visitor = visitor
        return drawn

    async def draw(self, drawn: Draft, now_ms: int) -> None:
        """Draw for every slot, and use what is shown of the budgets."""
        drawn.draw(drawn.pmf_of(drawn.eligible.situation), now_ms)
        if drawn.n_slots > 1:
            await drawn.draw_later_slots()
        if self._budgets is not None and drawn.is_budgeted:
            drawn.charge = self._budgets.charge(drawn.shown, now_ms)

    def note(self, drawn: Draft) -> Adding | None:
        """Prepare to add to the customer's history what was drawn, where there is one, and it will be shown now."""
        visitor = drawn.visitor
        if self._visitors is None or visitor is None or not visitor.key or drawn.window_ms == DEFERRED:
            return None
        shown = entries(drawn)
        return self._visitors.note(visitor, shown) if shown else None

    async def along(self, drawn: Draft, charge: Charge, others: Sequence[Along]) -> Sequence[Along]:
        """Return what has to leave right before a decision: what it used of budgets, and others.

        Who is killed in between has not written what is not counted: whoever repeats the request is going to show it.
        """
        if self._budgets is not None and not self._budgets.precede(drawn.live.keys.spec):
            await charge.counted()
        return charge, *others

    async def settle(self, drawn: Draft, adding: Adding | None, result: Decided | ExpectedError) -> None:
        """Wait until what a decision shows is in the history, and counted; or take it back, where it is not shown."""
        is_shown = isinstance(result, Decided) and result.record is drawn
        if adding is not None:
            await (adding.done() if is_shown else adding.take_back())
        if isinstance(result, Decided) and not is_shown:
            await self._make_up(drawn.request, drawn.live, drawn.visitor, result.record)
        if drawn.charge is None or self._budgets is None:
            return
        if is_shown:
            await drawn.charge.counted()
        elif not isinstance(result, StoreUnavailableError):
            # Where the store did not answer, it may have the decision, and a repeated request is going to show it.
            self._budgets.give_back(drawn.charge)

    async def first(self, drawn: Draft, found: bytes) -> Decided:
        """Return the decision that was in the store before, if it is of the same request."""
        # Where it cannot be read, nothing may be answered in its place, whatever the placement says: what was drawn now
        # may be another offer, and outcomes would be taken for those of the first.
        return repeated(await self._decisions.found(drawn.live.keys, found), drawn.request, self._keys)

    async def nothing(
        self,
        request: DecideEnvelope,
        live: LivePlacement,
        event_id: str,
        error: NothingEligibleError,
        visitor: Visitor | None,
    ) -> Decided:
        """Return what was decided for a request when something was eligible, or what is answered without anything."""
        if request.event_id and (first := await self._made_before(request, live)) is not None:
            decided = repeated(first, request, self._keys)
            await self._make_up(request, live, visitor, first)
            return decided
        if error.shows_nothing or live.placement.when_nothing_eligible.HasField("empty"):
            return Decided(DecisionRecord(event_id=event_id, mode=MODE_EMPTY), (), logged=False)
        raise error

    async def _make_up(
        self, request: DecideEnvelope, live: LivePlacement, visitor: Visitor | None, first: Draft | DecisionRecord
    ) -> None:
        """Note in the history what a repeated request is going to show, where that was not noted the first time.

        Journal and history may be on different servers: whoever decided first may have been killed in between.
        """
        if self._visitors is None or visitor is None or not visitor.key or request.deferred:
            return
        if isinstance(first, DecisionRecord) and first.customer:
            shown = impressions_of(first, live.keys.name, self._offers(live), first.decided_at_ms)
            await self._visitors.remember(visitor.key, shown)

    async def _made_before(self, request: DecideEnvelope, live: LivePlacement) -> DecisionRecord | None:
        """Return what is in the store under a request's event_id, waiting for it no longer than a decision may."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return (await self._decisions.get(live.keys, request.event_id)).record
        except NotFoundError:
            return None
        except (StoreUnavailableError, TimeoutError) as error:
            if live.placement.store_failure != STORE_FAILURE_REFUSE:
                return None
            raise StoreUnavailableError(
                f"it is not known what was decided before: {str(error) or 'no answer in time'}"
            ) from error
