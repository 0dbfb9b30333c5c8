"""What a customer has seen, and how it was taken: the history as caps and cool-downs look at it."""

from collections.abc import Iterable, Sequence

from attune.storage.v1.records_pb2 import SeenRecord


class History:
    """The part of a history that some check looks at.

    Attributes:
        noted: What was shown, in the order of the history. An impression may be noted more than once; see `distinct`.
        outcomes: What came of it, the same.
    """

    __slots__ = ("_since_ms", "noted", "outcomes")

    def __init__(self, seen: Iterable[SeenRecord], shown_ms: int, taken_ms: int) -> None:
        """Read it, once for all checks.

        It is nearly in order, because clocks of servers differ and outcomes come late. So all of it is looked at; of
        what is too old, only the time.

        Args:
            seen: The history.
            shown_ms: Impressions count when they are later than this, milliseconds since the epoch.
            taken_ms: Outcomes count when they are later than this.
        """
        self.noted: list[SeenRecord] = []
        self.outcomes: list[SeenRecord] = []
        self._since_ms = shown_ms
        both_ms = min(shown_ms, taken_ms)
        for each in seen:
            if (at_ms := each.at_ms) > both_ms:
                if each.outcome:
                    if at_ms > taken_ms:
                        self.outcomes.append(each)
                elif at_ms > shown_ms:
                    self.noted.append(each)

    def noted_since(self, since_ms: int) -> Sequence[SeenRecord]:
        """Return what was shown later than that, milliseconds since the epoch."""
        return self.noted if since_ms <= self._since_ms else [each for each in self.noted if each.at_ms > since_ms]


def distinct(noted: Iterable[SeenRecord], groups: Iterable[str]) -> list[str]:
    """Return the groups of impressions, each offer of a decision once.

    Args:
        noted: What was shown.
        groups: Of each its group.
    """
    once = {
        (each.event_id, each.offer_id, each.channel, each.placement): group
        for each, group in zip(noted, groups, strict=True)
    }
    return list(once.values())
