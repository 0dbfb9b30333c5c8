"""Decide, activate, outcome, end of window, join, restart, in any order: the store agrees with a model in plain Python.

Hypothesis invents the orders, repeats each thing at will, and shortens what fails. Time does not pass by itself: a
window ends when the machine says so, by moving its end into the past.
"""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from attune.errors import NotFoundError
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.client import Store
from attune.store.decisions import Decisions
from attune.store.embedded import EmbeddedStore
from attune.store.interactions import BEGINNING, Interactions
from attune.store.journal import DEFERRED, Journal
from attune.store.keys import PlacementKeys
from attune.store.log_entries import RecordedOutcome
from attune.store.outcomes import NewOutcome, Outcomes, Recorded
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.v1.decision_service_pb2 import (
    DECISION_STATE_CLOSED,
    DECISION_STATE_DEFERRED,
    DECISION_STATE_PENDING,
)
from attune.v1.placement_pb2 import Placement

KEYS = PlacementKeys("home")
WINDOW_MS = 1_000_000_000  # no window ends while a test runs, unless it is made to
PAST_MS = 1

event_ids = st.sampled_from(["a", "b", "c"])
outcome_ids = st.sampled_from(["click", "click@1", "order-7"])
values = st.sampled_from([-1.0, 0.0, 2.5])

_T = TypeVar("_T")


@dataclass(slots=True)
class Expected:
    """What the store should hold of a decision.

    Attributes:
        record: As it was first written.
        is_deferred: It waits to be activated.
        is_over: Its window has ended.
        position: In the training log; None before it is there.
        outcomes: outcome_id -> value, those that count.
        late: The others.
        counted: Those of the others that count, because they came before it was in the log, where that is wanted.
    """

    record: bytes
    is_deferred: bool
    is_over: bool = False
    position: int | None = None
    outcomes: dict[str, float] = field(default_factory=dict)
    late: dict[str, float] = field(default_factory=dict)
    counted: dict[str, float] = field(default_factory=dict)


class Idempotence(RuleBasedStateMachine):
    """What callers and learners do, in any order."""

    def __init__(self) -> None:
        """Begin with an empty store."""
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.mkdtemp(prefix="at-")
        self.server = EmbeddedStore(self.directory)
        self.expected: dict[str, Expected] = {}
        self.log: list[str] = []
        self.revisions: list[tuple[str, dict[str, float]]] = []
        self.written = 0

    def run_now(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Wait for an answer of the store."""
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        """Start a store and apply a placement."""
        self.url = self.server.start()
        self.connect()
        self.run_now(Placements(self.store).apply(with_defaults(Placement(name="home")), now_ms=0))

    def connect(self) -> None:
        """Open connections."""
        self.store = Store(self.url, timeout_s=10)
        self.pipe = Pipe(self.url, timeout_s=10)
        self.journal = Journal(self.pipe)

    def disconnect(self) -> None:
        """Close the connections."""
        self.run_now(self.journal.close())
        self.pipe.close()
        self.run_now(self.store.close())

    def teardown(self) -> None:
        """Stop the store."""
        self.disconnect()
        self.server.stop()
        self.loop.close()
        shutil.rmtree(self.directory)

    @rule(event_id=event_ids, is_deferred=st.booleans())
    def decide(self, event_id: str, is_deferred: bool) -> None:  # noqa: FBT001 - hypothesis calls it
        """Write a decision, or find the one that was written."""
        self.written += 1
        record = DecisionRecord(event_id=event_id, decided_at_ms=self.written).SerializeToString()
        window_ms = DEFERRED if is_deferred else WINDOW_MS
        found = self.run_now(self.journal.append(KEYS, window_ms, event_id, record))
        if (known := self.expected.get(event_id)) is None:
            assert found is None
            self.expected[event_id] = Expected(record, is_deferred)
        else:
            assert found is not None
            first = self.run_now(Decisions(self.store).found(KEYS, found))
            assert first.SerializeToString() == known.record

    @rule(event_id=event_ids)
    def activate(self, event_id: str) -> None:
        """Open the window of a deferred decision."""
        known = self.expected.get(event_id)
        work = Decisions(self.store).activate(KEYS, WINDOW_MS, event_id)
        if known is None:
            with pytest.raises(NotFoundError):
                self.run_now(work)
        else:
            assert self.run_now(work) == known.is_deferred
            known.is_deferred = False

    @rule(event_id=event_ids, outcome_id=outcome_ids, value=values, revise=st.booleans())
    def record_outcome(self, event_id: str, outcome_id: str, value: float, *, revise: bool) -> None:
        """Record an outcome, perhaps once more, perhaps too late; what is late may revise what is in the log."""
        new = NewOutcome(event_id, outcome_id, OutcomeRecord(name="click", value=value))
        [recorded] = self.run_now(Outcomes(self.store).record(KEYS, [new], revise=revise))
        known = self.expected.get(event_id)
        if known is None:
            assert recorded is Recorded.UNKNOWN_EVENT
        elif outcome_id in known.outcomes or outcome_id in known.late:
            assert recorded is Recorded.DUPLICATE
        elif known.is_over:
            assert recorded is Recorded.LATE
            known.late[outcome_id] = value
            if revise and known.position is not None:
                self.revisions.append((event_id, known.outcomes | known.late))
        else:
            assert recorded is Recorded.ACCEPTED
            known.outcomes[outcome_id] = value

    @rule(event_id=event_ids)
    def end_window(self, event_id: str) -> None:
        """Let the window of a decision end."""
        known = self.expected.get(event_id)
        if known is not None and not known.is_deferred and not known.is_over:
            self.run_now(self.store.redis.zadd(KEYS.due, {event_id: PAST_MS}, xx=True))
            known.is_over = True

    @rule(revise=st.booleans())
    def join(self, *, revise: bool) -> None:
        """Move what is over into the training log, in two processes at once."""
        interactions = Interactions(self.store)

        async def both() -> int:
            return sum(await asyncio.gather(*(interactions.join(KEYS, 10, revise=revise) for _ in range(2))))

        ready = sorted(name for name, each in self.expected.items() if each.is_over and each.position is None)
        assert self.run_now(both()) == len(ready)
        for event_id in ready:
            known = self.expected[event_id]
            known.position = len(self.log)
            known.counted = dict(known.late) if revise else {}
            self.log.append(event_id)

    @precondition(lambda self: self.expected)
    @rule()
    def kill_and_restart(self) -> None:
        """Kill the store and start it again."""
        self.disconnect()
        assert self.server.pid is not None
        os.kill(self.server.pid, signal.SIGKILL)
        self.server.restart()
        self.connect()

    @invariant()
    def the_store_agrees(self) -> None:
        """Every decision is as expected, the log has each once, and the counts are right."""
        for event_id, known in self.expected.items():
            stored = self.run_now(Decisions(self.store).get(KEYS, event_id))
            assert stored.record.SerializeToString() == known.record
            assert values_of(stored.outcomes) == known.outcomes | known.counted
            is_open = DECISION_STATE_DEFERRED if known.is_deferred else DECISION_STATE_PENDING
            assert stored.state == (is_open if known.position is None else DECISION_STATE_CLOSED)
        entries = self.run_now(Interactions(self.store).after(KEYS, BEGINNING, 200))
        assert [entry.decision.event_id for entry in entries if not entry.revises] == self.log
        revisions = [entry for entry in entries if entry.revises]
        assert [(entry.decision.event_id, values_of(entry.outcomes)) for entry in revisions] == self.revisions
        counts = self.run_now(self.store.redis.hgetall(KEYS.counts))
        active = [each for each in self.expected.values() if not each.is_deferred]
        assert int(counts.get(b"decisions", 0)) == len(active)
        assert int(counts.get(b"interactions", 0)) == len(self.log)
        assert int(counts.get(b"revisions", 0)) == len(self.revisions)
        assert int(counts.get(b"outcomes", 0)) == sum(len(each.outcomes) for each in self.expected.values())
        assert int(counts.get(b"late", 0)) == sum(len(each.late) for each in self.expected.values())


def values_of(outcomes: Iterable[RecordedOutcome]) -> dict[str, float]:
    """Return value by outcome_id."""
    return {each.outcome_id: each.record.value for each in outcomes}


def machine(examples: int) -> Any:
    """Return a test of so many orders."""
    case = type(f"IdempotenceIn{examples}", (Idempotence,), {}).TestCase
    case.settings = settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    return case


TestAFewOrders = machine(12)
TestManyOrders = pytest.mark.timeout(900)(pytest.mark.long(machine(300)))
