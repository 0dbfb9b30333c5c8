"""What was used of the budgets of offers, counted in the store for all servers together.

It is kept by the day: `i<offer id>` and `s<offer id>` of a hash, whole numbers, so that nothing is lost by adding. Used
by `attune.serving.budgets`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from attune.store.client import Store
from attune.store.keys import BUDGET_TTL_S, budgets_key
from attune.store.pipe import Pipe

MOST_PER_CALL = 1000
"""How many offers may be counted in one call."""


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

    async def add(self, used: Mapping[DayOfOffer, Used]) -> list[Used]:
        """Add to what was used.

        Args:
            used: What to add, 1 to MOST_PER_CALL; negative where something is given back.

        Returns:
            For each, in their order, what has been used of the day now.

        Raises:
            StoreUnavailableError: The store did not answer in time; it may have been added.
        """
        days = list(dict.fromkeys(each.day for each in used))
        args: list[str | bytes | int] = [BUDGET_TTL_S]
        for (day, offer_id), (impressions, spend) in used.items():
            args += (days.index(day) + 1, offer_id, impressions, spend)
        totals: list[int] = await self._client.run("budgets_add", [budgets_key(day) for day in days], args)
        return [Used(*both) for both in zip(totals[::2], totals[1::2], strict=True)]

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
