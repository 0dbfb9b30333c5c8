"""What is wrong with the beliefs of a policy spec; called by `attune.api.validation`.

A belief that a policy could not act on as it was meant is refused: a policy that learns nothing cannot believe, and one
that ranks offers the same way in every context would take a belief about some customers for one about all.
"""

import math
from collections.abc import Iterator

from attune.api.checks import between, prefixed
from attune.api.numpy_validation import MAX_FORGETTING_BITS, MAX_HALF_LIFE, MIN_HALF_LIFE
from attune.errors import InvalidInputError, Violation
from attune.serving.beliefs import belief_of
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import CB_TYPE_DR, CROSSINGS_NONE, REWARD_MODEL_GAUSSIAN, Belief, PolicySpec, VwSpec
from attune_models import vw
from attune_models.features import MAX_NUMBER
from attune_models.hashing import MAX_PAIRED
from attune_models.linear_model import LinearSpec
from attune_models.vw_forgetting import Forgetting

MAX_BELIEFS = 100
MAX_STRENGTH = 1000
MAX_TOTAL_STRENGTH = 5000
# Every version of a policy is kept with its spec, and all of them are told in one answer.
MAX_BYTES = 65_536
MAX_UPDATES = 100_000_000
"""Of a weight, at some 20 ns each. Every server learns the beliefs before it decides, and other decisions wait."""

_LINEAR = ("linear_ucb", "linear_thompson")
_LEARNS_NOTHING = ("uniform", "fixed")
# How many updates take as long as one of these, as measured: RegCB searches, Rnd learns its noise as well.
_REGCB_UPDATES, _RND_UPDATES, _FORGETTING_UPDATES = 4, 8, 75


def belief_violations(spec: PolicySpec, lowest: float, highest: float) -> Iterator[Violation]:
    """Yield what is wrong with the beliefs of a policy spec.

    Args:
        spec: The policy spec.
        lowest: The least reward of the placement.
        highest: The largest.
    """
    n_beliefs, kind = len(spec.beliefs), spec.WhichOneof("kind") or "vw"
    if n_beliefs and kind in _LEARNS_NOTHING:
        yield Violation("beliefs", f"expected none with {kind}, which learns nothing, got {n_beliefs}")
        return
    if n_beliefs > MAX_BELIEFS:
        yield Violation("beliefs", f"expected at most {MAX_BELIEFS}, got {n_beliefs}")
        return
    size = sum(belief.ByteSize() for belief in spec.beliefs)
    if size > MAX_BYTES:
        yield Violation("beliefs", f"expected at most {MAX_BYTES} bytes in all, got {size}")
        return
    total, most = sum(belief.strength for belief in spec.beliefs), _max_total_strength(spec, kind)
    if total > most:
        yield Violation("beliefs", f"expected a strength of at most {most} in all, got {total}")
    if (updates := _updates(spec, kind)) > MAX_UPDATES:
        product = "strength x features of context x of offer x models"
        yield Violation(
            "beliefs", f"expected at most {MAX_UPDATES:.2g} updates of weights ({product}), got {updates:.2g}"
        )
    rewards = _believable(spec, kind, lowest, highest)
    for i, belief in enumerate(spec.beliefs):
        yield from prefixed(f"beliefs[{i}]", _violations(belief, *rewards, _blindness(spec, kind)))


def _violations(belief: Belief, lowest: float, highest: float, blindness: str) -> Iterator[Violation]:
    if blindness and belief.context != Features():
        yield Violation("context", f"expected no features, as {blindness} ignores contexts, got some")
    try:
        belief_of(belief)
    except InvalidInputError as error:
        yield from error.violations
    yield from between("reward", belief.reward, lowest, highest)
    yield from between("strength", belief.strength, 1, MAX_STRENGTH)


def _blindness(spec: PolicySpec, kind: str) -> str:
    """Return what makes a policy rank offers the same way in every context, if anything does."""
    if kind == "popularity":
        return kind
    return "CROSSINGS_NONE" if spec.vw.crossings == CROSSINGS_NONE else ""


def _believable(spec: PolicySpec, kind: str, lowest: float, highest: float) -> tuple[float, float]:
    """Return the least and the largest reward that a belief may state."""
    if kind == "popularity" and spec.popularity.rewards != REWARD_MODEL_GAUSSIAN:
        lowest, highest = max(lowest, 0.0), min(highest, 1.0)
    # A range that is none is a violation of its own.
    return (lowest, highest) if lowest < highest else (-MAX_NUMBER, MAX_NUMBER)


def _max_total_strength(spec: PolicySpec, kind: str) -> int:
    """Return how strong all beliefs may be together, so that a policy starts within seconds.

    What a linear policy learns from one interaction costs 4^bits.
    """
    if kind not in _LINEAR:
        return MAX_TOTAL_STRENGTH
    default = LinearSpec().bits
    bits = getattr(spec, kind).model.bits or default
    return MAX_TOTAL_STRENGTH >> 2 * max(0, bits - default)


def _updates(spec: PolicySpec, kind: str) -> float:
    """Return how often a weight is updated until all beliefs are learned."""
    if kind == "popularity":
        return 0.0
    n_models = _n_models(spec.vw) if kind == "vw" else 1
    products = [n_models * _n_products(belief) for belief in spec.beliefs]
    strengths = [belief.strength for belief in spec.beliefs]
    total = sum(each * strength for each, strength in zip(products, strengths, strict=True))
    # What is out of range is a violation of its own, and nothing to reckon with.
    if kind == "vw" and MIN_HALF_LIFE <= spec.half_life <= MAX_HALF_LIFE:
        n_steps = 2 * sum(strengths) // Forgetting(spec.half_life).period
        total += _FORGETTING_UPDATES * n_steps * min(sum(products), 1 << MAX_FORGETTING_BITS)
    return float(total)


def _n_products(belief: Belief) -> int:
    n_words = len(belief.context.categorical)
    n_pairs = math.comb(n_words, 2) if n_words <= MAX_PAIRED else 0
    return (1 + _n_features(belief.context) + n_pairs) * (2 + _n_features(belief.offer.features))


def _n_features(features: Features) -> int:
    n_tags = sum(len(tags.values) for tags in features.tags.values())
    n_components = sum(len(vector.values) for vector in features.dense.values())
    return len(features.numeric) + len(features.categorical) + n_tags + n_components


def _n_models(spec: VwSpec) -> int:
    apart = 2 if spec.cb_type == CB_TYPE_DR else 1
    match spec.WhichOneof("exploration"):
        case "bag":
            return apart * (spec.bag.policies or vw.Bag().policies)
        case "cover":
            return apart * (spec.cover.policies or vw.Cover().policies)
        case "rnd":
            return apart * _RND_UPDATES * (spec.rnd.predictors or vw.Rnd().predictors)
        case "regcb" | "regcbopt":
            return _REGCB_UPDATES
        case _:
            return apart
