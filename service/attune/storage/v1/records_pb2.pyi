from attune.v1 import catalog_service_pb2 as _catalog_service_pb2
from attune.v1 import customer_service_pb2 as _customer_service_pb2
from attune.v1 import decision_service_pb2 as _decision_service_pb2
from attune.v1 import placement_pb2 as _placement_pb2
from attune.v1 import placement_service_pb2 as _placement_service_pb2
from attune.v1 import segment_service_pb2 as _segment_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PlacementRecord(_message.Message):
    __slots__ = ("placement", "revision", "created_at_ms", "generation", "trains_from", "set_aside", "last_promotion")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    TRAINS_FROM_FIELD_NUMBER: _ClassVar[int]
    SET_ASIDE_FIELD_NUMBER: _ClassVar[int]
    LAST_PROMOTION_FIELD_NUMBER: _ClassVar[int]
    placement: _placement_pb2.Placement
    revision: int
    created_at_ms: int
    generation: int
    trains_from: str
    set_aside: int
    last_promotion: _placement_service_pb2.ChallengerPromotion
    def __init__(self, placement: _Optional[_Union[_placement_pb2.Placement, _Mapping]] = ..., revision: _Optional[int] = ..., created_at_ms: _Optional[int] = ..., generation: _Optional[int] = ..., trains_from: _Optional[str] = ..., set_aside: _Optional[int] = ..., last_promotion: _Optional[_Union[_placement_service_pb2.ChallengerPromotion, _Mapping]] = ...) -> None: ...

class DecisionRecord(_message.Message):
    __slots__ = ("event_id", "decided_at_ms", "context", "offers", "pmf", "chosen", "policy_version", "mode", "request_digest", "later_slots", "imported", "offer_set", "offer_positions", "shortlisted_from", "customer", "withheld", "excluded", "with_channels", "channel")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    PMF_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    LATER_SLOTS_FIELD_NUMBER: _ClassVar[int]
    IMPORTED_FIELD_NUMBER: _ClassVar[int]
    OFFER_SET_FIELD_NUMBER: _ClassVar[int]
    OFFER_POSITIONS_FIELD_NUMBER: _ClassVar[int]
    SHORTLISTED_FROM_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    EXCLUDED_FIELD_NUMBER: _ClassVar[int]
    WITH_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    decided_at_ms: int
    context: bytes
    offers: _containers.RepeatedScalarFieldContainer[bytes]
    pmf: _containers.RepeatedScalarFieldContainer[float]
    chosen: int
    policy_version: int
    mode: _decision_service_pb2.Mode
    request_digest: bytes
    later_slots: _containers.RepeatedCompositeFieldContainer[SlotRecord]
    imported: bool
    offer_set: bytes
    offer_positions: _containers.RepeatedScalarFieldContainer[int]
    shortlisted_from: int
    customer: bytes
    withheld: bool
    excluded: _containers.RepeatedCompositeFieldContainer[ExclusionRecord]
    with_channels: bool
    channel: str
    def __init__(self, event_id: _Optional[str] = ..., decided_at_ms: _Optional[int] = ..., context: _Optional[bytes] = ..., offers: _Optional[_Iterable[bytes]] = ..., pmf: _Optional[_Iterable[float]] = ..., chosen: _Optional[int] = ..., policy_version: _Optional[int] = ..., mode: _Optional[_Union[_decision_service_pb2.Mode, str]] = ..., request_digest: _Optional[bytes] = ..., later_slots: _Optional[_Iterable[_Union[SlotRecord, _Mapping]]] = ..., imported: _Optional[bool] = ..., offer_set: _Optional[bytes] = ..., offer_positions: _Optional[_Iterable[int]] = ..., shortlisted_from: _Optional[int] = ..., customer: _Optional[bytes] = ..., withheld: _Optional[bool] = ..., excluded: _Optional[_Iterable[_Union[ExclusionRecord, _Mapping]]] = ..., with_channels: _Optional[bool] = ..., channel: _Optional[str] = ...) -> None: ...

class SegmentsRecord(_message.Message):
    __slots__ = ("segments",)
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    segments: _containers.RepeatedCompositeFieldContainer[_segment_service_pb2.Segment]
    def __init__(self, segments: _Optional[_Iterable[_Union[_segment_service_pb2.Segment, _Mapping]]] = ...) -> None: ...

class ExclusionRecord(_message.Message):
    __slots__ = ("reason", "detail", "count", "positions", "offer_ids")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    OFFER_IDS_FIELD_NUMBER: _ClassVar[int]
    reason: _decision_service_pb2.ExclusionReason
    detail: str
    count: int
    positions: _containers.RepeatedScalarFieldContainer[int]
    offer_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, reason: _Optional[_Union[_decision_service_pb2.ExclusionReason, str]] = ..., detail: _Optional[str] = ..., count: _Optional[int] = ..., positions: _Optional[_Iterable[int]] = ..., offer_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class CustomerRecord(_message.Message):
    __slots__ = ("first_seen_ms", "consents", "preferences", "activities", "last_seen_ms", "told", "told_size", "told_by", "told_at_ms", "told_numbers", "told_words", "told_tokens")
    class LastSeenMsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    FIRST_SEEN_MS_FIELD_NUMBER: _ClassVar[int]
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    PREFERENCES_FIELD_NUMBER: _ClassVar[int]
    ACTIVITIES_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_MS_FIELD_NUMBER: _ClassVar[int]
    TOLD_FIELD_NUMBER: _ClassVar[int]
    TOLD_SIZE_FIELD_NUMBER: _ClassVar[int]
    TOLD_BY_FIELD_NUMBER: _ClassVar[int]
    TOLD_AT_MS_FIELD_NUMBER: _ClassVar[int]
    TOLD_NUMBERS_FIELD_NUMBER: _ClassVar[int]
    TOLD_WORDS_FIELD_NUMBER: _ClassVar[int]
    TOLD_TOKENS_FIELD_NUMBER: _ClassVar[int]
    first_seen_ms: int
    consents: _containers.RepeatedCompositeFieldContainer[_customer_service_pb2.Consent]
    preferences: _customer_service_pb2.Preferences
    activities: _containers.RepeatedCompositeFieldContainer[ActivityRecord]
    last_seen_ms: _containers.ScalarMap[str, int]
    told: bytes
    told_size: int
    told_by: str
    told_at_ms: int
    told_numbers: _containers.RepeatedScalarFieldContainer[float]
    told_words: bytes
    told_tokens: str
    def __init__(self, first_seen_ms: _Optional[int] = ..., consents: _Optional[_Iterable[_Union[_customer_service_pb2.Consent, _Mapping]]] = ..., preferences: _Optional[_Union[_customer_service_pb2.Preferences, _Mapping]] = ..., activities: _Optional[_Iterable[_Union[ActivityRecord, _Mapping]]] = ..., last_seen_ms: _Optional[_Mapping[str, int]] = ..., told: _Optional[bytes] = ..., told_size: _Optional[int] = ..., told_by: _Optional[str] = ..., told_at_ms: _Optional[int] = ..., told_numbers: _Optional[_Iterable[float]] = ..., told_words: _Optional[bytes] = ..., told_tokens: _Optional[str] = ...) -> None: ...

class ActivityRecord(_message.Message):
    __slots__ = ("name", "count", "first_ms", "last_ms", "decayed", "sums", "last", "values")
    class SumsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class LastEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_MS_FIELD_NUMBER: _ClassVar[int]
    DECAYED_FIELD_NUMBER: _ClassVar[int]
    SUMS_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    count: int
    first_ms: int
    last_ms: int
    decayed: _containers.RepeatedScalarFieldContainer[float]
    sums: _containers.ScalarMap[str, float]
    last: _containers.ScalarMap[str, str]
    values: _containers.ScalarMap[str, float]
    def __init__(self, name: _Optional[str] = ..., count: _Optional[int] = ..., first_ms: _Optional[int] = ..., last_ms: _Optional[int] = ..., decayed: _Optional[_Iterable[float]] = ..., sums: _Optional[_Mapping[str, float]] = ..., last: _Optional[_Mapping[str, str]] = ..., values: _Optional[_Mapping[str, float]] = ...) -> None: ...

class SeenRecord(_message.Message):
    __slots__ = ("at_ms", "placement", "event_id", "offer_id", "category", "channel", "outcome", "tags")
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    at_ms: int
    placement: str
    event_id: str
    offer_id: str
    category: str
    channel: str
    outcome: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, at_ms: _Optional[int] = ..., placement: _Optional[str] = ..., event_id: _Optional[str] = ..., offer_id: _Optional[str] = ..., category: _Optional[str] = ..., channel: _Optional[str] = ..., outcome: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ...) -> None: ...

class ErasureRecord(_message.Message):
    __slots__ = ("receipt", "customers", "decisions", "forgotten", "batch")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    CUSTOMERS_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    receipt: _customer_service_pb2.ErasureReceipt
    customers: _containers.RepeatedScalarFieldContainer[bytes]
    decisions: _containers.RepeatedCompositeFieldContainer[NamedDecision]
    forgotten: bool
    batch: str
    def __init__(self, receipt: _Optional[_Union[_customer_service_pb2.ErasureReceipt, _Mapping]] = ..., customers: _Optional[_Iterable[bytes]] = ..., decisions: _Optional[_Iterable[_Union[NamedDecision, _Mapping]]] = ..., forgotten: _Optional[bool] = ..., batch: _Optional[str] = ...) -> None: ...

class NamedDecision(_message.Message):
    __slots__ = ("placement", "event_id")
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    placement: str
    event_id: str
    def __init__(self, placement: _Optional[str] = ..., event_id: _Optional[str] = ...) -> None: ...

class OfferSetRecord(_message.Message):
    __slots__ = ("offers", "parts")
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    offers: _containers.RepeatedScalarFieldContainer[bytes]
    parts: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, offers: _Optional[_Iterable[bytes]] = ..., parts: _Optional[_Iterable[bytes]] = ...) -> None: ...

class CatalogRecord(_message.Message):
    __slots__ = ("offer", "revision", "changed_at_ms")
    OFFER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    offer: _catalog_service_pb2.CatalogOffer
    revision: int
    changed_at_ms: int
    def __init__(self, offer: _Optional[_Union[_catalog_service_pb2.CatalogOffer, _Mapping]] = ..., revision: _Optional[int] = ..., changed_at_ms: _Optional[int] = ...) -> None: ...

class SlotRecord(_message.Message):
    __slots__ = ("pmf", "chosen", "withdrawn")
    PMF_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWN_FIELD_NUMBER: _ClassVar[int]
    pmf: _containers.RepeatedScalarFieldContainer[float]
    chosen: int
    withdrawn: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, pmf: _Optional[_Iterable[float]] = ..., chosen: _Optional[int] = ..., withdrawn: _Optional[_Iterable[int]] = ...) -> None: ...

class OutcomeRecord(_message.Message):
    __slots__ = ("name", "value", "occurred_at_ms", "slot")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    occurred_at_ms: int
    slot: int
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ..., occurred_at_ms: _Optional[int] = ..., slot: _Optional[int] = ...) -> None: ...

class VersionRecord(_message.Message):
    __slots__ = ("version", "created_at_ms", "policy", "reward", "interactions", "cursor", "sha256", "size_bytes", "clipped", "refused", "generation", "trains_from", "replayed_to", "late_cursor", "revisions", "withheld")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    INTERACTIONS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CLIPPED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    TRAINS_FROM_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_TO_FIELD_NUMBER: _ClassVar[int]
    LATE_CURSOR_FIELD_NUMBER: _ClassVar[int]
    REVISIONS_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    version: int
    created_at_ms: int
    policy: _placement_pb2.PolicySpec
    reward: _placement_pb2.RewardSpec
    interactions: int
    cursor: str
    sha256: bytes
    size_bytes: int
    clipped: int
    refused: int
    generation: int
    trains_from: str
    replayed_to: str
    late_cursor: str
    revisions: int
    withheld: int
    def __init__(self, version: _Optional[int] = ..., created_at_ms: _Optional[int] = ..., policy: _Optional[_Union[_placement_pb2.PolicySpec, _Mapping]] = ..., reward: _Optional[_Union[_placement_pb2.RewardSpec, _Mapping]] = ..., interactions: _Optional[int] = ..., cursor: _Optional[str] = ..., sha256: _Optional[bytes] = ..., size_bytes: _Optional[int] = ..., clipped: _Optional[int] = ..., refused: _Optional[int] = ..., generation: _Optional[int] = ..., trains_from: _Optional[str] = ..., replayed_to: _Optional[str] = ..., late_cursor: _Optional[str] = ..., revisions: _Optional[int] = ..., withheld: _Optional[int] = ...) -> None: ...

class ChallengerRecord(_message.Message):
    __slots__ = ("training", "measuring", "measured", "value", "policy_value", "difference", "diagnostics", "status", "weight", "earned", "reward", "weighed_to")
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    MEASURING_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    POLICY_VALUE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    EARNED_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    WEIGHED_TO_FIELD_NUMBER: _ClassVar[int]
    training: VersionRecord
    measuring: Measuring
    measured: int
    value: bytes
    policy_value: bytes
    difference: bytes
    diagnostics: bytes
    status: _placement_service_pb2.ChallengerStatus
    weight: float
    earned: float
    reward: float
    weighed_to: str
    def __init__(self, training: _Optional[_Union[VersionRecord, _Mapping]] = ..., measuring: _Optional[_Union[Measuring, _Mapping]] = ..., measured: _Optional[int] = ..., value: _Optional[bytes] = ..., policy_value: _Optional[bytes] = ..., difference: _Optional[bytes] = ..., diagnostics: _Optional[bytes] = ..., status: _Optional[_Union[_placement_service_pb2.ChallengerStatus, _Mapping]] = ..., weight: _Optional[float] = ..., earned: _Optional[float] = ..., reward: _Optional[float] = ..., weighed_to: _Optional[str] = ...) -> None: ...

class Measuring(_message.Message):
    __slots__ = ("behind", "least_version", "against", "confidence", "ordinal", "lag_ms")
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    LEAST_VERSION_FIELD_NUMBER: _ClassVar[int]
    AGAINST_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    LAG_MS_FIELD_NUMBER: _ClassVar[int]
    behind: str
    least_version: int
    against: _placement_pb2.PolicySpec
    confidence: float
    ordinal: int
    lag_ms: int
    def __init__(self, behind: _Optional[str] = ..., least_version: _Optional[int] = ..., against: _Optional[_Union[_placement_pb2.PolicySpec, _Mapping]] = ..., confidence: _Optional[float] = ..., ordinal: _Optional[int] = ..., lag_ms: _Optional[int] = ...) -> None: ...

class FindingsRecord(_message.Message):
    __slots__ = ("findings",)
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    findings: _containers.RepeatedCompositeFieldContainer[_placement_service_pb2.FeatureFinding]
    def __init__(self, findings: _Optional[_Iterable[_Union[_placement_service_pb2.FeatureFinding, _Mapping]]] = ...) -> None: ...
