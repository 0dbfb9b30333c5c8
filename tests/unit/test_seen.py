"""A customer's history: what it lacks of what was shown."""

from collections.abc import Sequence

import pytest

from attune.serving.seen import lacking
from attune.storage.v1.records_pb2 import SeenRecord

NOW_MS = 1000


def shown(at_ms: int, event_id: str = "e", offer_id: str = "a", **fields: str) -> SeenRecord:
    return SeenRecord(at_ms=at_ms, placement="home", event_id=event_id, offer_id=offer_id, **fields)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param([], [0], id="nothing was noted"),
        pytest.param([shown(NOW_MS)], [], id="it was noted"),
        pytest.param([shown(NOW_MS + 7)], [], id="it was noted, as of another moment"),
        pytest.param([shown(NOW_MS, outcome="click")], [0], id="only what came of it was noted"),
        pytest.param([shown(NOW_MS, offer_id="b")], [0], id="another offer of the decision was noted"),
        pytest.param([shown(NOW_MS, channel="mail")], [0], id="it was noted on another channel"),
        pytest.param([shown(NOW_MS, event_id="f")], [0], id="another decision was noted"),
        pytest.param([shown(1, "f"), shown(2, "g"), shown(3, "h")], [0], id="the history is full of what is earlier"),
        pytest.param(
            [shown(NOW_MS + 1, "f"), shown(NOW_MS + 2, "g"), shown(NOW_MS + 3, "h")], [], id="and of what is later"
        ),
    ],
)
def test_a_history_lacks_what_it_would_have(seen: Sequence[SeenRecord], expected: list[int]) -> None:
    asked = [shown(NOW_MS)]
    assert lacking(seen, asked, most=3, since_ms=0) == [asked[i] for i in expected]


def test_what_is_not_kept_so_long_is_not_lacking() -> None:
    assert lacking([], [shown(NOW_MS)], most=3, since_ms=NOW_MS + 1) == []
