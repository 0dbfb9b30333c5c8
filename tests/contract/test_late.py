"""Late outcomes on a real store: kept, folded into what is trained from the log, and revised where that is wanted."""

import asyncio

import pytest

import oracle
from attune.learning import final_rewards
from attune.learning.final_rewards import FinalRewards
from attune.learning.trainee import Start, Trainee, start_of
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import DecisionRecord, VersionRecord
from attune.store.client import Store
from attune.store.generations import Generations
from attune.store.interactions import BEGINNING
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.late import LateOutcomes
from attune.store.log_entries import interaction_of
from attune.store.outcomes import Outcomes, Recorded
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.placement_pb2 import Placement
from late_outcomes import REWARD, applied_home, click, decide, is_as_replayed, joined, learning, some_history, until


@pytest.fixture
async def home(store: Store) -> PlacementKeys:
    """The keys of a placement whose reward is the sum of its clicks."""
    return await applied_home(store)


# --- what is written


async def test_a_late_outcome_names_the_place_of_its_decision_in_the_log(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    await decide(pipe, home, "e1")
    (entry,) = await joined(store, home)
    assert await Outcomes(store).record(home, [click("e1"), click("e1")]) == [Recorded.LATE, Recorded.DUPLICATE]
    replayed_to, late_cursor = await LateOutcomes(store).ends(home)
    ((late,), rest) = await LateOutcomes(store).between(home, BEGINNING, late_cursor, 10)
    assert (late.of, late.outcome_id, late.position, rest) == (entry.position, b"click", late_cursor, "")
    assert replayed_to == entry.position
    assert await joined(store, home) == [entry], "nothing is revised unless it is wanted"


@pytest.mark.parametrize("revise", [False, True])
async def test_what_came_late_but_before_it_was_logged_is_in_the_log(
    store: Store, pipe: Pipe, home: PlacementKeys, *, revise: bool
) -> None:
    """Where late outcomes count at once it counts, else it waits there for a rebuild; nothing has to be revised."""
    await decide(pipe, home, "e1", window_ms=5)
    await asyncio.sleep(0.02)
    assert await Outcomes(store).record(home, [click("e1")], revise=revise) == [Recorded.LATE]
    _, late_cursor = await LateOutcomes(store).ends(home)
    (entry,) = await joined(store, home, revise=revise)
    counted, waiting = [[each.outcome_id for each in some] for some in (entry.outcomes, entry.late)]
    assert (counted, waiting) == ((["click"], []) if revise else ([], ["click"]))
    if not revise:
        assert entry.late[0].late == late_cursor
    found, _ = await LateOutcomes(store).between(home, BEGINNING, late_cursor, 10)
    assert found == [], "the log has it: found here as well it would count twice"


async def test_a_revision_has_all_that_came_of_a_decision_and_comes_once(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    await decide(pipe, home, "e1", "e2", window_ms=20)
    outcomes = Outcomes(store)
    await outcomes.record(home, [click("e1", "in time")])
    await asyncio.sleep(0.03)
    await outcomes.record(home, [click("e1", "before it was logged")])
    first, second = await joined(store, home)
    late = [click("e1", "late", 5.0), click("e2", "late", 7.0), click("e1", "late too", -2.0)]
    for _ in range(2):  # the second time they are duplicates
        await asyncio.gather(*(outcomes.record(home, late, revise=True) for _ in range(3)))
    await outcomes.record(home, [click("e1", "latest")], revise=True)

    of_first, of_second, again = (await joined(store, home))[2:]
    assert [each.revises for each in (of_first, of_second, again)] == [first.position, second.position, first.position]
    assert [each.outcome_id for each in of_second.outcomes] == ["late"]
    assert [each.outcome_id for each in of_first.outcomes] == ["in time", "before it was logged", "late", "late too"]
    assert [each.outcome_id for each in again.outcomes] == [
        "in time", "before it was logged", "late", "late too", "latest",
    ]  # fmt: skip
    assert [each.decision for each in (of_first, of_second, again)] == [
        first.decision, second.decision, first.decision,
    ]  # fmt: skip
    assert not any(each.late for each in (of_first, of_second, again))
    counts = await store.redis.hgetall(home.counts)
    assert {name: int(counts[name]) for name in (b"interactions", b"revisions", b"late")} == {
        b"interactions": 2, b"revisions": 3, b"late": 5,
    }  # fmt: skip


async def test_revisions_of_large_decisions_take_several_steps(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    """No step keeps the store from others for long, and none is left out."""
    offers = [bytes(300_000), b""]
    for i in range(10):
        record = DecisionRecord(event_id=f"e{i}", offers=offers, pmf=[0.5, 0.5]).SerializeToString()
        await Journal(pipe).append(home, 1, f"e{i}", record)
    await joined(store, home)
    late = [click(f"e{i}") for i in range(10)]
    assert await Outcomes(store).record(home, late, revise=True) == [Recorded.LATE] * 10
    assert len((await joined(store, home))[10:]) == 10


async def test_what_was_trimmed_is_late_but_not_revised(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await decide(pipe, home, "e1", "e2")
    _, second = await joined(store, home)
    await store.redis.xtrim(home.interactions, minid=second.position, approximate=False)
    assert await Outcomes(store).record(home, [click("e1"), click("e2")], revise=True) == [Recorded.LATE] * 2
    assert [entry.revises for entry in await joined(store, home)] == ["", second.position]


# --- what is learned from it


@pytest.mark.parametrize("revise", [False, True])
@pytest.mark.parametrize("most_held", [100_000, 4])
async def test_a_rebuild_counts_all_that_came_late(
    store: Store, pipe: Pipe, home: PlacementKeys, monkeypatch: pytest.MonkeyPatch, most_held: int, *, revise: bool
) -> None:
    """However few late outcomes fit into memory at a time, and whether or not they were counted by revisions before."""
    monkeypatch.setattr(final_rewards, "MOST_HELD", most_held)
    monkeypatch.setattr(final_rewards, "_PAGE", 7)
    async with learning(store):
        await some_history(store, pipe, home, revise=revise)
        before = await until(lambda head: head.interactions == 60 and bool(head.revisions) == revise, store, home)
        assert await Generations(store).rebuild("home", whole_log=False) == 60
        rebuilt = await until(lambda head: head.generation == 1, store, home)
    assert (before.generation, before.late_cursor, rebuilt.interactions, rebuilt.revisions) == (0, "", 60, 0)
    assert (rebuilt.replayed_to, rebuilt.late_cursor) == await LateOutcomes(store).ends(home)
    assert await is_as_replayed(store, home, before)
    assert await is_as_replayed(store, home, rebuilt)
    weights = [await Versions(store).weights(home, version) for version in (before, rebuilt)]
    assert weights[0] != weights[1]
    assert weights[1] == await folded(store, home)


async def folded(store: Store, keys: PlacementKeys) -> bytes:
    """The weights of one who hears of every outcome in time: the same log, with all outcomes inside the window."""
    late = await oracle.late_outcomes(store, keys)
    trainee = Trainee((await Placements(store).get(keys.name)).placement, Start(replayed_to=f"{2**63}-0"))
    for position, entry in await store.redis.xrange(keys.interactions):
        within = {key: value.removeprefix(b"L") if key != b"d" else value for key, value in entry.items()}
        for came, outcome_id, record in late.get(position.decode(), []):
            within[b"o" + outcome_id] = b"%b:%b" % (came.encode(), record)
        trainee.learn(interaction_of(position, within))
    return trainee.version(0)[1]


async def test_after_a_rebuild_later_outcomes_wait_for_the_next_one(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    """And a learner that takes over goes on with what the rebuild knew, though more has come since."""
    async with learning(store):
        await some_history(store, pipe, home)
        await Generations(store).rebuild("home", whole_log=False)
        rebuilt = await until(lambda head: head.generation == 1, store, home)
    await Outcomes(store).record(home, [click("e1", "later still", 9.0)])
    await decide(pipe, home, "f1", "f2", "f3", window_ms=5)
    await asyncio.sleep(0.02)
    await Outcomes(store).record(home, [click("f1", "before it was logged", 9.0)])
    async with learning(store):
        further = await until(lambda head: head.interactions == 63, store, home)
    assert start_of(further) == start_of(rebuilt) != Start()
    assert await is_as_replayed(store, home, further)


async def test_what_was_late_before_the_training_and_logged_after_it_began_counts(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    await decide(pipe, home, "e1", "e2", window_ms=5)
    await asyncio.sleep(0.02)
    await Outcomes(store).record(home, [click("e2", "before it was logged")])
    async with learning(store):
        head = await until(lambda head: head.interactions == 2, store, home)
    assert (head.replayed_to, head.late_cursor) == ("", (await LateOutcomes(store).ends(home))[1])
    assert await is_as_replayed(store, home, head)
    assert await Versions(store).weights(home, head) == await folded(store, home)


async def test_a_changed_spec_is_trained_with_final_rewards(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    changed = Placement(name="home", reward=REWARD)
    changed.reward.default_reward = -0.25
    async with learning(store):
        await some_history(store, pipe, home)
        await until(lambda head: head.interactions == 60, store, home)
        await Placements(store).apply(with_defaults(changed), 0)
        head = await until(lambda head: head.reward.default_reward == -0.25, store, home)
    assert head.late_cursor == (await LateOutcomes(store).ends(home))[1]
    assert await is_as_replayed(store, home, head)
    assert await Versions(store).weights(home, head) == await folded(store, home)


async def test_a_damaged_head_is_learned_again_with_final_rewards(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    async with learning(store):
        await some_history(store, pipe, home)
        head = await until(lambda head: head.interactions == 60, store, home)
    await store.redis.set(home.snapshot(head.version), b"damaged")
    async with learning(store):
        again = await until(lambda other: other.version > head.version, store, home)
    assert await is_as_replayed(store, home, again)
    assert await Versions(store).weights(home, again) == await folded(store, home)


async def test_progress_is_shown_until_the_next_commit(store: Store, home: PlacementKeys) -> None:
    versions = Versions(store)
    lease = await versions.acquire(home, "a:1", 60_000)
    assert lease is not None
    assert (await Placements(store).numbers("home")).training is None
    await versions.note_progress(lease, 45)
    assert (await Placements(store).numbers("home")).training == 45
    await versions.commit(lease, VersionRecord(cursor=BEGINNING), b"weights", keep=2)
    assert (await Placements(store).numbers("home")).training is None


async def test_a_first_training_that_is_cut_short_goes_on_with_final_rewards(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    """What a committed version has not passed yet still gets the late outcomes of before it began, and no more."""
    await some_history(store, pipe, home)
    expected = await folded(store, home)
    start = Start(0, BEGINNING, *await LateOutcomes(store).ends(home))
    trainee = Trainee((await Placements(store).get("home")).placement, start)
    late, half = FinalRewards(LateOutcomes(store), home, start), (await oracle.whole_log(store, home))[:25]
    while not (complete := await late.add(half)):
        pass
    for entry in complete:
        trainee.learn(entry)
    lease = await Versions(store).acquire(home, "a:1", 60_000)
    assert lease is not None
    await Versions(store).commit(lease, *trainee.version(0), keep=10)
    await Versions(store).release(lease)

    await Outcomes(store).record(home, [click("e57", "too late for this training", 9.0)])
    async with learning(store):
        head = await until(lambda head: head.interactions == 60, store, home)
    assert start_of(head) == start
    assert await Versions(store).weights(home, head) == expected
    assert await is_as_replayed(store, home, head)


async def test_a_learner_says_how_far_a_rebuild_is(
    store: Store, pipe: Pipe, home: PlacementKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attune.learning.session._SLICE_S", 0.0)
    monkeypatch.setattr("attune.learning.learner._PROGRESS_S", 0.0)
    async with learning(store):
        await some_history(store, pipe, home)
        await until(lambda head: head.interactions == 60, store, home)
        await Generations(store).rebuild("home", whole_log=False)
        seen: list[int] = []
        while (numbers := await Placements(store).numbers("home")).head is None or not numbers.head.generation:
            seen += [numbers.training] if numbers.training is not None else []
            await asyncio.sleep(0)
    assert sorted(seen) == seen
    assert 0 < seen[-1] <= 60
    assert numbers.training is None
