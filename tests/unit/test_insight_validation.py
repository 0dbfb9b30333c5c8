"""The limits of a request for a report."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from attune.api.insight_validation import check_report
from attune.errors import InvalidInputError
from attune.v1.insight_service_pb2 import GetReportRequest

GOOD = GetReportRequest(
    placement="home",
    since=Timestamp(seconds=1),
    until=Timestamp(seconds=2),
    confidence=0.5,
    segments=["new"],
    features=["device", "country"],
    retention_days=365,
)


@pytest.mark.parametrize("request_", [GOOD, GetReportRequest(placement="home")])
def test_what_is_within_the_limits_passes(request_: GetReportRequest) -> None:
    check_report(request_)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"confidence": 0.4}, "confidence"),
        ({"confidence": 1.0}, "confidence"),
        ({"confidence": float("nan")}, "confidence"),
        ({"retention_days": 1}, "retention_days"),
        ({"retention_days": 366}, "retention_days"),
        ({"features": ["a", "b", "c", "d", "e", "f"]}, "features"),
        ({"features": [""]}, "features[0]"),
        ({"features": ["a", "a"]}, "features[1]"),
        ({"segments": ["s"] * 201}, "segments"),
        ({"since": Timestamp(seconds=2), "until": Timestamp(seconds=2)}, "until"),
        ({"since": Timestamp(nanos=-1)}, "since"),
    ],
)
def test_what_is_beyond_is_refused_by_name(wrong: dict[str, object], field: str) -> None:
    request = GetReportRequest(placement="home", **wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError) as refused:
        check_report(request)
    assert [violation.field for violation in refused.value.violations] == [field]
