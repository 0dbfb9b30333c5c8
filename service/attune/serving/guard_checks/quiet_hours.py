"""Quiet hours: when channels are silent, by the clock of the customer's time zone.

A time of day is one of the wall clock: where clocks go back, an hour that comes twice is quiet twice, and where they go
forward, one that does not come is not missed.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from attune.serving.circumstances import Circumstances
from attune.serving.conditions import local_clock
from attune.serving.guard import Exclusion
from attune.serving.guard_checks.places import by_channel
from attune.serving.terms import Terms
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_QUIET_HOURS
from attune.v1.placement_pb2 import QuietHours

_MINUTES = 60


class QuietTimes:
    """The quiet hours of a placement."""

    def __init__(self, quiet_hours: Iterable[QuietHours]) -> None:
        """Take those of a spec, valid ones."""
        self._all = [_Quiet(each) for each in quiet_hours]

    def __call__(self, circumstances: Circumstances, terms: Terms, positions: Sequence[int]) -> Sequence[Exclusion]:
        """Return the offers whose channel is silent now: see `attune.serving.guard.Check`."""
        exclusions: list[Exclusion] = []
        left = positions
        for quiet in self._all:
            if (why := quiet.now(circumstances)) and (silent := quiet.among(left, circumstances, terms)):
                exclusions.append(Exclusion(EXCLUSION_REASON_QUIET_HOURS, why, silent))
                gone = set(silent)
                left = [position for position in left if position not in gone]
        return exclusions


class _Quiet:
    """One of them, ready to be used."""

    def __init__(self, quiet_hours: QuietHours) -> None:
        self._channels = frozenset(quiet_hours.channels)
        self._starts, self._ends = minute_of_day(quiet_hours.starts_at), minute_of_day(quiet_hours.ends_at)
        self._hours = f"{quiet_hours.starts_at}-{quiet_hours.ends_at}"
        self._holidays = frozenset(quiet_hours.holidays)
        self._time_zone = quiet_hours.time_zone

    def now(self, circumstances: Circumstances) -> str:
        """Return which hours or holiday it is that are quiet now; empty where none."""
        local = local_clock(circumstances.now_ms, circumstances.time_zone or self._time_zone)()
        if self._holidays and (today := local.date().isoformat()) in self._holidays:
            return today
        return self._hours if self._is_within(local) else ""

    def among(self, positions: Sequence[int], circumstances: Circumstances, terms: Terms) -> Sequence[int]:
        """Return those of the offers that would be shown on a channel that is silent."""
        if not self._channels:
            return positions
        channels = by_channel(terms)
        if all((name or circumstances.channel) in self._channels for name in channels):
            return positions
        said = circumstances.channel
        return [i for i in positions if (terms[i].channel or said) in self._channels]

    def _is_within(self, local: datetime) -> bool:
        if self._starts is None or self._ends is None:
            return False
        minute = local.hour * _MINUTES + local.minute
        if self._starts < self._ends:
            return self._starts <= minute < self._ends
        return minute >= self._starts or minute < self._ends


def minute_of_day(text: str) -> int | None:
    """Return how many minutes after midnight a time of day is, for example `22:00`; None for an empty text.

    Raises:
        ValueError: It is no time of day.
    """
    if not text:
        return None
    hour, colon, minute = text.partition(":")
    if not (colon and len(hour) == len(minute) == 2 and (hour + minute).isascii() and (hour + minute).isdigit()):  # noqa: PLR2004
        raise ValueError(f'expected a time of day such as 22:00, got "{text[:80]}"')
    if int(hour) >= 24 or int(minute) >= _MINUTES:  # noqa: PLR2004
        raise ValueError(f"expected a time of day from 00:00 to 23:59, got {text}")
    return int(hour) * _MINUTES + int(minute)
