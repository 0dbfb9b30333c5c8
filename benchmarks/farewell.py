"""What becomes of calls when a server is replaced: stopped as gRPC stops it, and after its clients were told to leave.

Run as `python -m benchmarks.farewell`; it takes some twenty seconds and prints a table. Clients with eight connections
keep 128 calls of two milliseconds under way, and never try again, while the server is replaced five times: the next one
listens on the same port before its predecessor is told to stop.
"""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from contextlib import ExitStack

import grpc
import uvloop

from attune.endpoint import new_grpc_server
from attune.goaway import clients_gone
from attune.held_address import HeldAddress
from attune.settings import ServerSettings

METHOD = "/attune.benchmarks.SlowService/Call"
CONNECTIONS = 8
CALLS_PER_CONNECTION = 16
CALL_S = 0.002
REPLACEMENTS = 5
GRACE_S = 5.0


async def call(_request: bytes, _context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
    """Takes a moment."""
    await asyncio.sleep(CALL_S)
    return b""


async def serve(address: str, *, farewell: bool) -> None:
    """Serves until SIGTERM, and says when it is ready."""
    server = new_grpc_server(ServerSettings())
    _, service, name = METHOD.split("/")
    methods = {name: grpc.unary_unary_rpc_method_handler(call)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
    port = server.add_insecure_port(address)
    await server.start()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    print("ready", flush=True)  # the reader of this line waits for it
    await stopping.wait()
    if farewell:
        await clients_gone(port, 1.0)
    await server.stop(GRACE_S)


async def started(address: str, how: str) -> Process:
    """Starts a server in a process of its own, and waits until it is ready."""
    command = (sys.executable, "-m", "benchmarks.farewell", address, how)
    server = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL)
    assert server.stdout
    await server.stdout.readline()
    return server


async def keep_calling(channel: grpc.aio.Channel, ends: "Counter[str]", stopping: asyncio.Event) -> None:
    """Makes one call after the other and counts how they ended."""
    method = channel.unary_unary(METHOD)
    while not stopping.is_set():
        try:
            await method(b"", timeout=10)
            ends["OK"] += 1
        except grpc.aio.AioRpcError as error:
            ends[error.code().name] += 1
            await asyncio.sleep(0.01)


async def measured(how: str) -> "Counter[str]":
    """Replaces servers under load; returns how often calls ended in each way."""
    ends: Counter[str] = Counter()
    stopping = asyncio.Event()
    with ExitStack() as stack:
        held = HeldAddress("127.0.0.1:0", "address")
        stack.callback(held.release)
        server = await started(held.address, how)
        # An option that means nothing, and differs: channels with the same options would share a connection.
        options = [[("benchmarks.connection", number)] for number in range(CONNECTIONS)]
        channels = [grpc.aio.insecure_channel(held.address, options=one) for one in options]
        calling = [keep_calling(one, ends, stopping) for one in channels for _ in range(CALLS_PER_CONNECTION)]
        load = asyncio.gather(*calling)
        for _ in range(REPLACEMENTS):
            await asyncio.sleep(0.5)
            successor = await started(held.address, how)
            await asyncio.sleep(0.5)
            server.terminate()
            await server.wait()
            server = successor
        stopping.set()
        await load
        for channel in channels:
            await channel.close()
        server.terminate()
        await server.wait()
    return ends


async def main() -> None:
    """Prints a row for each way to stop."""
    print("| stop | calls answered | CANCELLED | UNAVAILABLE | otherwise |\n| --- | --- | --- | --- | --- |")
    for how, title in (("grpc", "as gRPC stops"), ("farewell", "clients are told to leave first")):
        ends = await measured(how)
        known = [ends.pop(code, 0) for code in ("OK", "CANCELLED", "UNAVAILABLE")]
        print(f"| {title} | {' | '.join(map(str, known))} | {sum(ends.values())} |", flush=True)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], farewell=sys.argv[2] == "farewell") if sys.argv[1:] else main())
