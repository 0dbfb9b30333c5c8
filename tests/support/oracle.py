"""The sequential oracle: the training log read once from its beginning, one interaction after the other.

It adds to each interaction the late outcomes that the version counts, which it looks up in plain Python. Whatever
crashed, froze or was overtaken on the way, the model that serves has to be the same to the last bit.
"""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, replace

import grpc

from attune.learning.entries import lesson
from attune.learning.estimates import Estimates
from attune.learning.final_rewards import FinalRewards
from attune.learning.measuring import counts, measured
from attune.learning.shadow import Shadow
from attune.learning.trainee import Trainee, start_of
from attune.serving.specs import in_control, in_shadow, reward_spec
from attune.storage.v1.records_pb2 import ChallengerRecord, VersionRecord
from attune.store.challengers import Challengers
from attune.store.client import Store
from attune.store.interactions import BEGINNING, Interactions, order
from attune.store.keys import PlacementKeys
from attune.store.late import LateOutcomes
from attune.store.log_entries import LoggedInteraction, RecordedOutcome, outcome_of
from attune.store.placements import Placements
from attune.store.versions import Versions, sign
from attune.v1 import decision_service_pb2 as decisions
from attune.v1 import placement_service_pb2 as placements
from attune.v1.decision_service_pb2_grpc import DecisionServiceStub
from attune.v1.placement_pb2 import Placement
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from customers import Acknowledged
from service import wait_until


@dataclass(frozen=True, slots=True)
class Learned:
    """Two ways to the same model.

    Attributes:
        serving: The weights that the service has arrived at.
        replayed: Those of one pass over the log.
        interactions: Entries of the log, without revisions.
        generation: Of the version that serves.
    """

    serving: bytes
    replayed: bytes
    interactions: int
    generation: int


def status(address: str, placement: str) -> placements.PlacementStatus:
    """Asks how a placement is doing."""
    with grpc.insecure_channel(address) as channel:
        request = placements.GetPlacementRequest(placement=placement)
        return PlacementServiceStub(channel).GetPlacement(request, timeout=5, wait_for_ready=True).status


def settled(address: str, placement: str, timeout_s: float = 30.0) -> placements.PlacementStatus:
    """Waits until every window has closed and everything is learned."""

    def everything_learned() -> placements.PlacementStatus | None:
        """Return the status if nothing is left to be learned."""
        now = status(address, placement)
        learned = now.learned + now.set_aside == now.interactions == now.decisions
        is_settled = now.pending == 0 and learned and not now.HasField("learner_lag")
        return now if is_settled and not now.HasField("training") else None

    return wait_until(everything_learned, "everything to be learned", timeout_s)


def check_decisions(address: str, placement: str, promised: Acknowledged) -> None:
    """Checks that every decision is there as it was answered, with every outcome that was accepted."""
    accepted: dict[str, dict[str, float]] = defaultdict(dict)
    for (event_id, outcome_id), value in promised.outcomes.items():
        accepted[event_id][outcome_id] = value
    with grpc.insecure_channel(address) as channel:
        stub = DecisionServiceStub(channel)
        for event_id, answer in promised.decisions.items():
            request = decisions.GetDecisionRequest(placement=placement, event_id=event_id)
            stored = stub.GetDecision(request, timeout=5).decision
            assert list(stored.choices) == list(answer.choices)
            assert stored.policy_version == answer.policy_version
            recorded = {outcome.outcome_id: outcome.value for outcome in stored.outcomes}
            assert accepted[event_id].items() <= recorded.items()


def learned(url: str, placement: str) -> Learned:
    """Reads the weights that serve, and learns them anew from the log of a store."""
    return asyncio.run(_learned(url, PlacementKeys(placement)))


async def _learned(url: str, keys: PlacementKeys) -> Learned:
    store = Store(url, timeout_s=5)
    head = await Versions(store).head(keys)
    assert head is not None
    entries = await whole_log(store, keys)
    events = [entry.decision.event_id for entry in entries if not entry.revises]
    assert len(set(events)) == len(events), "a decision is in the log twice"
    weights = await Versions(store).weights(keys, head)
    assert head.cursor == entries[-1].position, "the newest version has not learned everything"
    replayed = await replay(store, keys, head)
    await store.close()
    return Learned(weights, replayed, len(events), head.generation)


async def whole_log(store: Store, keys: PlacementKeys) -> list[LoggedInteraction]:
    """Reads every entry of the log."""
    read: list[LoggedInteraction] = []
    while entries := await Interactions(store).after(keys, read[-1].position if read else BEGINNING, 500):
        read += entries
    return read


async def replay(store: Store, keys: PlacementKeys, head: VersionRecord) -> bytes:
    """Learns what a version has to know from the log and the late outcomes, in one pass; returns its weights."""
    return await _replay(store, keys, head, (await Placements(store).get(keys.name)).placement)


async def replay_baseline(store: Store, keys: PlacementKeys) -> tuple[VersionRecord, bytes, bytes]:
    """Returns the record of the control group's baseline, its weights, and those of one pass over the log."""
    record = await Versions(store).baseline(keys)
    assert record is not None
    placement = in_control((await Placements(store).get(keys.name)).placement)
    weights = await Versions(store).weights(keys, record)
    return record, weights, await _replay(store, keys, record, placement)


def baseline(url: str, placement: str) -> tuple[bytes, bytes]:
    """Reads the weights of the control group's baseline, once they know the whole log; and learns it anew."""
    return asyncio.run(_baseline(url, PlacementKeys(placement)))


async def _baseline(url: str, keys: PlacementKeys) -> tuple[bytes, bytes]:
    store = Store(url, timeout_s=5)
    end = (await whole_log(store, keys))[-1].position
    deadline_s = time.monotonic() + 30.0
    while (record := await Versions(store).baseline(keys)) is None or record.cursor != end:
        assert time.monotonic() < deadline_s, "waited 30 s for the baseline to get to the end of the log"
        await asyncio.sleep(0.1)
    _, weights, replayed = await replay_baseline(store, keys)
    await store.close()
    return weights, replayed


async def _replay(store: Store, keys: PlacementKeys, head: VersionRecord, placement: Placement) -> bytes:
    trainee = Trainee(placement, start_of(head))
    late = await late_outcomes(store, keys)
    for entry in await whole_log(store, keys):
        if order(trainee.start.trains_from) < order(entry.position) <= order(head.cursor):
            trainee.learn(replace(entry, late=[*entry.late, *_late_of(entry, late)]))
    return trainee.version(0)[1]


def challengers(url: str, placement: str) -> list[tuple[ChallengerRecord, ChallengerRecord]]:
    """Reads the records of all challengers from a store, once each has got to the end of the log, and walks it anew."""
    return asyncio.run(_challengers(url, PlacementKeys(placement)))


async def _challengers(url: str, keys: PlacementKeys) -> list[tuple[ChallengerRecord, ChallengerRecord]]:
    store = Store(url, timeout_s=5)
    end = (await whole_log(store, keys))[-1].position
    deadline_s = time.monotonic() + 30.0
    while {record.weighed_to for record in (await Challengers(store).records(keys)).values()} != {end}:
        assert time.monotonic() < deadline_s, "waited 30 s for the challengers to get to the end of the log"
        await asyncio.sleep(0.1)
    walks = [await replay_challenger(store, keys, name) for name in await Challengers(store).records(keys)]
    await store.close()
    return walks


async def replay_challenger(store: Store, keys: PlacementKeys, name: str) -> tuple[ChallengerRecord, ChallengerRecord]:
    """Reads the record of a challenger, and walks the log as it had to; returns both, with the weights' checksums.

    Plainly: before a decision is weighed, everything is learned that was in the log a reward window before it.
    """
    record = (await Challengers(store).records(keys))[name]
    placement = (await Placements(store).get(keys.name)).placement
    named = next(challenger for challenger in placement.challengers if challenger.name == name)
    trainee = Trainee(in_shadow(placement, named), start_of(record.training))
    estimates = Estimates(record.measuring, (placement.reward.min, placement.reward.max))
    late, log = await late_outcomes(store, keys), await whole_log(store, keys)
    to_learn = [entry for entry in log if order(entry.position) > order(trainee.start.trains_from)]
    for entry in log:
        if order(record.measuring.behind) < order(entry.position) <= order(record.weighed_to):
            _learn_what_was_known(trainee, to_learn, late, entry.position, record.measuring.lag_ms)
            if counts(entry, record.measuring):
                taught = lesson(entry, reward_spec(placement.reward))
                estimates.add(measured(trainee.pmf, entry.decision, taught, estimates.bounds))
            estimates.weighed_to = entry.position
    _learn_what_was_known(trainee, to_learn, late, record.weighed_to, record.measuring.lag_ms)
    walked, (training, weights) = estimates.record(), trainee.version(record.training.created_at_ms)
    sign(training, record.training.version, weights)
    walked.training.CopyFrom(training)
    walked.status.CopyFrom(
        Shadow(named, trainee, FinalRewards(LateOutcomes(store), keys, trainee.start), estimates).status()
    )
    return record, walked


def _learn_what_was_known(
    trainee: Trainee,
    to_learn: list[LoggedInteraction],
    late: dict[str, list[tuple[str, bytes, bytes]]],
    at: str,
    lag_ms: int,
) -> None:
    while to_learn and order(to_learn[0].position)[0] + lag_ms <= order(at)[0]:
        entry = to_learn.pop(0)
        trainee.learn(replace(entry, late=[*entry.late, *_late_of(entry, late)]))


async def late_outcomes(store: Store, keys: PlacementKeys) -> dict[str, list[tuple[str, bytes, bytes]]]:
    """Reads the stream of late outcomes: by position of the decision, position, id and record of each."""
    late: dict[str, list[tuple[str, bytes, bytes]]] = {}
    for position, entry in await store.redis.xrange(keys.late):
        late.setdefault(entry[b"p"].decode(), []).append((position.decode(), entry[b"i"], entry[b"o"]))
    return late


def _late_of(entry: LoggedInteraction, late: dict[str, list[tuple[str, bytes, bytes]]]) -> list[RecordedOutcome]:
    decided_at_ms = entry.decision.decided_at_ms
    return [
        outcome_of(outcome_id.decode(), b"L%b:%b" % (position.encode(), record), decided_at_ms)
        for position, outcome_id, record in late.get(entry.position, [])
    ]
