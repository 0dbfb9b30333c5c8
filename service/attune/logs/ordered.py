"""Time has to go forward: a policy that learns along a log is weighed by what it knew at that time.

Positions say the order where a log has them: that is the order in which a policy learned. All other logs are in order
when no decision is older than the newest one before it.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from attune.logs.readings import Refused
from attune.logs.samples import Found, Sample
from attune.store.interactions import order

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HINT = "sort the log (or, for policies that do not learn, --any-order)"


def in_order(found: Iterable[Found]) -> Iterator[Found]:
    """Refuse samples that go back; those at the same position or time do not, nor those without a time.

    Args:
        found: Samples and all else, which is passed on.
    """
    newest_ms, last = 0, (0, 0)
    for each in found:
        if not isinstance(each, Sample):
            yield each
        elif each.position:
            position = order(each.position)
            yield each if position >= last else _goes_back(each, "position", "-".join(map(str, last)), each.position)
            last = max(last, position)
        else:
            at_ms = each.decided_at_ms
            goes_forward = at_ms >= newest_ms or not at_ms
            yield each if goes_forward else _goes_back(each, "time", _said(newest_ms), _said(at_ms))
            newest_ms = max(newest_ms, at_ms)


def _goes_back(sample: Sample, field: str, newest: str, got: str) -> Refused:
    return Refused(sample.where, f"{field}: expected {newest} or later, as in a row before, got {got}: {_HINT}")


def _said(milliseconds: int) -> str:
    return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds")
