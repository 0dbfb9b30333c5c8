"""attune.v1.InsightService."""

from attune.api.insight_validation import check_report
from attune.insight.reports import Reports
from attune.store.keys import PlacementKeys
from attune.v1.insight_service_pb2 import GetReportRequest, GetReportResponse


class InsightServicer:
    """Says how placements do."""

    def __init__(self, reports: Reports) -> None:
        """Serve with these."""
        self._reports = reports

    async def GetReport(self, request: GetReportRequest) -> GetReportResponse:  # noqa: N802 - the contract's name
        """Return what the training log of a placement shows."""
        check_report(request)
        PlacementKeys(request.placement)  # what no placement can be called is not looked for
        return GetReportResponse(report=await self._reports.make(request))
