"""Reports of evaluations to be shown: of made-up policies, with whatever numbers a test wants."""

from dataclasses import replace
from typing import Any

from attune.reports.report import (
    CurvePoint,
    Estimate,
    EvaluationReport,
    Interval,
    Segment,
    TargetReport,
    WeightBin,
)

LOGGED = 0.05


def estimate(value: float, half: float, name: str = "snips") -> Estimate:
    """Return an estimate with a symmetric bootstrap interval and a wider one."""
    intervals = [
        Interval("bootstrap", value - half, value + half),
        Interval("anytime", value - 2 * half, value + 2 * half),
    ]
    return Estimate(name, value, intervals)


def target(name: str, value: float, half: float = 0.003, **changed: Any) -> TargetReport:
    """Return a target whose value is compared with `LOGGED`."""
    curve = [
        CurvePoint(n, value * (1 - 40 / n), value * (1 - 40 / n) - 1 / n**0.5, value * (1 - 40 / n) + 1 / n**0.5)
        for n in range(100, 10_001, 100)
    ]
    weights = [
        WeightBin(0.0, 1 / 1024, 4000),
        *(WeightBin(2.0**k, 2.0 ** (k + 1), 9000 >> abs(k)) for k in range(-4, 6)),
    ]
    segments = [
        Segment("device", "mobile", 6000, estimate(value * 1.1, half), LOGGED * 1.05, "trust"),
        Segment("device", "desktop", 3990, estimate(value * 0.9, half), LOGGED * 0.95, "caution"),
        Segment("device", "toaster", 10, None, LOGGED, "refuse"),
    ]
    known = TargetReport(
        name=name,
        description="vw, learning from every decision after it was weighed",
        learns=True,
        samples=10_000,
        main="snips",
        estimates=[estimate(value, half), estimate(value * 1.01, half, "ips"), estimate(value * 0.99, half, "dr")],
        difference=estimate(value - LOGGED, half),
        verdict="trust",
        reasons=[],
        diagnostics={"effective_sample_size": 4321.5, "largest_weight": 48.2, "zero_support_share": 0.0},
        curve=curve,
        weights=weights,
        segments=segments,
        spec="vw:\n  softmax:\n    lambda: 5\n",
    )
    return replace(known, **changed)


def refused(
    name: str, reason: str = "It would have shown offers that were never shown.", **changed: Any
) -> TargetReport:
    """Return a target that the log says nothing about."""
    emptied: dict[str, Any] = {
        "estimates": [],
        "difference": None,
        "verdict": "refuse",
        "reasons": [reason],
        "segments": [],
    }
    return target(name, 0.9, **(emptied | changed))


def report(*targets: TargetReport, **changed: Any) -> EvaluationReport:
    """Return a report of an evaluation."""
    known = EvaluationReport(
        source="Parquet files in logs/home_hero",
        samples=10_000,
        left_out={"not_activated": 12},
        refused=0,
        problems=[],
        logged=Estimate("mean", LOGGED, [Interval("bootstrap", LOGGED - 0.004, LOGGED + 0.004)]),
        baseline="logged",
        confidence=0.95,
        targets=targets,
        complete=True,
        seconds=12.34,
        command="attune evaluate logs/home_hero --target softmax.yaml --target uniform --html report.html",
    )
    return replace(known, **changed)
