import datetime

from attune.v1 import condition_pb2 as _condition_pb2
from attune.v1 import features_pb2 as _features_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CapScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAP_SCOPE_UNSPECIFIED: _ClassVar[CapScope]
    CAP_SCOPE_OFFER: _ClassVar[CapScope]
    CAP_SCOPE_CATEGORY: _ClassVar[CapScope]
    CAP_SCOPE_PLACEMENT: _ClassVar[CapScope]
    CAP_SCOPE_CHANNEL: _ClassVar[CapScope]
    CAP_SCOPE_CUSTOMER: _ClassVar[CapScope]

class StoreFailure(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STORE_FAILURE_UNSPECIFIED: _ClassVar[StoreFailure]
    STORE_FAILURE_ANSWER: _ClassVar[StoreFailure]
    STORE_FAILURE_REFUSE: _ClassVar[StoreFailure]

class CbType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CB_TYPE_UNSPECIFIED: _ClassVar[CbType]
    CB_TYPE_MTR: _ClassVar[CbType]
    CB_TYPE_IPS: _ClassVar[CbType]
    CB_TYPE_DR: _ClassVar[CbType]

class Crossings(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CROSSINGS_UNSPECIFIED: _ClassVar[Crossings]
    CROSSINGS_CONTEXT_OFFER: _ClassVar[Crossings]
    CROSSINGS_NONE: _ClassVar[Crossings]
    CROSSINGS_CONTEXT_PAIRS_OFFER: _ClassVar[Crossings]
    CROSSINGS_EXPLICIT: _ClassVar[Crossings]

class RewardModel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REWARD_MODEL_UNSPECIFIED: _ClassVar[RewardModel]
    REWARD_MODEL_BERNOULLI: _ClassVar[RewardModel]
    REWARD_MODEL_GAUSSIAN: _ClassVar[RewardModel]

class Aggregation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGGREGATION_UNSPECIFIED: _ClassVar[Aggregation]
    AGGREGATION_FIRST: _ClassVar[Aggregation]
    AGGREGATION_LAST: _ClassVar[Aggregation]
    AGGREGATION_SUM: _ClassVar[Aggregation]
    AGGREGATION_MAX: _ClassVar[Aggregation]
    AGGREGATION_MIN: _ClassVar[Aggregation]
    AGGREGATION_MEAN: _ClassVar[Aggregation]
    AGGREGATION_COUNT: _ClassVar[Aggregation]
CAP_SCOPE_UNSPECIFIED: CapScope
CAP_SCOPE_OFFER: CapScope
CAP_SCOPE_CATEGORY: CapScope
CAP_SCOPE_PLACEMENT: CapScope
CAP_SCOPE_CHANNEL: CapScope
CAP_SCOPE_CUSTOMER: CapScope
STORE_FAILURE_UNSPECIFIED: StoreFailure
STORE_FAILURE_ANSWER: StoreFailure
STORE_FAILURE_REFUSE: StoreFailure
CB_TYPE_UNSPECIFIED: CbType
CB_TYPE_MTR: CbType
CB_TYPE_IPS: CbType
CB_TYPE_DR: CbType
CROSSINGS_UNSPECIFIED: Crossings
CROSSINGS_CONTEXT_OFFER: Crossings
CROSSINGS_NONE: Crossings
CROSSINGS_CONTEXT_PAIRS_OFFER: Crossings
CROSSINGS_EXPLICIT: Crossings
REWARD_MODEL_UNSPECIFIED: RewardModel
REWARD_MODEL_BERNOULLI: RewardModel
REWARD_MODEL_GAUSSIAN: RewardModel
AGGREGATION_UNSPECIFIED: Aggregation
AGGREGATION_FIRST: Aggregation
AGGREGATION_LAST: Aggregation
AGGREGATION_SUM: Aggregation
AGGREGATION_MAX: Aggregation
AGGREGATION_MIN: Aggregation
AGGREGATION_MEAN: Aggregation
AGGREGATION_COUNT: Aggregation

class Placement(_message.Message):
    __slots__ = ("name", "policy", "reward", "control", "store_failure", "log_retention", "challengers", "auto_promote", "shortlist", "guardrails", "channels", "when_nothing_eligible")
    NAME_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    STORE_FAILURE_FIELD_NUMBER: _ClassVar[int]
    LOG_RETENTION_FIELD_NUMBER: _ClassVar[int]
    CHALLENGERS_FIELD_NUMBER: _ClassVar[int]
    AUTO_PROMOTE_FIELD_NUMBER: _ClassVar[int]
    SHORTLIST_FIELD_NUMBER: _ClassVar[int]
    GUARDRAILS_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    WHEN_NOTHING_ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    policy: PolicySpec
    reward: RewardSpec
    control: ControlSpec
    store_failure: StoreFailure
    log_retention: _duration_pb2.Duration
    challengers: _containers.RepeatedCompositeFieldContainer[Challenger]
    auto_promote: AutoPromote
    shortlist: ShortlistSpec
    guardrails: Guardrails
    channels: _containers.RepeatedCompositeFieldContainer[ChannelSpec]
    when_nothing_eligible: NothingEligible
    def __init__(self, name: _Optional[str] = ..., policy: _Optional[_Union[PolicySpec, _Mapping]] = ..., reward: _Optional[_Union[RewardSpec, _Mapping]] = ..., control: _Optional[_Union[ControlSpec, _Mapping]] = ..., store_failure: _Optional[_Union[StoreFailure, str]] = ..., log_retention: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., challengers: _Optional[_Iterable[_Union[Challenger, _Mapping]]] = ..., auto_promote: _Optional[_Union[AutoPromote, _Mapping]] = ..., shortlist: _Optional[_Union[ShortlistSpec, _Mapping]] = ..., guardrails: _Optional[_Union[Guardrails, _Mapping]] = ..., channels: _Optional[_Iterable[_Union[ChannelSpec, _Mapping]]] = ..., when_nothing_eligible: _Optional[_Union[NothingEligible, _Mapping]] = ...) -> None: ...

class Guardrails(_message.Message):
    __slots__ = ("rules", "caps", "cool_downs", "quiet_hours")
    RULES_FIELD_NUMBER: _ClassVar[int]
    CAPS_FIELD_NUMBER: _ClassVar[int]
    COOL_DOWNS_FIELD_NUMBER: _ClassVar[int]
    QUIET_HOURS_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[EligibilityRule]
    caps: _containers.RepeatedCompositeFieldContainer[FrequencyCap]
    cool_downs: _containers.RepeatedCompositeFieldContainer[CoolDown]
    quiet_hours: _containers.RepeatedCompositeFieldContainer[QuietHours]
    def __init__(self, rules: _Optional[_Iterable[_Union[EligibilityRule, _Mapping]]] = ..., caps: _Optional[_Iterable[_Union[FrequencyCap, _Mapping]]] = ..., cool_downs: _Optional[_Iterable[_Union[CoolDown, _Mapping]]] = ..., quiet_hours: _Optional[_Iterable[_Union[QuietHours, _Mapping]]] = ...) -> None: ...

class OfferSelector(_message.Message):
    __slots__ = ("offer_ids", "tags", "categories", "channels")
    OFFER_IDS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    offer_ids: _containers.RepeatedScalarFieldContainer[str]
    tags: _containers.RepeatedScalarFieldContainer[str]
    categories: _containers.RepeatedScalarFieldContainer[str]
    channels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, offer_ids: _Optional[_Iterable[str]] = ..., tags: _Optional[_Iterable[str]] = ..., categories: _Optional[_Iterable[str]] = ..., channels: _Optional[_Iterable[str]] = ...) -> None: ...

class EligibilityRule(_message.Message):
    __slots__ = ("name", "offers", "when")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    name: str
    offers: OfferSelector
    when: _condition_pb2.Condition
    def __init__(self, name: _Optional[str] = ..., offers: _Optional[_Union[OfferSelector, _Mapping]] = ..., when: _Optional[_Union[_condition_pb2.Condition, _Mapping]] = ...) -> None: ...

class FrequencyCap(_message.Message):
    __slots__ = ("name", "impressions", "window", "scope", "offers")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IMPRESSIONS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    impressions: int
    window: _duration_pb2.Duration
    scope: CapScope
    offers: OfferSelector
    def __init__(self, name: _Optional[str] = ..., impressions: _Optional[int] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., scope: _Optional[_Union[CapScope, str]] = ..., offers: _Optional[_Union[OfferSelector, _Mapping]] = ...) -> None: ...

class CoolDown(_message.Message):
    __slots__ = ("outcome", "duration", "scope")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    outcome: str
    duration: _duration_pb2.Duration
    scope: CapScope
    def __init__(self, outcome: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., scope: _Optional[_Union[CapScope, str]] = ...) -> None: ...

class QuietHours(_message.Message):
    __slots__ = ("channels", "starts_at", "ends_at", "holidays", "time_zone")
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    STARTS_AT_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    HOLIDAYS_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    channels: _containers.RepeatedScalarFieldContainer[str]
    starts_at: str
    ends_at: str
    holidays: _containers.RepeatedScalarFieldContainer[str]
    time_zone: str
    def __init__(self, channels: _Optional[_Iterable[str]] = ..., starts_at: _Optional[str] = ..., ends_at: _Optional[str] = ..., holidays: _Optional[_Iterable[str]] = ..., time_zone: _Optional[str] = ...) -> None: ...

class ChannelSpec(_message.Message):
    __slots__ = ("name", "cost")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    name: str
    cost: float
    def __init__(self, name: _Optional[str] = ..., cost: _Optional[float] = ...) -> None: ...

class NothingEligible(_message.Message):
    __slots__ = ("default_offer", "empty")
    DEFAULT_OFFER_FIELD_NUMBER: _ClassVar[int]
    EMPTY_FIELD_NUMBER: _ClassVar[int]
    default_offer: _features_pb2.Offer
    empty: EmptyReply
    def __init__(self, default_offer: _Optional[_Union[_features_pb2.Offer, _Mapping]] = ..., empty: _Optional[_Union[EmptyReply, _Mapping]] = ...) -> None: ...

class EmptyReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ShortlistSpec(_message.Message):
    __slots__ = ("size", "random")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    RANDOM_FIELD_NUMBER: _ClassVar[int]
    size: int
    random: int
    def __init__(self, size: _Optional[int] = ..., random: _Optional[int] = ...) -> None: ...

class Challenger(_message.Message):
    __slots__ = ("name", "policy")
    NAME_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    name: str
    policy: PolicySpec
    def __init__(self, name: _Optional[str] = ..., policy: _Optional[_Union[PolicySpec, _Mapping]] = ...) -> None: ...

class AutoPromote(_message.Message):
    __slots__ = ("confidence", "margin")
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    confidence: float
    margin: float
    def __init__(self, confidence: _Optional[float] = ..., margin: _Optional[float] = ...) -> None: ...

class PolicySpec(_message.Message):
    __slots__ = ("vw", "linear_ucb", "linear_thompson", "popularity", "uniform", "fixed", "beliefs", "half_life", "min_probability")
    VW_FIELD_NUMBER: _ClassVar[int]
    LINEAR_UCB_FIELD_NUMBER: _ClassVar[int]
    LINEAR_THOMPSON_FIELD_NUMBER: _ClassVar[int]
    POPULARITY_FIELD_NUMBER: _ClassVar[int]
    UNIFORM_FIELD_NUMBER: _ClassVar[int]
    FIXED_FIELD_NUMBER: _ClassVar[int]
    BELIEFS_FIELD_NUMBER: _ClassVar[int]
    HALF_LIFE_FIELD_NUMBER: _ClassVar[int]
    MIN_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    vw: VwSpec
    linear_ucb: LinearUcbSpec
    linear_thompson: LinearThompsonSpec
    popularity: PopularitySpec
    uniform: UniformSpec
    fixed: FixedSpec
    beliefs: _containers.RepeatedCompositeFieldContainer[Belief]
    half_life: float
    min_probability: float
    def __init__(self, vw: _Optional[_Union[VwSpec, _Mapping]] = ..., linear_ucb: _Optional[_Union[LinearUcbSpec, _Mapping]] = ..., linear_thompson: _Optional[_Union[LinearThompsonSpec, _Mapping]] = ..., popularity: _Optional[_Union[PopularitySpec, _Mapping]] = ..., uniform: _Optional[_Union[UniformSpec, _Mapping]] = ..., fixed: _Optional[_Union[FixedSpec, _Mapping]] = ..., beliefs: _Optional[_Iterable[_Union[Belief, _Mapping]]] = ..., half_life: _Optional[float] = ..., min_probability: _Optional[float] = ...) -> None: ...

class Belief(_message.Message):
    __slots__ = ("context", "offer", "reward", "strength")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    OFFER_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    context: _features_pb2.Features
    offer: _features_pb2.Offer
    reward: float
    strength: int
    def __init__(self, context: _Optional[_Union[_features_pb2.Features, _Mapping]] = ..., offer: _Optional[_Union[_features_pb2.Offer, _Mapping]] = ..., reward: _Optional[float] = ..., strength: _Optional[int] = ...) -> None: ...

class VwSpec(_message.Message):
    __slots__ = ("squarecb", "epsilon", "softmax", "bag", "cover", "rnd", "regcb", "regcbopt", "synthcover", "first", "crossings", "explicit_crossings", "context_alone", "learning_rate", "bits", "cb_type", "power_t", "l1", "l2")
    SQUARECB_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    SOFTMAX_FIELD_NUMBER: _ClassVar[int]
    BAG_FIELD_NUMBER: _ClassVar[int]
    COVER_FIELD_NUMBER: _ClassVar[int]
    RND_FIELD_NUMBER: _ClassVar[int]
    REGCB_FIELD_NUMBER: _ClassVar[int]
    REGCBOPT_FIELD_NUMBER: _ClassVar[int]
    SYNTHCOVER_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    CROSSINGS_FIELD_NUMBER: _ClassVar[int]
    EXPLICIT_CROSSINGS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_ALONE_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    BITS_FIELD_NUMBER: _ClassVar[int]
    CB_TYPE_FIELD_NUMBER: _ClassVar[int]
    POWER_T_FIELD_NUMBER: _ClassVar[int]
    L1_FIELD_NUMBER: _ClassVar[int]
    L2_FIELD_NUMBER: _ClassVar[int]
    squarecb: SquareCbSpec
    epsilon: EpsilonSpec
    softmax: SoftmaxSpec
    bag: BagSpec
    cover: CoverSpec
    rnd: RndSpec
    regcb: RegCbSpec
    regcbopt: RegCbSpec
    synthcover: SynthCoverSpec
    first: FirstSpec
    crossings: Crossings
    explicit_crossings: _containers.RepeatedCompositeFieldContainer[Crossing]
    context_alone: bool
    learning_rate: float
    bits: int
    cb_type: CbType
    power_t: float
    l1: float
    l2: float
    def __init__(self, squarecb: _Optional[_Union[SquareCbSpec, _Mapping]] = ..., epsilon: _Optional[_Union[EpsilonSpec, _Mapping]] = ..., softmax: _Optional[_Union[SoftmaxSpec, _Mapping]] = ..., bag: _Optional[_Union[BagSpec, _Mapping]] = ..., cover: _Optional[_Union[CoverSpec, _Mapping]] = ..., rnd: _Optional[_Union[RndSpec, _Mapping]] = ..., regcb: _Optional[_Union[RegCbSpec, _Mapping]] = ..., regcbopt: _Optional[_Union[RegCbSpec, _Mapping]] = ..., synthcover: _Optional[_Union[SynthCoverSpec, _Mapping]] = ..., first: _Optional[_Union[FirstSpec, _Mapping]] = ..., crossings: _Optional[_Union[Crossings, str]] = ..., explicit_crossings: _Optional[_Iterable[_Union[Crossing, _Mapping]]] = ..., context_alone: _Optional[bool] = ..., learning_rate: _Optional[float] = ..., bits: _Optional[int] = ..., cb_type: _Optional[_Union[CbType, str]] = ..., power_t: _Optional[float] = ..., l1: _Optional[float] = ..., l2: _Optional[float] = ...) -> None: ...

class Crossing(_message.Message):
    __slots__ = ("context", "offer", "offer_id", "slot")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    OFFER_FIELD_NUMBER: _ClassVar[int]
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    context: _containers.RepeatedScalarFieldContainer[str]
    offer: _containers.RepeatedScalarFieldContainer[str]
    offer_id: bool
    slot: bool
    def __init__(self, context: _Optional[_Iterable[str]] = ..., offer: _Optional[_Iterable[str]] = ..., offer_id: _Optional[bool] = ..., slot: _Optional[bool] = ...) -> None: ...

class SquareCbSpec(_message.Message):
    __slots__ = ("gamma_scale", "gamma_exponent")
    GAMMA_SCALE_FIELD_NUMBER: _ClassVar[int]
    GAMMA_EXPONENT_FIELD_NUMBER: _ClassVar[int]
    gamma_scale: float
    gamma_exponent: float
    def __init__(self, gamma_scale: _Optional[float] = ..., gamma_exponent: _Optional[float] = ...) -> None: ...

class EpsilonSpec(_message.Message):
    __slots__ = ("epsilon",)
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    epsilon: float
    def __init__(self, epsilon: _Optional[float] = ...) -> None: ...

class SoftmaxSpec(_message.Message):
    __slots__ = ()
    LAMBDA_FIELD_NUMBER: _ClassVar[int]
    def __init__(self, **kwargs) -> None: ...

class BagSpec(_message.Message):
    __slots__ = ("policies", "epsilon")
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    policies: int
    epsilon: float
    def __init__(self, policies: _Optional[int] = ..., epsilon: _Optional[float] = ...) -> None: ...

class CoverSpec(_message.Message):
    __slots__ = ("policies", "psi", "epsilon")
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    PSI_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    policies: int
    psi: float
    epsilon: float
    def __init__(self, policies: _Optional[int] = ..., psi: _Optional[float] = ..., epsilon: _Optional[float] = ...) -> None: ...

class RndSpec(_message.Message):
    __slots__ = ("predictors", "alpha", "epsilon")
    PREDICTORS_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    predictors: int
    alpha: float
    epsilon: float
    def __init__(self, predictors: _Optional[int] = ..., alpha: _Optional[float] = ..., epsilon: _Optional[float] = ...) -> None: ...

class RegCbSpec(_message.Message):
    __slots__ = ("min_reward", "max_reward", "mellowness", "epsilon")
    MIN_REWARD_FIELD_NUMBER: _ClassVar[int]
    MAX_REWARD_FIELD_NUMBER: _ClassVar[int]
    MELLOWNESS_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    min_reward: float
    max_reward: float
    mellowness: float
    epsilon: float
    def __init__(self, min_reward: _Optional[float] = ..., max_reward: _Optional[float] = ..., mellowness: _Optional[float] = ..., epsilon: _Optional[float] = ...) -> None: ...

class SynthCoverSpec(_message.Message):
    __slots__ = ("size", "psi", "epsilon")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PSI_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    size: int
    psi: float
    epsilon: float
    def __init__(self, size: _Optional[int] = ..., psi: _Optional[float] = ..., epsilon: _Optional[float] = ...) -> None: ...

class FirstSpec(_message.Message):
    __slots__ = ("interactions", "epsilon")
    INTERACTIONS_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    interactions: int
    epsilon: float
    def __init__(self, interactions: _Optional[int] = ..., epsilon: _Optional[float] = ...) -> None: ...

class LinearUcbSpec(_message.Message):
    __slots__ = ("model", "exploration", "gamma_scale", "gamma_exponent")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EXPLORATION_FIELD_NUMBER: _ClassVar[int]
    GAMMA_SCALE_FIELD_NUMBER: _ClassVar[int]
    GAMMA_EXPONENT_FIELD_NUMBER: _ClassVar[int]
    model: LinearModelSpec
    exploration: float
    gamma_scale: float
    gamma_exponent: float
    def __init__(self, model: _Optional[_Union[LinearModelSpec, _Mapping]] = ..., exploration: _Optional[float] = ..., gamma_scale: _Optional[float] = ..., gamma_exponent: _Optional[float] = ...) -> None: ...

class LinearThompsonSpec(_message.Message):
    __slots__ = ("model", "exploration")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EXPLORATION_FIELD_NUMBER: _ClassVar[int]
    model: LinearModelSpec
    exploration: float
    def __init__(self, model: _Optional[_Union[LinearModelSpec, _Mapping]] = ..., exploration: _Optional[float] = ...) -> None: ...

class LinearModelSpec(_message.Message):
    __slots__ = ("ridge", "bits", "offer_bits", "max_offers", "pairs")
    RIDGE_FIELD_NUMBER: _ClassVar[int]
    BITS_FIELD_NUMBER: _ClassVar[int]
    OFFER_BITS_FIELD_NUMBER: _ClassVar[int]
    MAX_OFFERS_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    ridge: float
    bits: int
    offer_bits: int
    max_offers: int
    pairs: bool
    def __init__(self, ridge: _Optional[float] = ..., bits: _Optional[int] = ..., offer_bits: _Optional[int] = ..., max_offers: _Optional[int] = ..., pairs: _Optional[bool] = ...) -> None: ...

class PopularitySpec(_message.Message):
    __slots__ = ("rewards", "max_offers")
    REWARDS_FIELD_NUMBER: _ClassVar[int]
    MAX_OFFERS_FIELD_NUMBER: _ClassVar[int]
    rewards: RewardModel
    max_offers: int
    def __init__(self, rewards: _Optional[_Union[RewardModel, str]] = ..., max_offers: _Optional[int] = ...) -> None: ...

class UniformSpec(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class FixedSpec(_message.Message):
    __slots__ = ("offer_id",)
    OFFER_ID_FIELD_NUMBER: _ClassVar[int]
    offer_id: str
    def __init__(self, offer_id: _Optional[str] = ...) -> None: ...

class RewardSpec(_message.Message):
    __slots__ = ("window", "default_reward", "outcomes", "min", "max", "revise_late")
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_REWARD_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    REVISE_LATE_FIELD_NUMBER: _ClassVar[int]
    window: _duration_pb2.Duration
    default_reward: float
    outcomes: _containers.RepeatedCompositeFieldContainer[OutcomeRule]
    min: float
    max: float
    revise_late: bool
    def __init__(self, window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., default_reward: _Optional[float] = ..., outcomes: _Optional[_Iterable[_Union[OutcomeRule, _Mapping]]] = ..., min: _Optional[float] = ..., max: _Optional[float] = ..., revise_late: _Optional[bool] = ...) -> None: ...

class OutcomeRule(_message.Message):
    __slots__ = ("name", "weight", "aggregation")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    AGGREGATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    weight: float
    aggregation: Aggregation
    def __init__(self, name: _Optional[str] = ..., weight: _Optional[float] = ..., aggregation: _Optional[_Union[Aggregation, str]] = ...) -> None: ...

class ControlSpec(_message.Message):
    __slots__ = ("share", "uniform", "fixed", "popularity")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    UNIFORM_FIELD_NUMBER: _ClassVar[int]
    FIXED_FIELD_NUMBER: _ClassVar[int]
    POPULARITY_FIELD_NUMBER: _ClassVar[int]
    share: float
    uniform: UniformSpec
    fixed: FixedSpec
    popularity: PopularitySpec
    def __init__(self, share: _Optional[float] = ..., uniform: _Optional[_Union[UniformSpec, _Mapping]] = ..., fixed: _Optional[_Union[FixedSpec, _Mapping]] = ..., popularity: _Optional[_Union[PopularitySpec, _Mapping]] = ...) -> None: ...

class PolicyVersion(_message.Message):
    __slots__ = ("version", "created_at", "policy", "interactions", "cursor", "sha256", "size_bytes", "serving", "promoted", "generation", "reward")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    INTERACTIONS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SERVING_FIELD_NUMBER: _ClassVar[int]
    PROMOTED_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    version: int
    created_at: _timestamp_pb2.Timestamp
    policy: PolicySpec
    interactions: int
    cursor: str
    sha256: str
    size_bytes: int
    serving: bool
    promoted: bool
    generation: int
    reward: RewardSpec
    def __init__(self, version: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., policy: _Optional[_Union[PolicySpec, _Mapping]] = ..., interactions: _Optional[int] = ..., cursor: _Optional[str] = ..., sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ..., serving: _Optional[bool] = ..., promoted: _Optional[bool] = ..., generation: _Optional[int] = ..., reward: _Optional[_Union[RewardSpec, _Mapping]] = ...) -> None: ...
