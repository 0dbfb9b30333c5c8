import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OutcomeStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_STATUS_UNSPECIFIED: _ClassVar[OutcomeStatus]
    OUTCOME_STATUS_ACCEPTED: _ClassVar[OutcomeStatus]
    OUTCOME_STATUS_DUPLICATE: _ClassVar[OutcomeStatus]
    OUTCOME_STATUS_LATE: _ClassVar[OutcomeStatus]
    OUTCOME_STATUS_UNKNOWN_EVENT: _ClassVar[OutcomeStatus]
    OUTCOME_STATUS_INVALID: _ClassVar[OutcomeStatus]
OUTCOME_STATUS_UNSPECIFIED: OutcomeStatus
OUTCOME_STATUS_ACCEPTED: OutcomeStatus
OUTCOME_STATUS_DUPLICATE: OutcomeStatus
OUTCOME_STATUS_LATE: OutcomeStatus
OUTCOME_STATUS_UNKNOWN_EVENT: OutcomeStatus
OUTCOME_STATUS_INVALID: OutcomeStatus

class RecordOutcomesRequest(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[Outcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[Outcome, _Mapping]]] = ...) -> None: ...

class RecordOutcomesResponse(_message.Message):
    __slots__ = ("receipts",)
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedCompositeFieldContainer[OutcomeReceipt]
    def __init__(self, receipts: _Optional[_Iterable[_Union[OutcomeReceipt, _Mapping]]] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("placement", "event_id", "outcome_id", "name", "value", "occurred_at", "slot")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    placement: str
    event_id: str
    outcome_id: str
    name: str
    value: float
    occurred_at: _timestamp_pb2.Timestamp
    slot: int
    def __init__(self, placement: _Optional[str] = ..., event_id: _Optional[str] = ..., outcome_id: _Optional[str] = ..., name: _Optional[str] = ..., value: _Optional[float] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., slot: _Optional[int] = ...) -> None: ...

class OutcomeReceipt(_message.Message):
    __slots__ = ("outcome_id", "status", "detail")
    OUTCOME_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    outcome_id: str
    status: OutcomeStatus
    detail: str
    def __init__(self, outcome_id: _Optional[str] = ..., status: _Optional[_Union[OutcomeStatus, str]] = ..., detail: _Optional[str] = ...) -> None: ...
