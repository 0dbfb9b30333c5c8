import datetime

from attune.v1 import decision_service_pb2 as _decision_service_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Metric(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_UNSPECIFIED: _ClassVar[Metric]
    METRIC_REWARD: _ClassVar[Metric]
    METRIC_CONVERSION: _ClassVar[Metric]
    METRIC_REVENUE: _ClassVar[Metric]
    METRIC_RETENTION: _ClassVar[Metric]
    METRIC_NPS: _ClassVar[Metric]

class BreakdownKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BREAKDOWN_KIND_UNSPECIFIED: _ClassVar[BreakdownKind]
    BREAKDOWN_KIND_FEATURE: _ClassVar[BreakdownKind]
    BREAKDOWN_KIND_OFFER: _ClassVar[BreakdownKind]
    BREAKDOWN_KIND_CHANNEL: _ClassVar[BreakdownKind]
    BREAKDOWN_KIND_SEGMENT: _ClassVar[BreakdownKind]
METRIC_UNSPECIFIED: Metric
METRIC_REWARD: Metric
METRIC_CONVERSION: Metric
METRIC_REVENUE: Metric
METRIC_RETENTION: Metric
METRIC_NPS: Metric
BREAKDOWN_KIND_UNSPECIFIED: BreakdownKind
BREAKDOWN_KIND_FEATURE: BreakdownKind
BREAKDOWN_KIND_OFFER: BreakdownKind
BREAKDOWN_KIND_CHANNEL: BreakdownKind
BREAKDOWN_KIND_SEGMENT: BreakdownKind

class GetReportRequest(_message.Message):
    __slots__ = ("placement", "since", "until", "confidence", "segments", "features", "conversion_outcome", "revenue_outcome", "nps_outcome", "retention_days")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    CONVERSION_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REVENUE_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    NPS_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    placement: str
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    confidence: float
    segments: _containers.RepeatedScalarFieldContainer[str]
    features: _containers.RepeatedScalarFieldContainer[str]
    conversion_outcome: str
    revenue_outcome: str
    nps_outcome: str
    retention_days: int
    def __init__(self, placement: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., confidence: _Optional[float] = ..., segments: _Optional[_Iterable[str]] = ..., features: _Optional[_Iterable[str]] = ..., conversion_outcome: _Optional[str] = ..., revenue_outcome: _Optional[str] = ..., nps_outcome: _Optional[str] = ..., retention_days: _Optional[int] = ...) -> None: ...

class GetReportResponse(_message.Message):
    __slots__ = ("report",)
    REPORT_FIELD_NUMBER: _ClassVar[int]
    report: Report
    def __init__(self, report: _Optional[_Union[Report, _Mapping]] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("placement", "first_decision_at", "last_decision_at", "confidence", "decisions", "defaults", "imported", "refused", "withheld", "overall", "breakdowns", "sample_ratio", "money", "exploration", "offers", "pressure", "trend", "lift_curve", "remarks", "conversion_outcome", "revenue_outcome", "nps_outcome", "retention_days", "baseline")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    FIRST_DECISION_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_DECISION_AT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    DEFAULTS_FIELD_NUMBER: _ClassVar[int]
    IMPORTED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    OVERALL_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWNS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATIO_FIELD_NUMBER: _ClassVar[int]
    MONEY_FIELD_NUMBER: _ClassVar[int]
    EXPLORATION_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    PRESSURE_FIELD_NUMBER: _ClassVar[int]
    TREND_FIELD_NUMBER: _ClassVar[int]
    LIFT_CURVE_FIELD_NUMBER: _ClassVar[int]
    REMARKS_FIELD_NUMBER: _ClassVar[int]
    CONVERSION_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REVENUE_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    NPS_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    placement: str
    first_decision_at: _timestamp_pb2.Timestamp
    last_decision_at: _timestamp_pb2.Timestamp
    confidence: float
    decisions: int
    defaults: int
    imported: int
    refused: int
    withheld: int
    overall: Comparison
    breakdowns: _containers.RepeatedCompositeFieldContainer[Breakdown]
    sample_ratio: SampleRatio
    money: Money
    exploration: Exploration
    offers: _containers.RepeatedCompositeFieldContainer[OfferReach]
    pressure: _containers.RepeatedCompositeFieldContainer[Pressure]
    trend: _containers.RepeatedCompositeFieldContainer[TrendPoint]
    lift_curve: _containers.RepeatedCompositeFieldContainer[LiftPoint]
    remarks: _containers.RepeatedScalarFieldContainer[str]
    conversion_outcome: str
    revenue_outcome: str
    nps_outcome: str
    retention_days: int
    baseline: str
    def __init__(self, placement: _Optional[str] = ..., first_decision_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_decision_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., confidence: _Optional[float] = ..., decisions: _Optional[int] = ..., defaults: _Optional[int] = ..., imported: _Optional[int] = ..., refused: _Optional[int] = ..., withheld: _Optional[int] = ..., overall: _Optional[_Union[Comparison, _Mapping]] = ..., breakdowns: _Optional[_Iterable[_Union[Breakdown, _Mapping]]] = ..., sample_ratio: _Optional[_Union[SampleRatio, _Mapping]] = ..., money: _Optional[_Union[Money, _Mapping]] = ..., exploration: _Optional[_Union[Exploration, _Mapping]] = ..., offers: _Optional[_Iterable[_Union[OfferReach, _Mapping]]] = ..., pressure: _Optional[_Iterable[_Union[Pressure, _Mapping]]] = ..., trend: _Optional[_Iterable[_Union[TrendPoint, _Mapping]]] = ..., lift_curve: _Optional[_Iterable[_Union[LiftPoint, _Mapping]]] = ..., remarks: _Optional[_Iterable[str]] = ..., conversion_outcome: _Optional[str] = ..., revenue_outcome: _Optional[str] = ..., nps_outcome: _Optional[str] = ..., retention_days: _Optional[int] = ..., baseline: _Optional[str] = ...) -> None: ...

class Figure(_message.Message):
    __slots__ = ("value", "low", "high", "count")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    value: float
    low: float
    high: float
    count: int
    def __init__(self, value: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., count: _Optional[int] = ...) -> None: ...

class MetricComparison(_message.Message):
    __slots__ = ("metric", "policy", "control", "lift")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    LIFT_FIELD_NUMBER: _ClassVar[int]
    metric: Metric
    policy: Figure
    control: Figure
    lift: Figure
    def __init__(self, metric: _Optional[_Union[Metric, str]] = ..., policy: _Optional[_Union[Figure, _Mapping]] = ..., control: _Optional[_Union[Figure, _Mapping]] = ..., lift: _Optional[_Union[Figure, _Mapping]] = ...) -> None: ...

class Comparison(_message.Message):
    __slots__ = ("name", "decisions", "control_decisions", "metrics")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    CONTROL_DECISIONS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    name: str
    decisions: int
    control_decisions: int
    metrics: _containers.RepeatedCompositeFieldContainer[MetricComparison]
    def __init__(self, name: _Optional[str] = ..., decisions: _Optional[int] = ..., control_decisions: _Optional[int] = ..., metrics: _Optional[_Iterable[_Union[MetricComparison, _Mapping]]] = ...) -> None: ...

class Breakdown(_message.Message):
    __slots__ = ("kind", "feature", "parts", "confidence")
    KIND_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    kind: BreakdownKind
    feature: str
    parts: _containers.RepeatedCompositeFieldContainer[Comparison]
    confidence: float
    def __init__(self, kind: _Optional[_Union[BreakdownKind, str]] = ..., feature: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[Comparison, _Mapping]]] = ..., confidence: _Optional[float] = ...) -> None: ...

class SampleRatio(_message.Message):
    __slots__ = ("expected", "units", "control_units", "p_value", "mismatch", "in_both")
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    CONTROL_UNITS_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    MISMATCH_FIELD_NUMBER: _ClassVar[int]
    IN_BOTH_FIELD_NUMBER: _ClassVar[int]
    expected: float
    units: int
    control_units: int
    p_value: float
    mismatch: bool
    in_both: int
    def __init__(self, expected: _Optional[float] = ..., units: _Optional[int] = ..., control_units: _Optional[int] = ..., p_value: _Optional[float] = ..., mismatch: _Optional[bool] = ..., in_both: _Optional[int] = ...) -> None: ...

class Money(_message.Message):
    __slots__ = ("policy", "control", "lift", "so_far")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    LIFT_FIELD_NUMBER: _ClassVar[int]
    SO_FAR_FIELD_NUMBER: _ClassVar[int]
    policy: Figure
    control: Figure
    lift: Figure
    so_far: Figure
    def __init__(self, policy: _Optional[_Union[Figure, _Mapping]] = ..., control: _Optional[_Union[Figure, _Mapping]] = ..., lift: _Optional[_Union[Figure, _Mapping]] = ..., so_far: _Optional[_Union[Figure, _Mapping]] = ...) -> None: ...

class Exploration(_message.Message):
    __slots__ = ("draws", "explored", "drawn", "greedy", "cost", "entropy", "effective_offers")
    DRAWS_FIELD_NUMBER: _ClassVar[int]
    EXPLORED_FIELD_NUMBER: _ClassVar[int]
    DRAWN_FIELD_NUMBER: _ClassVar[int]
    GREEDY_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    ENTROPY_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_OFFERS_FIELD_NUMBER: _ClassVar[int]
    draws: int
    explored: float
    drawn: Figure
    greedy: Figure
    cost: Figure
    entropy: float
    effective_offers: float
    def __init__(self, draws: _Optional[int] = ..., explored: _Optional[float] = ..., drawn: _Optional[_Union[Figure, _Mapping]] = ..., greedy: _Optional[_Union[Figure, _Mapping]] = ..., cost: _Optional[_Union[Figure, _Mapping]] = ..., entropy: _Optional[float] = ..., effective_offers: _Optional[float] = ...) -> None: ...

class OfferReach(_message.Message):
    __slots__ = ("offer_id", "suited", "held_back", "favourite", "expected", "drawn", "unsuited")
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    SUITED_FIELD_NUMBER: _ClassVar[int]
    HELD_BACK_FIELD_NUMBER: _ClassVar[int]
    FAVOURITE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    DRAWN_FIELD_NUMBER: _ClassVar[int]
    UNSUITED_FIELD_NUMBER: _ClassVar[int]
    offer_id: str
    suited: int
    held_back: int
    favourite: int
    expected: float
    drawn: int
    unsuited: int
    def __init__(self, offer_id: _Optional[str] = ..., suited: _Optional[int] = ..., held_back: _Optional[int] = ..., favourite: _Optional[int] = ..., expected: _Optional[float] = ..., drawn: _Optional[int] = ..., unsuited: _Optional[int] = ...) -> None: ...

class Pressure(_message.Message):
    __slots__ = ("reason", "detail", "decisions", "share_of_decisions", "offers", "share_of_offers")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    SHARE_OF_DECISIONS_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    SHARE_OF_OFFERS_FIELD_NUMBER: _ClassVar[int]
    reason: _decision_service_pb2.ExclusionReason
    detail: str
    decisions: int
    share_of_decisions: float
    offers: int
    share_of_offers: float
    def __init__(self, reason: _Optional[_Union[_decision_service_pb2.ExclusionReason, str]] = ..., detail: _Optional[str] = ..., decisions: _Optional[int] = ..., share_of_decisions: _Optional[float] = ..., offers: _Optional[int] = ..., share_of_offers: _Optional[float] = ...) -> None: ...

class TrendPoint(_message.Message):
    __slots__ = ("starts_at", "decisions", "control_decisions", "reward", "control_reward", "entropy", "explored")
    STARTS_AT_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    CONTROL_DECISIONS_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    CONTROL_REWARD_FIELD_NUMBER: _ClassVar[int]
    ENTROPY_FIELD_NUMBER: _ClassVar[int]
    EXPLORED_FIELD_NUMBER: _ClassVar[int]
    starts_at: _timestamp_pb2.Timestamp
    decisions: int
    control_decisions: int
    reward: float
    control_reward: float
    entropy: float
    explored: float
    def __init__(self, starts_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decisions: _Optional[int] = ..., control_decisions: _Optional[int] = ..., reward: _Optional[float] = ..., control_reward: _Optional[float] = ..., entropy: _Optional[float] = ..., explored: _Optional[float] = ...) -> None: ...

class LiftPoint(_message.Message):
    __slots__ = ("decisions", "lift")
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    LIFT_FIELD_NUMBER: _ClassVar[int]
    decisions: int
    lift: Figure
    def __init__(self, decisions: _Optional[int] = ..., lift: _Optional[_Union[Figure, _Mapping]] = ...) -> None: ...
