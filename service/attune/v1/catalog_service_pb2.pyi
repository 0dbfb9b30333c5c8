import datetime

from attune.v1 import condition_pb2 as _condition_pb2
from attune.v1 import features_pb2 as _features_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CatalogOffer(_message.Message):
    __slots__ = ("offer", "placements", "channels", "starts_at", "ends_at", "tags", "category", "when", "exclusive_group", "budget", "cost")
    OFFER_FIELD_NUMBER: _ClassVar[int]
    PLACEMENTS_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    STARTS_AT_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    EXCLUSIVE_GROUP_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    offer: _features_pb2.Offer
    placements: _containers.RepeatedScalarFieldContainer[str]
    channels: _containers.RepeatedScalarFieldContainer[str]
    starts_at: _timestamp_pb2.Timestamp
    ends_at: _timestamp_pb2.Timestamp
    tags: _containers.RepeatedScalarFieldContainer[str]
    category: str
    when: _condition_pb2.Condition
    exclusive_group: str
    budget: Budget
    cost: float
    def __init__(self, offer: _Optional[_Union[_features_pb2.Offer, _Mapping]] = ..., placements: _Optional[_Iterable[str]] = ..., channels: _Optional[_Iterable[str]] = ..., starts_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ends_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tags: _Optional[_Iterable[str]] = ..., category: _Optional[str] = ..., when: _Optional[_Union[_condition_pb2.Condition, _Mapping]] = ..., exclusive_group: _Optional[str] = ..., budget: _Optional[_Union[Budget, _Mapping]] = ..., cost: _Optional[float] = ...) -> None: ...

class Budget(_message.Message):
    __slots__ = ("impressions_per_day", "spend_per_day", "time_zone")
    IMPRESSIONS_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    SPEND_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    impressions_per_day: int
    spend_per_day: float
    time_zone: str
    def __init__(self, impressions_per_day: _Optional[int] = ..., spend_per_day: _Optional[float] = ..., time_zone: _Optional[str] = ...) -> None: ...

class PutOffersRequest(_message.Message):
    __slots__ = ("offers",)
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    offers: _containers.RepeatedCompositeFieldContainer[CatalogOffer]
    def __init__(self, offers: _Optional[_Iterable[_Union[CatalogOffer, _Mapping]]] = ...) -> None: ...

class PutOffersResponse(_message.Message):
    __slots__ = ("revision", "created", "updated", "unchanged")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    revision: int
    created: int
    updated: int
    unchanged: int
    def __init__(self, revision: _Optional[int] = ..., created: _Optional[int] = ..., updated: _Optional[int] = ..., unchanged: _Optional[int] = ...) -> None: ...

class GetOfferRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetOfferResponse(_message.Message):
    __slots__ = ("offer",)
    OFFER_FIELD_NUMBER: _ClassVar[int]
    offer: KeptOffer
    def __init__(self, offer: _Optional[_Union[KeptOffer, _Mapping]] = ...) -> None: ...

class KeptOffer(_message.Message):
    __slots__ = ("offer", "revision", "changed_at", "live")
    OFFER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    offer: CatalogOffer
    revision: int
    changed_at: _timestamp_pb2.Timestamp
    live: bool
    def __init__(self, offer: _Optional[_Union[CatalogOffer, _Mapping]] = ..., revision: _Optional[int] = ..., changed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., live: _Optional[bool] = ...) -> None: ...

class ListOffersRequest(_message.Message):
    __slots__ = ("placement", "tag", "channel", "live", "page_size", "page_token")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    placement: str
    tag: str
    channel: str
    live: bool
    page_size: int
    page_token: str
    def __init__(self, placement: _Optional[str] = ..., tag: _Optional[str] = ..., channel: _Optional[str] = ..., live: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListOffersResponse(_message.Message):
    __slots__ = ("offers", "next_page_token", "revision", "total")
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    offers: _containers.RepeatedCompositeFieldContainer[KeptOffer]
    next_page_token: str
    revision: int
    total: int
    def __init__(self, offers: _Optional[_Iterable[_Union[KeptOffer, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class DeleteOffersRequest(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteOffersResponse(_message.Message):
    __slots__ = ("revision", "deleted")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    revision: int
    deleted: int
    def __init__(self, revision: _Optional[int] = ..., deleted: _Optional[int] = ...) -> None: ...
