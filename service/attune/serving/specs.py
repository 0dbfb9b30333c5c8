"""From the contract's specs to the core's, and the defaults between them.

`with_defaults` writes every default into a placement when it is applied, so that what is stored, shown and learned from
does not change under a placement when a default changes in a later release.
"""

import math
from dataclasses import replace

from attune.serving.beliefs import beliefs_of
from attune.serving.numpy_specs import (
    fill_numpy,
    fill_popularity,
    linear_thompson_spec,
    linear_ucb_spec,
    popularity_spec,
)
from attune.serving.vw_specs import fill_vw, vw_spec
from attune.v1.placement_pb2 import (
    AGGREGATION_COUNT,
    AGGREGATION_FIRST,
    AGGREGATION_LAST,
    AGGREGATION_MAX,
    AGGREGATION_MEAN,
    AGGREGATION_MIN,
    AGGREGATION_SUM,
    STORE_FAILURE_ANSWER,
    Aggregation,
    AutoPromote,
    Challenger,
    ControlSpec,
    OutcomeRule,
    Placement,
    PolicySpec,
    RewardSpec,
    ShortlistSpec,
)
from attune.v1.placement_pb2 import UniformSpec as UniformMessage
from attune_models import policy as core
from attune_models import rewards
from attune_models.baselines import FixedSpec, UniformSpec

DEFAULT_WINDOW_S = 600
DEFAULT_CONFIDENCE = 0.95
MAX_SHORTLIST = 1000

_RANDOM_SHARE = 0.1

_AGGREGATIONS: dict[Aggregation, rewards.Aggregation] = {
    AGGREGATION_FIRST: rewards.Aggregation.FIRST,
    AGGREGATION_LAST: rewards.Aggregation.LAST,
    AGGREGATION_SUM: rewards.Aggregation.SUM,
    AGGREGATION_MAX: rewards.Aggregation.MAX,
    AGGREGATION_MIN: rewards.Aggregation.MIN,
    AGGREGATION_MEAN: rewards.Aggregation.MEAN,
    AGGREGATION_COUNT: rewards.Aggregation.COUNT,
}


def with_defaults(placement: Placement) -> Placement:
    """Return a copy of a valid placement in which nothing that has a default is absent."""
    filled = Placement()
    filled.CopyFrom(placement)
    _fill_policy(filled.policy)
    _fill_reward(filled.reward)
    if filled.HasField("control"):
        _fill_control(filled.control)
    filled.store_failure = filled.store_failure or STORE_FAILURE_ANSWER
    for challenger in filled.challengers:
        _fill_policy(challenger.policy)
    if filled.HasField("shortlist"):
        filled.shortlist.size, filled.shortlist.random = shortlist_of(filled.shortlist)
    if filled.HasField("auto_promote"):
        _fill_auto_promote(filled.auto_promote)
    return filled


def policy_spec(spec: PolicySpec) -> core.PolicySpec:
    """Translate a policy spec that has its defaults, without its beliefs: they matter to `start_spec` only."""
    match spec.WhichOneof("kind"):
        case "vw":
            kind: core.KindSpec = vw_spec(spec.vw, spec.half_life)
        case "linear_ucb":
            kind = linear_ucb_spec(spec)
        case "linear_thompson":
            kind = linear_thompson_spec(spec)
        case "popularity":
            kind = popularity_spec(spec)
        case "fixed":
            kind = FixedSpec(spec.fixed.offer_id)
        case _:
            kind = UniformSpec()
    return core.PolicySpec(kind, spec.min_probability)


def start_spec(placement: Placement) -> core.PolicySpec:
    """Translate what a placement that has its defaults starts from: its policy spec with its beliefs."""
    # Of offers that nothing is believed of, nothing is expected to happen.
    otherwise = rewards.fold(reward_spec(placement.reward), [])
    return replace(policy_spec(placement.policy), beliefs=beliefs_of(placement.policy, otherwise))


def in_shadow(placement: Placement, challenger: Challenger) -> Placement:
    """Return a placement as it would be if a challenger, named or not, were its policy: all else is the placement's."""
    instead = Placement()
    instead.CopyFrom(placement)
    instead.policy.CopyFrom(challenger.policy)
    left = [other for other in placement.challengers if other.name != challenger.name]
    del instead.challengers[:]
    instead.challengers.extend(left)
    return instead


def control_spec(spec: ControlSpec) -> core.PolicySpec:
    """Translate the baseline of a control group; one that learns is untrained then."""
    return policy_spec(_as_policy(spec))


def learns_control(placement: Placement) -> bool:
    """Tell whether a placement has a control group whose baseline learns."""
    return placement.control.HasField("popularity")


def in_control(placement: Placement) -> Placement:
    """Return a placement as it would be if the baseline of its control group were its policy."""
    return in_shadow(placement, Challenger(policy=_as_policy(placement.control)))


def shortlist_of(spec: ShortlistSpec) -> tuple[int, int]:
    """Return the length of a shortlist, and how many of it are drawn from the lower ranks."""
    size = spec.size or MAX_SHORTLIST
    return size, spec.random if spec.HasField("random") else math.ceil(_RANDOM_SHARE * size)


def reward_spec(spec: RewardSpec) -> rewards.RewardSpec:
    """Translate a reward spec that has its defaults."""
    return rewards.RewardSpec(
        rules={rule.name: rewards.OutcomeRule(rule.weight, _AGGREGATIONS[rule.aggregation]) for rule in spec.outcomes},
        default_reward=spec.default_reward,
        min=spec.min,
        max=spec.max,
    )


def _fill_policy(policy: PolicySpec) -> None:
    if policy.WhichOneof("kind") is None:
        policy.vw.SetInParent()
    if policy.HasField("vw"):
        fill_vw(policy.vw)
    fill_numpy(policy)


def _as_policy(spec: ControlSpec) -> PolicySpec:
    match spec.WhichOneof("policy"):
        case "fixed":
            return PolicySpec(fixed=spec.fixed)
        case "popularity":
            return PolicySpec(popularity=spec.popularity)
        case _:
            return PolicySpec(uniform=UniformMessage())


def _fill_control(spec: ControlSpec) -> None:
    if spec.WhichOneof("policy") is None:
        spec.uniform.SetInParent()
    if spec.HasField("popularity"):
        fill_popularity(spec.popularity)


def _fill_auto_promote(spec: AutoPromote) -> None:
    if not spec.HasField("confidence"):
        spec.confidence = DEFAULT_CONFIDENCE
    if not spec.HasField("margin"):
        spec.margin = 0.0


def _fill_reward(spec: RewardSpec) -> None:
    default = rewards.RewardSpec()
    if not spec.HasField("window"):
        spec.window.seconds = DEFAULT_WINDOW_S
    if not spec.outcomes:
        spec.outcomes.extend(OutcomeRule(name=name) for name in default.rules)
    for rule in spec.outcomes:
        rule.aggregation = rule.aggregation or AGGREGATION_FIRST
        if not rule.HasField("weight"):
            rule.weight = 1.0
    if not spec.HasField("min"):
        spec.min = default.min
    if not spec.HasField("max"):
        spec.max = default.max
