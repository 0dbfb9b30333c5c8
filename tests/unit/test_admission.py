"""Calls are let in while there is room and time for them."""

import asyncio
import time

import pytest

from attune.api.admission import Admission, Lag, Limits
from attune.errors import OverloadedError
from attune.tasks import end


def admission(refused: list[str], *, lag_s: float = 0.0, stored_s: float = 0.0) -> Admission:
    lag = Lag()
    lag.seconds = lag_s
    return Admission(Limits(in_progress=3, wait_s=0.5), lag, lambda: stored_s, refused.append)


def test_calls_are_let_in_up_to_the_limit_and_again_when_others_have_left() -> None:
    refused: list[str] = []
    door = admission(refused)
    for _ in range(3):
        door.enter(1, None)
    with pytest.raises(OverloadedError, match=r"at most 3 in progress, got 3; nothing was done$"):
        door.enter(1, None)
    door.leave(1)
    door.enter(1, None)
    assert refused == ["busy"]


def test_one_call_may_ask_for_more_than_the_limit() -> None:
    """Else a batch larger than the limit could never be answered."""
    refused: list[str] = []
    door = admission(refused)
    door.enter(1000, None)
    with pytest.raises(OverloadedError, match="got 1000"):
        door.enter(1, None)
    door.leave(1000)
    door.enter(1, None)
    assert refused == ["busy"]


@pytest.mark.parametrize(
    ("remaining_s", "let_in"),
    [
        (None, True),  # no deadline
        (1.0, True),
        (0.31, True),  # just enough
        (0.29, False),  # it would wait 0.1 s for its turn and 0.2 s for the store
        (0.0, False),
    ],
)
def test_a_call_is_refused_when_its_deadline_comes_before_the_answer(remaining_s: float | None, let_in: bool) -> None:  # noqa: FBT001
    refused: list[str] = []
    door = admission(refused, lag_s=0.1, stored_s=0.2)
    if let_in:
        door.enter(1, remaining_s)
    else:
        with pytest.raises(OverloadedError, match=r"a deadline at least 0\.300 s away, got"):
            door.enter(1, remaining_s)
    assert refused == ([] if let_in else ["deadline"])


def test_a_process_that_is_far_behind_takes_nothing_more() -> None:
    refused: list[str] = []
    with pytest.raises(OverloadedError, match=r"to wait at most 0\.5 s, got 0\.600 s"):
        admission(refused, lag_s=0.6).enter(1, None)
    assert refused == ["lag"]


async def test_lag_is_measured_and_fades() -> None:
    lag = Lag()
    following = asyncio.create_task(lag.follow())
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    time.sleep(0.4)  # noqa: ASYNC251 - this is the point
    await asyncio.sleep(0.001)
    behind_s = lag.seconds
    assert behind_s >= 0.3
    await asyncio.sleep(0.3)
    assert lag.seconds < behind_s
    await end(following)
