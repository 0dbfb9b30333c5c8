"""What is counted is published, under labels that stay few."""

import asyncio
import urllib.request
from contextlib import closing
from socket import create_server

import pytest
from prometheus_client import generate_latest

from attune.errors import SettingError
from attune.metrics import LearningMetrics, ServingMetrics, published
from attune.v1.customer_service_pb2 import ACTIVITY_STATUS_ACCEPTED, ACTIVITY_STATUS_NO_CONSENT
from attune.v1.decision_service_pb2 import (
    EXCLUSION_REASON_CAP,
    EXCLUSION_REASON_QUIET_HOURS,
    MODE_CONTROL,
    MODE_LEARNED,
)
from attune.v1.reward_service_pb2 import OUTCOME_STATUS_ACCEPTED, OUTCOME_STATUS_LATE


def samples(metrics: ServingMetrics | LearningMetrics) -> dict[str, float]:
    """Return everything that is published, by name and labels, but for the time it was first counted."""
    lines = generate_latest(metrics.registry).decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs if "_created" not in name}


def test_a_server_counts_what_it_answers() -> None:
    metrics = ServingMetrics()
    for _ in range(3):
        metrics.decided("home", MODE_LEARNED, logged=True)
    metrics.decided("home", MODE_CONTROL, logged=False)
    metrics.failed("Decide", "INVALID_ARGUMENT")
    metrics.received("home", [OUTCOME_STATUS_ACCEPTED, OUTCOME_STATUS_LATE, OUTCOME_STATUS_ACCEPTED])
    metrics.heard_of([ACTIVITY_STATUS_ACCEPTED, ACTIVITY_STATUS_NO_CONSENT, ACTIVITY_STATUS_ACCEPTED])
    metrics.refused_snapshot("home")
    metrics.lost_store()
    metrics.refused("busy")
    metrics.serves("home", 7)
    metrics.draws_from("home", 12)
    metrics.excluded("home", [(EXCLUSION_REASON_CAP, 3), (EXCLUSION_REASON_QUIET_HOURS, 1)])
    metrics.excluded("home", [(EXCLUSION_REASON_CAP, 2)])
    metrics.chose("home", ["email", "push", "email"])
    assert samples(metrics) == {
        'attune_decisions_total{logged="true",mode="learned",placement="home"}': 3,
        'attune_decisions_total{logged="false",mode="control",placement="home"}': 1,
        'attune_errors_total{code="INVALID_ARGUMENT",method="Decide"}': 1,
        'attune_outcomes_total{placement="home",status="accepted"}': 2,
        'attune_outcomes_total{placement="home",status="late"}': 1,
        'attune_activities_total{status="accepted"}': 2,
        'attune_activities_total{status="no_consent"}': 1,
        'attune_snapshots_refused_total{placement="home"}': 1,
        "attune_journal_outages_total": 1,
        'attune_calls_refused_total{reason="busy"}': 1,
        'attune_serving_version{placement="home"}': 7,
        'attune_live_offers{placement="home"}': 12,
        'attune_channels_chosen_total{channel="email",placement="home"}': 2,
        'attune_channels_chosen_total{channel="push",placement="home"}': 1,
        'attune_offers_excluded_total{placement="home",reason="cap"}': 5,
        'attune_offers_excluded_total{placement="home",reason="quiet_hours"}': 1,
    }


def test_a_learner_counts_what_it_learns() -> None:
    metrics = LearningMetrics()
    metrics.learned("home", 10, clipped=2, refused=1)
    metrics.lags("home", 1.5)
    metrics.found("home", ["vanished", "almost unique", "vanished"], ["vanished", "almost unique", "drifted"])
    assert samples(metrics) == {
        'attune_interactions_learned_total{placement="home"}': 10,
        'attune_rewards_clipped_total{placement="home"}': 2,
        'attune_interactions_refused_total{placement="home"}': 1,
        'attune_learner_lag_seconds{placement="home"}': 1.5,
        'attune_schema_findings{placement="home",problem="vanished"}': 2,
        'attune_schema_findings{placement="home",problem="almost_unique"}': 1,
        'attune_schema_findings{placement="home",problem="drifted"}': 0,
    }


def test_a_finding_that_is_gone_is_0() -> None:
    metrics = LearningMetrics()
    metrics.found("home", ["vanished"], ["vanished"])
    metrics.found("home", [], ["vanished"])
    assert samples(metrics) == {'attune_schema_findings{placement="home",problem="vanished"}': 0}


def test_a_placement_that_is_gone_leaves_no_label() -> None:
    serving, learning = ServingMetrics(), LearningMetrics()
    for placement in ("home", "gone"):
        serving.decided(placement, MODE_LEARNED, logged=True)
        serving.received(placement, [OUTCOME_STATUS_ACCEPTED])
        serving.serves(placement, 1)
        serving.refused_snapshot(placement)
        serving.draws_from(placement, 1)
        learning.learned(placement, 1, 0, 0)
        learning.lags(placement, 0)
        learning.found(placement, [], ["vanished"])
    for metrics in (serving, learning):
        metrics.forget("gone")
        assert {name for name in samples(metrics) if "gone" in name} == set()
        assert any("home" in name for name in samples(metrics))
    serving.decided("gone", MODE_LEARNED, logged=True)  # applied again
    assert samples(serving)['attune_decisions_total{logged="true",mode="learned",placement="gone"}'] == 1


def free_port() -> int:
    with closing(create_server(("127.0.0.1", 0))) as taken:
        port: int = taken.getsockname()[1]
        return port


def fetched(url: str) -> tuple[str, str]:
    """Return the type and the text that is found there."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


async def test_metrics_are_published_on_an_address_and_no_longer_than_asked() -> None:
    metrics, port = ServingMetrics(), free_port()
    metrics.lost_store()
    url = f"http://127.0.0.1:{port}/metrics"
    async with published(metrics.registry, f"127.0.0.1:{port}", "server.metrics_address"):
        kind, text = await asyncio.to_thread(fetched, url)
        assert kind.startswith("text/plain; version=")
        assert "\nattune_journal_outages_total 1.0\n" in text
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(fetched, url)


async def test_without_an_address_nothing_is_published() -> None:
    async with published(ServingMetrics().registry, "", "server.metrics_address"):
        pass


async def test_an_address_that_is_taken_is_named() -> None:
    with closing(create_server(("127.0.0.1", 0))) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingError, match=f"^server.metrics_address: .* free to listen on, got {address}$"):
            async with published(ServingMetrics().registry, address, "server.metrics_address"):
                pass
