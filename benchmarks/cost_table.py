"""Where the microseconds of a decision go: `python -m benchmarks.cost_table` prints a table; nothing is written.

The parts of the decision path are called one by one, in one process, as the server calls them: on a real store, with
policies that have learned, and with contexts that never repeat. What no part accounts for is the difference to the
whole call. Transport is what a server pays for a call that does nothing, in a process of its own. CPU time, medians of
turns that alternate.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from statistics import median
from typing import TypeVar

import uvloop

from attune.api.decide_validation import check_decide
from attune.api.decisions import DecisionServicer
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.learning.trainee import Trainee
from attune.serving.activator import Activator
from attune.serving.catalog import LiveCatalog
from attune.serving.decider import Decider
from attune.serving.drawing import draft
from attune.serving.eligible import eligible_offers
from attune.serving.explainer import Explainer
from attune.serving.live import LivePlacements
from attune.serving.specs import with_defaults
from attune.store.catalog import Catalog
from attune.store.client import Store
from attune.store.decisions import Decisions
from attune.store.embedded import EmbeddedStore
from attune.store.interactions import BEGINNING, Interactions
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.offer_sets import OfferSets
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from benchmarks import workload
from benchmarks.processes import empty_server
from benchmarks.targets import empty

TURNS = 9
LEARNED = 100
AT_ONCE = 16
_TIMEOUT_S = 10.0
_WINDOW_S = 1
_LONG_S = 7_200
_CALLS = {10: 320, 50: 320, 200: 160, 1_000: 64}
_TRANSPORT_S = 2.0
_PUT = 500
PARTS = (
    "transport: an empty call",
    "parse the request",
    "check ids and sizes",
    "features, eligible offers",
    "policy: the pmf",
    "draw, make the record",
    "serialise the record",
    "journal",
    "reply, tasks, all else of the call",
    "serialise the reply",
)


_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True)
class Serving:
    """What a server decides with."""

    store: Store
    live: LivePlacements
    catalog: LiveCatalog
    journal: Journal
    servicer: DecisionServicer


class Column:
    """One placement, whose decisions are taken apart."""

    def __init__(self, name: str, placement: str, n_offers: int, messages: Iterator[bytes]) -> None:
        """Takes decisions among so many offers apart."""
        self.name, self.placement, self._messages = name, placement, messages
        self._n_calls = _CALLS[n_offers]

    def requests(self, n_requests: int) -> list[DecideEnvelope]:
        """Returns the next requests."""
        return [DecideEnvelope.FromString(message) for message in islice(self._messages, n_requests)]

    async def turn(self, serving: Serving) -> list[float]:
        """Takes a number of decisions apart; returns microseconds of each part but the transport, as in `PARTS`."""
        n_calls, live = self._n_calls, await serving.live.get(self.placement)
        offers, policy = serving.catalog.offers(self.placement), live.policy
        if policy is None:
            raise RuntimeError(f"{self.placement}: expected a policy that has learned")
        messages = list(islice(self._messages, n_calls))
        requests, parsing = _timed(DecideEnvelope.FromString, messages)
        _, checking = _timed(check_decide, requests)
        eligible, encoding = _timed(partial(eligible_offers, live=offers), requests)
        _, asking = _timed(policy.pmf, [each.situation for each in eligible])
        now_ms = time.time_ns() // 1_000_000
        began, drawn = time.process_time_ns(), []
        for i, request in enumerate(self.requests(n_calls)):
            drawn.append(begun := draft(request, live, offers, f"{now_ms}-{i}"))
            begun.draw(begun.pmf_of(begun.eligible.situation), now_ms)
        drawing = _us_since(began, n_calls) - encoding - asking
        records, serialising = _timed(lambda each: each.serialised(), drawn)
        written = [
            (each.event_id, record, each.eligible.offer_set) for each, record in zip(drawn, records, strict=True)
        ]
        journaling = await _at_once(lambda each: serving.journal.append(live.keys, live.window_ms, *each), written)
        replies = [await serving.servicer.Decide(request) for request in self.requests(1)]

        async def decide(request: DecideEnvelope) -> None:
            """Decides, and keeps the reply."""
            replies.append(await serving.servicer.Decide(request))

        whole = await _at_once(decide, self.requests(n_calls))
        _, replying = _timed(lambda reply: reply.SerializeToString(), replies)
        rest = whole - checking - encoding - asking - drawing - serialising - journaling
        return [parsing, checking, encoding, asking, drawing, serialising, journaling, rest, replying]


def _us_since(began_ns: int, n_calls: int) -> float:
    return (time.process_time_ns() - began_ns) / n_calls / 1e3


def _timed(call: Callable[[_In], _Out], inputs: Sequence[_In]) -> tuple[list[_Out], float]:
    """Returns what a call gives for each, and microseconds of CPU for one."""
    began = time.process_time_ns()
    outputs = [call(each) for each in inputs]
    return outputs, _us_since(began, len(inputs))


async def _at_once(call: Callable[[_In], Awaitable[object]], inputs: Sequence[_In]) -> float:
    """Calls as a server does that has several callers; returns microseconds of CPU for one."""
    began = time.process_time_ns()
    waiting = iter(inputs)

    async def caller() -> None:
        """Calls as long as there is something to call with."""
        for each in waiting:
            await call(each)

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return _us_since(began, len(inputs))


def columns() -> list[Column]:
    """Returns what is taken apart."""
    numbers = workload.days()
    inline = workload.ever_other(workload.inline_requests(), numbers)
    n_inline = workload.INLINE_OFFERS
    return [
        Column(f"K = {n_inline} inline", workload.INLINE, n_inline, inline),
        *(
            Column(
                f"K = {size:,}",
                workload.by_catalogue(size),
                size,
                workload.ever_other(workload.catalogue_requests(size), numbers),
            )
            for size in workload.SIZES
        ),
    ]


async def measure(url: str) -> dict[str, list[float]]:
    """Returns microseconds of each part but the transport, by column."""
    store, pipe = Store(url, _TIMEOUT_S), Pipe(url, _TIMEOUT_S)
    serving = _serving(store, pipe)
    taken_apart = columns()
    await _prepare(serving, taken_apart)
    turns: dict[str, list[list[float]]] = {column.name: [] for column in taken_apart}
    for _ in range(TURNS):
        for column in taken_apart:
            turns[column.name].append(await column.turn(serving))
    await serving.journal.close()
    pipe.close()
    await store.close()
    return {name: [median(part) for part in zip(*each, strict=True)] for name, each in turns.items()}


def _serving(store: Store, pipe: Pipe) -> Serving:
    """Puts together what `attune.server` does."""
    placements, versions, decisions = Placements(store), Versions(store), Decisions(store)
    live, journal = LivePlacements(placements, versions), Journal(pipe)
    catalog = LiveCatalog(Catalog(store), OfferSets(store), live)
    decider = Decider(live, catalog.offers_of, journal, decisions)
    return Serving(
        store,
        live,
        catalog,
        journal,
        DecisionServicer(decider, Activator(catalog.offers_of, decisions), Explainer(versions), decisions, live),
    )


async def _prepare(serving: Serving, taken_apart: Sequence[Column]) -> None:
    """Applies the placements, puts the catalogue in, and lets every policy learn from decisions of its own."""
    offers = workload.catalogue()
    for first in range(0, len(offers), _PUT):
        await Catalog(serving.store).put(offers[first : first + _PUT])
    names = [column.placement for column in taken_apart]
    await _apply(serving, names, _WINDOW_S)
    for column in taken_apart:
        for request in column.requests(LEARNED):
            await serving.servicer.Decide(request)
    await asyncio.sleep(_WINDOW_S + 0.1)
    for name in names:
        await _learn(serving.store, PlacementKeys(name))
    await _apply(serving, names, _LONG_S)


async def _apply(serving: Serving, names: Sequence[str], window_s: int) -> None:
    for name in names:
        await Placements(serving.store).apply(with_defaults(workload.placement(name, window_s)), now_ms=0)
    await serving.live.refresh(names)
    await serving.catalog.refresh()


async def _learn(store: Store, keys: PlacementKeys) -> None:
    interactions, versions = Interactions(store), Versions(store)
    await interactions.join(keys, LEARNED)
    lease = await versions.acquire(keys, "bench", 60_000)
    if lease is None:
        raise RuntimeError(f"{keys.name}: expected a lease")
    trainee = Trainee((await Placements(store).get(keys.name)).placement)
    for entry in await interactions.after(keys, BEGINNING, LEARNED):
        trainee.learn(entry)
    await versions.commit(lease, *trainee.version(0), keep=2)


def transport() -> float:
    """Returns microseconds of server CPU for an empty call."""
    with empty_server() as idle:
        return empty(idle).throughput(_TRANSPORT_S).server_us


def markdown(transport_us: float, by_column: dict[str, list[float]]) -> str:
    """Writes the table."""
    whole = {name: [transport_us, *parts] for name, parts in by_column.items()}
    rows = [f"| {part} | {' | '.join(f'{each[i]:.1f}' for each in whole.values())} |" for i, part in enumerate(PARTS)]
    return "\n".join(
        [
            f"CPU microseconds of the server for a decision, median of {TURNS} turns; {AT_ONCE} callers at once.",
            "",
            f"| part | {' | '.join(whole)} |",
            f"|{' --- |' * (1 + len(whole))}",
            *rows,
            f"| **sum** | {' | '.join(f'**{sum(each):.1f}**' for each in whole.values())} |",
        ]
    )


def main() -> None:
    """Prints the table."""
    with ExitStack() as stack:
        server = EmbeddedStore(stack.enter_context(tempfile.TemporaryDirectory(prefix="at-")))
        url = server.start()
        stack.callback(server.stop)
        by_column = uvloop.run(measure(url))
    print(markdown(transport(), by_column))


if __name__ == "__main__":
    main()
