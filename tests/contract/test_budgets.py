"""Budgets on a real store: never used beyond what there is, whoever else uses them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.allowances import day_of, zone_of
from attune.serving.budgets import Budgets
from attune.serving.circumstances import Circumstances
from attune.serving.decider import Decider
from attune.serving.guard import AtMost, Exclusion
from attune.serving.guard_checks.budgets import BudgetsCheck
from attune.serving.live import LivePlacements
from attune.serving.terms import OfferTerms, Terms
from attune.store.budgets import BudgetCounts, DayOfOffer, Used
from attune.store.client import Store
from attune.store.decisions import Decisions
from attune.store.journal import Journal
from attune.store.keys import BUDGET_TTL_S, PlacementKeys, budgets_key
from attune.store.offer_sets import OfferSets
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.catalog_service_pb2 import Budget
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_BUDGET
from attune.v1.features_pb2 import Features
from live_offers import live_offers

N_CLIENTS = 8


def offers(*terms: OfferTerms) -> Terms:
    return Terms(terms, [b""] * len(terms))


def boots(impressions: int | None = None, spend: float | None = None, cost: float = 0.0) -> OfferTerms:
    return OfferTerms("boots", budget=Budget(impressions_per_day=impressions, spend_per_day=spend), cost=cost)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def today() -> str:
    return day_of(zone_of(""), now_ms())[0]


class Server:
    """A server's budgets, and decisions that show the first of some offers as long as that is not left out."""

    def __init__(self, pipe: Pipe, terms: Terms) -> None:
        """Begin without having asked the store."""
        self.budgets = Budgets(BudgetCounts(pipe))
        self.check = BudgetsCheck(self.budgets)
        self.terms = terms
        self.shown = 0

    def left_out(self, later_ms: int = 0) -> list[Exclusion]:
        """Look at the budgets."""
        circumstances = Circumstances(now_ms() + later_ms, Features(), "home")
        return list(self.check(circumstances, self.terms, range(len(self.terms))))

    async def decide(self) -> bool:
        """Decide, as `attune.serving.decider` does; return whether the first offer was shown."""
        if any(0 in exclusion.positions for exclusion in self.left_out()):
            return False
        charge = self.budgets.charge([self.terms[0]], now_ms())
        assert charge is not None
        await charge.counted()
        self.shown += 1
        return True


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
async def server(store: Store, pipe: Pipe) -> AsyncIterator[Server]:
    del store
    one = Server(pipe, offers(boots(impressions=3), OfferTerms("caps")))
    yield one
    await one.budgets.close()


async def test_what_is_used_up_is_left_out_and_counted_in_the_store(server: Server, store: Store) -> None:
    assert server.left_out() == []
    assert [await server.decide() for _ in range(5)] == [True, True, True, False, False]
    assert server.left_out() == [Exclusion(EXCLUSION_REASON_BUDGET, "impressions", [0])]
    assert await store.redis.hgetall(budgets_key(today())) == {b"iboots": b"3", b"sboots": b"0"}
    assert 0 < await store.redis.ttl(budgets_key(today())) <= BUDGET_TTL_S


async def test_a_new_day_has_a_budget_of_its_own(server: Server) -> None:
    while await server.decide():
        pass
    assert server.left_out() != []
    assert server.left_out(later_ms=24 * 3_600_000) == []


async def test_spend_ends_before_it_is_more_than_there_is(store: Store, pipe: Pipe) -> None:
    server = Server(pipe, offers(boots(spend=1.0, cost=0.3)))
    assert [await server.decide() for _ in range(5)] == [True, True, True, False, False]
    assert server.left_out() == [Exclusion(EXCLUSION_REASON_BUDGET, "spend", [0])]
    assert await store.redis.hget(budgets_key(today()), "sboots") == b"900000"


async def test_one_server_never_exceeds_a_budget_however_many_ask_at_once(server: Server, pipe: Pipe) -> None:
    server.terms = offers(boots(impressions=100))
    assert sum(await asyncio.gather(*(server.decide() for _ in range(500)))) == 100
    assert await BudgetCounts(pipe).read([today()]) == {DayOfOffer(today(), "boots"): Used(100, 0)}


@pytest.mark.one_server
async def test_charges_of_one_turn_of_the_loop_share_a_call(server: Server, store: Store) -> None:
    await server.decide()
    await store.redis.config_resetstat()
    terms = [OfferTerms(f"o{i}", budget=Budget(impressions_per_day=9)) for i in range(20)]
    charges = [server.budgets.charge([each], now_ms()) for each in terms]
    await asyncio.gather(*(charge.counted() for charge in charges if charge))
    stats = await store.redis.info("commandstats")
    assert stats["cmdstat_evalsha"]["calls"] == 1


async def test_what_is_given_back_can_be_used_again(server: Server) -> None:
    charge = server.budgets.charge([boots(impressions=3)], now_ms())
    assert charge is not None
    server.budgets.give_back(charge)
    assert [await server.decide() for _ in range(4)] == [True, True, True, False]


async def test_a_new_server_knows_what_was_used(server: Server, pipe: Pipe) -> None:
    await server.decide()
    other = Server(pipe, server.terms)
    await other.budgets.refresh()
    assert [await other.decide() for _ in range(3)] == [True, True, False]
    # The first one asks, and sees it, too.
    assert server.left_out() == []
    await server.budgets.refresh()
    assert server.left_out() != []


async def test_two_servers_exceed_it_at_most_by_what_the_other_has_under_way(
    store: Store, store_url: str, closing: ExitStack
) -> None:
    """8 clients that each ask again when they are answered, half of them of each server.

    Who is answered by a server has told it what the store has counted: after the last of the budget was used, each
    client's first decision may still be one too many, and no later one. The one that used the last is not.
    """
    pipes = [Pipe(store_url, timeout_s=5) for _ in range(2)]
    for pipe in pipes:
        closing.callback(pipe.close)
    servers = [Server(pipe, offers(boots(impressions=200))) for pipe in pipes]

    async def client(server: Server) -> None:
        while await server.decide():
            pass

    await asyncio.gather(*(client(servers[i % 2]) for i in range(N_CLIENTS)))
    total = sum(server.shown for server in servers)
    assert 200 <= total <= 200 + N_CLIENTS - 1
    assert await store.redis.hget(budgets_key(today()), "iboots") == str(total).encode()


@pytest.mark.one_server
async def test_while_the_store_is_away_it_is_counted_here_and_told_later(
    store: Store, store_url: str, closing: ExitStack
) -> None:
    pipe = Pipe(store_url, timeout_s=0.2)
    closing.callback(pipe.close)
    server = Server(pipe, offers(boots(impressions=4)))
    assert await server.decide()
    await store.redis.execute_command("CLIENT", "PAUSE", "400", "ALL")
    begun = time.monotonic()
    # The first one waits for the store, the next one does not.
    assert [await server.decide() for _ in range(2)] == [True, True]
    assert time.monotonic() - begun < 0.4
    await asyncio.sleep(0.5)
    await server.budgets.refresh()
    await server.budgets.close()
    # What was sent before the store went away may count once more, when it was done after all.
    assert int(await store.redis.hget(budgets_key(today()), "iboots")) in (3, 4)
    await server.decide()
    assert not await server.decide()


@pytest.mark.one_server
@pytest.mark.parametrize("many", [False, True])
async def test_what_is_in_the_journal_was_counted_before(
    store: Store, pipe: Pipe, home: PlacementKeys, *, many: bool
) -> None:
    """Whoever is killed has written nothing that is not counted: who repeats the request is going to show it."""
    live = LivePlacements(Placements(store), Versions(store))
    offered = live_offers(["boots"], terms={"boots": boots(99)})
    await OfferSets(store).register(home, offered.offer_set)
    budgets = Budgets(BudgetCounts(pipe))
    decider = Decider(live, lambda _: offered, Journal(pipe), Decisions(store), budgets=budgets)
    await decider.decide(DecideEnvelope(placement="home", slots=1))
    asked = [DecideEnvelope(placement="home", slots=1, event_id=f"e{i}") for i in range(20)]
    async with store.redis.monitor() as monitor:
        deciding = []
        for each in asked:  # one in each turn of the loop: the store is still counting for those before
            one = decider.decide_many([each]) if many else decider.decide(each)
            deciding.append(asyncio.create_task(one))
            await asyncio.sleep(0)
        await asyncio.gather(*deciding)
        n_counted = n_written = 0
        while n_written < len(asked):
            command = (await monitor.next_command())["command"]
            n_counted += int(command.split(" ")[3]) if command.startswith("HINCRBY") and "iboots" in command else 0
            n_written += command.startswith(f"SET {home.events}")
            assert n_written <= n_counted
    await budgets.close()


async def test_where_budgets_are_on_another_server_a_decision_waits_for_its_charge(store: Store, pipe: Pipe) -> None:
    del store
    counts, keys = BudgetCounts(pipe), [PlacementKeys(f"p{i}").spec for i in range(20)]
    await counts.add({DayOfOffer(today(), "boots"): Used(1, 0)})
    assert [counts.precede(key) for key in keys] == [pipe.link(key) is pipe.link(budgets_key("")) for key in keys]


async def test_one_reply_shows_an_offer_on_no_more_channels_than_its_budget_has_left(store: Store, pipe: Pipe) -> None:
    del store
    by_channel = [boots(impressions=3, spend=0.9, cost=cost)._replace(channel=f"c{cost}") for cost in (0.3, 0.4, 0.1)]
    server = Server(pipe, offers(*by_channel))
    asked = Circumstances(now_ms(), Features(), "home")
    assert server.check.limits(asked, server.terms) == [AtMost([0, 1, 2], 2)]
    assert await server.decide()
    assert server.check.limits(asked, server.terms) == [AtMost([0, 1, 2], 1)]
    # Then only 0.3 is left: enough for the other channels.
    assert await server.decide()
    assert server.left_out() == [Exclusion(EXCLUSION_REASON_BUDGET, "spend", [1])]
    await server.budgets.close()
