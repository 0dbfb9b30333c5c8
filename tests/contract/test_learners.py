"""Several learners share the placements of a real store, and take over from each other."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from attune.learning import learner
from attune.learning.learners import Learners
from attune.serving.specs import with_defaults
from attune.settings import LearnerSettings
from attune.store.client import Store
from attune.store.keys import LEARNERS
from attune.store.learners import LearnerRegister
from attune.store.placements import Placements
from attune.v1.placement_pb2 import Placement

LEASE_S = 1.0
SETTINGS = LearnerSettings(lease_s=LEASE_S, snapshot_interval_s=0.05, poll_ms=20)
NAMES = [f"p{i}" for i in range(6)]


async def apply(store: Store, names: list[str]) -> None:
    for name in names:
        await Placements(store).apply(with_defaults(Placement(name=name)), now_ms=0)


@asynccontextmanager
async def learning(store: Store, owner: str) -> AsyncIterator[asyncio.Task[None]]:
    """A learner; cancelled inside the block it is dead: it neither gives anything back nor says that it leaves."""
    stopping = asyncio.Event()
    task = asyncio.create_task(Learners(store, SETTINGS, owner=owner).run(stopping))
    try:
        yield task
    finally:
        stopping.set()
        await asyncio.wait([task])


async def shares(store: Store, names: list[str] = NAMES) -> Counter[str]:
    return Counter((await LearnerRegister(store).owners(names)).values())


async def until(condition: Callable[[], Awaitable[bool]], what: str, timeout_s: float = 10.0) -> float:
    """Wait for something; return for how long, in seconds."""
    started = asyncio.get_running_loop().time()
    while not await condition():
        assert asyncio.get_running_loop().time() < started + timeout_s, f"waited {timeout_s} s for {what}"
        await asyncio.sleep(0.02)
    return asyncio.get_running_loop().time() - started


async def until_shared(store: Store, **expected: int) -> float:
    async def as_expected() -> bool:
        return await shares(store) == Counter(expected)

    return await until(as_expected, f"{expected}")


async def changes(store: Store, seconds: float) -> int:
    """Count how often a lease is seen with another owner within some time."""
    register, known, count = LearnerRegister(store), {}, 0
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        seen = await register.owners(NAMES)
        count += sum(seen[name] != owner for name, owner in known.items())
        known = seen
        await asyncio.sleep(0.01)
    return count


async def test_each_learner_has_its_share_and_keeps_it(store: Store) -> None:
    await apply(store, NAMES)
    async with learning(store, "a"):
        await until_shared(store, a=6)
        async with learning(store, "b"):
            await until_shared(store, a=3, b=3)
            async with learning(store, "c"):
                await until_shared(store, a=2, b=2, c=2)
                assert await changes(store, 2 * LEASE_S) == 0
            await until_shared(store, a=3, b=3)
        await until_shared(store, a=6)
    assert await store.redis.exists(LEARNERS) == 0


async def test_what_cannot_be_shared_evenly_does_not_wander(store: Store) -> None:
    """Six among four: two each are allowed, so that three have them all, and nobody passes anything on."""
    await apply(store, NAMES)
    async with learning(store, "a"), learning(store, "b"), learning(store, "c"):
        await until_shared(store, a=2, b=2, c=2)
        async with learning(store, "d"):
            assert await changes(store, 2 * LEASE_S) == 0


async def test_the_others_take_over_from_a_learner_that_died(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await apply(store, NAMES)
    async with learning(store, "a"), learning(store, "b"), learning(store, "c") as dying:
        await until_shared(store, a=2, b=2, c=2)
        with monkeypatch.context() as patched:
            # What a killed process does not do any more.
            patched.setattr(learner.Versions, "release", _nothing)
            dying.cancel()
            await asyncio.wait([dying])
        assert await until_shared(store, a=3, b=3) < LEASE_S + 1


async def _nothing(*_: object) -> None:
    """Stands for what was never done."""


async def test_a_placement_that_nobody_wants_is_learned_above_the_share(store: Store) -> None:
    """Another learner is there, but does not learn: after a lease time its part is taken, and kept."""
    await apply(store, NAMES)
    register, idle = LearnerRegister(store), asyncio.Event()

    async def say_that_it_is_there() -> None:
        while not idle.is_set():
            await register.announce("idle", int(1000 * LEASE_S))
            await asyncio.sleep(0.1)

    talking = asyncio.create_task(say_that_it_is_there())
    await asyncio.sleep(0.05)
    async with learning(store, "a"):
        await until_shared(store, a=3, **{"": 3})
        assert await until_shared(store, a=6) > LEASE_S / 2
        assert await changes(store, 2 * LEASE_S) == 0
    idle.set()
    await talking


async def test_a_new_placement_finds_a_learner(store: Store) -> None:
    await apply(store, NAMES[:2])
    async with learning(store, "a"), learning(store, "b"):
        await until_shared(store, a=1, b=1, **{"": 4})
        await apply(store, NAMES[2:])
        await until_shared(store, a=3, b=3)
