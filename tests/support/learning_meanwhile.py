"""A learner of all placements that runs beside a test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attune.learning.learners import Learners
from attune.settings import LearnerSettings
from attune.store.client import Store

QUICK = LearnerSettings(lease_s=1.0, snapshot_interval_s=0.05, poll_ms=10)


@asynccontextmanager
async def learning(store: Store, settings: LearnerSettings = QUICK) -> AsyncIterator[None]:
    """Learn all placements meanwhile."""
    stopping = asyncio.Event()
    task = asyncio.create_task(Learners(store, settings).run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await task
