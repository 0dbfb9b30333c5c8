"""Decisions for customers on a real store: what is read, what is recorded, what histories say afterwards."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from attune.errors import AlreadyExistsError, NothingEligibleError, StoreUnavailableError
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.activator import Activator
from attune.serving.candidates import asked as asked_about
from attune.serving.consent import ConsentRule
from attune.serving.customer_ids import CustomerIds
from attune.serving.customers import CustomerRules, Done, KnownCustomers
from attune.serving.decided import Decided
from attune.serving.decider import Decider
from attune.serving.identity import request_digest
from attune.serving.live import LivePlacement, LivePlacements
from attune.serving.specs import with_defaults
from attune.serving.visitors import Visitors
from attune.storage.v1.records_pb2 import DecisionRecord, SeenRecord
from attune.store.client import Store
from attune.store.customers import Customers
from attune.store.decisions import Decisions, StoredDecision
from attune.store.history import History
from attune.store.journal import Journal
from attune.store.keys import CustomerKeys, PlacementKeys
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.taken import Taken, TakenOutcomes
from attune.store.versions import Versions
from attune.v1.condition_pb2 import Condition
from attune.v1.customer_service_pb2 import (
    PURPOSE_LEARNING,
    PURPOSE_PERSONALIZATION,
    Activity,
    Consent,
    Preferences,
    Purpose,
)
from attune.v1.decision_service_pb2 import MODE_EMPTY
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import (
    CAP_SCOPE_PLACEMENT,
    STORE_FAILURE_REFUSE,
    EligibilityRule,
    EmptyReply,
    FrequencyCap,
    Guardrails,
    NothingEligible,
    Placement,
)

NOW_MS = 1_700_000_000_000
IDS = CustomerIds(b"k" * 32)
CAP = Guardrails(caps=[FrequencyCap(name="three", impressions=3, scope=CAP_SCOPE_PLACEMENT)])
CAP.caps[0].window.FromSeconds(3600)
NOBODY = Guardrails(rules=[EligibilityRule(name="nobody", when=Condition(test="device == tv"))])
LESS_OF_SHOES = Preferences(less_of_categories=["shoes"], time_zone="Europe/Istanbul")


def no_offers(placement: LivePlacement) -> None:
    """Return what a placement may draw from the catalogue: nothing."""


def request(customer_id: str = "anna", event_id: str = "", **fields: object) -> DecideEnvelope:
    offers = [Offer(id=name).SerializeToString() for name in "abcd"]
    asked = DecideEnvelope(placement="home", customer_id=customer_id, event_id=event_id, offers=offers, **fields)  # type: ignore[arg-type]
    asked.context.append(Features(categorical={"device": "mobile"}).SerializeToString())
    return asked


@dataclass
class Shop:
    """A server's decisions."""

    store: Store
    pipe: Pipe
    assumed: bool = True
    ids: CustomerIds = field(default_factory=lambda: IDS)

    def __post_init__(self) -> None:
        """Put the parts together as the server does."""
        customers = Customers(self.pipe)
        rules = CustomerRules(self.ids, ConsentRule(assumed=self.assumed))
        journal = Journal(self.pipe)
        self.known = KnownCustomers(customers, rules)
        self.decisions = Decisions(self.store)
        self.live = LivePlacements(Placements(self.store), Versions(self.store))
        self.visitors = Visitors(rules, History(self.pipe, journal.outages, 3600), customers)
        self.decider = Decider(self.live, no_offers, journal, self.decisions, self.visitors)

    async def apply(self, **fields: object) -> None:
        """Apply the placement."""
        await Placements(self.store).apply(with_defaults(Placement(name="home", **fields)), now_ms=0)  # type: ignore[arg-type]

    async def record(self, event_id: str) -> DecisionRecord:
        """Return a decision as it is stored."""
        return (await self.decisions.get(PlacementKeys("home"), event_id)).record

    async def allow(self, purpose: Purpose, *, granted: bool) -> None:
        """Let anna say what she allows."""
        await self.known.consent("anna", [Consent(purpose=purpose, granted=granted)], NOW_MS)

    async def seen(self, customer_id: str = "anna") -> Sequence[SeenRecord]:
        """Return a history."""
        return (await self.known.read(customer_id)).seen


@pytest.fixture
async def shop(store: Store, pipe: Pipe) -> Shop:
    made = Shop(store, pipe)
    await made.apply()
    return made


def drawn(decided: object) -> str:
    assert isinstance(decided, Decided)
    return decided.offer_ids[decided.record.chosen]


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


async def test_what_a_customer_has_said_makes_a_decision_look_back(shop: Shop) -> None:
    await shop.known.prefer("anna", LESS_OF_SHOES, NOW_MS)
    await shop.decider.decide(request(event_id="e"))
    live = await shop.live.get("home")
    async with shop.visitors.met([(request(), live)]) as (visitor,):
        assert not isinstance(visitor, Exception)
        assert (visitor.in_turn, [each.event_id for each in visitor.seen]) == (True, ["e"])


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
