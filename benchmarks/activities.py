"""How many activities of customers a second fit through one server: `python -m benchmarks.activities`.

The real service on its own store hears of a shop: six kinds of activities, one word and one number with each, of 20,000
customers. A few clients send them in closed loop, so many in a call. Beside the rate, which depends on who else uses
the machine, it prints what each activity costs the server and the store in CPU. Nothing is written. Linux only.
"""

import argparse
import tempfile
import threading
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

import grpc
from tests.support.service import RunningService

from attune.v1.customer_service_pb2 import ACTIVITY_STATUS_ACCEPTED, Activity, RecordActivityRequest
from attune.v1.customer_service_pb2_grpc import CustomerServiceStub
from attune.v1.features_pb2 import Features
from benchmarks.processes import cpu_s

CLIENTS = 8
CUSTOMERS = 20_000
NAMES = ("page_view", "search", "cart_add", "purchase", "email_open", "store_visit")
# Activities in a call, and of how many customers of its own each call speaks: None for anybody.
SHAPES = (("1 a call", 1, None), ("100 a call", 100, None), ("100 a call, of 10 customers", 100, 10))


@dataclass(frozen=True, slots=True)
class Row:
    """What one shape of calls showed.

    Attributes:
        per_s: Activities a second.
        server_us: CPU of the server for each, in microseconds.
        store_us: CPU of the store for each, in microseconds.
    """

    per_s: float
    server_us: float
    store_us: float


def activities(random: Random, n_activities: int, of_customers: int | None, ids: "count[int]") -> list[Activity]:
    """Makes what is sent in one call."""
    whose = [random.randrange(CUSTOMERS) for _ in range(of_customers or n_activities)]
    return [
        Activity(
            customer_id=f"customer-{random.choice(whose)}",
            activity_id=f"a{next(ids)}",
            name=random.choice(NAMES),
            channel=random.choice(("web", "app")),
            features=Features(
                numeric={"value": round(random.uniform(1, 100), 2)},
                categorical={"category": f"c{random.randrange(12)}"},
            ),
        )
        for _ in range(n_activities)
    ]


def send(address: str, seed: int, shape: tuple[int, int | None], until_s: float) -> int:
    """Sends one call after the other; returns how many activities were accepted."""
    random, ids, accepted = Random(seed), count(seed * 10**9), 0  # noqa: S311 - made-up traffic
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = CustomerServiceStub(channel)
        while time.monotonic() < until_s:
            request = RecordActivityRequest(activities=activities(random, *shape, ids))
            receipts = stub.RecordActivity(request, timeout=20).receipts
            accepted += sum(receipt.status == ACTIVITY_STATUS_ACCEPTED for receipt in receipts)
    return accepted


def measure(service: RunningService, turn: int, shape: tuple[int, int | None], seconds: float) -> Row:
    """Loads the service with calls of one shape."""
    pids = service.children()
    accepted = [0] * CLIENTS
    before = {role: cpu_s(pids[role]) for role in ("server", "store")}
    started_s = time.monotonic()

    def client(i: int) -> None:
        """Sends calls until the time is over."""
        accepted[i] = send(service.address, turn * CLIENTS + i + 1, shape, started_s + seconds)

    threads = [threading.Thread(target=client, args=[i]) for i in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = sum(accepted)
    used = {role: 1e6 * (cpu_s(pids[role]) - before[role]) / total for role in before}
    return Row(total / (time.monotonic() - started_s), used["server"], used["store"])


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="for each row (default: 10)")
    seconds = parser.parse_args().seconds
    print("| activities | per second | server, us each | store, us each |")
    print("| --- | ---: | ---: | ---: |")
    environment = {"ATTUNE__CUSTOMERS__CONSENT": "assumed", "ATTUNE__STORE__TIMEOUT_MS": "20000"}
    with (
        tempfile.TemporaryDirectory() as directory,
        RunningService(Path(directory), args=["--no-learner"], env=environment) as service,
    ):
        for turn, (title, n_activities, of_customers) in enumerate(SHAPES):
            row = measure(service, turn, (n_activities, of_customers), seconds)
            print(f"| {title} | {row.per_s:,.0f} | {row.server_us:.0f} | {row.store_us:.0f} |")


if __name__ == "__main__":
    main()
