"""What a customer has seen, and how it was taken: the history as caps and cool-downs look at it."""

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from attune.storage.v1.records_pb2 import SeenRecord


class Seen(NamedTuple):
    """An entry of the history.

    Attributes:
        at_ms: When, milliseconds since the epoch.
        offer_id: The offer, without its channel.
        category: Its category; may be empty.
        channel: Where it was shown; empty where that is not known.
        placement: For which placement.
        tags: Its tags.
        outcome: What came of it; empty: it was shown.
    """

    at_ms: int
    offer_id: str
    category: str
    channel: str
    placement: str
    tags: Sequence[str] = ()
    outcome: str = ""


_when = attrgetter("at_ms")


class History:
    """The part of a history that some check looks at.

    Attributes:
        impressions: What was shown, each offer of a decision once, earliest first.
        outcomes: What came of it, in the order of the history.
    """

    __slots__ = ("impressions", "outcomes")

    def __init__(self, seen: Sequence[SeenRecord], shown_ms: int, taken_ms: int, *, tags: bool = True) -> None:
        """Read it, once for all checks.

        It is nearly in order, because clocks of servers differ and outcomes come late. So all of it is looked at; of
        what is too old, only the time.

        Args:
            seen: The history.
            shown_ms: Impressions count when they are later than this, milliseconds since the epoch.
            taken_ms: Outcomes count when they are later than this.
            tags: Whether anybody looks at tags.
        """
        shown: dict[tuple[str, str, str, str], Seen] = {}
        self.outcomes: list[Seen] = []
        since_ms = min(shown_ms, taken_ms)
        for each in seen:
            if (at_ms := each.at_ms) > since_ms:
                if outcome := each.outcome:
                    if at_ms > taken_ms:
                        self.outcomes.append(_entry(each, at_ms, (), outcome))
                elif at_ms > shown_ms:
                    entry = _entry(each, at_ms, each.tags if tags else (), "")
                    shown.setdefault((each.event_id, entry.offer_id, entry.channel, entry.placement), entry)
        self.impressions = sorted(shown.values(), key=_when)

    def shown_since(self, since_ms: int) -> Sequence[Seen]:
        """Return what was shown later than that, milliseconds since the epoch; earliest first."""
        begin = bisect_right(self.impressions, since_ms, key=_when)
        return self.impressions[begin:] if begin else self.impressions


def _entry(record: SeenRecord, at_ms: int, tags: Sequence[str], outcome: str) -> Seen:
    # Half of the time of a call of the class.
    return Seen._make((at_ms, record.offer_id, record.category, record.channel, record.placement, tags, outcome))
