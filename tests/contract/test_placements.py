"""Placements: applied, changed, counted, deleted without a trace."""

import asyncio

import pytest

from attune.errors import NotFoundError
from attune.serving.specs import with_defaults
from attune.store.client import Store
from attune.store.journal import Journal
from attune.store.keys import PLACEMENTS, PlacementKeys
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.v1.placement_pb2 import Placement


async def test_applying_the_same_twice_changes_nothing(store: Store) -> None:
    placements = Placements(store)
    wanted = with_defaults(Placement(name="home"))
    first, changed = await placements.apply(wanted)
    again, changed_again = await placements.apply(wanted)
    assert (changed, changed_again, first.revision, again.revision) == (True, False, 1, 1)


async def test_a_change_counts_the_revision_up(store: Store) -> None:
    placements = Placements(store)
    wanted = with_defaults(Placement(name="home"))
    await placements.apply(wanted)
    wanted.policy.min_probability = 0.1
    record, changed = await placements.apply(wanted)
    assert (changed, record.revision) == (True, 2)
    assert (await placements.get("home")).placement == wanted


async def test_changes_at_once_all_count(store: Store) -> None:
    placements = Placements(store)
    specs = []
    for i in range(8):
        spec = with_defaults(Placement(name="home"))
        spec.policy.min_probability = i / 100
        specs.append(spec)
    answers = await asyncio.gather(*(placements.apply(spec) for spec in specs))
    assert sorted(record.revision for record, _ in answers) == list(range(1, 9))


async def test_deleting_leaves_no_key(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await Journal(pipe).append(home, 1000, "e1", b"record")
    await Placements(store).delete("home")
    assert await store.redis.keys("*") == []
    assert await store.redis.smembers(PLACEMENTS) == set()
    with pytest.raises(NotFoundError, match='expected the name of an applied placement, got "home"'):
        await Placements(store).delete("home")


@pytest.mark.usefixtures("home")
async def test_deleting_leaves_placements_alone_whose_names_are_alike(store: Store) -> None:
    await Placements(store).apply(with_defaults(Placement(name="home2")))
    await Placements(store).apply(with_defaults(Placement(name="h")))
    await Placements(store).delete("home")
    assert await Placements(store).names() == ["h", "home2"]
    assert await store.redis.exists(PlacementKeys("home2").spec, PlacementKeys("h").spec) == 2


async def test_what_a_deletion_cut_short_left_behind_does_not_come_back(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    await Journal(pipe).append(home, 1000, "e1", b"record")
    await store.redis.delete(home.spec)  # as far as a deletion gets before the process is killed
    await Placements(store).apply(with_defaults(Placement(name="home")))
    numbers = await Placements(store).numbers("home")
    assert (numbers.decisions, numbers.pending) == (0, 0)
    assert await store.redis.exists(home.event("e1")) == 0


@pytest.mark.usefixtures("home")
async def test_a_glance_shows_what_is_there_and_what_is_not(store: Store) -> None:
    glance = await Placements(store).glance(["home", "nobody"])
    record, version = glance["home"]
    assert record is not None
    assert (record.placement.name, version) == ("home", 0)
    assert glance["nobody"] == (None, 0)
