"""What is wrong with a message, said field by field, before anything is done with it."""

from collections.abc import Iterable, Iterator

from attune.api.belief_validation import belief_violations
from attune.api.challenger_validation import auto_promote_violations, challenger_violations
from attune.api.channel_validation import channel_violations
from attune.api.checks import (
    between,
    count,
    duration_violations,
    enum_violations,
    id_violations,
    optional,
    prefixed,
    timestamp_violations,
)
from attune.api.guardrail_validation import guardrail_violations, nothing_eligible_violations
from attune.api.numpy_validation import half_life_violations, numpy_violations, popularity_violations
from attune.api.vw_validation import vw_violations
from attune.errors import InvalidInputError, Violation
from attune.serving.conditions import Conditions
from attune.serving.specs import shortlist_of
from attune.store.keys import PLACEMENT_NAME
from attune.v1.placement_pb2 import (
    Aggregation,
    OutcomeRule,
    Placement,
    PolicySpec,
    RewardSpec,
    ShortlistSpec,
    StoreFailure,
)
from attune.v1.placement_service_pb2 import PromotePolicyVersionRequest
from attune.v1.reward_service_pb2 import Outcome
from attune_models import rewards
from attune_models.features import MAX_NUMBER
from attune_models.rewards import DEFAULT_BOUND

MAX_OFFERS = 1000
MAX_SLOTS = 20
MAX_OUTCOMES = 1000
MAX_RULES = 50
MAX_VALUE = 1e9
MIN_WINDOW_S = 1
MAX_WINDOW_S = 90 * 24 * 3600
MAX_RETENTION_S = 10 * 366 * 24 * 3600


def check_names(placement: str, event_id: str) -> None:
    """Check the names that point to a stored decision.

    Raises:
        InvalidInputError: With every violation.
    """
    refuse([*id_violations("placement", placement), *id_violations("event_id", event_id)])


def check_placement(placement: Placement, segments: Conditions | None = None) -> None:
    """Check a placement.

    Args:
        placement: What came in.
        segments: Those that conditions may name, by name; None where nobody knows them here.

    Raises:
        InvalidInputError: With every violation.
    """
    refuse([*_placement_violations(placement), *_guardrail_violations(placement, segments)])


def check_promotion(request: PromotePolicyVersionRequest) -> None:
    """Check which version is to be promoted.

    Raises:
        InvalidInputError: It is no version.
    """
    refuse(
        [Violation("version", f"expected a version, or 0 for the newest, got {request.version}")]
        if request.version < 0
        else []
    )


def outcome_violations(outcome: Outcome) -> Iterator[Violation]:
    """Yield what is wrong with an outcome by itself."""
    yield from id_violations("placement", outcome.placement)
    yield from id_violations("event_id", outcome.event_id)
    yield from id_violations("name", outcome.name)
    if outcome.outcome_id:
        yield from id_violations("outcome_id", outcome.outcome_id)
    if outcome.HasField("value") and not -MAX_VALUE <= outcome.value <= MAX_VALUE:
        yield Violation("value", f"expected a finite number between -1e9 and 1e9, got {outcome.value}")
    if outcome.slot >= MAX_SLOTS:
        yield Violation("slot", f"expected less than {MAX_SLOTS}, the most slots of a decision, got {outcome.slot}")
    yield from timestamp_violations("occurred_at", outcome.occurred_at)


def _shortlist_violations(spec: ShortlistSpec) -> Iterator[Violation]:
    yield from count(spec, "size", 2, MAX_OFFERS)
    size, _ = shortlist_of(spec)
    if spec.random >= size:
        yield Violation("random", f"expected 0 to {size - 1}, less than the length of the list, got {spec.random}")


def _placement_violations(placement: Placement) -> Iterator[Violation]:
    if not PLACEMENT_NAME.fullmatch(placement.name):
        yield Violation(
            "name",
            "expected 1 to 64 characters of a-z, 0-9, _, - and ., starting with a letter or digit, "
            f'got "{placement.name[:80]}"',
        )
    yield from enum_violations("store_failure", placement.store_failure, StoreFailure)
    yield from duration_violations("log_retention", placement.log_retention, 0, MAX_RETENTION_S)
    yield from prefixed("policy", _whole_policy_violations(placement.policy, placement))
    yield from between("control.share", placement.control.share, 0, 1)
    if placement.control.HasField("fixed") and placement.control.fixed.offer_id:
        yield from id_violations("control.fixed.offer_id", placement.control.fixed.offer_id)
    yield from prefixed("control.popularity", popularity_violations(placement.control.popularity))
    yield from prefixed("reward", _reward_violations(placement.reward))
    yield from prefixed("shortlist", _shortlist_violations(placement.shortlist))
    yield from challenger_violations(placement.challengers, lambda policy: _whole_policy_violations(policy, placement))
    yield from auto_promote_violations(placement)
    yield from channel_violations(placement)


def _guardrail_violations(placement: Placement, segments: Conditions | None) -> Iterator[Violation]:
    outcomes = [rule.name for rule in placement.reward.outcomes] or list(rewards.RewardSpec().rules)
    yield from prefixed("guardrails", guardrail_violations(placement.guardrails, outcomes, segments))
    if placement.HasField("when_nothing_eligible"):
        nothing = nothing_eligible_violations(placement.when_nothing_eligible)
        yield from prefixed("when_nothing_eligible", nothing)


def _whole_policy_violations(policy: PolicySpec, placement: Placement) -> Iterator[Violation]:
    yield from _policy_violations(policy)
    yield from belief_violations(policy, *_reward_range(placement.reward))


def _policy_violations(policy: PolicySpec) -> Iterator[Violation]:
    yield from between("min_probability", policy.min_probability, 0, 1)
    yield from half_life_violations(policy)
    yield from numpy_violations(policy)
    if policy.HasField("vw"):
        yield from prefixed("vw", vw_violations(policy.vw))
    if policy.HasField("fixed") and policy.fixed.offer_id:
        yield from id_violations("fixed.offer_id", policy.fixed.offer_id)


def _reward_violations(spec: RewardSpec) -> Iterator[Violation]:
    if spec.HasField("window"):
        yield from duration_violations("window", spec.window, MIN_WINDOW_S, MAX_WINDOW_S)
    yield from between("default_reward", spec.default_reward, -MAX_NUMBER, MAX_NUMBER)
    yield from optional(spec, "min", between, -MAX_NUMBER, MAX_NUMBER)
    yield from optional(spec, "max", between, -MAX_NUMBER, MAX_NUMBER)
    low, high = _reward_range(spec)
    if high <= low:
        yield Violation("max", f"expected more than min, which is {low:.15g}, got {high:.15g}")
    if len(spec.outcomes) > MAX_RULES:
        yield Violation("outcomes", f"expected at most {MAX_RULES} rules, got {len(spec.outcomes)}")
    for i, rule in enumerate(spec.outcomes[:MAX_RULES]):
        yield from prefixed(f"outcomes[{i}]", _rule_violations(rule, [former.name for former in spec.outcomes[:i]]))


def _reward_range(spec: RewardSpec) -> tuple[float, float]:
    return spec.min if spec.HasField("min") else -DEFAULT_BOUND, spec.max if spec.HasField("max") else DEFAULT_BOUND


def _rule_violations(rule: OutcomeRule, former_names: list[str]) -> Iterator[Violation]:
    yield from id_violations("name", rule.name)
    if rule.name in former_names:
        yield Violation("name", f'expected a name of its own, got "{rule.name[:80]}" again')
    yield from enum_violations("aggregation", rule.aggregation, Aggregation)
    if rule.HasField("weight") and not (rule.weight and -MAX_VALUE <= rule.weight <= MAX_VALUE):
        yield Violation("weight", f"expected a finite number other than 0, between -1e9 and 1e9, got {rule.weight}")


def refuse(violations: Iterable[Violation]) -> None:
    """Raise an InvalidInputError with the violations, if there are any."""
    if found := tuple(violations):
        raise InvalidInputError(*found)
