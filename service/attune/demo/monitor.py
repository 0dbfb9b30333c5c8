"""Watches the placement while the demo runs: its counts, its versions, and the process that learns."""

import asyncio
import os
import signal
import time
from dataclasses import dataclass, replace

import grpc

from attune.demo import DemoError
from attune.demo.plan import PLACEMENT, demo_placement
from attune.v1 import placement_pb2, placement_service_pb2, placement_service_pb2_grpc

POLL_S = 0.25
CALL_TIMEOUT_S = 5.0
# A commit that was already on its way to the store when the learner was killed is not a recovery.
IN_FLIGHT_S = 0.1


@dataclass(frozen=True, slots=True)
class Recovery:
    """A learner was killed, and another took over.

    Attributes:
        killed: Who was killed, as host:pid.
        killed_at: When, in seconds since the epoch.
        version: The first version that was committed afterwards; None while there is none.
        took_s: Seconds from the kill to that commit; None while there is none.
    """

    killed: str
    killed_at: float
    version: int | None = None
    took_s: float | None = None


class Monitor:
    """Keeps the latest status of the placement and every version that was seen.

    Attributes:
        status: The latest `PlacementStatus`.
        versions: Every version seen so far, by number.
        recovery: The kill of the learner and what came of it; None before.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Talk to the service over `channel`."""
        self._placements = placement_service_pb2_grpc.PlacementServiceStub(channel)
        self.status = placement_service_pb2.PlacementStatus()
        self.versions: dict[int, placement_pb2.PolicyVersion] = {}
        self.recovery: Recovery | None = None
        self._recovered = asyncio.Event()

    async def apply(self) -> None:
        """Apply the demo's placement."""
        request = placement_service_pb2.ApplyPlacementRequest(placement=demo_placement())
        try:
            await self._placements.ApplyPlacement(request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise DemoError(f"the service refused the demo's placement: {error.details()}") from error

    async def refresh(self) -> None:
        """Ask for the status and the versions; what cannot be had right now stays as it was."""
        get = placement_service_pb2.GetPlacementRequest(placement=PLACEMENT)
        versions = placement_service_pb2.ListPolicyVersionsRequest(placement=PLACEMENT)
        try:
            self.status = (await self._placements.GetPlacement(get, timeout=CALL_TIMEOUT_S)).status
            listed = await self._placements.ListPolicyVersions(versions, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            if error.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
                raise DemoError(f"the service did not tell the placement's status: {error.details()}") from error
        else:
            self.versions.update({version.version: version for version in listed.versions})
            self._notice_recovery()

    async def watch(self) -> None:
        """Refresh until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(POLL_S)

    async def kill_learner(self) -> str:
        """Kill the process that learns with SIGKILL.

        Returns:
            Who was killed, as host:pid.

        Raises:
            DemoError: The service does not say which process learns, or it is not there.
        """
        await self.refresh()
        learner = self.status.learner
        host, _, pid = learner.rpartition(":")
        if not host or not pid.isdecimal() or int(pid) <= 1:
            raise DemoError(f"status.learner: expected host:pid of the learner, got {learner!r}")
        self.recovery = Recovery(learner, time.time())
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            raise DemoError(f"status.learner: expected a running process, but {learner} is gone") from None
        return learner

    async def recovered(self) -> Recovery:
        """Wait until a version was committed after the kill; `watch` has to run."""
        await self._recovered.wait()
        assert self.recovery is not None  # set together with the event
        return self.recovery

    def _notice_recovery(self) -> None:
        """Find the first version that was committed after the kill."""
        if self.recovery is None or self.recovery.version is not None:
            return
        for number, version in sorted(self.versions.items()):
            took_s = version.created_at.ToMicroseconds() / 1e6 - self.recovery.killed_at
            if took_s > IN_FLIGHT_S:
                self.recovery = replace(self.recovery, version=number, took_s=took_s)
                self._recovered.set()
                return
