"""The reward: outcomes of one decision, folded into the one number a policy learns from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import fsum

DEFAULT_BOUND = 1000.0
# Two outcomes beyond every float would cancel to NaN, which no bound clips.
_LARGEST_TERM = 1e300


class Aggregation(Enum):
    """How several outcomes of one name become one value. 0 is a value like any other."""

    FIRST = "first"
    LAST = "last"
    SUM = "sum"
    MAX = "max"
    MIN = "min"
    MEAN = "mean"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class OutcomeRule:
    """What one named outcome is worth.

    Attributes:
        weight: Reward per unit of the aggregated value; finite, not 0.
        aggregation: How several outcomes of this name become one value.
    """

    weight: float = 1.0
    aggregation: Aggregation = Aggregation.FIRST


@dataclass(frozen=True, slots=True)
class RewardSpec:
    """How outcomes become a reward.

    Attributes:
        rules: Rule of each outcome name.
        default_reward: Reward of a decision without any outcome that has a rule.
        min: Lowest reward; lower ones are raised to it.
        max: Highest reward; higher ones are lowered to it.
    """

    rules: Mapping[str, OutcomeRule] = field(default_factory=lambda: {"click": OutcomeRule()})
    default_reward: float = 0.0
    min: float = -DEFAULT_BOUND
    max: float = DEFAULT_BOUND


@dataclass(frozen=True, slots=True)
class Outcome:
    """A named signal about a decision.

    Attributes:
        name: Which rule applies; outcomes without a rule count nothing.
        value: How much; finite.
    """

    name: str
    value: float


# fsum is exact: outcomes in another order give the same bits. What does not fit in between it refuses.
_AGGREGATE: Mapping[Aggregation, Callable[[Sequence[float]], float]] = {
    Aggregation.FIRST: lambda values: values[0],
    Aggregation.LAST: lambda values: values[-1],
    Aggregation.SUM: lambda values: fsum(map(_bounded, values)),
    Aggregation.MAX: max,
    Aggregation.MIN: min,
    Aggregation.MEAN: lambda values: fsum(map(_bounded, values)) / len(values),
    Aggregation.COUNT: len,
}


def fold(spec: RewardSpec, outcomes: Iterable[Outcome]) -> float:
    """Fold the outcomes of one decision into its reward: `clip(earned)`.

    Args:
        spec: The rules.
        outcomes: Earliest first.

    Returns:
        A finite number between `spec.min` and `spec.max`.
    """
    return clip(spec, earned(spec, outcomes))


def clip(spec: RewardSpec, reward: float) -> float:
    """Return the number between `spec.min` and `spec.max` that is nearest to a reward."""
    return min(max(reward, spec.min), spec.max)


def earned(spec: RewardSpec, outcomes: Iterable[Outcome]) -> float:
    """Return what the outcomes of one decision come to, before it is clipped.

    `sum over names of weight x aggregated value`, `default_reward` where no outcome has a rule. Names are summed in the
    order of the rules, so that equal outcomes give equal bits.

    Args:
        spec: The rules.
        outcomes: Earliest first.
    """
    values: dict[str, list[float]] = {}
    for outcome in outcomes:
        values.setdefault(outcome.name, []).append(outcome.value)
    terms = [
        rule.weight * _AGGREGATE[rule.aggregation](values[name]) for name, rule in spec.rules.items() if name in values
    ]
    return sum(_bounded(term) for term in terms) if terms else spec.default_reward


def _bounded(term: float) -> float:
    return min(max(term, -_LARGEST_TERM), _LARGEST_TERM)
