"""A log whose decisions name sets of offers says the same to everybody as one whose decisions hold them."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyarrow import parquet

from attune.errors import NotFoundError
from attune.learning.trainee import Trainee
from attune.logs.log_source import LogSource
from attune.logs.readings import Refused
from attune.logs.samples import Sample
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.client import Store
from attune.store.decisions import Decisions
from attune.store.interactions import Interactions
from attune.store.journal import Entry, Journal
from attune.store.keys import PlacementKeys
from attune.store.offer_sets import OfferSet, OfferSets, offer_digest, offer_set_of
from attune.store.outcomes import NewOutcome, Outcomes, Recorded
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.schemas import Schemas
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import Placement
from messages import features
from training_logs import entries, export, weights

WINDOW_MS = 400
INLINE, NAMED = PlacementKeys("inline"), PlacementKeys("named")


def catalogue(n: int, rng: Random) -> OfferSet:
    offers = [
        Offer(id=f"o{i:02}", features=features(numeric={"price": rng.random()})).SerializeToString() for i in range(n)
    ]
    return offer_set_of(offers, list(map(offer_digest, offers)))


def decisions(
    offer_set: OfferSet, n: int, rng: Random, prefix: str = "a-"
) -> list[tuple[DecisionRecord, DecisionRecord]]:
    """The same decisions with their offers, and with the name of their set: every other one of some offers only.

    What is due in the same millisecond is joined in the order of the ids, which is that of time as well.
    """
    made: list[tuple[DecisionRecord, DecisionRecord]] = []
    for i in range(n):
        positions = rng.sample(range(len(offer_set.offers)), 5) if i % 2 else list(range(len(offer_set.offers)))
        known = DecisionRecord(
            event_id=f"{prefix}e{i:02}",
            decided_at_ms=1_795_000_000_000 + i,
            context=features(categorical={"device": rng.choice("ab")}).SerializeToString(),
            pmf=[1 / len(positions)] * len(positions),
            chosen=rng.randrange(len(positions)),
            policy_version=1,
            mode=MODE_LEARNED,
        )
        inline, named = DecisionRecord(), DecisionRecord()
        inline.CopyFrom(known)
        inline.offers.extend(offer_set.offers[position] for position in positions)
        named.CopyFrom(known)
        named.offer_set = offer_set.digest
        named.offer_positions.extend(positions if i % 2 else [])
        made.append((inline, named))
    return made


async def write(pipe: Pipe, keys: PlacementKeys, records: list[DecisionRecord]) -> None:
    journal = Journal(pipe)
    written = [Entry(each.event_id, each.SerializeToString(), each.offer_set) for each in records]
    assert await journal.append_many(keys, WINDOW_MS, written) == [None] * len(records)


async def join(store: Store, keys: PlacementKeys, n: int) -> None:
    await asyncio.sleep(WINDOW_MS / 1000)
    joined = 0
    while joined < n:
        joined += await Interactions(store).join(keys, 500)


@pytest.fixture
async def offer_set(store: Store, pipe: Pipe) -> OfferSet:
    """The first of two sets that decisions of the second placement name; those of the first hold the offers."""
    rng = Random(3)
    sets = catalogue(12, rng), catalogue(9, rng)
    for keys in (INLINE, NAMED):
        await Placements(store).apply(with_defaults(Placement(name=keys.name)), now_ms=0)
    for offer_set in sets:
        await OfferSets(store).register(NAMED, offer_set)
    made = [*decisions(sets[0], 20, rng), *decisions(sets[1], 20, rng, "b-")]
    await write(pipe, INLINE, [inline for inline, _ in made])
    await write(pipe, NAMED, [named for _, named in made])
    for keys in (INLINE, NAMED):
        clicks = [NewOutcome(each.event_id, "click", OutcomeRecord(name="click", value=1.0)) for each, _ in made[::3]]
        assert set(await Outcomes(store).record(keys, clicks)) == {Recorded.ACCEPTED}
    for keys in (INLINE, NAMED):
        await join(store, keys, len(made))
    return sets[0]


@pytest.mark.usefixtures("offer_set")
async def test_the_same_is_learned(store: Store) -> None:
    assert await weights(store, NAMED) == await weights(store, INLINE)


@pytest.mark.usefixtures("offer_set")
async def test_entries_are_read_without_a_copy_of_their_offers(store: Store) -> None:
    named, inline = await entries(store, NAMED), await entries(store, INLINE)
    assert [list(entry.offers) for entry in named] == [list(entry.offers) for entry in inline]
    assert all(not entry.decision.offers for entry in named)
    assert len({id(entry.offer_set) for entry in named}) == 2


@pytest.mark.usefixtures("offer_set")
async def test_the_same_is_evaluated(store_url: str) -> None:
    def read(keys: PlacementKeys) -> list[Any]:
        """What a source of samples finds."""
        samples = [each for each in LogSource(store_url, 5, keys.name).read() if isinstance(each, Sample)]
        return [(each.event_id, each.slots, each.pmfs) for each in samples]

    named, inline = await asyncio.to_thread(read, NAMED), await asyncio.to_thread(read, INLINE)
    assert named == inline
    assert len(named) == 40


@pytest.mark.usefixtures("offer_set")
@pytest.mark.parametrize("form", ["parquet", "dsjson"])
async def test_the_same_is_exported(store: Store, tmp_path: Path, form: str) -> None:
    done = [await export(store, keys, tmp_path / keys.name, form) for keys in (NAMED, INLINE)]
    assert [each.interactions for each in done] == [40, 40]
    if form == "parquet":
        named, inline = (parquet.read_table(tmp_path / keys.name / "interactions") for keys in (NAMED, INLINE))
        same = [name for name in named.column_names if name not in ("position", "placement", "outcomes")]
        assert named.select(same).to_pylist() == inline.select(same).to_pylist()


async def test_a_decision_is_answered_with_its_offers_wherever_it_stands(
    store: Store, pipe: Pipe, offer_set: OfferSet
) -> None:
    [(inline, pending), _] = decisions(offer_set, 2, Random(8), "pending-")
    assert await Journal(pipe).append(NAMED, 60_000, "pending-e00", pending.SerializeToString()) is None
    stored = [await Decisions(store).get(NAMED, each) for each in ("a-e00", "pending-e00")]
    assert [list(each.record.offers) for each in stored] == [list(offer_set.offers)] * 2
    found = await Journal(pipe).append(NAMED, 60_000, "pending-e00", b"again")
    assert found is not None
    assert list((await Decisions(store).found(NAMED, found)).offers) == list(inline.offers)


async def test_the_schema_guard_sees_the_offers(store: Store, pipe: Pipe, offer_set: OfferSet) -> None:
    schemas = Schemas(store)
    since = (await schemas.sample(NAMED, 60_000, None, 10)).until_ms
    [_, (inline, named)] = decisions(offer_set, 2, Random(8), "pending-")
    await Journal(pipe).append(NAMED, 60_000, "pending-e01", named.SerializeToString())
    [seen] = (await schemas.sample(NAMED, 60_000, since - 10, 10)).decisions
    assert list(seen.offers) == list(inline.offers)


async def test_what_names_lost_offers_is_refused_by_all_and_nobody_fails(
    store: Store, pipe: Pipe, store_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lost = catalogue(6, Random(77))
    await Placements(store).apply(with_defaults(Placement(name="named")), now_ms=0)
    await OfferSets(store).register(NAMED, lost)
    made = decisions(lost, 3, Random(8))
    await write(pipe, NAMED, [made[0][1], made[1][0], made[2][1]])
    await store.redis.delete(NAMED.offersets)
    await join(store, NAMED, 3)

    trainee = Trainee((await Placements(store).get("named")).placement)
    for entry in await entries(store, NAMED):
        trainee.learn(entry)
    assert (trainee.interactions, trainee.refused) == (3, 2)
    assert "offer_set: expected the digest of offers that the store has" in caplog.text
    found = await asyncio.to_thread(lambda: list(LogSource(store_url, 5, "named").read()))
    assert [type(each) for each in found] == [Refused, Sample, Refused]
    exported = await export(store, NAMED, tmp_path)
    assert (exported.interactions, exported.damaged) == (1, 2)
    with pytest.raises(NotFoundError, match="whose offers are known"):
        await Decisions(store).get(NAMED, "a-e00")
