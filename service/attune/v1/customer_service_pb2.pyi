import datetime

from attune.v1 import decision_service_pb2 as _decision_service_pb2
from attune.v1 import features_pb2 as _features_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ActivityStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTIVITY_STATUS_UNSPECIFIED: _ClassVar[ActivityStatus]
    ACTIVITY_STATUS_ACCEPTED: _ClassVar[ActivityStatus]
    ACTIVITY_STATUS_DUPLICATE: _ClassVar[ActivityStatus]
    ACTIVITY_STATUS_NO_CONSENT: _ClassVar[ActivityStatus]
    ACTIVITY_STATUS_INVALID: _ClassVar[ActivityStatus]
    ACTIVITY_STATUS_FULL: _ClassVar[ActivityStatus]

class Purpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PURPOSE_UNSPECIFIED: _ClassVar[Purpose]
    PURPOSE_PERSONALIZATION: _ClassVar[Purpose]
    PURPOSE_LEARNING: _ClassVar[Purpose]
ACTIVITY_STATUS_UNSPECIFIED: ActivityStatus
ACTIVITY_STATUS_ACCEPTED: ActivityStatus
ACTIVITY_STATUS_DUPLICATE: ActivityStatus
ACTIVITY_STATUS_NO_CONSENT: ActivityStatus
ACTIVITY_STATUS_INVALID: ActivityStatus
ACTIVITY_STATUS_FULL: ActivityStatus
PURPOSE_UNSPECIFIED: Purpose
PURPOSE_PERSONALIZATION: Purpose
PURPOSE_LEARNING: Purpose

class Activity(_message.Message):
    __slots__ = ("customer_id", "activity_id", "name", "features", "channel", "occurred_at")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    activity_id: str
    name: str
    features: _features_pb2.Features
    channel: str
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, customer_id: _Optional[str] = ..., activity_id: _Optional[str] = ..., name: _Optional[str] = ..., features: _Optional[_Union[_features_pb2.Features, _Mapping]] = ..., channel: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RecordActivityRequest(_message.Message):
    __slots__ = ("activities",)
    ACTIVITIES_FIELD_NUMBER: _ClassVar[int]
    activities: _containers.RepeatedCompositeFieldContainer[Activity]
    def __init__(self, activities: _Optional[_Iterable[_Union[Activity, _Mapping]]] = ...) -> None: ...

class RecordActivityResponse(_message.Message):
    __slots__ = ("receipts",)
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedCompositeFieldContainer[ActivityReceipt]
    def __init__(self, receipts: _Optional[_Iterable[_Union[ActivityReceipt, _Mapping]]] = ...) -> None: ...

class ActivityReceipt(_message.Message):
    __slots__ = ("activity_id", "status", "detail")
    ACTIVITY_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    activity_id: str
    status: ActivityStatus
    detail: str
    def __init__(self, activity_id: _Optional[str] = ..., status: _Optional[_Union[ActivityStatus, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class Preferences(_message.Message):
    __slots__ = ("interests", "channels", "unwanted_channels", "most_per_week", "unwanted_offer_ids", "less_of_categories", "answers", "time_zone")
    INTERESTS_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    UNWANTED_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    MOST_PER_WEEK_FIELD_NUMBER: _ClassVar[int]
    UNWANTED_OFFER_IDS_FIELD_NUMBER: _ClassVar[int]
    LESS_OF_CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    interests: _containers.RepeatedScalarFieldContainer[str]
    channels: _containers.RepeatedScalarFieldContainer[str]
    unwanted_channels: _containers.RepeatedScalarFieldContainer[str]
    most_per_week: int
    unwanted_offer_ids: _containers.RepeatedScalarFieldContainer[str]
    less_of_categories: _containers.RepeatedScalarFieldContainer[str]
    answers: _features_pb2.Features
    time_zone: str
    def __init__(self, interests: _Optional[_Iterable[str]] = ..., channels: _Optional[_Iterable[str]] = ..., unwanted_channels: _Optional[_Iterable[str]] = ..., most_per_week: _Optional[int] = ..., unwanted_offer_ids: _Optional[_Iterable[str]] = ..., less_of_categories: _Optional[_Iterable[str]] = ..., answers: _Optional[_Union[_features_pb2.Features, _Mapping]] = ..., time_zone: _Optional[str] = ...) -> None: ...

class SetPreferencesRequest(_message.Message):
    __slots__ = ("customer_id", "preferences")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    PREFERENCES_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    preferences: Preferences
    def __init__(self, customer_id: _Optional[str] = ..., preferences: _Optional[_Union[Preferences, _Mapping]] = ...) -> None: ...

class SetPreferencesResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Consent(_message.Message):
    __slots__ = ("purpose", "granted", "source", "given_at")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    GIVEN_AT_FIELD_NUMBER: _ClassVar[int]
    purpose: Purpose
    granted: bool
    source: str
    given_at: _timestamp_pb2.Timestamp
    def __init__(self, purpose: _Optional[_Union[Purpose, str]] = ..., granted: _Optional[bool] = ..., source: _Optional[str] = ..., given_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SetConsentRequest(_message.Message):
    __slots__ = ("customer_id", "consents")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    consents: _containers.RepeatedCompositeFieldContainer[Consent]
    def __init__(self, customer_id: _Optional[str] = ..., consents: _Optional[_Iterable[_Union[Consent, _Mapping]]] = ...) -> None: ...

class SetConsentResponse(_message.Message):
    __slots__ = ("consents",)
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    consents: _containers.RepeatedCompositeFieldContainer[Consent]
    def __init__(self, consents: _Optional[_Iterable[_Union[Consent, _Mapping]]] = ...) -> None: ...

class GetCustomerRequest(_message.Message):
    __slots__ = ("customer_id",)
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    def __init__(self, customer_id: _Optional[str] = ...) -> None: ...

class GetCustomerResponse(_message.Message):
    __slots__ = ("consents", "preferences", "profile", "activities", "history", "decisions", "first_seen_at")
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    PREFERENCES_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    ACTIVITIES_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    consents: _containers.RepeatedCompositeFieldContainer[Consent]
    preferences: Preferences
    profile: _features_pb2.Features
    activities: _containers.RepeatedCompositeFieldContainer[ActivitySummary]
    history: _containers.RepeatedCompositeFieldContainer[HistoryEntry]
    decisions: _containers.RepeatedCompositeFieldContainer[_decision_service_pb2.Decision]
    first_seen_at: _timestamp_pb2.Timestamp
    def __init__(self, consents: _Optional[_Iterable[_Union[Consent, _Mapping]]] = ..., preferences: _Optional[_Union[Preferences, _Mapping]] = ..., profile: _Optional[_Union[_features_pb2.Features, _Mapping]] = ..., activities: _Optional[_Iterable[_Union[ActivitySummary, _Mapping]]] = ..., history: _Optional[_Iterable[_Union[HistoryEntry, _Mapping]]] = ..., decisions: _Optional[_Iterable[_Union[_decision_service_pb2.Decision, _Mapping]]] = ..., first_seen_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ActivitySummary(_message.Message):
    __slots__ = ("name", "count", "first_at", "last_at", "features")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_AT_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    name: str
    count: int
    first_at: _timestamp_pb2.Timestamp
    last_at: _timestamp_pb2.Timestamp
    features: _features_pb2.Features
    def __init__(self, name: _Optional[str] = ..., count: _Optional[int] = ..., first_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., features: _Optional[_Union[_features_pb2.Features, _Mapping]] = ...) -> None: ...

class HistoryEntry(_message.Message):
    __slots__ = ("at", "placement", "event_id", "offer_id", "category", "channel", "outcome")
    AT_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    placement: str
    event_id: str
    offer_id: str
    category: str
    channel: str
    outcome: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., placement: _Optional[str] = ..., event_id: _Optional[str] = ..., offer_id: _Optional[str] = ..., category: _Optional[str] = ..., channel: _Optional[str] = ..., outcome: _Optional[str] = ...) -> None: ...

class EraseCustomerRequest(_message.Message):
    __slots__ = ("customer_id",)
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    def __init__(self, customer_id: _Optional[str] = ...) -> None: ...

class EraseCustomerResponse(_message.Message):
    __slots__ = ("receipt", "customers")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    CUSTOMERS_FIELD_NUMBER: _ClassVar[int]
    receipt: ErasureReceipt
    customers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, receipt: _Optional[_Union[ErasureReceipt, _Mapping]] = ..., customers: _Optional[_Iterable[str]] = ...) -> None: ...

class GetErasureRequest(_message.Message):
    __slots__ = ("receipt_id",)
    RECEIPT_ID_FIELD_NUMBER: _ClassVar[int]
    receipt_id: str
    def __init__(self, receipt_id: _Optional[str] = ...) -> None: ...

class GetErasureResponse(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: ErasureReceipt
    def __init__(self, receipt: _Optional[_Union[ErasureReceipt, _Mapping]] = ...) -> None: ...

class ErasureReceipt(_message.Message):
    __slots__ = ("receipt_id", "requested_at", "completed_at", "profile", "history_entries", "placements")
    RECEIPT_ID_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    HISTORY_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    PLACEMENTS_FIELD_NUMBER: _ClassVar[int]
    receipt_id: str
    requested_at: _timestamp_pb2.Timestamp
    completed_at: _timestamp_pb2.Timestamp
    profile: bool
    history_entries: int
    placements: _containers.RepeatedCompositeFieldContainer[PlacementErasure]
    def __init__(self, receipt_id: _Optional[str] = ..., requested_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., completed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., profile: _Optional[bool] = ..., history_entries: _Optional[int] = ..., placements: _Optional[_Iterable[_Union[PlacementErasure, _Mapping]]] = ...) -> None: ...

class PlacementErasure(_message.Message):
    __slots__ = ("placement", "pending", "interactions", "rebuilt_version", "log_was_trimmed")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    INTERACTIONS_FIELD_NUMBER: _ClassVar[int]
    REBUILT_VERSION_FIELD_NUMBER: _ClassVar[int]
    LOG_WAS_TRIMMED_FIELD_NUMBER: _ClassVar[int]
    placement: str
    pending: int
    interactions: int
    rebuilt_version: int
    log_was_trimmed: bool
    def __init__(self, placement: _Optional[str] = ..., pending: _Optional[int] = ..., interactions: _Optional[int] = ..., rebuilt_version: _Optional[int] = ..., log_was_trimmed: _Optional[bool] = ...) -> None: ...
