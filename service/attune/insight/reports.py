"""Reports for a server: each is made by a process of its own, so that no decision waits for it.

servicer --request--> reports --stdin--> attune.insight.worker --stdout--> report
"""

import asyncio
import json
import os
from subprocess import PIPE, Popen

from attune import config, errors
from attune.errors import ExpectedError, InvalidInputError, OverloadedError, Violation
from attune.insight.worker import ERROR, REPORT
from attune.process import bound, ending, python
from attune.settings import Settings
from attune.v1.insight_service_pb2 import GetReportRequest, Report


class Reports:
    """Makes reports, one at a time."""

    def __init__(self, settings: Settings) -> None:
        """Make them of the placements in the store of these settings."""
        self._settings = settings
        self._busy = False

    async def make(self, request: GetReportRequest) -> Report:
        """Make a report; when nobody waits for it any more, it is given up.

        Args:
            request: Its numbers are within their limits.

        Raises:
            OverloadedError: Another one is being made.
            ExpectedError: As `attune.insight.making.made` raises them.
        """
        if self._busy:
            raise OverloadedError("expected no other report to be made by this server, got one that is under way")
        self._busy = True
        try:
            return _read(await self._answer(request.SerializeToString()))
        finally:
            self._busy = False

    async def _answer(self, request: bytes) -> bytes:
        environment = {**os.environ, config.HANDED_DOWN_VARIABLE: config.to_json(self._settings)}
        # Not through the event loop: uvloop forks, which gRPC's threads must not see, and this does not. And from this
        # thread: the process is bound to the life of the one that starts it.
        process = Popen(bound(python("attune.insight.worker")), stdin=PIPE, stdout=PIPE, env=environment)  # noqa: ASYNC220, S603 - see above; our own program
        try:
            answer, _ = await asyncio.to_thread(process.communicate, request)
        finally:
            if process.poll() is None:
                process.kill()  # then the thread that waits for it is done, too
        if process.returncode:
            # What it said stands in the log: it has our stderr.
            raise RuntimeError(f"the process that makes a report {ending(process.returncode)}")
        return answer


def _read(answer: bytes) -> Report:
    """Return the report of an answer, or raise what it says is wrong."""
    kind, rest = answer[:1], answer[1:]
    if kind == REPORT:
        return Report.FromString(rest)
    if kind != ERROR:
        raise RuntimeError(f"expected a report or an error, got {len(answer)} bytes that are neither")
    said = json.loads(rest)
    if said["kind"] == InvalidInputError.__name__:
        raise InvalidInputError(*(Violation(field, description) for field, description in said["violations"]))
    error = getattr(errors, said["kind"], ExpectedError)
    raise error(said["message"])
