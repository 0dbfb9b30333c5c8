"""The composition root: everything a process consists of is made here, a server's services in `attune.services`.

`python -m attune.server decisions` serves the contract, `python -m attune.server learner` learns. The supervisor
(`attune.supervisor`) starts them, hands down their settings, and hears through a pipe when they are ready. Each role
imports what only it needs when it begins: a learner does without grpc and everything that decides.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import uvloop

from attune import config, store_url, telemetry
from attune.child import EX_CONFIG, EX_UNAVAILABLE, READY_VARIABLE
from attune.errors import SettingError, StoreUnavailableError
from attune.learning.eraser import Eraser
from attune.metrics import LearningMetrics, ServingMetrics, published
from attune.settings import Settings, StoreSettings
from attune.store.client import Store
from attune.store.hazards import hazards
from attune.tasks import end

_SETTLES_S = 2.0

# Objects that were made and not freed; collections of the youngest, and of the middle ones.
_COLLECTED_AFTER = (10_000, 20, 20)

_log = logging.getLogger(__name__)


def run_decisions(settings: Settings) -> int:
    """Serve decisions until SIGTERM or SIGINT; return the exit code."""
    return _run(_serve(settings))


def run_learner(settings: Settings) -> int:
    """Learn until SIGTERM or SIGINT; return the exit code."""
    return _run(_learn(settings))


async def _serve(settings: Settings) -> None:
    from attune.api.admission import Lag  # noqa: PLC0415 - see above
    from attune.endpoint import Endpoint  # noqa: PLC0415
    from attune.services import Services  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        metrics = ServingMetrics()
        await stack.enter_async_context(
            published(metrics.registry, settings.server.metrics_address, "server.metrics_address", shared=True)
        )
        store = await stack.enter_async_context(_store(settings))
        lag = Lag()
        _keep_running(stack, lag.follow())
        endpoint = Endpoint(settings.server, lag, metrics)
        await Services(stack, store, settings, metrics).add_to(endpoint)
        stopping = _stop_signal()
        address = await endpoint.start(settings.server.address)
        _log.info("serving decisions on %s", address)
        _settle()
        _say_ready(address)
        await stopping.wait()
        await endpoint.stop()


def _keep_running(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    stack.push_async_callback(end, asyncio.create_task(work))


def _settle() -> None:
    """Hide from the garbage collector what is there for good: looking through it all takes a tenth of a second.

    And look less often at what comes and goes: a decision makes hundreds of objects, and nearly no cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)


async def _learn(settings: Settings) -> None:
    from attune.learning.learners import Learners  # noqa: PLC0415 - see above

    metrics = LearningMetrics()
    publishing = published(metrics.registry, settings.learner.metrics_address, "learner.metrics_address")
    async with publishing, _store(settings) as store:
        stopping = _stop_signal()
        _log.info("learning")
        _say_ready("ready")
        async with asyncio.TaskGroup() as both:
            both.create_task(Learners(store, settings.learner, metrics).run(stopping))
            both.create_task(_eraser(store, settings.store).run(stopping))


def _eraser(store: Store, settings: StoreSettings) -> Eraser:
    # A decision waits for the store twice at most: for the customer, and for the journal.
    settles_s = _SETTLES_S + 2 * settings.decision_timeout_ms / 1000
    # The embedded store is reached by a path. What the files of others forget is theirs to say.
    rewrites = bool(store_url.parse(settings.url).path)
    return Eraser(store, f"{socket.gethostname()}:{os.getpid()}", settles_s, rewrites=rewrites)


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Store]:
    store = Store(settings.store.url, settings.store.timeout_ms / 1000)
    try:
        await store.ping()
        for hazard in await hazards(store):
            _log.warning("%s", hazard)
        yield store
    finally:
        await store.close()


def _stop_signal() -> asyncio.Event:
    """Return what is set when somebody wants the process to end."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


def _say_ready(line: str) -> None:
    if (pipe := os.environ.pop(READY_VARIABLE, None)) is not None:
        with os.fdopen(int(pipe), "w") as ready:
            ready.write(f"{line}\n")


def _run(work: Coroutine[Any, Any, None]) -> int:
    try:
        uvloop.run(work)
    except StoreUnavailableError as error:
        _log.error("%s", error)
        return EX_UNAVAILABLE
    except SettingError as error:
        _log.error("%s", error)
        return EX_CONFIG
    return 0


def main(role: str, number: str = "") -> int:
    """Run one role with the settings that the supervisor handed down; return the exit code.

    Args:
        role: `decisions` or `learner`.
        number: Which one it is among several, for the log.
    """
    roles: dict[str, Callable[[Settings], int]] = {"decisions": run_decisions, "learner": run_learner}
    settings = config.from_json(os.environ[config.HANDED_DOWN_VARIABLE])
    telemetry.configure(settings.log, process=f"{role} {number}".strip())
    return roles[role](settings)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
