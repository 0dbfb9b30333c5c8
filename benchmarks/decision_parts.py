"""What the decisions 0003 and 0006 rest on: CPU per script call and per stored record, each way of doing it in turn.

`python -m benchmarks.decision_parts` prints a table; nothing is written.
"""

import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable

import uvloop
from google.protobuf.message import Message

from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.client import Store
from attune.store.embedded import EmbeddedStore
from attune.store.keys import DEFERRED_TTL_S, PlacementKeys
from attune.store.pipe import Pipe
from attune.v1.decision_service_pb2 import DecideRequest, Decision, EligibleOffer
from benchmarks import workload

CALLS = 2000
REPEATS = 5
RECORD = b"x" * 900
NO_DEADLINE_MS = 10**13
KEYS = PlacementKeys("parts")


def median_us(times_s: list[float]) -> float:
    """Return the median of whole repeats as microseconds per call."""
    return 1e6 * statistics.median(times_s) / CALLS


async def script_calls(run: Callable[..., Awaitable[object]], name: str) -> float:
    """Write one decision per call, one after the other; return CPU microseconds per call."""
    times = []
    for repeat in range(REPEATS):
        started = time.process_time()
        for i in range(CALLS):
            event_id = f"{name}-{repeat}-{i}"
            keys = [KEYS.spec, KEYS.due, KEYS.counts, KEYS.offersets, KEYS.event(event_id)]
            await run("journal", keys, [60_000, NO_DEADLINE_MS, DEFERRED_TTL_S, event_id, RECORD, ""])
        times.append(time.process_time() - started)
    return median_us(times)


async def store_calls() -> dict[str, float]:
    """Measure a script call through redis-py and through the pipe."""
    with tempfile.TemporaryDirectory() as directory:
        server = EmbeddedStore(directory)
        url = server.start(give_up=lambda: False)
        store, pipe = Store(url, 2), Pipe(url, 2)
        await store.redis.set(KEYS.spec, b"spec")
        result = {
            "script call through redis-py": await script_calls(store.run, "redis-py"),
            "script call through the pipe": await script_calls(pipe.run, "pipe"),
        }
        pipe.close()
        await store.close()
        server.stop()
    return result


def by_fields(request: DecideRequest) -> Message:
    """Make a record the way the first design had it: field by field, offers as messages."""
    offers = [EligibleOffer(offer=offer, probability=0.1) for offer in request.offers]
    return Decision(event_id="event", context=request.context, offers=offers)


def by_bytes(request: DecideEnvelope) -> Message:
    """Make a record the way it is made: offers as the bytes they came in."""
    context = request.context[0]
    return DecisionRecord(event_id="event", context=context, offers=request.offers, pmf=[0.1] * len(request.offers))


def records() -> dict[str, float]:
    """Measure reading a request and making the record of its decision."""
    serialised = workload.inline_requests()[0].SerializeToString()
    ways: dict[str, Callable[[], bytes]] = {
        "request to record, field by field": lambda: by_fields(
            DecideRequest.FromString(serialised)
        ).SerializeToString(),
        "request to record, offers as bytes": lambda: by_bytes(
            DecideEnvelope.FromString(serialised)
        ).SerializeToString(),
    }
    result = {}
    for name, way in ways.items():
        times = []
        for _ in range(REPEATS):
            started = time.process_time()
            for _ in range(CALLS):
                way()
            times.append(time.process_time() - started)
        result[name] = median_us(times)
    return result


def main() -> None:
    """Print the table."""
    print(f"CPU microseconds per call, median of {REPEATS} repeats of {CALLS} calls; 10 offers of 4 features.\n")
    print("| part | us |\n| --- | --- |")
    for name, cpu_us in (uvloop.run(store_calls()) | records()).items():
        print(f"| {name} | {cpu_us:.1f} |")


if __name__ == "__main__":
    main()
