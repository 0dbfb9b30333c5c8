"""attune.v1.PlacementService."""

import time

from google.protobuf.timestamp_pb2 import Timestamp

from attune.api.challengers import listed
from attune.api.guardrail_warnings import budget_warnings, warnings_in_steps
from attune.api.validation import check_placement, check_promotion
from attune.serving.catalog import LiveCatalog
from attune.serving.live import LivePlacements
from attune.serving.segments import LiveSegments, up_to_date
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import PlacementRecord, VersionRecord
from attune.store.challengers import Challengers
from attune.store.generations import Generations
from attune.store.keys import PlacementKeys
from attune.store.placements import Numbers, Placements
from attune.store.versions import Overview, Versions, folding
from attune.tasks import in_turns
from attune.v1.placement_pb2 import PolicyVersion
from attune.v1.placement_service_pb2 import (
    ApplyPlacementRequest,
    ApplyPlacementResponse,
    DeletePlacementRequest,
    DeletePlacementResponse,
    GetPlacementRequest,
    GetPlacementResponse,
    ListChallengersRequest,
    ListChallengersResponse,
    ListPlacementsRequest,
    ListPlacementsResponse,
    ListPolicyVersionsRequest,
    ListPolicyVersionsResponse,
    PlacementStatus,
    PromotePolicyVersionRequest,
    PromotePolicyVersionResponse,
    RebuildPolicyRequest,
    RebuildPolicyResponse,
    ResetPolicyRequest,
    ResetPolicyResponse,
    Training,
)


class PlacementServicer:
    """Manages placements."""

    def __init__(
        self,
        placements: Placements,
        versions: Versions,
        generations: Generations,
        challengers: Challengers,
        *,
        live: LivePlacements,
        catalog: LiveCatalog,
        segments: LiveSegments | None = None,
    ) -> None:
        """Serve with these."""
        self._segments = segments
        self._catalog = catalog
        self._challengers = challengers
        self._generations = generations
        self._placements = placements
        self._versions = versions
        self._live = live

    async def ApplyPlacement(self, request: ApplyPlacementRequest) -> ApplyPlacementResponse:  # noqa: N802 - the contract's name
        """Create or change a placement."""
        segments = await up_to_date(self._segments)
        check_placement(request.placement, segments)
        steps = in_turns(warnings_in_steps(request.placement, dict(segments)))
        warnings = [warning async for some in steps for warning in some]
        record, changed = await self._placements.apply(with_defaults(request.placement), time.time_ns() // 1_000_000)
        await self._live.refresh([request.placement.name])
        await self._catalog.catch_up()
        if (offers := self._catalog.offers(request.placement.name)) is not None:
            warnings += budget_warnings(offers.terms)
        return ApplyPlacementResponse(
            placement=record.placement, revision=record.revision, changed=changed, warnings=warnings
        )

    async def GetPlacement(self, request: GetPlacementRequest) -> GetPlacementResponse:  # noqa: N802 - the contract's name
        """Return a placement and how it is doing."""
        return await self._described(await self._placements.get(request.placement))

    async def ListPlacements(self, _request: ListPlacementsRequest) -> ListPlacementsResponse:  # noqa: N802 - the contract's name
        """Return all placements, by name."""
        records = [await self._placements.find(name) for name in await self._placements.names()]
        return ListPlacementsResponse(placements=[await self._described(record) for record in records if record])

    async def DeletePlacement(self, request: DeletePlacementRequest) -> DeletePlacementResponse:  # noqa: N802 - the contract's name
        """Delete a placement and everything it owns."""
        await self._placements.delete(request.placement)
        await self._live.refresh([request.placement])
        return DeletePlacementResponse()

    async def ListPolicyVersions(self, request: ListPolicyVersionsRequest) -> ListPolicyVersionsResponse:  # noqa: N802 - the contract's name
        """Return the versions that are kept, newest first."""
        keys = PlacementKeys((await self._placements.get(request.placement)).placement.name)
        return ListPolicyVersionsResponse(versions=_policy_versions(await self._versions.overview(keys)))

    async def PromotePolicyVersion(self, request: PromotePolicyVersionRequest) -> PromotePolicyVersionResponse:  # noqa: N802 - the contract's name
        """Make a version serve."""
        check_promotion(request)
        keys = PlacementKeys((await self._placements.get(request.placement)).placement.name)
        await self._live.promote(keys, request.version)
        versions = _policy_versions(await self._versions.overview(keys))
        return PromotePolicyVersionResponse(version=next((each for each in versions if each.serving), None))

    async def RebuildPolicy(self, request: RebuildPolicyRequest) -> RebuildPolicyResponse:  # noqa: N802 - the contract's name
        """Have the policy trained anew on the training log."""
        interactions = await self._generations.rebuild(request.placement, whole_log=request.whole_log)
        return RebuildPolicyResponse(interactions=interactions)

    async def ResetPolicy(self, request: ResetPolicyRequest) -> ResetPolicyResponse:  # noqa: N802 - the contract's name
        """Let the policy start untrained."""
        set_aside, former = await self._generations.reset(request.placement)
        await self._live.refresh([request.placement])
        return ResetPolicyResponse(set_aside=set_aside, former_version=former)

    async def ListChallengers(self, request: ListChallengersRequest) -> ListChallengersResponse:  # noqa: N802 - the contract's name
        """Return the challengers of a placement, and what they would have earned so far."""
        record = await self._placements.get(request.placement)
        keys = PlacementKeys(record.placement.name)
        pinned = (await self._versions.overview(keys)).promoted
        return listed(record, await self._challengers.records(keys), pinned)

    async def _described(self, record: PlacementRecord) -> GetPlacementResponse:
        numbers = await self._placements.numbers(record.placement.name)
        return GetPlacementResponse(placement=record.placement, revision=record.revision, status=_status(numbers))


def _status(numbers: Numbers) -> PlacementStatus:
    status = PlacementStatus(
        decisions=numbers.decisions,
        pending=numbers.pending,
        outcomes=numbers.outcomes,
        late_outcomes=numbers.late,
        interactions=numbers.interactions,
        learned=numbers.head.interactions if numbers.head else 0,
        policy_version=numbers.serving.version if numbers.serving else 0,
        learner=numbers.learner,
        findings=numbers.findings,
        clipped_rewards=numbers.head.clipped if numbers.head else 0,
        refused_interactions=numbers.head.refused if numbers.head else 0,
        withheld_interactions=numbers.head.withheld if numbers.head else 0,
        set_aside=numbers.set_aside,
        revisions=numbers.revisions,
    )
    if numbers.training is not None:
        status.training.CopyFrom(Training(interactions=numbers.training, of=numbers.to_learn))
    if numbers.waiting_ms is not None:
        status.learner_lag.FromMilliseconds(numbers.waiting_ms)
    return status


def _policy_versions(overview: Overview) -> list[PolicyVersion]:
    serving = overview.promoted or overview.newest
    return [_policy_version(record, serving, overview.promoted) for record in overview.kept]


def _policy_version(record: VersionRecord, serving: int, promoted: int) -> PolicyVersion:
    created_at = Timestamp()
    created_at.FromMilliseconds(record.created_at_ms)
    return PolicyVersion(
        version=record.version,
        created_at=created_at,
        policy=record.policy,
        reward=folding(record.reward),
        interactions=record.interactions,
        cursor=record.cursor,
        sha256=record.sha256.hex(),
        size_bytes=record.size_bytes,
        serving=record.version == serving,
        promoted=record.version == promoted,
        generation=record.generation,
    )
