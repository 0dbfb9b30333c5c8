"""A gRPC server with one empty unary call: the floor that `Decide` is measured against.

Run as `python -m benchmarks.empty_server`. It is built by the function that builds the real server and runs on the same
loop, so everything that differs between the two is what a decision costs.
"""

import grpc
import uvloop
from google.protobuf.empty_pb2 import Empty

from attune.endpoint import new_grpc_server
from attune.settings import ServerSettings

METHOD = "/attune.benchmarks.EmptyService/Call"


async def call(_request: Empty, _context: grpc.aio.ServicerContext[Empty, Empty]) -> Empty:
    """Does nothing."""
    return Empty()


async def serve() -> None:
    """Serves on a free port, prints it, and ends when the process is told to."""
    handler = grpc.unary_unary_rpc_method_handler(
        call, request_deserializer=Empty.FromString, response_serializer=Empty.SerializeToString
    )
    server = new_grpc_server(ServerSettings())
    _, service, name = METHOD.split("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {name: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)  # the reader of this line waits for it
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve())
