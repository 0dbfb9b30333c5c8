"""What was used of the budgets of offers, counted in the store for all servers together.

It is kept by the day: `i<offer id>` and `s<offer id>` of a hash, whole numbers, so that nothing is lost by adding. Used
by `attune.serving.budgets`.
"""

from collections.abc import Awaitable, Mapping, Sequence
from typing import NamedTuple

from redis.exceptions import ResponseError

from attune.store.client import Store
from attune.store.keys import BUDGET_TTL_S, budgets_key
from attune.store.pipe import Pipe, Sent

MOST_PER_CALL = 1000
"""How many offers may be counted in one call."""


_ANY_DAY = budgets_key("")


class Used(NamedTuple):
    """How much was used of a budget in a day, or is to be added to that.

    Attributes:
        impressions: How often the offer was shown.
        spend: For how much, in millionths of the currency.
    """

    impressions: int
    spend: int


class DayOfOffer(NamedTuple):
    """What is counted together.

    Attributes:
        day: As in a calendar: `2026-11-22`.
        offer_id: The offer.
    """

    day: str
    offer_id: str


class BudgetCounts:
    """Counts."""

    def __init__(self, client: Pipe | Store) -> None:
        """Count through this client. A pipe answers in the order of the calls: the last answer is the newest."""
        self._client = client

    def precede(self, key: str) -> bool:
        """Tell whether what is added is there before what is sent to a key afterwards, through the same pipe."""
        return isinstance(self._client, Pipe) and self._client.shard(key) == self._client.shard(_ANY_DAY)

    def add(self, used: Mapping[DayOfOffer, Used]) -> Awaitable[list[Used]]:
        """Add to what was used; over a pipe that is connected, it is sent before this returns.

        Args:
            used: What to add, 1 to MOST_PER_CALL; negative where something is given back.

        Returns:
            To be awaited: for each, in their order, what has been used of the day now. Raises StoreUnavailableError
            where the store did not answer in time; it may have been added.
        """
        days = list(dict.fromkeys(each.day for each in used))
        keys, args = [budgets_key(day) for day in days], list[str | bytes | int]([BUDGET_TTL_S])
        for (day, offer_id), (impressions, spend) in used.items():
            args += (days.index(day) + 1, offer_id, impressions, spend)
        if isinstance(self._client, Pipe) and (link := self._client.link(keys[0])) is not None:
            return _answered(self._client.send(link, "budgets_add", keys, args, waits=True))
        return _totals(self._client.run("budgets_add", keys, args))

    async def read(self, days: Sequence[str]) -> dict[DayOfOffer, Used]:
        """Return what was used of each offer of which something was, on some days.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        found: dict[DayOfOffer, Used] = {}
        answer = await self._client.run("budgets_read", [budgets_key(day) for day in days], [])
        for day, flat in zip(days, answer, strict=True):
            values = {field: int(value) for field, value in zip(flat[::2], flat[1::2], strict=True)}
            for field, impressions in values.items():
                if field.startswith(b"i"):
                    name = field[1:]
                    found[DayOfOffer(day, name.decode())] = Used(impressions, values.get(b"s" + name, 0))
        return found


async def _answered(sent: Sent) -> list[Used]:
    try:
        answer = await sent.answer
    except (OSError, ResponseError):
        answer = await sent.finish()
    return _pairs(answer)


async def _totals(answer: Awaitable[list[int]]) -> list[Used]:
    return _pairs(await answer)


def _pairs(totals: list[int]) -> list[Used]:
    return [Used(*both) for both in zip(totals[::2], totals[1::2], strict=True)]
