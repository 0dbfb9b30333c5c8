"""Decisions of several slots on a real store: what is recorded, what is drawn when a policy fails, what is counted."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from math import fsum

import pytest

from attune.errors import NotFoundError
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.decided import Decided
from attune.serving.decider import Decider
from attune.serving.drawing import Draft
from attune.serving.live import LivePlacement, LivePlacements
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import DecisionRecord, SlotRecord
from attune.store.client import Store
from attune.store.decisions import Decisions
from attune.store.interactions import Interactions
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_FALLBACK, MODE_LEARNED
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import ControlSpec, FixedSpec, Placement
from attune_models import pmf as pmfs
from attune_models.baselines import UniformPolicy
from attune_models.types import Pmf, PolicyError, Situation


class _Failing(UniformPolicy):
    """Always draws the first action, and fails in some situations."""

    def __init__(self, fails: Callable[[Situation], bool]) -> None:
        self._fails = fails
        self.asked: list[Situation] = []

    def pmf(self, situation: Situation) -> Pmf:
        self.asked.append(situation)
        if self._fails(situation):
            raise PolicyError("expected a distribution, got none")
        return pmfs.one_hot(len(situation.actions), 0)


class _Serving(LivePlacements):
    """Placements of which one is decided by a given policy."""

    def __init__(self, live: LivePlacement) -> None:
        self._live = {live.keys.name: live}


def request(event_id: str, slots: int, ids: Sequence[str] = "abcd", **fields: object) -> DecideEnvelope:
    offers = [Offer(id=name).SerializeToString() for name in ids]
    return DecideEnvelope(placement="home", event_id=event_id, offers=offers, slots=slots, **fields)  # type: ignore[arg-type]


def no_offers(placement: LivePlacement) -> None:
    """Return what a placement may draw from the catalogue: nothing."""


def deciding(store: Store, pipe: Pipe) -> Decider:
    return Decider(LivePlacements(Placements(store), Versions(store)), no_offers, Journal(pipe), Decisions(store))


async def decided_by(policy: _Failing, store: Store, pipe: Pipe, event_id: str, slots: int) -> Decided:
    live = await LivePlacements(Placements(store), Versions(store)).get("home")
    serving = _Serving(replace(live, policy=policy, version=7))
    return await Decider(serving, no_offers, Journal(pipe), Decisions(store)).decide(request(event_id, slots))


def all_slots(record: Draft | DecisionRecord) -> list[Draft | DecisionRecord | SlotRecord]:
    return [record, *record.later_slots]


async def test_the_record_holds_the_exact_pmf_of_each_slot(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    """Nothing was learned: squarecb draws uniformly among what is left."""
    decided = await deciding(store, pipe).decide(request("e", 3))
    assert decided.logged
    stored = (await Decisions(store).get(home, "e")).record
    assert isinstance(decided.record, Draft)
    assert stored == DecisionRecord.FromString(decided.record.serialised())
    drawn: list[int] = []
    for slot, record in enumerate(all_slots(stored)):
        left = [i for i in range(4) if i not in drawn]
        assert [record.pmf[i] for i in left] == pytest.approx([1 / len(left)] * len(left), rel=1e-6)
        assert [record.pmf[i] for i in drawn] == [0.0] * len(drawn)
        assert fsum(record.pmf) == pytest.approx(1.0, abs=1e-12)
        # The draw is seeded by the slot; that of the first as it always was.
        key = ("draw", "home", "e", *([str(slot)] if slot else []))
        assert record.chosen == pmfs.draw(list(record.pmf), pmfs.unit_interval(*key))
        drawn.append(record.chosen)
    assert len(drawn) == 3


@pytest.mark.usefixtures("home")
async def test_a_decision_of_one_slot_is_the_first_slot_of_one_of_several(store: Store, pipe: Pipe) -> None:
    decider = deciding(store, pipe)
    for event_id in ("a", "b", "c"):
        one = (await decider.decide(request(event_id, 1, customer_id="anna"))).record
        await store.redis.delete(PlacementKeys("home").event(event_id))
        several = (await decider.decide(request(event_id, 3, customer_id="anna"))).record
        assert not one.later_slots
        assert (several.pmf, several.chosen, several.mode) == (one.pmf, one.chosen, one.mode)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("slots", "ids", "excluded"), [(3, "a", ""), (20, "abc", ""), (3, "abc", "b")])
async def test_fewer_offers_than_slots_are_all_chosen(
    store: Store, pipe: Pipe, slots: int, ids: str, excluded: str
) -> None:
    decided = await deciding(store, pipe).decide(request("e", slots, ids, excluded_offer_ids=excluded))
    chosen = [decided.offer_ids[record.chosen] for record in all_slots(decided.record)]
    assert sorted(chosen) == sorted(set(ids) - set(excluded))
    last = all_slots(decided.record)[-1]
    assert last.pmf[last.chosen] == 1.0


async def test_the_control_group_s_policy_draws_every_slot(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    """Fixed to c: it stands first, and what is left keeps its order."""
    placement = Placement(name=home.name, control=ControlSpec(share=1.0, fixed=FixedSpec(offer_id="c")))
    await Placements(store).apply(with_defaults(placement), now_ms=0)
    decided = await deciding(store, pipe).decide(request("e", 3))
    assert decided.record.mode == MODE_CONTROL
    assert [decided.offer_ids[record.chosen] for record in all_slots(decided.record)] == ["c", "a", "b"]


@pytest.mark.usefixtures("home")
async def test_a_policy_is_asked_with_the_slot_and_what_is_left(store: Store, pipe: Pipe) -> None:
    policy = _Failing(lambda _: False)
    decided = await decided_by(policy, store, pipe, "e", 3)
    assert [(asked.context, list(asked.action_ids)) for asked in policy.asked] == [
        ("", ["a", "b", "c", "d"]),
        ("=1", ["b", "c", "d"]),
        ("=2", ["c", "d"]),
    ]
    assert (decided.record.mode, decided.record.policy_version) == (MODE_LEARNED, 7)


@pytest.mark.usefixtures("home")
async def test_a_policy_that_fails_is_not_asked_again(store: Store, pipe: Pipe) -> None:
    policy = _Failing(lambda asked: not asked.context)
    record = (await decided_by(policy, store, pipe, "e", 3)).record
    assert len(policy.asked) == 1
    assert (record.mode, record.policy_version) == (MODE_FALLBACK, 0)
    assert [max(slot.pmf) for slot in all_slots(record)] == [1 / 4, 1 / 3, 1 / 2]


@pytest.mark.usefixtures("home")
async def test_a_policy_that_fails_in_a_later_slot_leaves_exact_propensities(store: Store, pipe: Pipe) -> None:
    """What was drawn before keeps the pmf it was drawn from; from there on the draw is uniform."""
    policy = _Failing(lambda asked: asked.context == "=1")
    record = (await decided_by(policy, store, pipe, "e", 3)).record
    assert len(policy.asked) == 2
    assert (record.mode, record.policy_version) == (MODE_FALLBACK, 0)
    assert list(record.pmf) == [1.0, 0.0, 0.0, 0.0]
    assert [sorted(slot.pmf) for slot in record.later_slots] == [[0.0, *[1 / 3] * 3], [0.0, 0.0, 1 / 2, 1 / 2]]


async def test_other_decisions_get_their_turn_between_the_slots(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    """Of 20 slots, the loop is not kept longer than by one."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    live = await LivePlacements(Placements(store), Versions(store)).get(home.name)
    seen: list[int] = []
    policy = _Failing(lambda _: bool(seen.append(turns)))  # type: ignore[func-returns-value]
    decider = Decider(_Serving(replace(live, policy=policy)), no_offers, Journal(pipe), Decisions(store))
    counting = asyncio.create_task(count())
    await decider.decide(request("e", 20, [f"o{i}" for i in range(30)]))
    counting.cancel()
    assert len(seen) == 20
    assert sum(later > earlier for earlier, later in pairwise(seen)) >= 18  # none before the second slot


# --- how many slots a decision has


async def write(pipe: Pipe, keys: PlacementKeys, event_id: str, n_slots: int, window_ms: int = 60_000) -> None:
    later = [SlotRecord(pmf=[1.0])] * (n_slots - 1)
    record = DecisionRecord(event_id=event_id, pmf=[1.0], offers=[b"x" * 300], later_slots=later)
    assert await Journal(pipe).append(keys, window_ms, event_id, record.SerializeToString()) is None


async def test_slots_are_counted_before_and_after_a_decision_is_joined(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    await write(pipe, home, "closed", 3, window_ms=10)
    await asyncio.sleep(0.03)
    assert await Interactions(store).join(home, 10) == 1
    await write(pipe, home, "open", 2)
    await write(pipe, home, "single", 1)
    asked = ["open", "closed", "unknown", "single", "open"]
    assert await Decisions(store).slots(home, asked) == {"open": 2, "closed": 3, "single": 1}


async def test_the_slots_of_a_decision_that_was_trimmed_from_the_log_are_not_known(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    await write(pipe, home, "gone", 3, window_ms=10)
    await asyncio.sleep(0.03)
    await Interactions(store).join(home, 10)
    await store.redis.xtrim(home.interactions, maxlen=0)
    assert await Decisions(store).slots(home, ["gone"]) == {}


@pytest.mark.one_server
async def test_very_large_decisions_are_read_in_portions(
    store: Store, pipe: Pipe, home: PlacementKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for two of them in an answer, five take three."""
    monkeypatch.setattr("attune.store.decisions._ANSWER_BYTES", 600)
    for i in range(5):
        await write(pipe, home, f"e{i}", 1 + i)
    before = (await store.redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    asked = [f"e{i}" for i in range(5)]
    assert await Decisions(store).slots(home, asked) == {f"e{i}": 1 + i for i in range(5)}
    assert (await store.redis.info("commandstats"))["cmdstat_evalsha"]["calls"] - before in (3, 4)  # NOSCRIPT counts


async def test_slots_of_a_placement_that_is_gone_are_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError):
        await Decisions(store).slots(PlacementKeys("nowhere"), ["e"])
