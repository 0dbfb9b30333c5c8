"""`attune import` on a real store: nothing twice, nothing that could not have been logged, the same bits learned."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import oracle
from attune.logs import sources, trimming
from attune.logs.import_ import Imported, Importer, TrimmedLogError
from attune.logs.log_source import LogSource
from attune.logs.samples import Sample
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.client import Store
from attune.store.decisions import Decisions
from attune.store.interactions import BEGINNING
from attune.store.journal import Journal
from attune.store.keys import TOMBSTONE_TTL_S, PlacementKeys
from attune.store.late import LateOutcomes
from attune.store.log_entries import LoggedInteraction
from attune.store.outcomes import NewOutcome, Outcomes, Recorded
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.training_log import TrainingLog, recorded_elsewhere
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import Placement
from training_logs import entries, export, learn, make, weights


@pytest.fixture
async def other(store: Store) -> PlacementKeys:
    """The keys of a second placement with the same spec: to a log, another placement is another service."""
    await Placements(store).apply(with_defaults(Placement(name="other")), now_ms=0)
    return PlacementKeys("other")


async def bring(store: Store, keys: PlacementKeys, *paths: Path, restore: bool = False, now_ms: int = 0) -> Imported:
    importer = Importer(store, keys.name, restore=restore)
    return await importer.run(sources.found(paths, None), "click", now_ms, lambda _: None)


def known_of(entry: LoggedInteraction) -> Any:
    """Return everything that has to survive: as messages, because the bytes of maps have no order."""
    decision = DecisionRecord()
    decision.CopyFrom(entry.decision)
    context, offers = Features.FromString(decision.context), [Offer.FromString(each) for each in decision.offers]
    for field in ("context", "offers", "imported", "policy_version", "request_digest"):
        decision.ClearField(field)
    for known in (context, *(offer.features for offer in offers)):
        for tags in known.tags.values():
            tags.values.sort()
    return decision, context, offers, entry.outcomes


@pytest.fixture(params=["parquet", "dsjson"])
async def files(request: pytest.FixtureRequest, store: Store, pipe: Pipe, home: PlacementKeys, tmp_path: Path) -> Path:
    """The exported log of `home`: 60 decisions, some of several slots, some with late outcomes."""
    await make(store, pipe, home, 60, withheld=True)
    await export(store, home, tmp_path, request.param, per_file=25)
    return tmp_path


async def test_an_imported_log_says_and_teaches_the_same(
    store: Store, home: PlacementKeys, other: PlacementKeys, files: Path
) -> None:
    done = await bring(store, other, files)
    assert (done.added, done.known, done.refused, done.late_added) == (60, 0, 0, 12)
    before, after = await entries(store, home), await entries(store, other)
    assert list(map(known_of, before)) == list(map(known_of, after))
    assert all(entry.decision.imported and not entry.decision.policy_version for entry in after)
    assert await weights(store, home) == await weights(store, other)


async def test_who_decided_elsewhere_says_nothing_about_the_control_group_here(
    store: Store, store_url: str, other: PlacementKeys, files: Path
) -> None:
    """Else an evaluation of an imported log is refused because its control group is missing."""
    await bring(store, other, files)

    def samples(placement: str) -> list[Sample]:
        return [each for each in LogSource(store_url, 5.0, placement).read() if isinstance(each, Sample)]

    assert {each.mode for each in await asyncio.to_thread(samples, "home")} == {"control", "learned"}
    assert {each.mode for each in await asyncio.to_thread(samples, "other")} == {""}


async def test_importing_again_adds_nothing(
    store: Store, home: PlacementKeys, other: PlacementKeys, files: Path
) -> None:
    for keys, added in ((other, 60), (other, 0), (home, 0)):
        done = await bring(store, keys, files)
        assert (done.added, done.known) == (added, 60 - added)
        assert (done.late_added, done.late_known) == (added // 5, 12 - added // 5)
    numbers = await Placements(store).numbers("other")
    assert (numbers.interactions, numbers.late) == (60, 12)


async def test_importing_again_adds_nothing_when_the_tombstones_have_gone(
    store: Store, pipe: Pipe, home: PlacementKeys, other: PlacementKeys, tmp_path: Path
) -> None:
    await make(store, pipe, home, 10)
    await export(store, home, tmp_path)
    await bring(store, other, tmp_path)
    for key in await store.redis.keys(other.event("*")):
        await store.redis.delete(key)
    newest_ms = int((await entries(store, other))[-1].position.partition("-")[0])
    again = await bring(store, other, tmp_path, now_ms=newest_ms + 1 + TOMBSTONE_TTL_S * 1000)
    assert (again.added, again.known) == (0, 10)


async def test_an_imported_decision_is_a_closed_decision(
    store: Store, pipe: Pipe, home: PlacementKeys, other: PlacementKeys, tmp_path: Path
) -> None:
    await make(store, pipe, home, 10)
    await export(store, home, tmp_path)
    await bring(store, other, tmp_path)
    stored = await Decisions(store).get(other, "s1-e3")
    assert stored.record.imported
    # Its outcomes are known; a new one is late.
    said = [
        NewOutcome("s1-e3", "click0", OutcomeRecord(name="click", value=1.0)),
        NewOutcome("s1-e3", "x", OutcomeRecord(name="click")),
    ]
    assert await Outcomes(store).record(other, said) == [Recorded.DUPLICATE, Recorded.LATE]
    # A decision that is pending is not replaced.
    await Journal(pipe).append(other, 60_000, "pending", DecisionRecord(event_id="pending").SerializeToString())
    line = dsjson(event_id="pending")
    (tmp_path / "one.dsjson").write_text(json.dumps(line))
    assert (await bring(store, other, tmp_path / "one.dsjson")).known == 1


async def test_a_trimmed_log_comes_back_only_when_that_is_said(
    store: Store, pipe: Pipe, home: PlacementKeys, other: PlacementKeys, tmp_path: Path
) -> None:
    await make(store, pipe, home, 50, withheld=True)
    await export(store, home, tmp_path)
    await learn(store, home, 50)
    before = await weights(store, home)
    assert await trimming.trim(store, "home") == 49
    with pytest.raises(TrimmedLogError, match="learned from twice"):
        await bring(store, home, tmp_path)
    # Into a new placement, in the old order.
    assert (await bring(store, other, tmp_path)).added == 50
    assert await weights(store, other) == before
    # Into the same one: what was left stays where it is, the others follow.
    assert (await bring(store, home, tmp_path, restore=True)).added == 49
    events = [entry.decision.event_id for entry in await entries(store, home)]
    assert sorted(events) == sorted(f"s1-e{i}" for i in range(50))
    assert (await bring(store, home, tmp_path, restore=True)).added == 0


async def test_what_is_restored_has_its_late_outcomes_in_a_rebuild_and_is_counted_once(
    store: Store, pipe: Pipe, home: PlacementKeys, tmp_path: Path
) -> None:
    """The stream of late outcomes names places of the log that have gone."""
    await make(store, pipe, home, 50, withheld=True)
    await export(store, home, tmp_path)
    await learn(store, home, 50)
    before = await final_outcomes(store, home)
    assert sum(map(len, before.values())) == 60
    assert await trimming.trim(store, "home") == 49
    assert (await bring(store, home, tmp_path, restore=True)).added == 49
    assert await final_outcomes(store, home) == before
    numbers = await Placements(store).numbers("home")
    assert (numbers.interactions, numbers.late) == (50, 10)


async def test_decisions_of_many_outcomes_take_several_steps(
    store: Store, home: PlacementKeys, other: PlacementKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store answers nobody else during one: a hundred thousand outcomes are a third of a second."""
    said = [recorded_elsewhere(f"o{i}", 1, OutcomeRecord(name="click", value=1.0)) for i in range(500)]
    offers = [Offer(id="a").SerializeToString()]
    made = [DecisionRecord(event_id=f"e{i}", offers=offers, pmf=[1.0], mode=MODE_LEARNED) for i in range(20)]
    await TrainingLog(store).append(home, [(each, said) for each in made], restore=False)
    await export(store, home, tmp_path, "dsjson")
    append, steps = TrainingLog.append, []

    async def counted(log: TrainingLog, keys: PlacementKeys, batch: Any, *, restore: bool) -> int:
        steps.append(sum(len(outcomes) for _, outcomes in batch))
        return await append(log, keys, batch, restore=restore)

    monkeypatch.setattr(TrainingLog, "append", counted)
    assert (await bring(store, other, tmp_path)).added == 20
    assert sum(steps) == 10_000
    assert max(steps) <= 5_000


async def final_outcomes(store: Store, keys: PlacementKeys) -> dict[str, list[str]]:
    """Returns the ids of the outcomes that a rebuild would count, by event_id."""
    late = await oracle.late_outcomes(store, keys)
    return {
        entry.decision.event_id: sorted(
            [
                *(each.outcome_id for each in [*entry.outcomes, *entry.late]),
                *(outcome_id.decode() for _, outcome_id, _ in late.get(entry.position, [])),
            ]
        )
        for entry in await entries(store, keys)
    }


def dsjson(event_id: str = "e1", **changes: Any) -> dict[str, Any]:
    """Return a line as Azure Personalizer logs it: four offers, the third one shown."""
    multi = [
        {"_tag": tag, "i": {"constant": 1, "id": tag}, "j": [{"type": "hot", "roast": i}]}
        for i, tag in enumerate("abcd")
    ]
    line = {
        "_label_cost": -1.0,
        "_label_probability": 0.05000000074505806,
        "_label_Action": 3,
        "_labelIndex": 2,
        "o": [{"v": 1.0, "EventId": event_id, "ActionTaken": False}],
        "Timestamp": "2021-02-04T16:31:29.2460000Z",
        "Version": "1",
        "EventId": event_id,
        "a": [3, 1, 2, 4],
        "c": {"_ignored": 1, "FromUrl": [{"timeofday": "Evening", "age": 31}], "_multi": multi},
        "p": [0.05, 0.05, 0.05, 0.85],
        "VWState": {"m": "ff07/550c"},
        "_original_label_cost": -1.0,
    }
    return line | changes


async def imported(
    store: Store, keys: PlacementKeys, path: Path, *lines: Any
) -> tuple[Imported, list[LoggedInteraction]]:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))  # noqa: ASYNC240
    done = await bring(store, keys, path)
    return done, await entries(store, keys)


async def test_what_personalizer_logged_is_understood(store: Store, home: PlacementKeys, tmp_path: Path) -> None:
    done, (entry,) = await imported(store, home, tmp_path / "log.json", dsjson())
    assert (done.added, done.refused) == (1, 0)
    decision = entry.decision
    assert decision.decided_at_ms == 1612456289246
    assert list(decision.pmf) == [0.05, 0.05, 0.05, 0.85]
    assert decision.chosen == 2
    context = Features.FromString(decision.context)
    assert (dict(context.categorical), dict(context.numeric)) == (
        {"FromUrl.timeofday": "Evening"},
        {"FromUrl.age": 31.0},
    )
    offers = [Offer.FromString(offer) for offer in decision.offers]
    assert [offer.id for offer in offers] == ["a", "b", "c", "d"]
    assert dict(offers[2].features.categorical) == {"j.type": "hot"}
    assert [(each.record.name, each.record.value) for each in entry.outcomes] == [("click", 1.0)]


async def test_the_reward_that_came_is_told_from_the_one_that_never_did(
    store: Store, home: PlacementKeys, tmp_path: Path
) -> None:
    never = dsjson("never", _label_cost=-0.0, o=[])
    zero = dsjson("zero", _label_cost=-0.0, o=[{"v": 0.0, "EventId": "zero"}])
    after = dsjson("after", _label_cost=-0.0, o=[])
    dangling = {"RewardValue": 0.5, "EventId": "after", "EnqueuedTimeUtc": "2021-02-05T00:00:00Z"}
    nobody = {"RewardValue": 0.5, "EventId": "nobody"}
    done, log = await imported(store, home, tmp_path / "log.json", dangling, never, zero, after, nobody)
    assert (done.added, done.late_unmatched) == (3, 1)
    values = {entry.decision.event_id: [each.record.value for each in entry.outcomes] for entry in log}
    assert values == {"never": [], "zero": [0.0], "after": [0.5]}
    assert (await imported(store, home, tmp_path / "log.json", dangling, never, zero, after))[0].known == 3
    # A reward in a later file, of a decision that was imported before, is a late one; and only once.
    later = {"RewardValue": 2.0, "EventId": "never"}
    assert (await imported(store, home, tmp_path / "later.json", later))[0].late_added == 1
    assert (await imported(store, home, tmp_path / "later.json", later))[0].late_known == 1


async def test_what_was_never_shown_is_never_learned_from(store: Store, home: PlacementKeys, tmp_path: Path) -> None:
    hidden = dsjson("hidden", DeferredAction=True, o=[])
    shown = dsjson("shown", DeferredAction=True, o=[{"EventId": "shown", "ActionTaken": True}])
    said = dsjson("said", DeferredAction=True, o=[])
    activation = {"EventId": "said", "ActionTaken": True}
    skipped = dsjson("skipped", _skipLearn=True)
    done, log = await imported(store, home, tmp_path / "log.json", hidden, shown, said, activation, skipped)
    assert [entry.decision.event_id for entry in log] == ["shown", "said"]
    assert (dict(done.left_out), done.refused) == ({"not_shown": 1, "not_to_learn": 1}, 0)


# What is wrong, and what is said about it.
BAD = [
    pytest.param(
        dsjson(p=[0.0, 0.15, 0.0, 0.85], _label_probability=0.0), "propensity: expected more than 0", id="propensity 0"
    ),
    pytest.param(dsjson(p=[0.05, 0.05, 0.05, 0.8]), "pmf: expected a sum of 1", id="sum"),
    pytest.param(dsjson(p=[0.05, -0.05, 0.15, 0.85]), "pmf: expected probabilities from 0 to 1", id="negative"),
    pytest.param(dsjson(p=[0.05, 0.1, 0.85]), "a, p: expected each of 1 to 4 once", id="too few probabilities"),
    pytest.param(dsjson(a=[3, 1, 2, 2]), "a, p: expected each of 1 to 4 once", id="an action twice"),
    pytest.param(
        dsjson(a=[3.0, 1, 2, 4]), "a, p: expected each of 1 to 4 once", id="an action that is no whole number"
    ),
    pytest.param(dsjson(_labelIndex=0), "_labelIndex: expected 2", id="another action labelled"),
    pytest.param(dsjson(_label_probability=0.5), "_label_probability: expected 0.05", id="another probability"),
    pytest.param(dsjson(pdrop=1.0), "pdrop: expected a probability from 0 to below 1", id="pdrop"),
    pytest.param(dsjson(_label_cost="x"), "_label_cost: expected a number", id="cost"),
    pytest.param(
        dsjson(_label_cost=1e300), "outcomes[0].value: expected a number between -1e9 and 1e9", id="huge cost"
    ),
    pytest.param(dsjson(EventId=7), "EventId: expected str, got int", id="event id"),
    pytest.param(dsjson(EventId="x" * 257), "event_id: expected 1 to 256 bytes", id="long event id"),
    pytest.param(dsjson(EventId="\ud800"), "", id="half a character"),
    pytest.param(dsjson(Timestamp="yesterday"), "Timestamp: expected a time like", id="time"),
    pytest.param(dsjson(c={"_multi": []}, a=[], p=[]), "c._multi: expected at least one action", id="no actions"),
    pytest.param(
        dsjson(c={"price": 1e9, "_multi": dsjson()["c"]["_multi"]}), 'context.numeric["price"]: expected', id="feature"
    ),
    pytest.param(
        dsjson(c={"x": [1, "a"], "_multi": dsjson()["c"]["_multi"]}),
        "c.x: expected an array of objects",
        id="mixed array",
    ),
    pytest.param(dsjson(c={"_multi": dsjson()["c"]["_multi"][:2] * 2}), "offers: expected ids of their own", id="ids"),
    pytest.param('{"EventId": "e", "c": NaN}', "expected a JSON object", id="NaN"),
    pytest.param('{"EventId": "e", ', "expected a JSON object", id="half a line"),
    pytest.param("[" * 100_000, "expected a JSON object", id="deep"),
    pytest.param("7", "expected a JSON object, got int", id="no object"),
    pytest.param('{"x": 1}', "c: expected a decision or an observation", id="neither"),
    pytest.param('{"EventId": "e", "RewardValue": "x"}', "RewardValue: expected a number", id="reward"),
    pytest.param(dsjson(_attune={}), "decided_at_ms: expected a value, got none", id="ours, but not"),
    pytest.param(dsjson(_attune=7), "_attune: expected dict, got int", id="ours, but no object"),
]


@pytest.mark.parametrize(("line", "said"), BAD)
async def test_a_row_that_could_not_have_been_logged_is_refused_and_named(
    store: Store, home: PlacementKeys, tmp_path: Path, line: Any, said: str
) -> None:
    path = tmp_path / "log.json"
    done, log = await imported(store, home, path, dsjson("before"), line, dsjson("after"))
    assert [entry.decision.event_id for entry in log] == ["before", "after"]
    assert done.refused == 1
    assert done.refusals[0].where == f"{path}:2"
    assert said in done.refusals[0].problem


async def test_logs_of_vowpal_wabbits_own_tests_are_read(
    store: Store, home: PlacementKeys, reference_data: Path
) -> None:
    path = reference_data / "vw_conformance" / "test" / "train-sets" / "dsjson_cb.json"
    done = await bring(store, home, path)
    assert (done.added, done.refused) == (23, 0), done.refusals
    assert len(await weights(store, home)) > 0
    assert (await TrainingLog(store).extent(home)).exported == BEGINNING


async def test_late_outcomes_that_are_imported_count_in_a_rebuild(
    store: Store, other: PlacementKeys, files: Path
) -> None:
    """They know where their decision stands in this log, which is what a training from the log asks for."""
    await bring(store, other, files)
    _, last_late = await LateOutcomes(store).ends(other)
    late, more = await LateOutcomes(store).between(other, BEGINNING, last_late, 100)
    assert (len(late), more) == (12, "")
    events = {entry.position: entry.decision.event_id for entry in await entries(store, other)}
    assert [events[each.of] for each in late] == [f"s1-e{i}" for i in range(0, 60, 5)]
