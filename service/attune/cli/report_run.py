"""From what was typed after `attune report` to a report: reads the store here, or asks a service."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attune.api.insight_validation import check_report
from attune.cli import client
from attune.cli.progress import bar
from attune.cli.stores import located
from attune.errors import SettingError
from attune.v1.insight_service_pb2 import GetReportRequest, GetReportResponse, Report
from attune.v1.insight_service_pb2_grpc import InsightServiceStub

TIMEOUT_S = 3600.0
"""How long a service may take: as long as its log is long."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where the log is; the fields are what was typed."""

    address: str | None
    data_dir: Path | None
    redis_url: str | None
    config_file: Path | None


def request(placement: str, times: Mapping[str, str | None], **fields: Any) -> GetReportRequest:
    """Return what is asked for.

    Args:
        placement: The placement's name.
        times: `since` and `until`, as they were typed.
        fields: The other fields of the request.

    Raises:
        SettingError: A time is none.
        InvalidInputError: A field is beyond its limits.
    """
    asked = GetReportRequest(placement=placement, **fields)
    for name, typed in times.items():
        if typed is not None:
            getattr(asked, name).FromDatetime(_moment(f"--{name}", typed))
    check_report(asked)
    return asked


def made(asked: GetReportRequest, where: Where) -> Report:
    """Make a report, or have it made.

    Args:
        asked: What is asked for.
        where: Where the log is.

    Raises:
        ExpectedError: Something was typed wrong, or the store or the service does not answer.
    """
    if where.address is not None:
        with client.connect(where.address) as service:
            method = InsightServiceStub(service.channel).GetReport
            answer: GetReportResponse = service.call(method, asked, TIMEOUT_S)
            return answer.report
    from attune.insight import making  # noqa: PLC0415 - loads numpy and what policies are made of

    data_dir = None if where.data_dir is None else str(where.data_dir)
    settings = located(where.config_file, {"store.data_dir": data_dir, "store.url": where.redis_url})
    with bar("decisions") as progress:
        return making.made(asked, settings.store.url, settings.store.timeout_ms / 1000, progress)


def _moment(option: str, typed: str) -> datetime:
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        raise SettingError(f"{option}: expected a time like 2026-11-22T09:30:00+03:00, got {typed!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
