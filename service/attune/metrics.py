"""What a process counts, and where that can be fetched: Prometheus' text format over HTTP.

A server has `ServingMetrics`, a learner `LearningMetrics`; both are made in `attune.server` and handed down. Every
label has few values: placements are those that are applied, and what is deleted leaves. docs/metrics.md lists them all.
"""

import asyncio
import logging
import socket
import threading
from collections import Counter as Tally
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, make_wsgi_app
from prometheus_client.metrics import MetricWrapperBase

from attune.errors import SettingError
from attune.v1.customer_service_pb2 import ActivityStatus
from attune.v1.decision_service_pb2 import ExclusionReason, Mode
from attune.v1.reward_service_pb2 import OutcomeStatus

_log = logging.getLogger(__name__)


class ServingMetrics:
    """What a server counts."""

    def __init__(self) -> None:
        """Begin with nothing, in a registry of its own."""
        self.registry = CollectorRegistry()
        labels = ["placement", "mode", "logged"]
        self._decisions = _counter(self.registry, "decisions", "Decisions answered.", labels)
        self._errors = _counter(self.registry, "errors", "Calls answered with an error.", ["method", "code"])
        self._outcomes = _counter(self.registry, "outcomes", "Outcomes received.", ["placement", "status"])
        self._activities = _counter(self.registry, "activities", "Activities of customers received.", ["status"])
        self._snapshots = _counter(self.registry, "snapshots_refused", "Versions that were unsound.", ["placement"])
        self._outages = _counter(self.registry, "journal_outages", "Times the store was lost.", [])
        self._refused = _counter(self.registry, "calls_refused", "Calls refused for lack of time or room.", ["reason"])
        self._version = _gauge(self.registry, "serving_version", "The version that decides.", ["placement"])
        self._excluded = _counter(
            self.registry, "offers_excluded", "Offers that could not be drawn.", ["placement", "reason"]
        )
        self._channels = _counter(
            self.registry, "channels_chosen", "What was drawn, by its channel.", ["placement", "channel"]
        )
        self._offers = _gauge(self.registry, "live_offers", "Offers of the catalogue to draw from.", ["placement"])
        # Finding a child by its labels costs more than counting; see benchmarks/metrics_cost.py.
        self._bound: dict[tuple[str, Mode, bool], Counter] = {}
        self._bound_excluded: dict[tuple[str, ExclusionReason], Counter] = {}

    def decided(self, placement: str, mode: Mode, *, logged: bool, n_decisions: int = 1) -> None:
        """Count decisions of an applied placement that are alike: who decided, and whether they are in the store."""
        child = self._bound.get((placement, mode, logged))
        if child is None:
            short = Mode.Name(mode).removeprefix("MODE_").lower()
            child = self._decisions.labels(placement, short, str(logged).lower())
            self._bound[placement, mode, logged] = child
        child.inc(n_decisions)

    def excluded(self, placement: str, exclusions: Iterable[tuple[ExclusionReason, int]]) -> None:
        """Count offers that a decision of an applied placement could not draw, so many for each reason."""
        for reason, n_offers in exclusions:
            child = self._bound_excluded.get((placement, reason))
            if child is None:
                short = ExclusionReason.Name(reason).removeprefix("EXCLUSION_REASON_").lower()
                child = self._bound_excluded[placement, reason] = self._excluded.labels(placement, short)
            child.inc(n_offers)

    def chose(self, placement: str, channels: Iterable[str]) -> None:
        """Count what a decision of an applied placement is shown on: a channel for each slot."""
        for channel in channels:
            self._channels.labels(placement, channel).inc()

    def failed(self, method: str, code: str) -> None:
        """Count a call that was answered with an error: its method, and the name of the status code."""
        self._errors.labels(method, code).inc()

    def received(self, placement: str, statuses: Iterable[OutcomeStatus]) -> None:
        """Count outcomes of an applied placement by the statuses of their receipts."""
        for status, count in Tally(statuses).items():
            short = OutcomeStatus.Name(status).removeprefix("OUTCOME_STATUS_").lower()
            self._outcomes.labels(placement, short).inc(count)

    def heard_of(self, statuses: Iterable[ActivityStatus]) -> None:
        """Count activities of customers by the statuses of their receipts."""
        for status, count in Tally(statuses).items():
            self._activities.labels(ActivityStatus.Name(status).removeprefix("ACTIVITY_STATUS_").lower()).inc(count)

    def refused_snapshot(self, placement: str) -> None:
        """Count a version that proved unsound."""
        self._snapshots.labels(placement).inc()

    def lost_store(self) -> None:
        """Count the begin of an outage of the journal."""
        self._outages.inc()

    def refused(self, reason: str) -> None:
        """Count a call that was refused because there was too much to do."""
        self._refused.labels(reason).inc()

    def serves(self, placement: str, version: int) -> None:
        """Take note of the version that decides from now on."""
        self._version.labels(placement).set(version)

    def draws_from(self, placement: str, offers: int | None) -> None:
        """Take note of how many offers of the catalogue a placement draws from; None where it is gone."""
        if offers is None:
            _forget(placement, self._offers)
        else:
            self._offers.labels(placement).set(offers)

    def forget(self, placement: str) -> None:
        """Drop what is known about a placement that is gone."""
        self._bound = {key: child for key, child in self._bound.items() if key[0] != placement}
        self._bound_excluded = {key: child for key, child in self._bound_excluded.items() if key[0] != placement}
        counted = (self._decisions, self._outcomes, self._snapshots, self._excluded, self._channels)
        _forget(placement, *counted, self._version, self._offers)


class LearningMetrics:
    """What a learner counts, for the placements it holds the lease of."""

    def __init__(self) -> None:
        """Begin with nothing, in a registry of its own."""
        self.registry = CollectorRegistry()
        self._learned = _counter(self.registry, "interactions_learned", "Read from the log.", ["placement"])
        self._clipped = _counter(self.registry, "rewards_clipped", "Rewards out of bounds.", ["placement"])
        self._refused = _counter(self.registry, "interactions_refused", "Not learned from.", ["placement"])
        self._lag = _gauge(self.registry, "learner_lag_seconds", "How far the learner is behind.", ["placement"])
        labels = ["placement", "problem"]
        self._findings = _gauge(self.registry, "schema_findings", "Features with a problem.", labels)

    def learned(self, placement: str, interactions: int, clipped: int, refused: int) -> None:
        """Count interactions that were read from the log, those with a clipped reward and refused ones among them."""
        self._learned.labels(placement).inc(interactions)
        self._clipped.labels(placement).inc(clipped)
        self._refused.labels(placement).inc(refused)

    def lags(self, placement: str, seconds: float) -> None:
        """Take note of for how long the first interaction that is not learned yet has been in the log."""
        self._lag.labels(placement).set(seconds)

    def found(self, placement: str, problems: Iterable[str], known: Iterable[str]) -> None:
        """Take note of findings.

        Args:
            placement: Whose features have them.
            problems: The problem of each finding.
            known: Every problem there is; those without a finding are shown as 0.
        """
        tally = Tally(problems)
        for problem in known:
            self._findings.labels(placement, problem.replace(" ", "_")).set(tally[problem])

    def forget(self, placement: str) -> None:
        """Drop what is known about a placement that this learner has no lease of any more."""
        _forget(placement, self._learned, self._clipped, self._refused, self._lag, self._findings)


@asynccontextmanager
async def published(
    registry: CollectorRegistry, address: str, setting: str, *, shared: bool = False
) -> AsyncIterator[None]:
    """Let metrics be fetched, from a thread of their own; at an empty address nothing is opened.

    Args:
        registry: What to publish.
        address: host:port, or empty.
        setting: Where the address is from, for the error message.
        shared: Whether the address is held for us, and for whoever takes our place while we are still there.

    Raises:
        SettingError: Nobody can listen there.
    """
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    try:
        server = _http_server(host.strip("[]"), int(port), registry, shared=shared)
    except OSError as error:
        raise SettingError(f"{setting}: expected an address that is free to listen on, got {address}") from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    _log.info("metrics on http://%s:%d/metrics", host, server.server_port)
    try:
        yield
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        thread.join()


class _HttpServer(ThreadingMixIn, WSGIServer):
    """Answers each collector in a thread of its own."""

    daemon_threads = True


class _SilentHandler(WSGIRequestHandler):
    """Writes no line for every request."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base
        """Write nothing."""


def _http_server(host: str, port: int, registry: CollectorRegistry, *, shared: bool) -> WSGIServer:
    """Return a server that listens; `prometheus_client.start_http_server` could not share its port."""
    family, *_, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    kind = type("_HttpServerHere", (_HttpServer,), {"address_family": family, "allow_reuse_port": shared})
    return make_server(str(where[0]), port, make_wsgi_app(registry), kind, handler_class=_SilentHandler)


def _counter(registry: CollectorRegistry, name: str, text: str, labels: Iterable[str]) -> Counter:
    return Counter(f"attune_{name}", text, labels, registry=registry)


def _gauge(registry: CollectorRegistry, name: str, text: str, labels: Iterable[str]) -> Gauge:
    return Gauge(f"attune_{name}", text, labels, registry=registry)


def _forget(placement: str, *metrics: MetricWrapperBase) -> None:
    for metric in metrics:
        metric.remove_by_labels({"placement": placement})
