"""Nothing is lost: what the client was told, compared with what the service counts when all windows have closed."""

import asyncio
import time
from dataclasses import dataclass

from attune.demo import DemoError
from attune.demo.ledger import Ledger
from attune.demo.monitor import Monitor
from attune.v1.placement_service_pb2 import PlacementStatus
from attune.v1.reward_service_pb2 import OUTCOME_STATUS_ACCEPTED, OUTCOME_STATUS_LATE

SETTLE_TIMEOUT_S = 20.0
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Check:
    """Two counts of the same thing.

    Attributes:
        claim: What is equal, in words.
        expected: Counted by one.
        actual: Counted by the other.
    """

    claim: str
    expected: int
    actual: int

    @property
    def holds(self) -> bool:
        """Whether the counts agree."""
        return self.expected == self.actual


async def settle(monitor: Monitor, ledger: Ledger) -> None:
    """Wait until every window has closed and everything is learned, at most 20 s; the checks say if it was in vain."""
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    await monitor.refresh()
    while monitor.status.learned < ledger.decisions and time.monotonic() < deadline:
        await asyncio.sleep(POLL_S)
        await monitor.refresh()


def check(ledger: Ledger, status: PlacementStatus, *, recovered: bool) -> tuple[Check, ...]:
    """Compare the client's books with the service's counts.

    Args:
        ledger: The client's books.
        status: The service's counts, after everything has settled.
        recovered: Whether a version was committed after the learner was killed.
    """
    accepted = ledger.receipts[OUTCOME_STATUS_ACCEPTED]
    late = ledger.receipts[OUTCOME_STATUS_LATE]
    refused = ledger.receipts.total() - accepted - late
    return (
        Check("decisions acknowledged = decisions the service counts", ledger.decisions, status.decisions),
        Check("outcomes acknowledged = outcomes the service counts", accepted, status.outcomes),
        Check("late outcomes told = late outcomes the service counts", late, status.late_outcomes),
        Check("outcomes refused = none", 0, refused),
        Check("decisions = interactions in the training log", ledger.decisions, status.interactions),
        Check("interactions = interactions learned, each once", status.interactions, status.learned),
        Check("learners killed = learners replaced", 1, int(recovered)),
    )


def require(checks: tuple[Check, ...]) -> None:
    """Insist on every check.

    Raises:
        DemoError: One does not hold.
    """
    broken = [f"{check.claim}: {check.expected:,} against {check.actual:,}" for check in checks if not check.holds]
    if broken:
        raise DemoError(f"the demo's promise does not hold: {'; '.join(broken)}")
