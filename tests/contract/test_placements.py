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
from attune.v1.placement_pb2 import ControlSpec, Placement
from servers import every_key

NOW_MS = 1_700_000_000_000


async def test_applying_the_same_twice_changes_nothing(store: Store) -> None:
    placements = Placements(store)
    wanted = with_defaults(Placement(name="home"))
    first, changed = await placements.apply(wanted, NOW_MS)
    again, changed_again = await placements.apply(wanted, NOW_MS)
    assert (changed, changed_again, first.revision, again.revision) == (True, False, 1, 1)


async def test_a_change_counts_the_revision_up(store: Store) -> None:
    placements = Placements(store)
    wanted = with_defaults(Placement(name="home"))
    await placements.apply(wanted, NOW_MS)
    wanted.policy.min_probability = 0.1
    record, changed = await placements.apply(wanted, NOW_MS)
    assert (changed, record.revision) == (True, 2)
    assert (await placements.get("home")).placement == wanted


async def test_changes_at_once_all_count(store: Store) -> None:
    placements = Placements(store)
    specs = []
    for i in range(8):
        spec = with_defaults(Placement(name="home"))
        spec.policy.min_probability = i / 100
        specs.append(spec)
    answers = await asyncio.gather(*(placements.apply(spec, NOW_MS) for spec in specs))
    assert sorted(record.revision for record, _ in answers) == list(range(1, 9))


async def test_deleting_leaves_no_key(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await Journal(pipe).append(home, 1000, "e1", b"record")
    await Placements(store).delete("home")
    assert await every_key(store) == []
    assert await store.redis.smembers(PLACEMENTS) == set()
    with pytest.raises(NotFoundError, match='expected the name of an applied placement, got "home"'):
        await Placements(store).delete("home")


@pytest.mark.usefixtures("home")
async def test_deleting_leaves_placements_alone_whose_names_are_alike(store: Store) -> None:
    await Placements(store).apply(with_defaults(Placement(name="home2")), NOW_MS)
    await Placements(store).apply(with_defaults(Placement(name="h")), NOW_MS)
    await Placements(store).delete("home")
    assert await Placements(store).names() == ["h", "home2"]
    assert await store.redis.exists(PlacementKeys("home2").spec, PlacementKeys("h").spec) == 2


async def cut_short(store: Store, pipe: Pipe, keys: PlacementKeys) -> None:
    """As far as a deletion gets whose process is killed after its first step."""
    await Journal(pipe).append(keys, 1000, "e1", b"record")
    assert await store.run("delete", [keys.spec, keys.deleting], ["killed"]) == 1


async def test_what_a_deletion_cut_short_left_behind_does_not_come_back(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    await cut_short(store, pipe, home)
    await Placements(store).apply(with_defaults(Placement(name="home")), NOW_MS)
    numbers = await Placements(store).numbers("home")
    assert (numbers.decisions, numbers.pending) == (0, 0)
    assert await store.redis.exists(home.event("e1"), home.deleting) == 0
    assert await Placements(store).names() == ["home"]


async def test_a_deletion_cut_short_can_be_finished(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await cut_short(store, pipe, home)
    await Placements(store).delete("home")
    assert await every_key(store) == []


async def test_a_deletion_that_was_overtaken_touches_nothing_new(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await cut_short(store, pipe, home)
    await Placements(store).apply(with_defaults(Placement(name="home")), NOW_MS)
    await Journal(pipe).append(home, 1000, "e2", b"record")
    assert await store.run("purge", [home.deleting, home.event("e2"), home.due], ["killed"]) == 0
    assert await store.redis.exists(home.event("e2"), home.due) == 2


async def test_first_applications_at_once_lose_no_decision(store: Store, pipe: Pipe) -> None:
    """Two servers that start with the same placement: what one acknowledges, the other must not sweep away."""
    placements, keys = Placements(store), PlacementKeys("new")
    acknowledged = []

    async def apply_and_decide(i: int) -> None:
        await placements.apply(with_defaults(Placement(name="new")), NOW_MS)
        for j in range(5):
            await Journal(pipe).append(keys, 60_000, f"{i}-{j}", b"record")
            acknowledged.append(f"{i}-{j}")

    await asyncio.gather(*(apply_and_decide(i) for i in range(10)))
    assert await store.redis.exists(*map(keys.event, acknowledged)) == 50


async def test_a_placement_that_is_not_listed_is_listed_by_applying_it_again(store: Store, home: PlacementKeys) -> None:
    await store.redis.srem(PLACEMENTS, home.name)
    await Placements(store).apply(with_defaults(Placement(name="home")), NOW_MS)
    assert await Placements(store).names() == ["home"]


async def test_a_record_with_fields_of_a_later_release_can_be_changed(store: Store, home: PlacementKeys) -> None:
    """Unknown fields stand elsewhere when they are written again: the comparison must be with what was read."""
    await store.redis.set(home.spec, b"\xfa\x01\x01x" + await store.redis.get(home.spec))
    changed = with_defaults(Placement(name="home"))
    changed.policy.min_probability = 0.1
    assert (await Placements(store).apply(changed, NOW_MS))[1]


@pytest.mark.usefixtures("home")
async def test_a_glance_shows_what_is_there_and_what_is_not(store: Store) -> None:
    glance = await Placements(store).glance(["home", "nobody"])
    record, version, baseline = glance["home"]
    assert record is not None
    assert (record.placement.name, version, baseline) == ("home", 0, 0)
    assert glance["nobody"] == (None, 0, 0)


@pytest.mark.usefixtures("home")
async def test_a_glance_parses_only_what_has_changed(store: Store) -> None:
    """Servers glance five times a second, and nearly always all is as it was."""
    placements = Placements(store)
    first, second = [(await placements.glance(["home"]))["home"][0] for _ in range(2)]
    assert first is second
    await placements.apply(with_defaults(Placement(name="home", control=ControlSpec(share=0.5))), NOW_MS)
    changed = (await placements.glance(["home"]))["home"][0]
    assert changed is not None
    assert changed.placement.control.share == 0.5
    await placements.delete("home")
    assert await placements.glance(["home"]) == {"home": (None, 0, 0)}


@pytest.mark.usefixtures("home")
async def test_a_glance_can_show_placements_that_nobody_has_asked_for(store: Store) -> None:
    await Placements(store).apply(with_defaults(Placement(name="other")), NOW_MS)
    seen = await Placements(store).glance(["home", "gone"], at_new=True)
    assert {name: record is not None for name, (record, *_) in seen.items()} == {
        "home": True,
        "gone": False,
        "other": True,
    }
