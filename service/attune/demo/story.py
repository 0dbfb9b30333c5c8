"""The demo from start to end: open the shop, let customers come, kill the learner, change the taste, count."""

import asyncio
from pathlib import Path

import grpc
import numpy as np

from attune.demo.ledger import Ledger
from attune.demo.monitor import Monitor
from attune.demo.plan import WINDOW_S, Plan
from attune.demo.proof import check, settle
from attune.demo.result import Result, Versions
from attune.demo.screen import Scene, Screen
from attune.demo.shop import open_shop
from attune.demo.simulation import simulate
from attune.demo.summary import summarise
from attune.demo.traffic import Traffic
from attune.v1.decision_service_pb2 import MODE_FALLBACK

FRAME_S = 0.25


class Story:
    """One run of the demo, with everything that takes part in it."""

    def __init__(self, plan: Plan, channel: grpc.aio.Channel, screen: Screen) -> None:
        """Draw the customers of `plan`; they talk to the service over `channel`."""
        rng = np.random.default_rng(plan.seed)
        simulation = simulate(rng, plan.customers, plan.first_changed, WINDOW_S)
        self._plan, self._screen = plan, screen
        self._ledger = Ledger(plan, simulation)
        self._monitor = Monitor(channel)
        self._traffic = Traffic(channel, plan, simulation, self._ledger)

    async def run(self) -> Result:
        """Play all of it and count afterwards.

        Raises:
            DemoError: The service did not answer, or answered something it may not.
        """
        await self._monitor.apply()
        async with asyncio.TaskGroup() as group:
            acts = (self._monitor.watch(), self._draw(), self._kill_learner(), self._change_taste())
            companions = [group.create_task(act) for act in acts]
            await self._traffic.run()
            for companion in companions:
                companion.cancel()
        self._tell("no more customers; waiting until the last reward window is learned")
        await settle(self._monitor, self._ledger)
        self._screen.show(self._scene())
        return self._result()

    async def _draw(self) -> None:
        while True:
            await asyncio.sleep(FRAME_S)
            self._screen.show(self._scene())

    async def _kill_learner(self) -> None:
        await self._until(self._plan.kill_s)
        killed = await self._monitor.kill_learner()
        self._tell(f"learner {killed} killed with SIGKILL; decisions go on without it")
        recovery = await self._monitor.recovered()
        self._tell(f"a new learner committed version {recovery.version}, {recovery.took_s:.1f} s after the kill")

    async def _change_taste(self) -> None:
        await self._until(self._plan.change_s)
        self._tell("the taste of all customers changed; the model is not told")

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(at_s - self._traffic.elapsed_s)

    def _tell(self, what: str) -> None:
        self._screen.tell(f"{self._traffic.elapsed_s:4.1f} s  {what}")

    def _scene(self) -> Scene:
        return Scene(self._plan, self._ledger, self._monitor, self._traffic.elapsed_s)

    def _result(self) -> Result:
        ledger, monitor = self._ledger, self._monitor
        assert monitor.recovery is not None  # the kill comes well before the last customer
        return Result(
            plan=self._plan,
            stretches=summarise(ledger, self._plan),
            recovery=monitor.recovery,
            versions=Versions(
                serving=monitor.status.policy_version,
                seen=len(monitor.versions),
                used=len(np.unique(ledger.version[ledger.version > 0])),
            ),
            checks=check(ledger, monitor.status, recovered=monitor.recovery.version is not None),
            decisions=ledger.decisions,
            repeats=dict(ledger.repeats),
            fallbacks=int(np.count_nonzero(ledger.mode == MODE_FALLBACK)),
        )


async def tell(plan: Plan, data_dir: Path, screen: Screen) -> Result:
    """Run the demo on a service of its own.

    Args:
        plan: The settings of the run.
        data_dir: An existing, empty directory for the service's store.
        screen: Where to show it.

    Raises:
        DemoError: The service did not start, answer or stop as it should.
    """
    screen.tell("starting attune serve on an empty data directory")
    try:
        async with open_shop(data_dir) as address, grpc.aio.insecure_channel(address) as channel:
            screen.tell(f"ready on {address}; {plan.rate} customers a second come for {plan.seconds} s")
            return await Story(plan, channel, screen).run()
    except ExceptionGroup as group:
        raise _first(group) from group


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """Return the first error of a group of groups."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first
