import datetime

from attune.v1 import features_pb2 as _features_pb2
from attune.v1 import placement_pb2 as _placement_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_TRUST: _ClassVar[Verdict]
    VERDICT_CAUTION: _ClassVar[Verdict]
    VERDICT_REFUSE: _ClassVar[Verdict]

class FeatureProblem(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FEATURE_PROBLEM_UNSPECIFIED: _ClassVar[FeatureProblem]
    FEATURE_PROBLEM_VANISHED: _ClassVar[FeatureProblem]
    FEATURE_PROBLEM_CHANGED_TYPE: _ClassVar[FeatureProblem]
    FEATURE_PROBLEM_CONSTANT: _ClassVar[FeatureProblem]
    FEATURE_PROBLEM_ALMOST_UNIQUE: _ClassVar[FeatureProblem]
    FEATURE_PROBLEM_DRIFTED: _ClassVar[FeatureProblem]
VERDICT_UNSPECIFIED: Verdict
VERDICT_TRUST: Verdict
VERDICT_CAUTION: Verdict
VERDICT_REFUSE: Verdict
FEATURE_PROBLEM_UNSPECIFIED: FeatureProblem
FEATURE_PROBLEM_VANISHED: FeatureProblem
FEATURE_PROBLEM_CHANGED_TYPE: FeatureProblem
FEATURE_PROBLEM_CONSTANT: FeatureProblem
FEATURE_PROBLEM_ALMOST_UNIQUE: FeatureProblem
FEATURE_PROBLEM_DRIFTED: FeatureProblem

class ListChallengersRequest(_message.Message):
    __slots__ = ("placement",)
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    placement: str
    def __init__(self, placement: _Optional[str] = ...) -> None: ...

class ListChallengersResponse(_message.Message):
    __slots__ = ("challengers", "last_promotion")
    CHALLENGERS_FIELD_NUMBER: _ClassVar[int]
    LAST_PROMOTION_FIELD_NUMBER: _ClassVar[int]
    challengers: _containers.RepeatedCompositeFieldContainer[ChallengerStatus]
    last_promotion: ChallengerPromotion
    def __init__(self, challengers: _Optional[_Iterable[_Union[ChallengerStatus, _Mapping]]] = ..., last_promotion: _Optional[_Union[ChallengerPromotion, _Mapping]] = ...) -> None: ...

class ChallengerStatus(_message.Message):
    __slots__ = ("name", "policy", "interactions", "measured", "value", "policy_value", "difference", "verdict", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    INTERACTIONS_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    POLICY_VALUE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    policy: _placement_pb2.PolicySpec
    interactions: int
    measured: int
    value: ValueEstimate
    policy_value: ValueEstimate
    difference: ValueEstimate
    verdict: Verdict
    reason: str
    def __init__(self, name: _Optional[str] = ..., policy: _Optional[_Union[_placement_pb2.PolicySpec, _Mapping]] = ..., interactions: _Optional[int] = ..., measured: _Optional[int] = ..., value: _Optional[_Union[ValueEstimate, _Mapping]] = ..., policy_value: _Optional[_Union[ValueEstimate, _Mapping]] = ..., difference: _Optional[_Union[ValueEstimate, _Mapping]] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class ValueEstimate(_message.Message):
    __slots__ = ("value", "low", "high", "confidence")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    value: float
    low: float
    high: float
    confidence: float
    def __init__(self, value: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., confidence: _Optional[float] = ...) -> None: ...

class ChallengerPromotion(_message.Message):
    __slots__ = ("name", "promoted_at", "reason", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROMOTED_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    promoted_at: _timestamp_pb2.Timestamp
    reason: str
    version: int
    def __init__(self, name: _Optional[str] = ..., promoted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class ApplyPlacementRequest(_message.Message):
    __slots__ = ("placement",)
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    placement: _placement_pb2.Placement
    def __init__(self, placement: _Optional[_Union[_placement_pb2.Placement, _Mapping]] = ...) -> None: ...

class ApplyPlacementResponse(_message.Message):
    __slots__ = ("placement", "revision", "changed", "warnings")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    placement: _placement_pb2.Placement
    revision: int
    changed: bool
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, placement: _Optional[_Union[_placement_pb2.Placement, _Mapping]] = ..., revision: _Optional[int] = ..., changed: _Optional[bool] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class GetPlacementRequest(_message.Message):
    __slots__ = ("placement",)
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    placement: str
    def __init__(self, placement: _Optional[str] = ...) -> None: ...

class GetPlacementResponse(_message.Message):
    __slots__ = ("placement", "revision", "status")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    placement: _placement_pb2.Placement
    revision: int
    status: PlacementStatus
    def __init__(self, placement: _Optional[_Union[_placement_pb2.Placement, _Mapping]] = ..., revision: _Optional[int] = ..., status: _Optional[_Union[PlacementStatus, _Mapping]] = ...) -> None: ...

class ListPlacementsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPlacementsResponse(_message.Message):
    __slots__ = ("placements",)
    PLACEMENTS_FIELD_NUMBER: _ClassVar[int]
    placements: _containers.RepeatedCompositeFieldContainer[GetPlacementResponse]
    def __init__(self, placements: _Optional[_Iterable[_Union[GetPlacementResponse, _Mapping]]] = ...) -> None: ...

class PlacementStatus(_message.Message):
    __slots__ = ("decisions", "pending", "outcomes", "late_outcomes", "interactions", "learned", "policy_version", "learner_lag", "learner", "findings", "clipped_rewards", "refused_interactions", "set_aside", "revisions", "training", "withheld_interactions")
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    LATE_OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    INTERACTIONS_FIELD_NUMBER: _ClassVar[int]
    LEARNED_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    LEARNER_LAG_FIELD_NUMBER: _ClassVar[int]
    LEARNER_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    CLIPPED_REWARDS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_INTERACTIONS_FIELD_NUMBER: _ClassVar[int]
    SET_ASIDE_FIELD_NUMBER: _ClassVar[int]
    REVISIONS_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_INTERACTIONS_FIELD_NUMBER: _ClassVar[int]
    decisions: int
    pending: int
    outcomes: int
    late_outcomes: int
    interactions: int
    learned: int
    policy_version: int
    learner_lag: _duration_pb2.Duration
    learner: str
    findings: _containers.RepeatedCompositeFieldContainer[FeatureFinding]
    clipped_rewards: int
    refused_interactions: int
    set_aside: int
    revisions: int
    training: Training
    withheld_interactions: int
    def __init__(self, decisions: _Optional[int] = ..., pending: _Optional[int] = ..., outcomes: _Optional[int] = ..., late_outcomes: _Optional[int] = ..., interactions: _Optional[int] = ..., learned: _Optional[int] = ..., policy_version: _Optional[int] = ..., learner_lag: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., learner: _Optional[str] = ..., findings: _Optional[_Iterable[_Union[FeatureFinding, _Mapping]]] = ..., clipped_rewards: _Optional[int] = ..., refused_interactions: _Optional[int] = ..., set_aside: _Optional[int] = ..., revisions: _Optional[int] = ..., training: _Optional[_Union[Training, _Mapping]] = ..., withheld_interactions: _Optional[int] = ...) -> None: ...

class Training(_message.Message):
    __slots__ = ("interactions", "of")
    INTERACTIONS_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    interactions: int
    of: int
    def __init__(self, interactions: _Optional[int] = ..., of: _Optional[int] = ...) -> None: ...

class FeatureFinding(_message.Message):
    __slots__ = ("source", "name", "problem", "detail")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    source: _features_pb2.FeatureSource
    name: str
    problem: FeatureProblem
    detail: str
    def __init__(self, source: _Optional[_Union[_features_pb2.FeatureSource, str]] = ..., name: _Optional[str] = ..., problem: _Optional[_Union[FeatureProblem, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class DeletePlacementRequest(_message.Message):
    __slots__ = ("placement",)
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    placement: str
    def __init__(self, placement: _Optional[str] = ...) -> None: ...

class DeletePlacementResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPolicyVersionsRequest(_message.Message):
    __slots__ = ("placement",)
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    placement: str
    def __init__(self, placement: _Optional[str] = ...) -> None: ...

class ListPolicyVersionsResponse(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[_placement_pb2.PolicyVersion]
    def __init__(self, versions: _Optional[_Iterable[_Union[_placement_pb2.PolicyVersion, _Mapping]]] = ...) -> None: ...

class PromotePolicyVersionRequest(_message.Message):
    __slots__ = ("placement", "version")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    placement: str
    version: int
    def __init__(self, placement: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class PromotePolicyVersionResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: _placement_pb2.PolicyVersion
    def __init__(self, version: _Optional[_Union[_placement_pb2.PolicyVersion, _Mapping]] = ...) -> None: ...

class RebuildPolicyRequest(_message.Message):
    __slots__ = ("placement", "whole_log")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    WHOLE_LOG_FIELD_NUMBER: _ClassVar[int]
    placement: str
    whole_log: bool
    def __init__(self, placement: _Optional[str] = ..., whole_log: _Optional[bool] = ...) -> None: ...

class RebuildPolicyResponse(_message.Message):
    __slots__ = ("interactions",)
    INTERACTIONS_FIELD_NUMBER: _ClassVar[int]
    interactions: int
    def __init__(self, interactions: _Optional[int] = ...) -> None: ...

class ResetPolicyRequest(_message.Message):
    __slots__ = ("placement",)
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    placement: str
    def __init__(self, placement: _Optional[str] = ...) -> None: ...

class ResetPolicyResponse(_message.Message):
    __slots__ = ("set_aside", "former_version")
    SET_ASIDE_FIELD_NUMBER: _ClassVar[int]
    FORMER_VERSION_FIELD_NUMBER: _ClassVar[int]
    set_aside: int
    former_version: int
    def __init__(self, set_aside: _Optional[int] = ..., former_version: _Optional[int] = ...) -> None: ...
