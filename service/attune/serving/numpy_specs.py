"""The NumPy half of `attune.serving.specs`: its defaults written down, and the core's specs made of them."""

from collections.abc import Mapping
from typing import Any

from attune.v1.placement_pb2 import (
    REWARD_MODEL_BERNOULLI,
    REWARD_MODEL_GAUSSIAN,
    LinearModelSpec,
    LinearThompsonSpec,
    LinearUcbSpec,
    PolicySpec,
    PopularitySpec,
    RewardModel,
)
from attune_models import linear, popularity
from attune_models.linear_model import LinearSpec

_REWARD_MODELS: dict[RewardModel, popularity.RewardModel] = {
    REWARD_MODEL_BERNOULLI: popularity.RewardModel.BERNOULLI,
    REWARD_MODEL_GAUSSIAN: popularity.RewardModel.GAUSSIAN,
}
# Field of the contract -> the core's attribute, which also holds the default.
_MODEL = {"ridge": "ridge", "bits": "bits", "offer_bits": "offer_bits", "max_offers": "max_actions", "pairs": "pairs"}
_UCB = {name: name for name in ("exploration", "gamma_scale", "gamma_exponent")}
_THOMPSON = {"exploration": "exploration"}

CoreSpec = linear.LinearUcbSpec | linear.LinearThompsonSpec | popularity.PopularitySpec


def fill_numpy(spec: PolicySpec) -> None:
    """Write every default into a policy spec of a NumPy kind that does not say otherwise; others are left alone."""
    match spec.WhichOneof("kind"):
        case "linear_ucb":
            _fill_linear(spec.linear_ucb, linear.LinearUcbSpec(), _UCB)
        case "linear_thompson":
            _fill_linear(spec.linear_thompson, linear.LinearThompsonSpec(), _THOMPSON)
        case "popularity":
            fill_popularity(spec.popularity)


def fill_popularity(message: PopularitySpec) -> None:
    """Write every default into a popularity spec that does not say otherwise."""
    message.rewards = message.rewards or REWARD_MODEL_BERNOULLI
    message.max_offers = message.max_offers or popularity.PopularitySpec().max_actions


def linear_ucb_spec(spec: PolicySpec) -> linear.LinearUcbSpec:
    """Translate a policy spec of kind `linear_ucb` that has its defaults."""
    said = spec.linear_ucb
    values = _values(said.model, _MODEL) | _values(said, _UCB)
    return linear.LinearUcbSpec(**values, half_life=spec.half_life)


def linear_thompson_spec(spec: PolicySpec) -> linear.LinearThompsonSpec:
    """Translate a policy spec of kind `linear_thompson` that has its defaults."""
    said = spec.linear_thompson
    return linear.LinearThompsonSpec(
        **_values(said.model, _MODEL), **_values(said, _THOMPSON), half_life=spec.half_life
    )


def popularity_spec(spec: PolicySpec) -> popularity.PopularitySpec:
    """Translate a policy spec of kind `popularity` that has its defaults."""
    return popularity.PopularitySpec(
        rewards=_REWARD_MODELS[spec.popularity.rewards],
        half_life=spec.half_life,
        max_actions=spec.popularity.max_offers,
    )


def _fill_linear(message: LinearUcbSpec | LinearThompsonSpec, default: LinearSpec, names: Mapping[str, str]) -> None:
    _fill(message, default, names)
    _fill(message.model, default, _MODEL)


def _fill(message: Any, default: LinearSpec, names: Mapping[str, str]) -> None:
    for field, attribute in names.items():
        # Sizes have no presence: nothing works with a size of 0.
        present = message.DESCRIPTOR.fields_by_name[field].has_presence
        absent = not message.HasField(field) if present else not getattr(message, field)
        if absent:
            setattr(message, field, getattr(default, attribute))


def _values(message: LinearModelSpec | LinearUcbSpec | LinearThompsonSpec, names: Mapping[str, str]) -> dict[str, Any]:
    return {attribute: getattr(message, field) for field, attribute in names.items()}
