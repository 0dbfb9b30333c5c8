"""Segments are kept, follow the store, and stay while something names them."""

import asyncio

import pytest

from attune.api.segments import SegmentServicer
from attune.errors import InvalidInputError, LimitReachedError, StillNamedError, StoreUnavailableError
from attune.serving.conditions import compiled
from attune.serving.segments import LiveSegments
from attune.store.catalog import Catalog
from attune.store.client import Store
from attune.store.keys import CATALOG_OFFERS, SEGMENTS
from attune.store.placements import Placements
from attune.store.segments import MAX_BYTES, MAX_SEGMENTS, KeptSegments, Segments
from attune.v1.catalog_service_pb2 import CatalogOffer
from attune.v1.condition_pb2 import Condition
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import EligibilityRule, Guardrails, Placement
from attune.v1.segment_service_pb2 import (
    DeleteSegmentsRequest,
    ListSegmentsRequest,
    PutSegmentsRequest,
    Segment,
)
from attune_models.facts import Facts


def segment(name: str, test: str = "tenure_days > 30", title: str = "") -> Segment:
    return Segment(name=name, title=title, when=Condition(test=test))


def servicer_of(store: Store) -> SegmentServicer:
    segments = Segments(store)
    return SegmentServicer(segments, LiveSegments(segments), Placements(store), Catalog(store))


async def names(store: Store) -> list[str]:
    listed = await servicer_of(store).ListSegments(ListSegmentsRequest())
    return [each.name for each in listed.segments]


async def test_segments_are_put_changed_listed_and_deleted(store: Store) -> None:
    servicer = servicer_of(store)
    first = await servicer.PutSegments(PutSegmentsRequest(segments=[segment("b"), segment("a")]))
    assert (first.created, first.updated, first.unchanged) == (2, 0, 0)
    second = await servicer.PutSegments(
        PutSegmentsRequest(segments=[segment("a", title="All of them"), segment("b"), segment("c")])
    )
    assert (second.created, second.updated, second.unchanged) == (1, 1, 1)
    assert second.revision > first.revision
    listed = await servicer.ListSegments(ListSegmentsRequest())
    assert list(listed.segments) == [segment("a", title="All of them"), segment("b"), segment("c")]
    assert listed.revision == second.revision
    gone = await servicer.DeleteSegments(DeleteSegmentsRequest(names=["b", "z"]))
    assert (gone.deleted, gone.revision > second.revision) == (1, True)
    assert await names(store) == ["a", "c"]


async def test_what_changes_nothing_leaves_the_revision(store: Store) -> None:
    servicer = servicer_of(store)
    first = await servicer.PutSegments(PutSegmentsRequest(segments=[segment("a")]))
    again = await servicer.PutSegments(PutSegmentsRequest(segments=[segment("a")]))
    assert (again.unchanged, again.revision) == (1, first.revision)
    assert (await servicer.DeleteSegments(DeleteSegmentsRequest(names=["z"]))).revision == first.revision


async def test_before_the_first_one_there_are_none(store: Store) -> None:
    assert await Segments(store).read() == KeptSegments(0, {})
    assert await names(store) == []


async def test_what_is_wrong_is_refused_and_nothing_is_applied(store: Store) -> None:
    wrong = PutSegmentsRequest(
        segments=[
            segment("a"),
            segment("B"),
            segment("c", "x ="),
            segment("d", "offer.price > 1"),
            Segment(name="e", when=Condition(segment="a")),
            Segment(name="f"),
            segment("a", title="x" * 257),
        ]
    )
    with pytest.raises(InvalidInputError) as refused:
        await servicer_of(store).PutSegments(wrong)
    assert [violation.field for violation in refused.value.violations] == [
        "segments[1].name",
        "segments[2].when.test",
        "segments[3].when.test",
        "segments[4].when.segment",
        "segments[5].when",
        "segments[6].title",
        "segments[6].name",
    ]
    assert await names(store) == []


@pytest.mark.parametrize("many", [0, MAX_SEGMENTS + 1])
async def test_too_few_and_too_many_at_once_are_refused(store: Store, many: int) -> None:
    servicer = servicer_of(store)
    expected = f"expected 1 to {MAX_SEGMENTS}, got {many}"
    with pytest.raises(InvalidInputError, match=f"segments: {expected}"):
        await servicer.PutSegments(PutSegmentsRequest(segments=[segment(f"s{i}") for i in range(many)]))
    with pytest.raises(InvalidInputError, match=f"names: {expected}"):
        await servicer.DeleteSegments(DeleteSegmentsRequest(names=["a"] * many))


async def test_there_are_only_so_many(store: Store) -> None:
    segments = Segments(store)
    await segments.put([segment(f"s{i}") for i in range(MAX_SEGMENTS)])
    with pytest.raises(LimitReachedError, match=f"expected at most {MAX_SEGMENTS} of them, got {MAX_SEGMENTS + 1}"):
        await segments.put([segment("one_more")])
    await segments.put([segment("s0", "tenure_days > 60")])
    assert len(await names(store)) == MAX_SEGMENTS


async def test_they_are_only_so_large(store: Store) -> None:
    large = Condition(any=[Condition(test=f"country in [{', '.join(['abcdefgh'] * 90)}]")] * 99)
    with pytest.raises(LimitReachedError, match=f"expected at most {MAX_BYTES} bytes of them, got"):
        await Segments(store).put([Segment(name=f"s{i}", when=large) for i in range(4)])
    assert await names(store) == []


async def test_changes_at_the_same_time_all_happen(store: Store) -> None:
    segments = Segments(store)
    await asyncio.gather(*(segments.put([segment(f"s{i}")]) for i in range(8)))
    assert await names(store) == [f"s{i}" for i in range(8)]


async def test_what_nobody_can_be_in_is_a_warning(store: Store) -> None:
    both = Condition(all=[Condition(test="tenure_days > 30"), Condition(test="tenure_days < 10")])
    reply = await servicer_of(store).PutSegments(
        PutSegmentsRequest(segments=[segment("a"), Segment(name="b", when=both)])
    )
    assert reply.warnings == [
        "segments[1].when: nobody can meet it: `tenure_days > 30` and `tenure_days < 10` never hold together"
    ]


# --- what names them


def placement(condition: Condition) -> Placement:
    return Placement(name="home", guardrails=Guardrails(rules=[EligibilityRule(name="vip", when=condition)]))


async def test_a_segment_that_a_rule_names_stays(store: Store) -> None:
    servicer = servicer_of(store)
    await servicer.PutSegments(PutSegmentsRequest(segments=[segment("loyal"), segment("other")]))
    negated = Condition(all=[Condition(test="x > 1"), Condition(negated=Condition(segment="loyal"))])
    await Placements(store).apply(placement(negated), now_ms=1)
    with pytest.raises(StillNamedError) as refused:
        await servicer.DeleteSegments(DeleteSegmentsRequest(names=["other", "loyal"]))
    said = 'names: expected segments that nothing names, got "loyal", named by rule "vip" of placement "home"'
    assert str(refused.value) == said
    assert await names(store) == ["loyal", "other"]
    await Placements(store).apply(placement(Condition(test="x > 1")), now_ms=1)
    assert (await servicer.DeleteSegments(DeleteSegmentsRequest(names=["other", "loyal"]))).deleted == 2


async def test_a_segment_that_an_offer_names_stays(store: Store) -> None:
    servicer = servicer_of(store)
    await servicer.PutSegments(PutSegmentsRequest(segments=[segment("loyal")]))
    offers = [CatalogOffer(offer=Offer(id=f"o{i}")) for i in range(3)]
    offers[2].when.segment = "loyal"
    await Catalog(store).put(offers)
    await store.redis.hset(CATALOG_OFFERS, "o1", b"\xff\xff")
    with pytest.raises(StillNamedError, match='got "loyal", named by offer "o2"'):
        await servicer.DeleteSegments(DeleteSegmentsRequest(names=["loyal"]))
    await Catalog(store).delete(["o2"])
    assert (await servicer.DeleteSegments(DeleteSegmentsRequest(names=["loyal"]))).deleted == 1


# --- the copy of a server


async def test_a_copy_follows(store: Store) -> None:
    segments = Segments(store)
    live = LiveSegments(segments)
    following = asyncio.create_task(live.follow())
    predicate = compiled(Condition(segment="loyal"), live)
    facts = Facts(Features(numeric={"tenure_days": 40.0}))
    assert not predicate(facts)
    await segments.put([segment("loyal")])
    async with asyncio.timeout(10):
        while not predicate(facts):  # noqa: ASYNC110 - the product has no event for it: it is asked
            await asyncio.sleep(0.02)
    assert dict(live) == {"loyal": Condition(test="tenure_days > 30")}
    following.cancel()


async def test_a_segment_that_stays_as_it_is_is_the_same_object(store: Store) -> None:
    """What was prepared for it stays in use."""
    segments = Segments(store)
    live = LiveSegments(segments)
    await segments.put([segment("a"), segment("b")])
    await live.refresh()
    a, b = live["a"], live["b"]
    await segments.put([segment("b", "tenure_days > 60")])
    await live.refresh()
    assert live["a"] is a
    assert live["b"] is not b


async def test_a_segment_of_another_release_is_left_out(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be read here never holds; the others do."""
    segments = Segments(store)
    await segments.put([segment("a"), segment("b", "tenure_days resembles 30")])
    live = LiveSegments(segments)
    await live.refresh()
    assert list(live) == ["a"]
    assert len(live) == 1
    assert 'segment "b" is not known here' in caplog.text


async def test_a_damaged_record_leaves_what_was_known(store: Store) -> None:
    segments = Segments(store)
    await segments.put([segment("a")])
    live = LiveSegments(segments)
    await live.refresh()
    await store.redis.hset(SEGMENTS, mapping={"revision": 5, "record": b"\xff\xff"})
    with pytest.raises(StoreUnavailableError, match="segments: 2 bytes in the store are none"):
        await live.refresh()
    assert list(live) == ["a"]
