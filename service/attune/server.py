"""The composition root: everything a process consists of is made here, and nowhere else.

`python -m attune.server decisions` serves the contract, `python -m attune.server learner` learns. The supervisor
(`attune.supervisor`) starts them, hands down their settings, and hears through a pipe when they are ready.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import uvloop

from attune import config, store_url, telemetry
from attune.api.admission import Lag
from attune.api.catalog import CatalogServicer
from attune.api.customers import CustomerServicer
from attune.api.decisions import DecisionServicer
from attune.api.insight import InsightServicer
from attune.api.outcomes import RewardServicer
from attune.api.placements import PlacementServicer
from attune.api.segments import SegmentServicer
from attune.child import EX_CONFIG, EX_UNAVAILABLE, READY_VARIABLE
from attune.config import CustomerSettings, Settings, StoreSettings, days_of, names_of
from attune.endpoint import Endpoint
from attune.errors import SettingError, StoreUnavailableError
from attune.insight.reports import Reports
from attune.learning.eraser import Eraser
from attune.learning.learners import Learners
from attune.metrics import LearningMetrics, ServingMetrics, published
from attune.serving.activator import Activator
from attune.serving.budgets import Budgets
from attune.serving.catalog import LiveCatalog
from attune.serving.consent import ConsentRule
from attune.serving.customer_ids import CustomerIds
from attune.serving.customers import CustomerRules, KnownCustomers
from attune.serving.decider import Decider
from attune.serving.erasures import CustomerErasures
from attune.serving.explainer import Explainer
from attune.serving.guards import Guards
from attune.serving.live import LivePlacements
from attune.serving.profile import ProfileRules
from attune.serving.segments import LiveSegments
from attune.serving.visitors import Visitors
from attune.store.batch import Bounds
from attune.store.budgets import BudgetCounts
from attune.store.catalog import Catalog
from attune.store.challengers import Challengers
from attune.store.client import Store
from attune.store.customers import Customers, Retention
from attune.store.decisions import Decisions
from attune.store.erasures import Erasures
from attune.store.generations import Generations
from attune.store.hazards import hazards
from attune.store.history import History
from attune.store.journal import Journal
from attune.store.offer_sets import OfferSets
from attune.store.outcomes import Outcomes
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.segments import Segments
from attune.store.taken import TakenOutcomes
from attune.store.versions import Versions
from attune.tasks import end
from attune.v1 import (
    catalog_service_pb2,
    customer_service_pb2,
    decision_service_pb2,
    insight_service_pb2,
    placement_service_pb2,
    reward_service_pb2,
    segment_service_pb2,
)

_DECISIONS = decision_service_pb2.DESCRIPTOR.services_by_name["DecisionService"]
_REWARDS = reward_service_pb2.DESCRIPTOR.services_by_name["RewardService"]
_PLACEMENTS = placement_service_pb2.DESCRIPTOR.services_by_name["PlacementService"]
_INSIGHT = insight_service_pb2.DESCRIPTOR.services_by_name["InsightService"]
_CATALOG = catalog_service_pb2.DESCRIPTOR.services_by_name["CatalogService"]
_SEGMENTS = segment_service_pb2.DESCRIPTOR.services_by_name["SegmentService"]
_CUSTOMERS = customer_service_pb2.DESCRIPTOR.services_by_name["CustomerService"]

_DAY_S = 24 * 3600
_SETTLES_S = 2.0

# Objects that were made and not freed; collections of the youngest, and of the middle ones.
_COLLECTED_AFTER = (10_000, 20, 20)

_log = logging.getLogger(__name__)


def run_decisions(settings: Settings) -> int:
    """Serve decisions until SIGTERM or SIGINT; return the exit code."""
    return _run(_serve(settings))


def run_learner(settings: Settings) -> int:
    """Learn until SIGTERM or SIGINT; return the exit code."""
    return _run(_learn(settings))


async def _serve(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        metrics = ServingMetrics()
        await stack.enter_async_context(
            published(metrics.registry, settings.server.metrics_address, "server.metrics_address", shared=True)
        )
        store = await stack.enter_async_context(_store(settings))
        lag = Lag()
        _keep_running(stack, lag.follow())
        endpoint = Endpoint(settings.server, lag, metrics)
        await _add_services(endpoint, stack, store, settings, metrics)
        stopping = _stop_signal()
        address = await endpoint.start(settings.server.address)
        _log.info("serving decisions on %s", address)
        _settle()
        _say_ready(address)
        await stopping.wait()
        await endpoint.stop()


async def _add_services(
    endpoint: Endpoint, stack: AsyncExitStack, store: Store, settings: Settings, metrics: ServingMetrics
) -> None:
    placements, versions, decisions = Placements(store), Versions(store), Decisions(store)
    # Before the placements, whose rules name them.
    segments = LiveSegments(kept_segments := Segments(store))
    await segments.refresh()
    _keep_running(stack, segments.follow())
    pipe = _pipe(stack, settings.store.url, settings.store.decision_timeout_ms)
    budgets = Budgets(BudgetCounts(pipe))
    await budgets.refresh(BudgetCounts(store))
    stack.push_async_callback(budgets.close)
    _keep_running(stack, budgets.follow())
    live = LivePlacements(placements, versions, metrics, Guards(segments, budgets).of)
    await live.refresh(await placements.names())
    _keep_running(stack, live.follow())
    offers, offer_sets = Catalog(store), OfferSets(store)
    catalog = LiveCatalog(offers, offer_sets, live, metrics)
    await catalog.refresh()
    _keep_running(stack, catalog.follow())

    bounds = Bounds(settings.store.max_waiting, settings.store.max_waiting_mb << 20)
    journal = Journal(pipe, metrics, bounds, offers_lost=offer_sets.forget)
    stack.push_async_callback(journal.close)
    outcomes = Outcomes(_pipe(stack, settings.store.url, settings.store.timeout_ms), metrics, bounds)
    stack.push_async_callback(outcomes.close)

    visitors = _visitors(settings.customers, pipe, journal)
    decider = Decider(live, catalog.offers_of, journal, decisions, visitors, budgets=budgets)
    activator = Activator(catalog.offers_of, decisions, visitors)
    allowed = names_of(settings.customers.identifiers_allowed)
    endpoint.add(
        _DECISIONS,
        DecisionServicer(
            *(decider, activator, Explainer(versions), decisions, live), identifiers_allowed=allowed, metrics=metrics
        ),
        journal.waited_s,
    )
    endpoint.add(
        _REWARDS, RewardServicer(live, outcomes, decisions, TakenOutcomes(store, decisions), metrics), outcomes.waited_s
    )
    generations, challengers = Generations(store), Challengers(store)
    endpoint.add(
        _PLACEMENTS,
        PlacementServicer(
            placements, versions, generations, challengers, live=live, catalog=catalog, segments=segments
        ),
    )
    endpoint.add(_CATALOG, CatalogServicer(offers, catalog, segments))
    endpoint.add(_INSIGHT, InsightServicer(Reports(settings)))
    endpoint.add(_SEGMENTS, SegmentServicer(kept_segments, segments, placements, offers))
    # A pipe of their own: thousands of activities a second must not stand before decisions.
    customers = Customers(_pipe(stack, settings.store.url, settings.store.timeout_ms), _retention(settings.customers))
    known = KnownCustomers(customers, _customer_rules(settings.customers))
    erasures = CustomerErasures(known, customers, Erasures(store))
    endpoint.add(_CUSTOMERS, CustomerServicer(known, erasures, decisions, allowed, metrics))


def _visitors(settings: CustomerSettings, pipe: Pipe, journal: Journal) -> Visitors | None:
    """Return what knows customers on the decision path; None where there is no key to keep them under."""
    rules, kept = _customer_rules(settings), _retention(settings)
    history = History(pipe, journal.outages, kept.history_s)
    return Visitors(rules, history, Customers(pipe, kept)) if rules.ids else None


def _customer_rules(settings: CustomerSettings) -> CustomerRules:
    return CustomerRules(
        CustomerIds(bytes.fromhex(settings.key), bytes.fromhex(settings.former_key)),
        ConsentRule(assumed=settings.consent == "assumed"),
        ProfileRules(
            days_of(settings.half_lives_days),
            settings.purchase,
            settings.returning_days,
            settings.engaged_activities,
            settings.established_purchases,
            settings.established_days,
            settings.lapsing_days,
        ),
    )


def _retention(settings: CustomerSettings) -> Retention:
    return Retention(settings.profile_days * _DAY_S, settings.history_days * _DAY_S)


def _keep_running(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    stack.push_async_callback(end, asyncio.create_task(work))


def _settle() -> None:
    """Hide from the garbage collector what is there for good: looking through it all takes a tenth of a second.

    And look less often at what comes and goes: a decision makes hundreds of objects, and nearly no cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)


def _pipe(stack: AsyncExitStack, url: str, timeout_ms: int) -> Pipe:
    pipe = Pipe(url, timeout_ms / 1000)
    stack.callback(pipe.close)
    return pipe


async def _learn(settings: Settings) -> None:
    metrics = LearningMetrics()
    publishing = published(metrics.registry, settings.learner.metrics_address, "learner.metrics_address")
    async with publishing, _store(settings) as store:
        stopping = _stop_signal()
        _log.info("learning")
        _say_ready("ready")
        async with asyncio.TaskGroup() as both:
            both.create_task(Learners(store, settings.learner, metrics).run(stopping))
            both.create_task(_eraser(store, settings.store).run(stopping))


def _eraser(store: Store, settings: StoreSettings) -> Eraser:
    # A decision waits for the store twice at most: for the customer, and for the journal.
    settles_s = _SETTLES_S + 2 * settings.decision_timeout_ms / 1000
    # The embedded store is reached by a path. What the files of others forget is theirs to say.
    rewrites = bool(store_url.parse(settings.url).path)
    return Eraser(store, f"{socket.gethostname()}:{os.getpid()}", settles_s, rewrites=rewrites)


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Store]:
    store = Store(settings.store.url, settings.store.timeout_ms / 1000)
    try:
        await store.ping()
        for hazard in await hazards(store):
            _log.warning("%s", hazard)
        yield store
    finally:
        await store.close()


def _stop_signal() -> asyncio.Event:
    """Return what is set when somebody wants the process to end."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


def _say_ready(line: str) -> None:
    if (pipe := os.environ.pop(READY_VARIABLE, None)) is not None:
        with os.fdopen(int(pipe), "w") as ready:
            ready.write(f"{line}\n")


def _run(work: Coroutine[Any, Any, None]) -> int:
    try:
        uvloop.run(work)
    except StoreUnavailableError as error:
        _log.error("%s", error)
        return EX_UNAVAILABLE
    except SettingError as error:
        _log.error("%s", error)
        return EX_CONFIG
    return 0


def main(role: str, number: str = "") -> int:
    """Run one role with the settings that the supervisor handed down; return the exit code.

    Args:
        role: `decisions` or `learner`.
        number: Which one it is among several, for the log.
    """
    roles: dict[str, Callable[[Settings], int]] = {"decisions": run_decisions, "learner": run_learner}
    settings = config.from_json(os.environ[config.HANDED_DOWN_VARIABLE])
    telemetry.configure(settings.log, process=f"{role} {number}".strip())
    return roles[role](settings)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
