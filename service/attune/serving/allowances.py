"""What a day may use of an offer's budget, and what has been used: values, and how days and money are counted.

Kept up to date by `attune.serving.budgets`.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attune.store.budgets import DayOfOffer, Used

_MILLIONTHS = 1_000_000
_NOTHING = Used(0, 0)
# It is some day between these two everywhere in the world.
_EARLIEST, _LATEST = timedelta(hours=-12), timedelta(hours=14)

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Tally:
    """What has been used of an offer's budget in a day, as far as is known here.

    Attributes:
        of: The day and the offer.
        impressions: How often it was shown, what the store has not counted yet included.
        spend: For how much, in millionths.
        uncounted_impressions: How many of them were charged here, and the store has not said that it has counted them.
        uncounted_spend: The same of `spend`.
        impressions_under_way: What of that the store was told, and has not answered.
        spend_under_way: The same of `spend`.
    """

    of: DayOfOffer
    impressions: int = 0
    spend: int = 0
    uncounted_impressions: int = 0
    uncounted_spend: int = 0
    impressions_under_way: int = 0
    spend_under_way: int = 0

    def charge(self, impressions: int, spend: int) -> None:
        """Use some of it."""
        self.impressions += impressions
        self.spend += spend
        self.uncounted_impressions += impressions
        self.uncounted_spend += spend

    def tell(self) -> Used:
        """Return what the store is to be told now: from here on, that is under way."""
        told = Used(
            self.uncounted_impressions - self.impressions_under_way, self.uncounted_spend - self.spend_under_way
        )
        self.impressions_under_way, self.spend_under_way = self.uncounted_impressions, self.uncounted_spend
        return told

    def answered(self, told: Used) -> None:
        """Take note that something that it was told is under way no more: counted, or to be told again."""
        self.impressions_under_way -= told.impressions
        self.spend_under_way -= told.spend

    def learn(self, counted: Used, added: Used = _NOTHING) -> None:
        """Take note of what the store has counted.

        Args:
            counted: What it said last.
            added: What is counted with that, of what was charged here.
        """
        self.uncounted_impressions -= added.impressions
        self.uncounted_spend -= added.spend
        self.impressions = counted.impressions + self.uncounted_impressions
        self.spend = counted.spend + self.uncounted_spend


@dataclass(slots=True, eq=False)
class Allowance:
    """What a day may use of an offer's budget, and what this day has used.

    Attributes:
        offer_id: The offer.
        zone: Where the day begins at midnight.
        impressions: How often it may be shown.
        spend: For how much, in millionths, rounded down.
        cost: What showing it costs, in millionths, rounded up.
        tally: Of the day.
        ends_ms: When the day ends, milliseconds since the epoch.
    """

    offer_id: str
    zone: tzinfo
    impressions: int
    spend: int
    cost: int
    tally: Tally
    ends_ms: int

    def missing(self) -> str:
        """Return of what there is not enough left to show the offer: `impressions`, `spend`, or empty for nothing."""
        tally = self.tally
        if tally.impressions >= self.impressions:
            return "impressions"
        return "spend" if tally.spend + self.cost > self.spend else ""

    def left(self) -> int:
        """Return how often the offer may still be shown; negative where it was shown too often."""
        tally = self.tally
        impressions = self.impressions - tally.impressions
        return min(impressions, (self.spend - tally.spend) // self.cost) if self.cost else impressions


@lru_cache(10_000)
def millionths(amount: float, rounding: str) -> int:
    """Return an amount of money in millionths, of the decimal number that it is written as.

    Args:
        amount: In units of the currency.
        rounding: What to do with what is smaller, one of `decimal`'s.
    """
    return int((Decimal(repr(amount)) * _MILLIONTHS).to_integral_value(rounding))


def day_of(zone: tzinfo, now_ms: int) -> tuple[str, int]:
    """Return which day it is in a time zone, and when it ends.

    Args:
        zone: The time zone.
        now_ms: Milliseconds since the epoch.

    Returns:
        The day, as `2026-11-22`, and milliseconds since the epoch.
    """
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    midnight = datetime.combine(today + timedelta(days=1), time(), zone)
    return today.isoformat(), round(midnight.timestamp() * 1000)


@lru_cache(1000)
def zone_of(name: str) -> tzinfo:
    """Return a time zone by the name that IANA gives it; UTC for an empty one.

    One that was known when the offer was put, and is not here, counts as UTC: an offer must not go without its budget.
    """
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        _log.error('time zone "%s" is not known on this machine: budgets that name it begin their day by UTC', name)
        return UTC


def days_around(now: datetime) -> list[str]:
    """Return the days that it is somewhere in the world."""
    first, last = (now + _EARLIEST).date(), (now + _LATEST).date()
    return [(first + timedelta(days=i)).isoformat() for i in range((last - first).days + 1)]
