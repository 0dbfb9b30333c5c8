"""Training logs for tests: decisions of every kind, made and joined by the real store, and what they teach."""

import asyncio
from pathlib import Path
from random import Random

from attune.learning.trainee import Trainee
from attune.logs import destination, formats
from attune.logs.export import Exported, Exporter
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord, SlotRecord
from attune.store.client import Store
from attune.store.interactions import BEGINNING, Interactions
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.log_entries import LoggedInteraction
from attune.store.outcomes import NewOutcome, Outcomes
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_LEARNED
from attune.v1.features_pb2 import Features, Offer
from messages import features

WINDOW_MS = 150
# Names and values that mean something to Vowpal Wabbit, to JSON or to our own encodings.
HOSTILE = [
    "_multi",
    "_label_cost",
    "_tag",
    "a|b",
    "x y:1",
    "100%",
    "%5F",
    "i~1",
    "e@0",
    'q"\\',
    "\n",
    "\u2028",
    "é😀",
    "",
]


def decision(event_id: str, rng: Random) -> DecisionRecord:
    """Makes a decision with offers, features and, every third time, a second slot, half of these with less."""
    offers = [Offer(id=f"o{i}", features=_known(rng)) for i in range(4)]
    pmf = _pmf(rng, 4)
    record = DecisionRecord(
        event_id=event_id,
        decided_at_ms=1_795_000_000_000 + rng.randrange(10**9),
        context=_known(rng).SerializeToString(),
        offers=[offer.SerializeToString() for offer in offers],
        pmf=pmf,
        chosen=rng.randrange(4),
        policy_version=rng.randrange(1, 9),
        mode=rng.choice((MODE_LEARNED, MODE_CONTROL)),
    )
    if rng.random() < 1 / 3:
        left = [i for i in range(4) if i != record.chosen]
        rng.shuffle(left)
        withdrawn = [left.pop() for _ in range(rng.randrange(2))]
        conditional = dict(zip(left, _pmf(rng, len(left)), strict=True))
        pmf = [conditional.get(i, 0.0) for i in range(4)]
        record.later_slots.append(SlotRecord(pmf=pmf, chosen=rng.choice(left), withdrawn=withdrawn))
    return record


async def make(store: Store, pipe: Pipe, keys: PlacementKeys, n: int, seed: int = 1, *, withheld: bool = False) -> None:
    """Makes a log of n decisions, most with outcomes, some of them late; every fifth chose a channel, too.

    Every fifth may be withheld.
    """
    rng = Random(seed)
    journal, outcomes = Journal(pipe), Outcomes(store)
    made = [decision(f"s{seed}-e{i}", rng) for i in range(n)]
    for each in made[1::5]:
        each.with_channels = True
    for each in made[3::5]:
        each.withheld = withheld
    for start in range(0, n, 100):
        batch = made[start : start + 100]
        await asyncio.gather(
            *(journal.append(keys, WINDOW_MS, each.event_id, each.SerializeToString()) for each in batch)
        )
        await outcomes.record(keys, [_outcome(each, f"click{i % 3}", rng) for i, each in enumerate(batch)])
    await asyncio.sleep(WINDOW_MS / 1000)
    joined = 0
    while joined < n:
        joined += await Interactions(store).join(keys, 500)
    await outcomes.record(keys, [_outcome(each, "refund", rng) for each in made[::5]])


async def entries(store: Store, keys: PlacementKeys) -> list[LoggedInteraction]:
    """Reads a whole log."""
    return await Interactions(store).after(keys, BEGINNING, 100_000)


async def weights(store: Store, keys: PlacementKeys) -> bytes:
    """Learns a log once from its beginning."""
    trainee = Trainee((await Placements(store).get(keys.name)).placement)
    for entry in await entries(store, keys):
        trainee.learn(entry)
    return trainee.version(0)[1]


async def export(
    store: Store, keys: PlacementKeys, to: Path, form: str = "parquet", per_file: int = 100_000
) -> Exported:
    """Exports a log into a directory."""
    placement = await Placements(store).get(keys.name)
    known = formats.named(form)
    with destination.opened(to, known.suffix, placement) as place:
        return await Exporter(store, placement, known, per_file).run(place, lambda *_: None)


async def learn(store: Store, keys: PlacementKeys, n: int) -> str:
    """Commits a version that has learned the first n entries of the log, and returns its cursor."""
    versions = Versions(store)
    lease = await versions.acquire(keys, "test", 60_000)
    assert lease is not None
    trainee = Trainee((await Placements(store).get(keys.name)).placement)
    for entry in (await entries(store, keys))[:n]:
        trainee.learn(entry)
    record, weights = trainee.version(0)
    await versions.commit(lease, record, weights, keep=10)
    await versions.release(lease)
    return trainee.cursor


def _outcome(made: DecisionRecord, outcome_id: str, rng: Random) -> NewOutcome:
    slot = len(made.later_slots) and rng.randrange(2)
    record = OutcomeRecord(name="click", value=rng.choice((0.0, 1.0, rng.random())), slot=slot)
    if rng.random() < 0.5:
        record.occurred_at_ms = made.decided_at_ms + rng.randrange(1000)
    return NewOutcome(made.event_id, outcome_id, record)


def _pmf(rng: Random, n: int) -> list[float]:
    raw = [rng.random() + 0.01 for _ in range(n)]
    return [each / sum(raw) for each in raw]


def _known(rng: Random) -> Features:
    return features(
        numeric={"price": rng.uniform(-9, 9), rng.choice(HOSTILE[:-1]): rng.uniform(0, 1e6)},
        categorical={"device": rng.choice(("mobile", "desktop")), rng.choice(HOSTILE[:-1]): rng.choice(HOSTILE)},
        tags={"interests": rng.sample(HOSTILE, 2), "nothing": []},
        dense={"embedding": [rng.random() for _ in range(3)], "_empty": []},
    )
