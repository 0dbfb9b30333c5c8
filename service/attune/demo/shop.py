"""The service of the demo: a real `attune serve` in a process of its own, on a free port and an empty directory."""

import asyncio
import os
import re
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from attune.demo import DemoError
from attune.process import bound, ending, python

READY = re.compile(r"^attune \S+ is ready on (\S+)$")
READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
LOG_NAME = "service.log"
SETTINGS = {
    # A killed learner keeps its lease until it runs out: the shorter, the sooner another one takes over.
    "ATTUNE__LEARNER__LEASE_S": "2",
    # The default of 100 ms is for a front end that cannot wait; the client, the service and the store of the demo
    # share one machine, which may be busy with other things.
    "ATTUNE__STORE__DECISION_TIMEOUT_MS": "1000",
    # Customers who do not exist were not asked.
    "ATTUNE__CUSTOMERS__CONSENT": "assumed",
}


@asynccontextmanager
async def open_shop(data_dir: Path) -> AsyncIterator[str]:
    """Run `attune serve` for as long as the block lasts.

    Args:
        data_dir: An existing directory for its store and its log.

    Yields:
        The address it listens on, as host:port.

    Raises:
        DemoError: It did not become ready, or did not stop cleanly.
    """
    with (data_dir / LOG_NAME).open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *bound(python("attune", "serve", "--data-dir", str(data_dir), "--address", "127.0.0.1:0")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=log,
            env=_environment(),
            # Ctrl-C goes to the demo alone; it stops the service when it has stopped asking.
            start_new_session=True,
        )
    try:
        address = await _wait_until_ready(process, data_dir / LOG_NAME)
        drain = asyncio.create_task(_drain(process))
        yield address
    finally:
        code = await _stop(process)
    await drain
    if code != 0:
        raise DemoError(f"the service {ending(code)}, expected exit code 0; {_last_words(data_dir)}")


def _environment() -> dict[str, str]:
    """Return the environment without the settings of a service that the user may run: the demo must not touch it."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ATTUNE")}
    return {**ours, **SETTINGS}


async def _wait_until_ready(process: Process, log: Path) -> str:
    """Return the address from the line that says the service is ready."""
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            async for line in _lines(process):
                if match := READY.match(line):
                    return match[1]
    except TimeoutError:
        raise DemoError(f"the service was not ready after {READY_TIMEOUT_S:g} s; {_last_words(log.parent)}") from None
    code = await process.wait()
    raise DemoError(f"the service {ending(code)} before it was ready; {_last_words(log.parent)}")


async def _lines(process: Process) -> AsyncIterator[str]:
    assert process.stdout is not None
    async for line in process.stdout:
        yield line.decode(errors="replace").rstrip("\n")


async def _drain(process: Process) -> None:
    """Read what the service prints, so that it never waits for a full pipe."""
    async for _ in _lines(process):
        pass


async def _stop(process: Process) -> int:
    """Stop the service and return its exit code."""
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            return await process.wait()
    except TimeoutError:
        process.kill()
        raise DemoError(f"the service did not stop within {STOP_TIMEOUT_S:g} s of SIGTERM") from None


def _last_words(data_dir: Path) -> str:
    """Return the last line of the service's log."""
    lines = (data_dir / LOG_NAME).read_text(errors="replace").strip().splitlines()
    return f"its log ends with: {lines[-1]}" if lines else "its log is empty"
