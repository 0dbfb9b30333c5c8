"""Resets on a real store: what was learned serves no more, and what comes after is all that is learned from."""

import pytest

from attune.serving.live import LivePlacements
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import VersionRecord
from attune.store.client import Store
from attune.store.generations import Generations
from attune.store.keys import PlacementKeys
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.placement_pb2 import Placement
from late_outcomes import REWARD, applied_home, decide, is_as_replayed, learning, some_history, until


@pytest.fixture
async def home(store: Store) -> PlacementKeys:
    """The keys of a placement whose reward is the sum of its clicks."""
    return await applied_home(store)


async def test_a_reset_serves_at_once_and_learns_only_what_comes_after_it(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    live = LivePlacements(Placements(store), Versions(store))
    async with learning(store):
        await some_history(store, pipe, home)
        former = await until(lambda head: head.interactions == 60, store, home)
        await Versions(store).promote(home, former.version)
        await live.refresh(["home"])
        assert (await live.get("home")).version == former.version

        assert await Generations(store).reset("home") == (60, former.version)
        await live.refresh(["home"])
        assert (await live.get("home")).version == 0
        numbers = await Placements(store).numbers("home")
        assert (numbers.set_aside, numbers.interactions, numbers.head, numbers.waiting_ms) == (60, 60, None, None)

        await decide(pipe, home, "f1", "f2", "f3")
        head = await until(lambda head: head.interactions == 3, store, home)
        assert await is_as_replayed(store, home, head)
        await live.promote(home, former.version)
        assert (await live.get("home")).version == former.version

        assert await Generations(store).rebuild("home", whole_log=True) == 63
        whole = await until(lambda head: head.generation == 2, store, home)
    assert (whole.interactions, whole.trains_from) == (63, "")
    assert await is_as_replayed(store, home, whole)


async def test_a_rebuild_or_another_spec_after_a_reset_begins_where_the_reset_did(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    async with learning(store):
        await some_history(store, pipe, home)
        await Generations(store).reset("home")
        await decide(pipe, home, *(f"f{i}" for i in range(5)))
        await until(lambda head: head.interactions == 5, store, home)
        assert await Generations(store).rebuild("home", whole_log=False) == 5
        rebuilt = await until(lambda head: head.generation == 2, store, home)
        changed = Placement(name="home", reward=REWARD)
        changed.reward.default_reward = -0.25
        await Placements(store).apply(with_defaults(changed), 0)
        respecified = await until(lambda head: head.reward.default_reward == -0.25, store, home)
    assert rebuilt.interactions == respecified.interactions == 5
    assert await is_as_replayed(store, home, respecified)


async def test_who_learned_when_the_reset_came_cannot_commit_any_more(store: Store, home: PlacementKeys) -> None:
    versions = Versions(store)
    lease = await versions.acquire(home, "a:1", 60_000)
    assert lease is not None
    await versions.commit(lease, VersionRecord(), b"of before", keep=10)
    await Generations(store).reset("home")
    with pytest.raises(Exception, match="another learner has taken over"):
        await versions.commit(lease, VersionRecord(), b"too late", keep=10)
    overview = await versions.overview(home)
    assert (overview.promoted, overview.newest) == (0, 0)
    assert await versions.acquire(home, "b:2", 60_000) is not None, "nobody has to wait for the lease of before"


async def test_the_newest_version_of_before_stays_however_many_follow(store: Store, home: PlacementKeys) -> None:
    versions = Versions(store)
    lease = await versions.acquire(home, "a:1", 60_000)
    assert lease is not None
    for generation in (0, 0, 1, 1, 1, 1):
        await versions.commit(lease, VersionRecord(generation=generation), b"weights", keep=2)
    assert [record.version for record in await versions.kept(home)] == [6, 5, 2]
