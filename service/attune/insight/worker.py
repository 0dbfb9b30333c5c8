"""The process that makes a report for a server: `python -m attune.insight.worker`.

It reads the request from stdin and writes the answer to stdout: `R` and the report, or `E` and what is wrong, as JSON.
The settings are handed down as to all children of the supervisor. It gives way to whoever decides.
"""

import json
import os
import sys

from attune import config
from attune.errors import ExpectedError, InvalidInputError
from attune.insight.making import made
from attune.v1.insight_service_pb2 import GetReportRequest

REPORT, ERROR = b"R", b"E"

_NICENESS = 10


def answer(serialised: bytes) -> bytes:
    """Answer a request.

    Args:
        serialised: An attune.v1.GetReportRequest.
    """
    settings = config.from_json(os.environ[config.HANDED_DOWN_VARIABLE])
    request = GetReportRequest.FromString(serialised)
    try:
        report = made(request, settings.store.url, settings.store.timeout_ms / 1000)
    except ExpectedError as error:
        violations = error.violations if isinstance(error, InvalidInputError) else ()
        said = {
            "kind": type(error).__name__,
            "message": str(error),
            "violations": [[each.field, each.description] for each in violations],
        }
        return ERROR + json.dumps(said).encode()
    return REPORT + report.SerializeToString()


def main() -> None:
    """Answer the request on stdin."""
    os.nice(_NICENESS)
    sys.stdout.buffer.write(answer(sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()
