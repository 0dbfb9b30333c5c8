"""Decisions are explained by the version that made them, as long as it is kept and sound."""

from collections.abc import Sequence

import pytest

from attune.serving import explainer as explainers
from attune.serving.explainer import KEPT_POLICIES, MAX_EXPLAINED, Explained, Explainer
from attune.serving.live import LivePlacement, LivePlacements
from attune.serving.specs import policy_spec, with_defaults
from attune.storage.v1.records_pb2 import DecisionRecord, VersionRecord
from attune.store.client import Store
from attune.store.keys import PlacementKeys
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_FALLBACK, MODE_LEARNED, Mode
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import Belief, Placement, PolicySpec, UniformSpec
from attune_models.features import situation
from attune_models.policy import build
from attune_models.types import FeatureSet, Interaction, PlainAction

CONTEXT = Features(categorical={"device": "mobile"})
SITUATION = situation(FeatureSet(categorical={"device": "mobile"}), [PlainAction("a"), PlainAction("b")])


def trained(rounds: int) -> bytes:
    """Weights of the default policy after some rewards for action b."""
    policy = build(policy_spec(with_defaults(Placement(name="home")).policy))
    for _ in range(rounds):
        policy.learn(Interaction(SITUATION, chosen=1, propensity=0.5, reward=1.0))
    return policy.dumps()


def scores_after(rounds: int) -> list[float]:
    policy = build(policy_spec(with_defaults(Placement(name="home")).policy))
    policy.loads(trained(rounds))
    return [explanation.score for explanation in policy.explain(SITUATION)]


async def commit(store: Store, keys: PlacementKeys, weights: bytes, keep: int = 10) -> int:
    """Commit a version of the placement's policy as a learner would."""
    versions = Versions(store)
    lease = await versions.acquire(keys, "host:1", 60_000)
    assert lease is not None
    policy = (await Placements(store).get(keys.name)).placement.policy
    version = await versions.commit(lease, VersionRecord(policy=policy), weights, keep=keep)
    await versions.release(lease)
    return version


async def serving(store: Store) -> LivePlacement:
    return await LivePlacements(Placements(store), Versions(store)).get("home")


def record(version: int, mode: Mode = MODE_LEARNED, offers: Sequence[str] = ("a", "b")) -> DecisionRecord:
    return DecisionRecord(
        context=CONTEXT.SerializeToString(),
        offers=[Offer(id=offer_id).SerializeToString() for offer_id in offers],
        pmf=[1.0 / len(offers)] * len(offers),
        policy_version=version,
        mode=mode,
    )


def scores(explained: Explained) -> list[float]:
    return [explained.explanations[position].score for position in sorted(explained.explanations)]


async def test_the_version_that_decided_explains(store: Store, home: PlacementKeys) -> None:
    for rounds in (1, 200):
        await commit(store, home, trained(rounds))
    live, explainer = await serving(store), Explainer(Versions(store))
    for version, rounds in ((1, 1), (2, 200)):
        explained = await explainer.explain(live, record(version))
        assert (explained.version, scores(explained)) == (version, scores_after(rounds))
    assert scores_after(1) != scores_after(200)


@pytest.mark.parametrize("mode", [MODE_CONTROL, MODE_FALLBACK])
async def test_where_no_version_decided_the_serving_one_explains(store: Store, home: PlacementKeys, mode: Mode) -> None:
    await commit(store, home, trained(20))
    explained = await Explainer(Versions(store)).explain(await serving(store), record(0, mode))
    assert (explained.version, scores(explained)) == (1, scores_after(20))


async def test_what_was_decided_before_anything_was_learned_is_explained_by_that(
    store: Store, home: PlacementKeys
) -> None:
    explainer = Explainer(Versions(store))
    before = await explainer.explain(await serving(store), record(0))
    await commit(store, home, trained(20))
    after = await explainer.explain(await serving(store), record(0))
    assert (before.version, scores(before)) == (after.version, scores(after)) == (0, [0.0, 0.0])


async def test_what_was_decided_by_beliefs_is_explained_by_them(store: Store, home: PlacementKeys) -> None:
    believed = Belief(context=CONTEXT, offer=Offer(id="b"), reward=1.0, strength=50)
    await Placements(store).apply(with_defaults(Placement(name="home", policy=PolicySpec(beliefs=[believed]))), 0)
    explainer = Explainer(Versions(store))
    before = await explainer.explain(await serving(store), record(0))
    await commit(store, home, trained(20))
    after = await explainer.explain(await serving(store), record(0))
    assert (before.version, scores(before)) == (after.version, scores(after))
    assert scores(before)[1] > 0.5 > scores(before)[0]


async def test_a_version_that_is_gone_is_replaced_by_the_serving_one(store: Store, home: PlacementKeys) -> None:
    for rounds in (20, 50, 100):
        await commit(store, home, trained(rounds), keep=2)
    explained = await Explainer(Versions(store)).explain(await serving(store), record(1))
    assert (explained.version, scores(explained)) == (3, scores_after(100))


async def test_a_damaged_version_does_not_explain(store: Store, home: PlacementKeys) -> None:
    for rounds in (1, 200):
        await commit(store, home, trained(rounds))
    await store.redis.set(home.snapshot(1), trained(20)[:-1])
    explained = await Explainer(Versions(store)).explain(await serving(store), record(1))
    assert (explained.version, scores(explained)) == (2, scores_after(200))


async def test_without_a_sound_version_there_is_no_explanation(store: Store, home: PlacementKeys) -> None:
    await store.redis.set(home.snapshot(await commit(store, home, trained(20))), b"x")
    assert await Explainer(Versions(store)).explain(await serving(store), record(1)) == Explained(0, {})


async def test_a_policy_without_scores_explains_nothing(store: Store, home: PlacementKeys) -> None:
    await Placements(store).apply(with_defaults(Placement(name="home", policy=PolicySpec(uniform=UniformSpec()))), 0)
    await commit(store, home, b"")
    assert await Explainer(Versions(store)).explain(await serving(store), record(1)) == Explained(1, {})


async def test_the_last_few_versions_stay_loaded(
    store: Store, home: PlacementKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rounds in range(KEPT_POLICIES + 2):
        await commit(store, home, trained(rounds))
    live, explainer = await serving(store), Explainer(Versions(store))
    loaded = []
    sound_policy = explainers.sound_policy

    async def counted(versions: Versions, name: str, kept: VersionRecord) -> object:
        loaded.append(kept.version)
        return await sound_policy(versions, name, kept)

    monkeypatch.setattr(explainers, "sound_policy", counted)
    older = list(range(1, KEPT_POLICIES + 2))
    for version in [*older, older[-1], older[1], older[0]]:
        await explainer.explain(live, record(version))
    assert loaded == [*older, 1], "only the first had to go"


async def test_of_very_many_offers_the_most_probable_are_explained(store: Store, home: PlacementKeys) -> None:
    await commit(store, home, trained(20))
    asked = record(1, offers=[f"o{i}" for i in range(1000)])
    asked.chosen = 999
    explained = await Explainer(Versions(store)).explain(await serving(store), asked)
    assert list(explained.explanations) == [999, *range(MAX_EXPLAINED - 1)]


async def test_no_further_offer_is_explained_once_there_is_enough_for_a_message(
    store: Store, home: PlacementKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    await commit(store, home, trained(20))
    monkeypatch.setattr(explainers, "MAX_CONTRIBUTIONS", 3)
    explained = await Explainer(Versions(store)).explain(await serving(store), record(1, offers=["a", "b", "c"]))
    counts = [len(explanation.contributions) for explanation in explained.explanations.values()]
    assert sum(counts[:-1]) < 3 <= sum(counts)
    assert len(counts) < 3
