"""What decision 0008 rests on: CPU that metrics and the schema guard cost.

`python -m benchmarks.metrics_cost` prints a table; nothing is written.
"""

import statistics
import time
from collections.abc import Callable
from random import Random

from prometheus_client import CollectorRegistry, Counter

from attune.metrics import ServingMetrics
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune_models.schema import WINDOW, SchemaGuard
from attune_models.types import FeatureSet, PlainAction

CALLS = 20_000
REPEATS = 7


def median_us(call: Callable[[], object], calls: int) -> float:
    """Return the median over repeats of the CPU microseconds of one call."""
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        for _ in range(calls):
            call()
        times.append((time.process_time() - started) / calls)
    return 1e6 * statistics.median(times)


def looking() -> Callable[[], object]:
    """Return a call that shows the guard one decision: 10 features of the context, 10 offers of 4 features."""
    random, guard = Random(1), SchemaGuard()  # noqa: S311 - made-up traffic
    offers = [PlainAction(f"o{i}", FeatureSet(numeric={f"n{j}": random.random() for j in range(4)})) for i in range(10)]
    contexts = [
        FeatureSet(
            numeric={f"n{j}": random.random() for j in range(5)},
            categorical={f"c{j}": random.choice("abcdef") for j in range(5)},
        )
        for _ in range(WINDOW)
    ]
    turn = iter(range(10**9))
    return lambda: guard.observe(contexts[next(turn) % WINDOW], offers)


def main() -> None:
    """Print what each costs."""
    metrics = ServingMetrics()
    counter = Counter("calls", "Calls.", ["placement", "mode", "logged"], registry=CollectorRegistry())
    rows = {
        "a decision counted (`ServingMetrics.decided`)": median_us(
            lambda: metrics.decided("home", MODE_LEARNED, logged=True), CALLS
        ),
        "the same, finding the child by its labels": median_us(
            lambda: counter.labels("home", "learned", "true").inc(), CALLS
        ),
        "a decision looked at by the schema guard, in the learner": median_us(looking(), WINDOW * 4),
    }
    print("| what | CPU µs |\n| --- | --- |")
    for name, microseconds in rows.items():
        print(f"| {name} | {microseconds:.1f} |")


if __name__ == "__main__":
    main()
