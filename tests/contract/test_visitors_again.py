"""Requests and activations that come again, also under a new key: they are the same, and histories lack nothing."""

import pytest

from attune.errors import AlreadyExistsError, StoreUnavailableError
from attune.serving.activator import Activator
from attune.serving.candidates import asked as asked_about
from attune.serving.customer_ids import CustomerIds
from attune.serving.customers import Done
from attune.serving.decider import Decider
from attune.serving.identity import request_digest
from attune.store.client import Store
from attune.store.decisions import Decisions, StoredDecision
from attune.store.journal import Journal
from attune.store.keys import CustomerKeys, PlacementKeys
from attune.store.pipe import Pipe
from attune.store.taken import Taken, TakenOutcomes
from attune.v1.customer_service_pb2 import PURPOSE_PERSONALIZATION, Activity
from visited_shop import IDS, NOBODY, NOW_MS, Shop, drawn, no_offers, request


@pytest.fixture
async def shop(store: Store, pipe: Pipe) -> Shop:
    made = Shop(store, pipe)
    await made.apply()
    return made


async def test_a_repeated_request_is_the_same_though_more_is_known_by_then(shop: Shop) -> None:
    first = await shop.decider.decide(request(event_id="e"))
    activity = Activity(customer_id="anna", name="purchase")
    await shop.known.record("anna", [Done(activity, NOW_MS)], NOW_MS)
    again = await shop.decider.decide(request(event_id="e"))
    assert (drawn(again), again.record.decided_at_ms) == (drawn(first), first.record.decided_at_ms)
    assert len(await shop.seen()) == 1
    with pytest.raises(AlreadyExistsError):
        await shop.decider.decide(request(event_id="e", time_zone="Europe/Istanbul"))
    assert len(await shop.seen()) == 1


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("eligible", [False, True])
async def test_an_impression_that_was_not_noted_the_first_time_is_noted_when_the_request_is_repeated(
    shop: Shop, store: Store, *, many: bool, eligible: bool
) -> None:
    """Who decides may be killed when the journal has the decision, and the history, on another server, does not."""
    asked = [request(event_id="e"), request(event_id="f")]
    results = [await shop.decider.decide(each) for each in asked]
    was = await shop.seen()
    await store.redis.delete(CustomerKeys(IDS.of("anna").key).seen)
    if not eligible:
        await shop.apply(guardrails=NOBODY)
        await shop.live.refresh(["home"])
    for _ in range(3):
        again = await shop.decider.decide_many(asked) if many else [await shop.decider.decide(each) for each in asked]
        assert list(map(drawn, again)) == list(map(drawn, results))
        assert list(await shop.seen()) == list(was)


async def test_a_repeated_request_does_not_bring_back_what_may_not_be_kept(shop: Shop) -> None:
    await shop.decider.decide(request(event_id="e"))
    await shop.allow(PURPOSE_PERSONALIZATION, granted=False)
    await shop.decider.decide(request(event_id="e"))
    assert await shop.seen() == []
    await shop.decider.decide(request(event_id="f"))
    await shop.allow(PURPOSE_PERSONALIZATION, granted=True)
    await shop.decider.decide(request(event_id="f"))  # was decided for nobody
    assert await shop.seen() == []


async def test_who_activates_again_notes_what_whoever_was_killed_did_not(shop: Shop) -> None:
    await shop.decider.decide(request(event_id="e", deferred=True))
    live = await shop.live.get("home")
    assert await Activator(no_offers, shop.decisions).activate(live, "e")  # and not noted
    activator = Activator(no_offers, shop.decisions, shop.visitors)
    assert [await activator.activate(live, "e") for _ in range(3)] == [False] * 3
    assert [each.event_id for each in await shop.seen()] == ["e"]


async def test_nobody_can_try_out_ids_on_what_is_stored_of_a_request(shop: Shop) -> None:
    """The digest of a request is of the customer's id, too, and everything else that it is of is in the record."""
    await shop.allow(PURPOSE_PERSONALIZATION, granted=False)
    await shop.decider.decide(request(event_id="e"))
    stored = (await shop.record("e")).request_digest
    tried = {name: request_digest(request(name), asked_about(request(name))) for name in ("tom", "anna", "")}
    assert stored not in tried.values()


async def test_a_repeated_request_is_the_same_under_a_new_key(shop: Shop, store: Store, pipe: Pipe) -> None:
    first = await shop.decider.decide(request(event_id="e"))
    before = Decider(shop.live, no_offers, Journal(pipe), shop.decisions)  # of a release, or settings, without a key
    oldest = await before.decide(request(event_id="f"))
    later = Shop(store, pipe, ids=CustomerIds(b"n" * 32, IDS.key))
    for event_id, was in (("e", first), ("f", oldest)):
        again = await later.decider.decide(request(event_id=event_id))
        assert (drawn(again), again.record.decided_at_ms) == (drawn(was), was.record.decided_at_ms)
        with pytest.raises(AlreadyExistsError):
            await later.decider.decide(request("tom", event_id=event_id))


async def test_a_deferred_decision_is_in_the_history_once_it_is_shown(shop: Shop) -> None:
    decided = await shop.decider.decide(request(event_id="e", channel="email", deferred=True))
    assert await shop.seen() == []
    activator = Activator(no_offers, shop.decisions, shop.visitors)
    live = await shop.live.get("home")
    assert [await activator.activate(live, "e") for _ in range(3)] == [True, False, False]
    [shown] = await shop.seen()
    assert (shown.offer_id, shown.channel, shown.event_id) == (drawn(decided), "email", "e")


class _AwayAtFirst(Decisions):
    """Decisions of a store that does not answer the first time it is asked for one."""

    is_away = True

    async def get(self, keys: PlacementKeys, event_id: str) -> StoredDecision:
        if self.is_away:
            self.is_away = False
            raise StoreUnavailableError("no answer in time")
        return await super().get(keys, event_id)


async def test_who_activates_again_because_the_store_did_not_answer_is_in_the_history(shop: Shop, store: Store) -> None:
    await shop.decider.decide(request(event_id="e", deferred=True))
    activator = Activator(no_offers, _AwayAtFirst(store), shop.visitors)
    live = await shop.live.get("home")
    with pytest.raises(StoreUnavailableError):
        await activator.activate(live, "e")
    await activator.activate(live, "e")
    assert [each.event_id for each in await shop.seen()] == ["e"]


async def test_who_is_stored_under_the_former_key_is_moved(shop: Shop, store: Store, pipe: Pipe) -> None:
    await shop.decider.decide(request(event_id="e"))
    later = Shop(store, pipe, ids=CustomerIds(b"n" * 32, IDS.key))
    await later.decider.decide(request(event_id="f"))
    assert [each.event_id for each in await later.seen()] == ["e", "f"]
    assert await store.redis.exists(*CustomerKeys(IDS.of("anna").key).every) == 0


async def test_what_was_decided_before_a_rotation_reaches_the_history_after_it(
    shop: Shop, store: Store, pipe: Pipe
) -> None:
    await shop.decider.decide(request(event_id="e", deferred=True))
    await shop.decider.decide(request(event_id="f"))
    later = Shop(store, pipe, ids=CustomerIds(b"n" * 32, IDS.key))
    await later.decider.decide(request(event_id="g"))
    assert await Activator(no_offers, later.decisions, later.visitors).activate(await later.live.get("home"), "e")
    clicked = Taken("f", 0, "click", (await later.record("f")).decided_at_ms + 1)
    for _ in range(2):
        await TakenOutcomes(store, later.decisions).note(PlacementKeys("home"), [clicked])
    assert [(each.event_id, each.outcome) for each in await later.seen()] == [
        ("f", ""),
        ("g", ""),
        ("e", ""),
        ("f", "click"),
    ]
    assert await store.redis.exists(*CustomerKeys(IDS.of("anna").key).every) == 0
