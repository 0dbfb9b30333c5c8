"""Decisions for customers on a real store: what is read, what is recorded, what histories say afterwards."""

import asyncio

import pytest

from attune.errors import NothingEligibleError, StoreUnavailableError
from attune.serving.customers import Done
from attune.serving.decided import Decided
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import SeenRecord
from attune.store.client import Store
from attune.store.keys import CustomerKeys
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.v1.customer_service_pb2 import (
    PURPOSE_LEARNING,
    PURPOSE_PERSONALIZATION,
    Activity,
    Preferences,
)
from attune.v1.decision_service_pb2 import MODE_EMPTY
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import (
    CAP_SCOPE_PLACEMENT,
    STORE_FAILURE_REFUSE,
    EmptyReply,
    FrequencyCap,
    Guardrails,
    NothingEligible,
    Placement,
)
from visited_shop import IDS, NOBODY, NOW_MS, Shop, drawn, request

CAP = Guardrails(caps=[FrequencyCap(name="three", impressions=3, scope=CAP_SCOPE_PLACEMENT)])
CAP.caps[0].window.FromSeconds(3600)
LESS_OF_SHOES = Preferences(less_of_categories=["shoes"], time_zone="Europe/Istanbul")


@pytest.fixture
async def shop(store: Store, pipe: Pipe) -> Shop:
    made = Shop(store, pipe)
    await made.apply()
    return made


async def test_a_decision_sees_what_the_last_call_wrote(shop: Shop) -> None:
    activity = Activity(customer_id="anna", name="page_view", channel="web")
    for n_views in (1, 2, 3):
        await shop.known.record("anna", [Done(activity, NOW_MS)], NOW_MS)
        await shop.decider.decide(request(event_id=f"e{n_views}"))
        record = await shop.record(f"e{n_views}")
        context = Features.FromString(record.context)
        assert (context.categorical["device"], context.categorical["customer.last_channel"]) == ("mobile", "web")
        assert context.numeric["customer.page_view.count"] == n_views
        assert (record.customer, record.withheld) == (IDS.of("anna").key, False)


async def test_what_the_request_says_goes_before_what_is_known(shop: Shop) -> None:
    activity = Activity(customer_id="anna", name="call")
    await shop.known.record("anna", [Done(activity, NOW_MS)], NOW_MS)
    asked = request(event_id="e")
    asked.context.append(Features(categorical={"customer.call.count": "many"}).SerializeToString())
    await shop.decider.decide(asked)
    context = Features.FromString((await shop.record("e")).context)
    assert context.categorical["customer.call.count"] == "many"
    assert "customer.call.count" not in context.numeric
    assert "customer.call.days_since" in context.numeric


async def test_what_is_shown_is_in_the_history(shop: Shop) -> None:
    first = await shop.decider.decide(request(event_id="e", channel="app", slots=2))
    [one, two] = await shop.seen()
    chosen = [first.record.chosen, first.record.later_slots[0].chosen]
    assert [one.offer_id, two.offer_id] == ["abcd"[i] for i in chosen]
    assert {(each.placement, each.event_id, each.channel, each.outcome) for each in (one, two)} == {
        ("home", "e", "app", "")
    }


@pytest.mark.parametrize("withdrawn", [False, True])
async def test_without_consent_nothing_is_used_stored_or_learned(store: Store, pipe: Pipe, *, withdrawn: bool) -> None:
    shop = Shop(store, pipe, assumed=withdrawn)
    await shop.apply()
    if withdrawn:
        for purpose in (PURPOSE_PERSONALIZATION, PURPOSE_LEARNING):
            await shop.allow(purpose, granted=False)
    await shop.decider.decide(request(event_id="e"))
    record = await shop.record("e")
    assert (record.customer, record.withheld) == (b"", True)
    assert Features.FromString(record.context) == Features(categorical={"device": "mobile"})
    keys = CustomerKeys(IDS.of("anna").key)
    assert await store.redis.exists(keys.seen, keys.profile) == 0
    assert IDS.of("anna").key not in record.SerializeToString()


async def test_each_purpose_counts_by_itself(shop: Shop) -> None:
    await shop.allow(PURPOSE_LEARNING, granted=False)
    await shop.decider.decide(request(event_id="e"))
    record = await shop.record("e")
    assert (bool(record.customer), record.withheld, len(await shop.seen())) == (True, True, 1)
    await shop.allow(PURPOSE_LEARNING, granted=True)
    await shop.allow(PURPOSE_PERSONALIZATION, granted=False)
    await shop.decider.decide(request(event_id="f"))
    record = await shop.record("f")
    assert (bool(record.customer), record.withheld, len(await shop.seen())) == (False, False, 0)


async def test_who_withdraws_consent_while_a_decision_is_made_gets_no_history(shop: Shop) -> None:
    live = await shop.live.get("home")
    async with shop.visitors.met([(request(), live)]) as (visitor,):
        assert not isinstance(visitor, Exception)
        await shop.allow(PURPOSE_PERSONALIZATION, granted=False)
        await shop.visitors.note(visitor, [SeenRecord(offer_id="a").SerializeToString()]).done()
    assert await shop.seen() == []


async def test_a_cap_holds_where_decisions_are_made_at_the_same_time(shop: Shop) -> None:
    await shop.apply(guardrails=CAP)
    await shop.live.refresh(["home"])
    asked = [request(event_id=f"e{i}") for i in range(8)]
    results = await asyncio.gather(*map(shop.decider.decide, asked), return_exceptions=True)
    assert sum(isinstance(each, Decided) for each in results) == 3
    assert sum(isinstance(each, NothingEligibleError) for each in results) == 5
    assert len(await shop.seen()) == 3
    await shop.decider.decide(request("tom"))  # others are not held back


async def test_requests_of_a_batch_see_each_other_where_a_cap_looks_back(shop: Shop) -> None:
    await shop.apply(guardrails=CAP, when_nothing_eligible=NothingEligible(empty=EmptyReply()))
    await shop.live.refresh(["home"])
    asked = [request(("anna", "tom")[i % 2], f"e{i}") for i in range(10)]
    results = await shop.decider.decide_many(asked)
    shown = [isinstance(each, Decided) and bool(each.offer_ids) for each in results]
    assert shown == [True] * 6 + [False] * 4
    assert (len(await shop.seen("anna")), len(await shop.seen("tom"))) == (3, 3)
    again = await shop.decider.decide_many(asked)
    assert list(map(drawn, again[:6])) == list(map(drawn, results[:6]))
    assert (len(await shop.seen("anna")), len(await shop.seen("tom"))) == (3, 3)


async def test_what_a_customer_has_said_makes_a_decision_look_back(shop: Shop) -> None:
    await shop.known.prefer("anna", LESS_OF_SHOES, NOW_MS)
    await shop.decider.decide(request(event_id="e"))
    live = await shop.live.get("home")
    async with shop.visitors.met([(request(), live)]) as (visitor,):
        assert not isinstance(visitor, Exception)
        assert (visitor.in_turn, [each.event_id for each in visitor.seen]) == (True, ["e"])


@pytest.mark.one_server
async def test_a_store_that_does_not_answer_costs_what_is_known_and_no_more(store: Store, store_url: str) -> None:
    impatient = Pipe(store_url, timeout_s=0.2)
    shop = Shop(store, impatient)
    await shop.apply()
    await shop.decider.decide(request())
    await store.redis.execute_command("CLIENT", "PAUSE", "700", "ALL")
    begun = asyncio.get_running_loop().time()
    decided = await shop.decider.decide(request())
    # Once the time limit, not twice: the journal is told that the store is away.
    assert asyncio.get_running_loop().time() - begun < 0.35
    assert (decided.logged, decided.record.mode != 0) == (False, True)
    impatient.close()


@pytest.mark.one_server
async def test_a_store_that_does_not_answer_does_not_keep_an_empty_reply_waiting(store: Store, store_url: str) -> None:
    impatient = Pipe(store_url, timeout_s=0.2)
    shop = Shop(store, impatient)
    empty = NothingEligible(empty=EmptyReply())
    await shop.apply(guardrails=NOBODY, when_nothing_eligible=empty)
    await shop.decider.decide(request(event_id="e"))
    refusing = Placement(
        name="refusing", guardrails=NOBODY, when_nothing_eligible=empty, store_failure=STORE_FAILURE_REFUSE
    )
    await Placements(store).apply(with_defaults(refusing), now_ms=0)
    await shop.live.refresh(["home", "refusing"])
    await store.redis.execute_command("CLIENT", "PAUSE", "900", "ALL")
    begun = asyncio.get_running_loop().time()
    decided = await shop.decider.decide(request(event_id="f"))
    assert decided.record.mode == MODE_EMPTY
    assert asyncio.get_running_loop().time() - begun < 0.6
    asked = request(event_id="g")
    asked.placement = "refusing"
    with pytest.raises(StoreUnavailableError):
        await shop.decider.decide(asked)
    impatient.close()


@pytest.mark.one_server
async def test_a_placement_that_refuses_to_answer_without_the_store_refuses(store: Store, store_url: str) -> None:
    impatient = Pipe(store_url, timeout_s=0.2)
    shop = Shop(store, impatient)
    await shop.apply(store_failure=STORE_FAILURE_REFUSE)
    await shop.decider.decide(request())
    await store.redis.execute_command("CLIENT", "PAUSE", "500", "ALL")
    with pytest.raises(StoreUnavailableError):
        await shop.decider.decide(request())
    [result] = await shop.decider.decide_many([request()])
    assert isinstance(result, StoreUnavailableError)
    impatient.close()
