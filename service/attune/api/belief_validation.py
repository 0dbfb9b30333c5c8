"""What is wrong with the beliefs of a policy spec; called by `attune.api.validation`.

A belief that a policy could not act on as it was meant is refused: a policy that learns nothing cannot believe, and one
that ranks offers the same way in every context would take a belief about some customers for one about all.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from attune.api.checks import between, prefixed
from attune.api.numpy_validation import MAX_FORGETTING_BITS, MAX_HALF_LIFE, MIN_HALF_LIFE
from attune.errors import InvalidInputError, Violation
from attune.serving.beliefs import belief_of
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import (
    CB_TYPE_DR,
    CROSSINGS_NONE,
    REWARD_MODEL_GAUSSIAN,
    Belief,
    Crossing,
    PolicySpec,
    VwSpec,
)
from attune_models import vw
from attune_models.features import MAX_NUMBER
from attune_models.hashing import paired
from attune_models.linear_model import LinearSpec
from attune_models.vw_crossings import MAX_CROSSINGS
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
        yield from prefixed(f"beliefs[{i}]", _context_violations(belief.context, spec, kind))
        yield from prefixed(f"beliefs[{i}]", _violations(belief, *rewards))


def _context_violations(context: Features, spec: PolicySpec, kind: str) -> Iterator[Violation]:
    if context == Features():
        return
    if blindness := _blindness(spec, kind):
        yield Violation("context", f"expected no features, as {blindness} ignores contexts, got some")
    elif spec.vw.explicit_crossings and (ignored := _uncrossed(context, spec.vw.explicit_crossings)):
        description = "expected features that an explicit crossing multiplies, all of which are here"
        yield Violation("context", f'{description}, got "{ignored[0][:80]}"')


def _uncrossed(context: Features, crossings: Sequence[Crossing]) -> list[str]:
    """Return the names of a context without a crossing. A first slot is not marked: crossings with a slot are none."""
    names = set(_n_tokens(context))
    made = [crossing for crossing in crossings if names.issuperset(crossing.context) and not crossing.slot]
    return sorted(names.difference(*(crossing.context for crossing in made)))


def _violations(belief: Belief, lowest: float, highest: float) -> Iterator[Violation]:
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
    products = [n_models * _n_products(belief, spec.vw.explicit_crossings) for belief in spec.beliefs]
    strengths = [belief.strength for belief in spec.beliefs]
    total = sum(each * strength for each, strength in zip(products, strengths, strict=True))
    # What is out of range is a violation of its own, and nothing to reckon with.
    if kind == "vw" and MIN_HALF_LIFE <= spec.half_life <= MAX_HALF_LIFE:
        n_steps = 2 * sum(strengths) // Forgetting(spec.half_life).period
        total += _FORGETTING_UPDATES * n_steps * min(sum(products), 1 << MAX_FORGETTING_BITS)
    return float(total)


def _n_products(belief: Belief, crossings: Sequence[Crossing]) -> int:
    n_context, n_offer = _n_features(belief.context), _n_features(belief.offer.features)
    if crossings:
        return 2 + n_offer + n_context + _n_listed(belief, crossings)
    n_pairs = len(paired([f"{name}=" for name in belief.context.categorical]))
    return (1 + n_context + n_pairs) * (2 + n_offer)


def _n_listed(belief: Belief, crossings: Sequence[Crossing]) -> int:
    context, offer = _n_tokens(belief.context), _n_tokens(belief.offer.features)

    def n_products(crossing: Crossing) -> int:
        """Count the weights that a crossing updates for one belief."""
        n_offer = math.prod(offer[name] for name in crossing.offer)
        anything = not (crossing.offer or crossing.offer_id)
        return math.prod(context[name] for name in crossing.context) * (1 + offer.total() if anything else n_offer)

    # More crossings than there may be are a violation of their own, and nothing to reckon with.
    return sum(map(n_products, crossings[:MAX_CROSSINGS]))


def _n_features(features: Features) -> int:
    return _n_tokens(features).total()


def _n_tokens(features: Features) -> Counter[str]:
    """Return how many features go by each name: tags and components of a vector are one each."""
    counts = Counter([*features.numeric, *features.categorical])
    counts.update({name: len(features.tags[name].values) for name in features.tags})
    counts.update({name: len(features.dense[name].values) for name in features.dense})
    return counts


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
