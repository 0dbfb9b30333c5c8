"""The schema guard at work: it looks at a sample of the newest decisions, apart from deciding and learning.

Run by the learner that holds a placement's lease. What the guard knows is written whenever a window is full; after a
restart it goes on from there, with a new window.
"""

import logging
import math
import time
from collections.abc import Sequence
from typing import overload

from google.protobuf.message import DecodeError

from attune.errors import ExpectedError
from attune.learning.entries import is_withheld
from attune.storage.v1.records_pb2 import FindingsRecord
from attune.store.schemas import SampledDecision, Schemas
from attune.store.versions import Lease
from attune.v1.features_pb2 import FEATURE_SOURCE_CONTEXT, FEATURE_SOURCE_OFFER, Features, FeatureSource, Offer
from attune.v1.placement_pb2 import Placement
from attune.v1.placement_service_pb2 import (
    FEATURE_PROBLEM_ALMOST_UNIQUE,
    FEATURE_PROBLEM_CHANGED_TYPE,
    FEATURE_PROBLEM_CONSTANT,
    FEATURE_PROBLEM_DRIFTED,
    FEATURE_PROBLEM_VANISHED,
    FeatureFinding,
    FeatureProblem,
)
from attune_models.schema import WINDOW, SchemaError, SchemaGuard
from attune_models.schema_findings import Finding, Problem, Source

# The shortest reward window is a second: twice a second, no decision is joined before there was a look.
_LOOK_S = 0.5

_SOURCES: dict[Source, FeatureSource] = {Source.CONTEXT: FEATURE_SOURCE_CONTEXT, Source.OFFER: FEATURE_SOURCE_OFFER}
_PROBLEMS: dict[Problem, FeatureProblem] = {
    Problem.VANISHED: FEATURE_PROBLEM_VANISHED,
    Problem.CHANGED_TYPE: FEATURE_PROBLEM_CHANGED_TYPE,
    Problem.CONSTANT: FEATURE_PROBLEM_CONSTANT,
    Problem.ALMOST_UNIQUE: FEATURE_PROBLEM_ALMOST_UNIQUE,
    Problem.DRIFTED: FEATURE_PROBLEM_DRIFTED,
}

_log = logging.getLogger(__name__)


class PlacementGuard:
    """Watches the features of one placement while its lease is held."""

    def __init__(self, lease: Lease, schemas: Schemas, window_s: float) -> None:
        """Prepare to watch.

        Args:
            lease: The right to write what is found.
            schemas: Where decisions are read and states are written.
            window_s: Least seconds that a window takes: so many decisions are looked at, and not more.
        """
        self._lease = lease
        self._schemas = schemas
        self._pause_s = max(_LOOK_S, window_s / WINDOW)
        self._most = max(1, int(WINDOW * self._pause_s / window_s))
        self._guard: SchemaGuard | None = None
        self._since_ms: int | None = None
        self._looked_at = -math.inf

    @property
    def findings(self) -> Sequence[Finding]:
        """What was strange about the last full window."""
        return self._guard.findings if self._guard else ()

    async def look(self, placement: Placement) -> None:
        """Look at what was decided since the last time, unless that was a moment ago.

        Raises:
            FencedError: Another learner has taken over, or the placement is gone.
            StoreUnavailableError: The store did not answer in time.
        """
        if time.monotonic() - self._looked_at < self._pause_s:
            return
        self._looked_at = time.monotonic()
        try:
            await self._look(placement)
        except ExpectedError:
            raise
        except Exception:  # noqa: BLE001 - whatever is wrong with the guard, learning goes on
            _log.exception('placement "%s": the schema guard starts anew', placement.name)
            self._guard = SchemaGuard()

    async def _look(self, placement: Placement) -> None:
        guard = self._guard = self._guard or await self._take_up()
        window_ms = placement.reward.window.ToMilliseconds()
        sample = await self._schemas.sample(self._lease.keys, window_ms, self._since_ms, self._most)
        self._since_ms = sample.until_ms
        # No `any`: it would stop at the first window that is full.
        if sum(_observe(guard, decision) for decision in sample.decisions):
            findings = FindingsRecord(findings=map(_finding, guard.findings))
            await self._schemas.write(self._lease, guard.dumps(), findings)

    async def _take_up(self) -> SchemaGuard:
        guard = SchemaGuard()
        if (state := await self._schemas.state(self._lease.keys)) is not None:
            try:
                guard.loads(state)
            except SchemaError as error:
                _log.error('placement "%s": the schema guard starts anew: %s', self._lease.keys.name, error)
        return guard


class _Offers(Sequence[Offer]):
    """Serialised offers, each read when it is looked at: of many the guard looks at some only."""

    def __init__(self, serialised: Sequence[bytes]) -> None:
        self._serialised = serialised

    def __len__(self) -> int:
        return len(self._serialised)

    @overload
    def __getitem__(self, index: int) -> Offer: ...
    @overload
    def __getitem__(self, index: slice) -> "_Offers": ...
    def __getitem__(self, index: int | slice) -> "Offer | _Offers":
        if isinstance(index, slice):
            return _Offers(self._serialised[index])
        return Offer.FromString(self._serialised[index])


def _observe(guard: SchemaGuard, decision: SampledDecision) -> bool:
    if is_withheld(decision.record):
        return False
    try:
        return guard.observe(Features.FromString(decision.record.context), _Offers(decision.offers))
    except DecodeError:
        return False  # the learner will say so


def _finding(finding: Finding) -> FeatureFinding:
    return FeatureFinding(
        source=_SOURCES[finding.source],
        name=finding.name,
        problem=_PROBLEMS[finding.problem],
        detail=finding.detail,
    )
