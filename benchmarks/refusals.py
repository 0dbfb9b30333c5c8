"""What decision 0015 rests on: CPU of a server per call that it refuses, by where it is refused.

`python -m benchmarks.refusals` prints a table; nothing is written. Every server has one empty call, as
`benchmarks.empty_server`. Where refusals in C are measured its event loop stands still most of the time, so that what
is seen is the cost of C alone.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import grpc
import uvloop
from google.protobuf.empty_pb2 import Empty

from benchmarks import h2
from benchmarks.empty_server import METHOD
from benchmarks.processes import cpu_s

REPEATS = 3
SECONDS = 1.5
STANDS_STILL_S = 0.3

# What becomes of a call: options of the server, calls that it runs at once, whether its loop stands still.
Kind = tuple[list[tuple[str, int]], int | None, bool]
KINDS: dict[str, Kind] = {
    "answered": ([], None, False),
    "refused in Python: `maximum_concurrent_rpcs`": ([], 1, False),
    "refused in C: the queue is full": (
        [("grpc.server.max_pending_requests", 1), ("grpc.server.max_pending_requests_hard_limit", 1)],
        None,
        True,
    ),
    "refused in C: too many streams": ([("grpc.max_concurrent_streams", 1)], None, True),
}


async def serve(name: str) -> None:
    """Serve one kind on a free port, print it, and end when the process is told to."""
    options, at_once, stands_still = KINDS[name]

    async def call(_request: Empty, _context: grpc.aio.ServicerContext[Empty, Empty]) -> Empty:
        """Do nothing, or nothing for long."""
        if stands_still:
            time.sleep(STANDS_STILL_S)  # noqa: ASYNC251 - see the module
        return Empty()

    handler = grpc.unary_unary_rpc_method_handler(
        call, request_deserializer=Empty.FromString, response_serializer=Empty.SerializeToString
    )
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=at_once)
    _, service, method = METHOD.split("/")
    server.add_registered_method_handlers(service, {method: handler})
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


def cost_us(name: str) -> float:
    """Return the server's CPU microseconds per call, refused ones and answered ones alike."""
    command = [sys.executable, "-m", "benchmarks.refusals", name]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            before = cpu_s(process.pid)
            load = h2.closed_loop(
                address, METHOD, [b""], seconds=SECONDS, connections=4, in_flight=16, keeps_to_streams=False
            )
            return 1e6 * (cpu_s(process.pid) - before) / (load.calls + len(load.failures))
        finally:
            process.terminate()


def main() -> None:
    """Print the table, or serve where a kind is given."""
    if len(sys.argv) > 1:
        uvloop.run(serve(sys.argv[1]))
        return
    costs: dict[str, list[float]] = {name: [] for name in KINDS}
    for _ in range(REPEATS):
        for name in KINDS:
            costs[name].append(cost_us(name))
    answered = costs["answered"]
    print(f"CPU of the server per call; median of {REPEATS} turns in alternation, {SECONDS:g} s each.\n")
    print("| what becomes of a call | us | min to max | / answered |\n| --- | --- | --- | --- |")
    for name, turns in costs.items():
        ratio = statistics.median(turn / whole for turn, whole in zip(turns, answered, strict=True))
        print(f"| {name} | {statistics.median(turns):.0f} | {min(turns):.0f} to {max(turns):.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
