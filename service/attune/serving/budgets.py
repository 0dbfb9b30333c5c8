"""Budgets of offers: how much is left of a day, and who has used it.

    check (`attune.serving.guard_checks.budgets`) ─▶ draw ─▶ charge ─▶ counted in the store ─▶ journal ─▶ reply

What is drawn is charged in the same step of the event loop in which the budget was looked at, so that one server never
uses more than there is. The store counts for all of them, many charges in one call, and its answer says what the others
have used; besides, it is asked a few times a second. So several servers together use more than there is by what each of
them has under way when the last of it is used, and not more.

A charge leaves before its decision, over the same connection: what is in the journal was counted, whoever is killed,
also where it is first shown to who repeats the request. Where budgets are on another server of a Cluster, the decision
waits for that. Where the store does not answer, it is counted here and told later. That may count it twice: a budget
ends early, then, and never late.
"""

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import ROUND_CEILING, ROUND_FLOOR
from sys import maxsize
from typing import TypeAlias

from attune.errors import ExpectedError, StoreUnavailableError
from attune.serving.allowances import Allowance, Tally, day_of, days_around, millionths, zone_of
from attune.serving.terms import OfferTerms
from attune.store.budgets import MOST_PER_CALL, BudgetCounts, DayOfOffer, Used

POLL_S = 0.2

# Many budgets take long to read: no more than a twentieth of the time is spent on it.
_PAUSES_PER_READ = 20

_log = logging.getLogger(__name__)


# What was charged, and what the store is going to answer.
_Call: TypeAlias = tuple[Sequence[tuple[Tally, Used]], Awaitable[Sequence[Used]]]


class Charge:
    """What a decision has used of budgets."""

    __slots__ = ("_budgets", "_counted", "_spent")

    def __init__(self, spent: Sequence[tuple[Tally, Used]], budgets: "Budgets", counted: asyncio.Event) -> None:
        """Note what was used, of which budgets, and what tells that the store has counted it."""
        self._spent = spent
        self._budgets = budgets
        self._counted = counted

    @property
    def spent(self) -> Sequence[tuple[Tally, Used]]:
        """What was used, of which tally."""
        return self._spent

    def send(self, together: Sequence["Charge"]) -> None:
        """Let some leave, this one among them, where they have not; others that wait leave with them."""
        if any(self._budgets.told is each._counted for each in together):  # noqa: SLF001 - they are of this class
            self._budgets.tell()

    async def counted(self) -> None:
        """Wait until the store has counted it, or does not answer: then it is told later."""
        if self._budgets.told is self._counted:
            if self._budgets.is_away:
                return
            await asyncio.sleep(0)  # what is charged in this turn of the loop leaves together
            self.send([self])
        await self._counted.wait()


class Budgets:
    """The budgets of all offers, as this process knows them.

    Attributes:
        told: Set when the store has counted what it is going to be told next, or does not answer.
        is_away: Whether the store did not answer the last time.
    """

    def __init__(self, counts: BudgetCounts) -> None:
        """Begin without having asked the store.

        Args:
            counts: What is counted in the store.
        """
        self._counts = counts
        self._known: dict[DayOfOffer, Used] = {}
        self._tallies: dict[DayOfOffer, Tally] = {}
        self._days: dict[tzinfo, tuple[str, int]] = {}
        # What the store is still to be told, and who hears its answers.
        self._untold: set[Tally] = set()
        self._telling: set[asyncio.Task[None]] = set()
        self.told = asyncio.Event()
        self.is_away = False

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
            self._untold.add(tally)
        return Charge(spent, self, self.told)

    def give_back(self, charge: Charge) -> None:
        """Undo a charge: what it was for was not shown."""
        for tally, used in charge.spent:
            tally.charge(-used.impressions, -used.spend)
            self._untold.add(tally)
        if not self.is_away:
            self.tell()

    def precede(self, key: str) -> bool:
        """Tell whether a charge that is sent before something for a key is counted before that is in the store."""
        return self._counts.precede(key)

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
        self.is_away = False
        for of, tally in self._tallies.copy().items():
            if of.day in days:
                tally.learn(self._known.get(of, Used(0, 0)))
            elif tally not in self._untold:
                del self._tallies[of]
        if self._untold:
            self.tell()

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
        if self._untold and not self.is_away:
            self.tell()
        while self._telling:
            await asyncio.wait(self._telling)

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

    def tell(self) -> None:
        """Tell the store what it has not been told, in this step of the event loop."""
        telling, self._untold = list(self._untold), set()
        told, self.told = self.told, asyncio.Event()
        pairs = [(tally, used) for tally in telling if any(used := tally.tell())]
        parts = [pairs[i : i + MOST_PER_CALL] for i in range(0, len(pairs), MOST_PER_CALL)]
        calls = [(part, self._counts.add({tally.of: used for tally, used in part})) for part in parts]
        if not calls:
            told.set()
            return
        task = asyncio.get_running_loop().create_task(self._hear(calls, told))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _hear(self, calls: Sequence[_Call], told: asyncio.Event) -> None:
        try:
            for pairs, answer in calls:
                await self._hear_one(pairs, answer)
        finally:
            told.set()  # who was charged must not wait for a store that is away

    async def _hear_one(self, pairs: Sequence[tuple[Tally, Used]], answer: Awaitable[Sequence[Used]]) -> None:
        """Take note of what the store has counted; what could not be told is told later."""
        untold = {tally for tally, _ in pairs}
        try:
            for (tally, used), total in zip(pairs, await answer, strict=True):
                tally.learn(total, used)
            untold.clear()
        except StoreUnavailableError as error:
            _log.warning("budgets are not counted in the store for now: %s", error)
            self.is_away = True
        finally:
            for tally, used in pairs:
                tally.answered(used)
            self._untold.update(untold)
