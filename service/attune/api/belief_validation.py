"""What is wrong with the beliefs of a policy spec; called by `attune.api.validation`.

A belief that a policy could not act on as it was meant is refused: a policy that learns nothing cannot believe, and one
that ranks offers the same way in every context would take a belief about some customers for one about all.
"""

from collections.abc import Iterator

from attune.api.checks import between, prefixed
from attune.errors import InvalidInputError, Violation
from attune.serving.beliefs import belief_of
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import CROSSINGS_NONE, REWARD_MODEL_GAUSSIAN, Belief, PolicySpec
from attune_models.features import MAX_NUMBER
from attune_models.linear_model import LinearSpec

MAX_BELIEFS = 100
MAX_STRENGTH = 1000
MAX_TOTAL_STRENGTH = 5000
# Every version of a policy is kept with its spec, and all of them are told in one answer.
MAX_BYTES = 65_536

_LINEAR = ("linear_ucb", "linear_thompson")
_LEARNS_NOTHING = ("uniform", "fixed")


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
