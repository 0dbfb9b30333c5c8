from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DecideEnvelope(_message.Message):
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
    context: _containers.RepeatedScalarFieldContainer[bytes]
    customer_id: str
    offers: _containers.RepeatedScalarFieldContainer[bytes]
    offer_ids: _containers.RepeatedScalarFieldContainer[str]
    excluded_offer_ids: _containers.RepeatedScalarFieldContainer[str]
    slots: int
    ranking_size: int
    deferred: bool
    channel: str
    time_zone: str
    def __init__(self, placement: _Optional[str] = ..., event_id: _Optional[str] = ..., context: _Optional[_Iterable[bytes]] = ..., customer_id: _Optional[str] = ..., offers: _Optional[_Iterable[bytes]] = ..., offer_ids: _Optional[_Iterable[str]] = ..., excluded_offer_ids: _Optional[_Iterable[str]] = ..., slots: _Optional[int] = ..., ranking_size: _Optional[int] = ..., deferred: _Optional[bool] = ..., channel: _Optional[str] = ..., time_zone: _Optional[str] = ...) -> None: ...

class DecideBatchEnvelope(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[DecideEnvelope]
    def __init__(self, requests: _Optional[_Iterable[_Union[DecideEnvelope, _Mapping]]] = ...) -> None: ...

class DecideBatchAnswer(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, results: _Optional[_Iterable[bytes]] = ...) -> None: ...
