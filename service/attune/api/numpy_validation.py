"""What is wrong with a policy spec of a NumPy kind; called by `attune.api.validation`.

The sizes of a linear model are bounded one by one, and together: its state is written to the store as a snapshot, and
held by every process that decides or learns.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from attune.api.checks import between, count, enum_violations, optional, prefixed
from attune.errors import Violation
from attune.v1.placement_pb2 import LinearModelSpec, PolicySpec, PopularitySpec, RewardModel
from attune_models.features import MAX_TEXT_BYTES
from attune_models.linear_model import REFRESH_EVERY, REFRESHES_PER_HALF_LIFE, LinearSpec

MAX_STATE_BYTES = 64 << 20
MIN_HALF_LIFE = 10
MAX_HALF_LIFE = 1e9
MAX_FORGETTING_BITS = 20
"""A step of forgetting looks at every weight of Vowpal Wabbit's, at some 1.5 us each, and nothing else happens
meanwhile: were it longer than a lease, two learners would take the placement from each other for ever."""

_MIB = 1 << 20
# The third powers of the sizes of the matrices inverted, for each interaction: some 20 ms.
_MOST_INVERTED = 10_000_000
_NUMBER_BYTES = 8
# Beside its id: its position, its time and the punctuation between them.
_OFFER_BYTES = MAX_TEXT_BYTES + 40
_NO_LEARNERS = {"uniform", "fixed"}
# Field -> lowest and highest value, of both linear kinds. What must be more than 0 is not in here.
_LIMITS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "linear_ucb": {"exploration": (0, 100), "gamma_exponent": (0, 1)},
    "linear_thompson": {"exploration": (1e-3, 100)},
}


def numpy_violations(policy: PolicySpec) -> Iterator[Violation]:
    """Yield what is wrong with the part of a policy spec that is about a NumPy kind."""
    kind = policy.WhichOneof("kind")
    if kind in _LIMITS:
        spec = getattr(policy, kind)
        wrong = tuple(prefixed(kind, _linear_violations(spec, _LIMITS[kind])))
        yield from wrong
        # Sizes out of range could not even be reckoned with.
        if not wrong and policy.half_life >= MIN_HALF_LIFE:
            yield from _forgetting_violations(spec.model, policy.half_life)
    if kind == "popularity":
        yield from prefixed(kind, popularity_violations(policy.popularity))


def half_life_violations(policy: PolicySpec) -> Iterator[Violation]:
    """Yield what is wrong with the half-life of a policy spec of any kind."""
    kind, half_life = policy.WhichOneof("kind"), policy.half_life
    if kind in _NO_LEARNERS:
        if half_life != 0:
            yield Violation("half_life", f"expected 0, as {kind} learns nothing to forget, got {half_life:.15g}")
    # Written so that NaN, which compares false with everything, is refused too.
    elif not (half_life == 0 or MIN_HALF_LIFE <= half_life <= MAX_HALF_LIFE):
        bounds = f"{MIN_HALF_LIFE} to 1e9 interactions, or 0 for never forgetting"
        yield Violation("half_life", f"expected {bounds}, got {half_life:.15g}")
    elif half_life and policy.vw.bits > MAX_FORGETTING_BITS:
        yield Violation("vw.bits", f"expected at most {MAX_FORGETTING_BITS} with a half_life, got {policy.vw.bits}")


def _linear_violations(spec: Any, limits: Mapping[str, tuple[float, float]]) -> Iterator[Violation]:
    for field, (low, high) in limits.items():
        yield from optional(spec, field, between, low, high)
    if "gamma_scale" in spec.DESCRIPTOR.fields_by_name:
        yield from optional(spec, "gamma_scale", between, 0, 1e6, above=True)
    sizes = tuple(_model_violations(spec.model))
    yield from prefixed("model", sizes)
    if not sizes:  # else the state has no size that could be computed
        yield from _state_violations(spec.model)


def _model_violations(spec: LinearModelSpec) -> Iterator[Violation]:
    yield from optional(spec, "ridge", between, 1e-6, 1e6)
    yield from count(spec, "bits", 4, 11)
    yield from count(spec, "offer_bits", 2, 8)
    yield from count(spec, "max_offers", 1, 10_000)


def _state_violations(spec: LinearModelSpec) -> Iterator[Violation]:
    default = LinearSpec()
    shared = _regression_bytes(spec.bits or default.bits)
    n_offers = spec.max_offers or default.max_actions
    own = n_offers * (_regression_bytes(spec.offer_bits or default.offer_bits) + _OFFER_BYTES)
    if shared + own > MAX_STATE_BYTES:
        yield Violation(
            "model",
            f"expected at most {MAX_STATE_BYTES // _MIB} MiB of state, got up to {(shared + own) / _MIB:.1f} MiB: "
            f"{own / _MIB:.1f} MiB for {n_offers} offers (lower max_offers or offer_bits) and "
            f"{shared / _MIB:.1f} MiB for what they share (lower bits)",
        )


def _forgetting_violations(spec: LinearModelSpec, half_life: float) -> Iterator[Violation]:
    """Each step of forgetting inverts every matrix: small steps of large models would keep a learner from learning."""
    default = LinearSpec()
    shared, own = 8 ** (spec.bits or default.bits), 8 ** (spec.offer_bits or default.offer_bits)
    least = REFRESHES_PER_HALF_LIFE * (shared + (spec.max_offers or default.max_actions) * own) / _MOST_INVERTED
    if half_life < min(least, REFRESHES_PER_HALF_LIFE * REFRESH_EVERY):
        yield Violation(
            "half_life",
            f"expected at least {math.ceil(least)} interactions with a model of this size "
            f"(lower bits, offer_bits or max_offers), got {half_life:.15g}",
        )


def _regression_bytes(bits: int) -> int:
    """Return the size of a regression in a snapshot: two triangles and two vectors, see `attune_models.ridge`."""
    n_weights: int = 1 << bits
    return _NUMBER_BYTES * (n_weights * (n_weights + 1) + 2 * n_weights)


def popularity_violations(spec: PopularitySpec) -> Iterator[Violation]:
    """Yield what is wrong with a popularity spec."""
    yield from enum_violations("rewards", spec.rewards, RewardModel)
    # 100,000 offers with the longest ids come to half of MAX_STATE_BYTES.
    yield from count(spec, "max_offers", 1, 100_000)
