"""What is wrong with challengers, and with how one is promoted; called by `attune.api.validation`."""

from collections.abc import Callable, Iterator, Sequence

from attune.api.checks import between, optional, prefixed
from attune.errors import Violation
from attune.store.keys import PLACEMENT_NAME
from attune.v1.placement_pb2 import Challenger, Placement, PolicySpec
from attune_models.rewards import DEFAULT_BOUND

MAX_CHALLENGERS = 5
MIN_CONFIDENCE = 0.5
MAX_CONFIDENCE = 0.9999
MAX_MARGIN = 1e6

# They learn nothing: there is nothing to train in the shadow.
_BASELINES = ("uniform", "fixed")


def challenger_violations(
    challengers: Sequence[Challenger], policy_violations: Callable[[PolicySpec], Iterator[Violation]]
) -> Iterator[Violation]:
    """Yield what is wrong with challengers.

    Args:
        challengers: Of a placement.
        policy_violations: Yields what is wrong with a policy of the placement.
    """
    if len(challengers) > MAX_CHALLENGERS:
        yield Violation("challengers", f"expected at most {MAX_CHALLENGERS}, got {len(challengers)}")
    for i, challenger in enumerate(challengers[:MAX_CHALLENGERS]):
        field, former = f"challengers[{i}]", [other.name for other in challengers[:i]]
        yield from prefixed(field, _name_violations(challenger.name, former))
        yield from prefixed(f"{field}.policy", _kind_violations(challenger.policy))
        yield from prefixed(f"{field}.policy", policy_violations(challenger.policy))


def auto_promote_violations(placement: Placement) -> Iterator[Violation]:
    """Yield what is wrong with how challengers of a placement are promoted."""
    if not placement.HasField("auto_promote"):
        return
    spec = placement.auto_promote
    yield from prefixed("auto_promote", optional(spec, "confidence", between, MIN_CONFIDENCE, MAX_CONFIDENCE))
    yield from prefixed("auto_promote", optional(spec, "margin", between, 0, MAX_MARGIN))
    # A placement that is read back has its defaults filled in: they are not meant any more than before.
    reward = placement.reward
    is_default = (reward.min, reward.max) == (-DEFAULT_BOUND, DEFAULT_BOUND)
    for field, default in (("min", -DEFAULT_BOUND), ("max", DEFAULT_BOUND)):
        if is_default or not reward.HasField(field):
            yield Violation(
                f"reward.{field}",
                "expected a bound that is meant, because with auto_promote reward.min and reward.max say how much one "
                f"decision can prove (0 and 1 for clicks, for example), got the default, {default:g}",
            )


def _name_violations(name: str, former: Sequence[str]) -> Iterator[Violation]:
    if not PLACEMENT_NAME.fullmatch(name):
        yield Violation(
            "name",
            f'expected 1 to 64 characters of a-z, 0-9, _, - and ., starting with a letter or digit, got "{name[:80]}"',
        )
    elif name in former:
        yield Violation("name", f'expected a name of its own, got "{name}" again')


def _kind_violations(policy: PolicySpec) -> Iterator[Violation]:
    kind = policy.WhichOneof("kind")
    if kind in _BASELINES:
        yield Violation(kind, "expected a policy that learns, got one that does not")
