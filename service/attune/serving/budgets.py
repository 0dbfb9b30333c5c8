"""Budgets of offers: how much is left of a day, and who has used it.

    check (`attune.serving.guard_checks.budgets`) ─▶ draw ─▶ charge ─▶ counted in the store ─▶ reply

What is drawn is charged in the same step of the event loop in which the budget was looked at, so that one server never
uses more than there is. The store counts for all of them, many charges in one call, and its answer says what the others
have used; besides, it is asked a few times a second. So several servers together use more than there is by what each of
them has under way when the last of it is used, and not more.

A decision is answered when it is counted, so what was shown is counted, whoever is killed. Where the store does not
answer, it is counted here and told later. That may count it twice: a budget ends early, then, and never late.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import ROUND_CEILING, ROUND_FLOOR
from sys import maxsize

from attune.errors import ExpectedError, StoreUnavailableError
from attune.serving.allowances import Allowance, Tally, day_of, days_around, millionths, zone_of
from attune.serving.terms import OfferTerms
from attune.store.budgets import MOST_PER_CALL, BudgetCounts, DayOfOffer, Used

POLL_S = 0.2

# While charges keep coming, a call leaves as often: their decisions wait for the journal as long.
_GATHER_S = 0.001

# Many budgets take long to read: no more than a twentieth of the time is spent on it.
_PAUSES_PER_READ = 20

_log = logging.getLogger(__name__)


class Charge:
    """What a decision has used of budgets."""

    __slots__ = ("_counted", "_spent")

    def __init__(self, spent: Sequence[tuple[Tally, Used]], counted: asyncio.Event) -> None:
        """Note what was used, and what tells that the store has counted it."""
        self._spent = spent
        self._counted = counted

    @property
    def spent(self) -> Sequence[tuple[Tally, Used]]:
        """What was used, of which tally."""
        return self._spent

    async def counted(self) -> None:
        """Wait until the store has counted it, or does not answer: then it is told later."""
        await self._counted.wait()


class Budgets:
    """The budgets of all offers, as this process knows them."""

    def __init__(self, counts: BudgetCounts) -> None:
        """Begin without having asked the store.

        Args:
            counts: What is counted in the store.
        """
        self._counts = counts
        self._known: dict[DayOfOffer, Used] = {}
        self._tallies: dict[DayOfOffer, Tally] = {}
        self._days: dict[tzinfo, tuple[str, int]] = {}
        # What the store is still to be told, and what tells those who wait for that.
        self._untold: set[Tally] = set()
        self._told = asyncio.Event()
        self._telling: asyncio.Task[None] | None = None
        self._is_away = False

    def allowance(self, terms: OfferTerms, now_ms: int) -> Allowance | None:
        """Return what may be used of an offer's budget; None where it has none.

        Args:
            terms: Of the offer, with the cost of its channel.
            now_ms: Milliseconds since the epoch.
        """
        budget = terms.budget
        if budget is None:
            return None
        zone = zone_of(budget.time_zone)
        day, ends_ms = self._day(zone, now_ms)
        return Allowance(
            offer_id=terms.offer_id,
            zone=zone,
            impressions=budget.impressions_per_day if budget.HasField("impressions_per_day") else maxsize,
            spend=millionths(budget.spend_per_day, ROUND_FLOOR) if budget.HasField("spend_per_day") else maxsize,
            cost=millionths(terms.cost, ROUND_CEILING),
            tally=self._tally(DayOfOffer(day, terms.offer_id)),
            ends_ms=ends_ms,
        )

    def begin_day(self, allowance: Allowance, now_ms: int) -> None:
        """Let an allowance be of the day that it is now, milliseconds since the epoch."""
        day, allowance.ends_ms = self._day(allowance.zone, now_ms)
        allowance.tally = self._tally(DayOfOffer(day, allowance.offer_id))

    def charge(self, shown: Iterable[OfferTerms], now_ms: int) -> Charge | None:
        """Use what a decision shows of the budgets; in the step of the event loop in which they were looked at.

        Args:
            shown: The terms of what was drawn.
            now_ms: When, milliseconds since the epoch.

        Returns:
            What was used; None where nothing of it has a budget.
        """
        allowances = [each for terms in shown if (each := self.allowance(terms, now_ms)) is not None]
        if not allowances:
            return None
        spent = [(each.tally, Used(1, each.cost)) for each in allowances]
        for tally, used in spent:
            tally.charge(*used)
        return Charge(spent, self._tell(tally for tally, _ in spent))

    def give_back(self, charge: Charge) -> None:
        """Undo a charge: what it was for was not shown."""
        for tally, used in charge.spent:
            tally.charge(-used.impressions, -used.spend)
        self._tell(tally for tally, _ in charge.spent)

    async def refresh(self, counts: BudgetCounts | None = None) -> None:
        """Ask the store what has been used, and tell it what it does not know.

        Args:
            counts: What to ask before anything is charged, where there is more time; else it is asked over the
                connection that charges go over, so that no answer is older than the last one.

        Raises:
            StoreUnavailableError: It did not answer in time; what was known is kept.
        """
        days = days_around(datetime.now(UTC))
        self._known = await (counts or self._counts).read(days)
        self._is_away = False
        for of, tally in self._tallies.copy().items():
            if of.day in days:
                tally.learn(self._known.get(of, Used(0, 0)))
            elif tally not in self._untold:
                del self._tallies[of]
        if self._untold:
            self._tell(())

    async def follow(self) -> None:
        """Keep everything up to date until cancelled; a store that is away is waited for."""
        loop = asyncio.get_running_loop()
        while True:
            begun_s = loop.time()
            try:
                await self.refresh()
            except ExpectedError as error:
                _log.debug("budgets stay as they are: %s", error)
            except Exception:  # noqa: BLE001 - whatever is wrong now, what others use must not be missed later
                _log.exception("budgets stay as they are")
            await asyncio.sleep(max(POLL_S, _PAUSES_PER_READ * (loop.time() - begun_s)))

    async def close(self) -> None:
        """Wait until the store knows everything, or does not answer."""
        while self._telling is not None:
            await asyncio.wait([self._telling])

    def _day(self, zone: tzinfo, now_ms: int) -> tuple[str, int]:
        today = self._days.get(zone)
        if today is None or now_ms >= today[1]:
            today = self._days[zone] = day_of(zone, now_ms)
        return today

    def _tally(self, of: DayOfOffer) -> Tally:
        tally = self._tallies.get(of)
        if tally is None:
            # In one step: a thread may prepare offers at the same time, and there has to be one tally for all.
            tally = self._tallies.setdefault(of, Tally(of, *self._known.get(of, Used(0, 0))))
        return tally

    def _tell(self, tallies: Iterable[Tally]) -> asyncio.Event:
        """Tell the store, in a moment, what was charged; return what is set when it knows, or does not answer."""
        self._untold.update(tallies)
        told = self._told
        if self._is_away:
            told = asyncio.Event()
            told.set()
        elif self._telling is None:
            # In the next turn of the loop: whatever is charged in this one goes along.
            self._telling = asyncio.get_running_loop().create_task(self._tell_all())
        return told

    async def _tell_all(self) -> None:
        try:
            while self._untold and not self._is_away:
                telling, self._untold = self._untold, set()
                told, self._told = self._told, asyncio.Event()
                try:
                    await self._tell_these(telling)
                finally:
                    told.set()
                if self._untold:
                    await asyncio.sleep(_GATHER_S)
        finally:
            self._told.set()  # who was charged in between must not wait for a store that is away
            self._told, self._telling = asyncio.Event(), None

    async def _tell_these(self, telling: set[Tally]) -> None:
        """Tell the store what was charged of some tallies; of what could not be told, it is told later."""
        left = list(telling)
        try:
            while left:
                some = left[:MOST_PER_CALL]
                added = {tally.of: Used(tally.uncounted_impressions, tally.uncounted_spend) for tally in some}
                counted = await self._counts.add(added)
                for tally, total in zip(some, counted, strict=True):
                    tally.learn(total, added[tally.of])
                del left[: len(some)]
        except StoreUnavailableError as error:
            _log.warning("budgets are not counted in the store for now: %s", error)
            self._is_away = True
        finally:
            self._untold.update(left)
