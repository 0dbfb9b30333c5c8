"""What a server serves: every service of the contract, with all that it works with.

A part of the composition root (`attune.server`). What is followed comes first, because everything else looks at it;
then the services, each with what it alone needs.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from google.protobuf.descriptor import ServiceDescriptor

from attune.api.catalog import CatalogServicer
from attune.api.customers import CustomerServicer
from attune.api.decisions import DecisionServicer
from attune.api.insight import InsightServicer
from attune.api.outcomes import RewardServicer
from attune.api.placements import PlacementServicer
from attune.api.segments import SegmentServicer
from attune.endpoint import Endpoint
from attune.insight.reports import Reports
from attune.metrics import ServingMetrics
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
from attune.settings import CustomerSettings, Settings, days_of, names_of
from attune.store.batch import Bounds
from attune.store.budgets import BudgetCounts
from attune.store.catalog import Catalog
from attune.store.challengers import Challengers
from attune.store.client import Store
from attune.store.customers import Customers, Retention
from attune.store.decisions import Decisions
from attune.store.erasures import Erasures
from attune.store.generations import Generations
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

_DAY_S = 24 * 3600


class _Followed(NamedTuple):
    """What changes while the server runs, each kept up to date by a loop of its own."""

    segments: LiveSegments
    budgets: Budgets
    live: LivePlacements
    catalog: LiveCatalog


class Services:
    """Makes the services of one process."""

    def __init__(self, stack: AsyncExitStack, store: Store, settings: Settings, metrics: ServingMetrics) -> None:
        """Make them with these.

        Args:
            stack: Ends what is begun.
            store: A client for all that is not urgent.
            settings: All settings.
            metrics: What is told of what happens.
        """
        self._stack = stack
        self._store = store
        self._settings = settings
        self._metrics = metrics
        # Decisions and what belongs to them have a pipe of their own: nothing else may stand before them.
        self._urgent = self._pipe(settings.store.decision_timeout_ms)
        self._offer_sets = OfferSets(store)
        self._decisions = Decisions(store)
        self._placements = Placements(store)
        self._allowed = names_of(settings.customers.identifiers_allowed)

    async def add_to(self, endpoint: Endpoint) -> None:
        """Bring everything up to date with the store, and let an endpoint serve it.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        followed = await self._follow()
        self._add_decisions(endpoint, followed)
        self._add_outcomes(endpoint, followed)
        self._add_what_is_kept(endpoint, followed)
        self._add_customers(endpoint)
        endpoint.add(_service(insight_service_pb2, "InsightService"), InsightServicer(Reports(self._settings)))

    async def _follow(self) -> _Followed:
        # Before the placements, whose rules name them.
        segments = LiveSegments(Segments(self._store))
        await segments.refresh()
        self._keep_running(segments.follow())
        budgets = Budgets(BudgetCounts(self._urgent))
        await budgets.refresh(BudgetCounts(self._store))
        self._stack.push_async_callback(budgets.close)
        self._keep_running(budgets.follow())
        live = LivePlacements(self._placements, Versions(self._store), self._metrics, Guards(segments, budgets).of)
        await live.refresh(await self._placements.names())
        self._keep_running(live.follow())
        catalog = LiveCatalog(Catalog(self._store), self._offer_sets, live, self._metrics)
        await catalog.refresh()
        self._keep_running(catalog.follow())
        return _Followed(segments, budgets, live, catalog)

    def _add_decisions(self, endpoint: Endpoint, followed: _Followed) -> None:
        live, offers_of = followed.live, followed.catalog.offers_of
        journal = Journal(self._urgent, self._metrics, self._bounds(), offers_lost=self._offer_sets.forget)
        self._stack.push_async_callback(journal.close)
        visitors = self._visitors(journal)
        decider = Decider(live, offers_of, journal, self._decisions, visitors, budgets=followed.budgets)
        servicer = DecisionServicer(
            decider,
            Activator(offers_of, self._decisions, visitors),
            Explainer(Versions(self._store)),
            self._decisions,
            live,
            identifiers_allowed=self._allowed,
            metrics=self._metrics,
        )
        endpoint.add(_service(decision_service_pb2, "DecisionService"), servicer, journal.waited_s)

    def _add_outcomes(self, endpoint: Endpoint, followed: _Followed) -> None:
        outcomes = Outcomes(self._pipe(self._settings.store.timeout_ms), self._metrics, self._bounds())
        self._stack.push_async_callback(outcomes.close)
        taken = TakenOutcomes(self._store, self._decisions)
        servicer = RewardServicer(followed.live, outcomes, self._decisions, taken, self._metrics)
        endpoint.add(_service(reward_service_pb2, "RewardService"), servicer, outcomes.waited_s)

    def _add_what_is_kept(self, endpoint: Endpoint, followed: _Followed) -> None:
        store, segments, catalog = self._store, followed.segments, followed.catalog
        placements = PlacementServicer(
            self._placements,
            Versions(store),
            Generations(store),
            Challengers(store),
            live=followed.live,
            catalog=catalog,
            segments=segments,
        )
        endpoint.add(_service(placement_service_pb2, "PlacementService"), placements)
        endpoint.add(
            _service(catalog_service_pb2, "CatalogService"), CatalogServicer(Catalog(store), catalog, segments)
        )
        kept = SegmentServicer(Segments(store), segments, self._placements, Catalog(store))
        endpoint.add(_service(segment_service_pb2, "SegmentService"), kept)

    def _add_customers(self, endpoint: Endpoint) -> None:
        # A pipe of their own: thousands of activities a second must not stand before decisions.
        settings = self._settings.customers
        customers = Customers(self._pipe(self._settings.store.timeout_ms), _retention(settings))
        known = KnownCustomers(customers, _customer_rules(settings))
        erasures = CustomerErasures(known, customers, Erasures(self._store))
        servicer = CustomerServicer(known, erasures, self._decisions, self._allowed, self._metrics)
        endpoint.add(_service(customer_service_pb2, "CustomerService"), servicer)

    def _visitors(self, journal: Journal) -> Visitors | None:
        """Return what knows customers on the decision path; None where there is no key to keep them under."""
        settings = self._settings.customers
        rules, kept = _customer_rules(settings), _retention(settings)
        history = History(self._urgent, journal.outages, kept.history_s)
        return Visitors(rules, history, Customers(self._urgent, kept)) if rules.ids else None

    def _bounds(self) -> Bounds:
        return Bounds(self._settings.store.max_waiting, self._settings.store.max_waiting_mb << 20)

    def _pipe(self, timeout_ms: int) -> Pipe:
        pipe = Pipe(self._settings.store.url, timeout_ms / 1000)
        self._stack.callback(pipe.close)
        return pipe

    def _keep_running(self, work: Coroutine[Any, Any, None]) -> None:
        self._stack.push_async_callback(end, asyncio.create_task(work))


def _service(module: Any, name: str) -> ServiceDescriptor:
    descriptor: ServiceDescriptor = module.DESCRIPTOR.services_by_name[name]
    return descriptor


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
