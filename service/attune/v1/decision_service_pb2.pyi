import datetime

from attune.v1 import features_pb2 as _features_pb2
from attune.v1 import reward_service_pb2 as _reward_service_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODE_UNSPECIFIED: _ClassVar[Mode]
    MODE_LEARNED: _ClassVar[Mode]
    MODE_CONTROL: _ClassVar[Mode]
    MODE_FALLBACK: _ClassVar[Mode]
    MODE_DEFAULT: _ClassVar[Mode]
    MODE_EMPTY: _ClassVar[Mode]

class ExclusionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXCLUSION_REASON_UNSPECIFIED: _ClassVar[ExclusionReason]
    EXCLUSION_REASON_REQUEST: _ClassVar[ExclusionReason]
    EXCLUSION_REASON_CHANNEL: _ClassVar[ExclusionReason]
    EXCLUSION_REASON_CONDITION: _ClassVar[ExclusionReason]
    EXCLUSION_REASON_RULE: _ClassVar[ExclusionReason]
    EXCLUSION_REASON_PREFERENCE: _ClassVar[ExclusionReason]
    EXCLUSION_REASON_CAP: _ClassVar[ExclusionReason]
    EXCLUSION_REASON_COOL_DOWN: _ClassVar[ExclusionReason]
    EXCLUSION_REASON_QUIET_HOURS: _ClassVar[ExclusionReason]
    EXCLUSION_REASON_BUDGET: _ClassVar[ExclusionReason]

class DecisionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_STATE_UNSPECIFIED: _ClassVar[DecisionState]
    DECISION_STATE_PENDING: _ClassVar[DecisionState]
    DECISION_STATE_CLOSED: _ClassVar[DecisionState]
    DECISION_STATE_DEFERRED: _ClassVar[DecisionState]
MODE_UNSPECIFIED: Mode
MODE_LEARNED: Mode
MODE_CONTROL: Mode
MODE_FALLBACK: Mode
MODE_DEFAULT: Mode
MODE_EMPTY: Mode
EXCLUSION_REASON_UNSPECIFIED: ExclusionReason
EXCLUSION_REASON_REQUEST: ExclusionReason
EXCLUSION_REASON_CHANNEL: ExclusionReason
EXCLUSION_REASON_CONDITION: ExclusionReason
EXCLUSION_REASON_RULE: ExclusionReason
EXCLUSION_REASON_PREFERENCE: ExclusionReason
EXCLUSION_REASON_CAP: ExclusionReason
EXCLUSION_REASON_COOL_DOWN: ExclusionReason
EXCLUSION_REASON_QUIET_HOURS: ExclusionReason
EXCLUSION_REASON_BUDGET: ExclusionReason
DECISION_STATE_UNSPECIFIED: DecisionState
DECISION_STATE_PENDING: DecisionState
DECISION_STATE_CLOSED: DecisionState
DECISION_STATE_DEFERRED: DecisionState

class DecideRequest(_message.Message):
    __slots__ = ("placement", "event_id", "context", "customer_id", "offers", "offer_ids", "excluded_offer_ids", "slots", "ranking_size", "deferred", "channel", "time_zone")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    OFFER_IDS_FIELD_NUMBER: _ClassVar[int]
    EXCLUDED_OFFER_IDS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    RANKING_SIZE_FIELD_NUMBER: _ClassVar[int]
    DEFERRED_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    placement: str
    event_id: str
    context: _features_pb2.Features
    customer_id: str
    offers: _containers.RepeatedCompositeFieldContainer[_features_pb2.Offer]
    offer_ids: _containers.RepeatedScalarFieldContainer[str]
    excluded_offer_ids: _containers.RepeatedScalarFieldContainer[str]
    slots: int
    ranking_size: int
    deferred: bool
    channel: str
    time_zone: str
    def __init__(self, placement: _Optional[str] = ..., event_id: _Optional[str] = ..., context: _Optional[_Union[_features_pb2.Features, _Mapping]] = ..., customer_id: _Optional[str] = ..., offers: _Optional[_Iterable[_Union[_features_pb2.Offer, _Mapping]]] = ..., offer_ids: _Optional[_Iterable[str]] = ..., excluded_offer_ids: _Optional[_Iterable[str]] = ..., slots: _Optional[int] = ..., ranking_size: _Optional[int] = ..., deferred: _Optional[bool] = ..., channel: _Optional[str] = ..., time_zone: _Optional[str] = ...) -> None: ...

class DecideBatchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[DecideRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[DecideRequest, _Mapping]]] = ...) -> None: ...

class DecideBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[DecideResult]
    def __init__(self, results: _Optional[_Iterable[_Union[DecideResult, _Mapping]]] = ...) -> None: ...

class DecideResult(_message.Message):
    __slots__ = ("decision", "error")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    decision: DecideResponse
    error: DecisionError
    def __init__(self, decision: _Optional[_Union[DecideResponse, _Mapping]] = ..., error: _Optional[_Union[DecisionError, _Mapping]] = ...) -> None: ...

class DecisionError(_message.Message):
    __slots__ = ("code", "message", "field_violations")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    field_violations: _containers.RepeatedCompositeFieldContainer[FieldViolation]
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., field_violations: _Optional[_Iterable[_Union[FieldViolation, _Mapping]]] = ...) -> None: ...

class FieldViolation(_message.Message):
    __slots__ = ("field", "description")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    field: str
    description: str
    def __init__(self, field: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class DecideResponse(_message.Message):
    __slots__ = ("event_id", "choices", "ranking", "policy_version", "mode", "logged")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    RANKING_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    LOGGED_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    choices: _containers.RepeatedCompositeFieldContainer[Choice]
    ranking: _containers.RepeatedCompositeFieldContainer[ScoredOffer]
    policy_version: int
    mode: Mode
    logged: bool
    def __init__(self, event_id: _Optional[str] = ..., choices: _Optional[_Iterable[_Union[Choice, _Mapping]]] = ..., ranking: _Optional[_Iterable[_Union[ScoredOffer, _Mapping]]] = ..., policy_version: _Optional[int] = ..., mode: _Optional[_Union[Mode, str]] = ..., logged: _Optional[bool] = ...) -> None: ...

class Choice(_message.Message):
    __slots__ = ("slot", "offer_id", "propensity", "channel")
    SLOT_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    PROPENSITY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    slot: int
    offer_id: str
    propensity: float
    channel: str
    def __init__(self, slot: _Optional[int] = ..., offer_id: _Optional[str] = ..., propensity: _Optional[float] = ..., channel: _Optional[str] = ...) -> None: ...

class ScoredOffer(_message.Message):
    __slots__ = ("offer_id", "probability", "channel")
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    offer_id: str
    probability: float
    channel: str
    def __init__(self, offer_id: _Optional[str] = ..., probability: _Optional[float] = ..., channel: _Optional[str] = ...) -> None: ...

class ActivateRequest(_message.Message):
    __slots__ = ("placement", "event_id")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    placement: str
    event_id: str
    def __init__(self, placement: _Optional[str] = ..., event_id: _Optional[str] = ...) -> None: ...

class ActivateResponse(_message.Message):
    __slots__ = ("activated",)
    ACTIVATED_FIELD_NUMBER: _ClassVar[int]
    activated: bool
    def __init__(self, activated: _Optional[bool] = ...) -> None: ...

class GetDecisionRequest(_message.Message):
    __slots__ = ("placement", "event_id", "explain")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    placement: str
    event_id: str
    explain: bool
    def __init__(self, placement: _Optional[str] = ..., event_id: _Optional[str] = ..., explain: _Optional[bool] = ...) -> None: ...

class GetDecisionResponse(_message.Message):
    __slots__ = ("decision",)
    DECISION_FIELD_NUMBER: _ClassVar[int]
    decision: Decision
    def __init__(self, decision: _Optional[_Union[Decision, _Mapping]] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("placement", "event_id", "decided_at", "context", "offers", "choices", "policy_version", "mode", "state", "outcomes", "explained_by", "shortlisted_from", "excluded", "withheld", "personalized")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    EXPLAINED_BY_FIELD_NUMBER: _ClassVar[int]
    SHORTLISTED_FROM_FIELD_NUMBER: _ClassVar[int]
    EXCLUDED_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    PERSONALIZED_FIELD_NUMBER: _ClassVar[int]
    placement: str
    event_id: str
    decided_at: _timestamp_pb2.Timestamp
    context: _features_pb2.Features
    offers: _containers.RepeatedCompositeFieldContainer[EligibleOffer]
    choices: _containers.RepeatedCompositeFieldContainer[Choice]
    policy_version: int
    mode: Mode
    state: DecisionState
    outcomes: _containers.RepeatedCompositeFieldContainer[_reward_service_pb2.Outcome]
    explained_by: int
    shortlisted_from: int
    excluded: _containers.RepeatedCompositeFieldContainer[ExcludedOffers]
    withheld: bool
    personalized: bool
    def __init__(self, placement: _Optional[str] = ..., event_id: _Optional[str] = ..., decided_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., context: _Optional[_Union[_features_pb2.Features, _Mapping]] = ..., offers: _Optional[_Iterable[_Union[EligibleOffer, _Mapping]]] = ..., choices: _Optional[_Iterable[_Union[Choice, _Mapping]]] = ..., policy_version: _Optional[int] = ..., mode: _Optional[_Union[Mode, str]] = ..., state: _Optional[_Union[DecisionState, str]] = ..., outcomes: _Optional[_Iterable[_Union[_reward_service_pb2.Outcome, _Mapping]]] = ..., explained_by: _Optional[int] = ..., shortlisted_from: _Optional[int] = ..., excluded: _Optional[_Iterable[_Union[ExcludedOffers, _Mapping]]] = ..., withheld: _Optional[bool] = ..., personalized: _Optional[bool] = ...) -> None: ...

class ExcludedOffers(_message.Message):
    __slots__ = ("reason", "detail", "count", "offer_ids")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    OFFER_IDS_FIELD_NUMBER: _ClassVar[int]
    reason: ExclusionReason
    detail: str
    count: int
    offer_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, reason: _Optional[_Union[ExclusionReason, str]] = ..., detail: _Optional[str] = ..., count: _Optional[int] = ..., offer_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class EligibleOffer(_message.Message):
    __slots__ = ("offer", "probability", "later_probabilities", "score", "contributions")
    OFFER_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    LATER_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    offer: _features_pb2.Offer
    probability: float
    later_probabilities: _containers.RepeatedScalarFieldContainer[float]
    score: float
    contributions: _containers.RepeatedCompositeFieldContainer[Contribution]
    def __init__(self, offer: _Optional[_Union[_features_pb2.Offer, _Mapping]] = ..., probability: _Optional[float] = ..., later_probabilities: _Optional[_Iterable[float]] = ..., score: _Optional[float] = ..., contributions: _Optional[_Iterable[_Union[Contribution, _Mapping]]] = ...) -> None: ...

class Contribution(_message.Message):
    __slots__ = ("source", "name", "value", "amount")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    source: _features_pb2.FeatureSource
    name: str
    value: str
    amount: float
    def __init__(self, source: _Optional[_Union[_features_pb2.FeatureSource, str]] = ..., name: _Optional[str] = ..., value: _Optional[str] = ..., amount: _Optional[float] = ...) -> None: ...
