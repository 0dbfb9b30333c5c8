"""What is wrong with a Vowpal Wabbit spec; called by `attune.api.validation`.

Every number is bounded, and nothing else gets into the arguments of a workspace.
"""

from collections.abc import Iterator, Mapping, Sequence

from attune.api.checks import between, count, enum_violations, optional, prefixed
from attune.errors import Violation
from attune.serving.vw_specs import crossing_of
from attune.v1.placement_pb2 import (
    CB_TYPE_MTR,
    CB_TYPE_UNSPECIFIED,
    CROSSINGS_EXPLICIT,
    CROSSINGS_UNSPECIFIED,
    CbType,
    Crossing,
    Crossings,
    RegCbSpec,
    SquareCbSpec,
    VwSpec,
)
from attune_models.features import MAX_NUMBER, MAX_TEXT_BYTES
from attune_models.vw_crossings import MAX_CROSSINGS, MAX_FACTORS

# What must be more than 0 is at least this: Vowpal Wabbit takes 1e-300 for 0, and then refuses it.
_LEAST = 1e-6
# Exploration -> field -> lowest and highest value.
_LIMITS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "squarecb": {"gamma_exponent": (0, 1)},
    "epsilon": {"epsilon": (0, 1)},
    "softmax": {"lambda": (0, 1000)},
    "bag": {"epsilon": (_LEAST, 1)},
    "cover": {"psi": (_LEAST, 100), "epsilon": (_LEAST, 1)},
    "rnd": {"alpha": (_LEAST, 100), "epsilon": (_LEAST, 1)},
    "regcb": {"mellowness": (_LEAST, 100), "epsilon": (_LEAST, 1)},
    "regcbopt": {"mellowness": (_LEAST, 100), "epsilon": (_LEAST, 1)},
    "synthcover": {"psi": (_LEAST, 100), "epsilon": (_LEAST, 1)},
    "first": {"epsilon": (_LEAST, 1)},
}
_COUNTS: Mapping[str, tuple[str, int, int]] = {
    "bag": ("policies", 2, 20),
    "cover": ("policies", 2, 20),
    "rnd": ("predictors", 1, 20),
    "synthcover": ("size", 1, 1000),
    "first": ("interactions", 1, 1_000_000),
}
_REGRESSIONS = {"squarecb", "regcb", "regcbopt"}


def vw_violations(spec: VwSpec) -> Iterator[Violation]:
    """Yield what is wrong with a Vowpal Wabbit spec."""
    exploration = spec.WhichOneof("exploration") or "squarecb"
    yield from enum_violations("crossings", spec.crossings, Crossings)
    yield from _list_violations(spec)
    yield from optional(spec, "learning_rate", between, 0, 100, above=True)
    yield from count(spec, "bits", 10, 24)
    yield from optional(spec, "power_t", between, 0, 1)
    yield from between("l1", spec.l1, 0, 1)
    yield from between("l2", spec.l2, 0, 1)
    yield from enum_violations("cb_type", spec.cb_type, CbType)
    if exploration in _REGRESSIONS and spec.cb_type not in (CB_TYPE_UNSPECIFIED, CB_TYPE_MTR):
        yield Violation("cb_type", f"expected CB_TYPE_MTR with {exploration}, got {CbType.Name(spec.cb_type)}")
    yield from prefixed(exploration, _exploration_violations(spec, exploration))


def _list_violations(spec: VwSpec) -> Iterator[Violation]:
    field, crossings = "explicit_crossings", spec.explicit_crossings
    if spec.crossings not in (CROSSINGS_UNSPECIFIED, CROSSINGS_EXPLICIT):
        if crossings and spec.crossings in Crossings.values():
            yield Violation(field, f"expected none with {Crossings.Name(spec.crossings)}, got {len(crossings)}")
        return
    if len(crossings) > MAX_CROSSINGS or (not crossings and spec.crossings == CROSSINGS_EXPLICIT):
        yield Violation(field, f"expected 1 to {MAX_CROSSINGS} with CROSSINGS_EXPLICIT, got {len(crossings)}")
        return
    products = [crossing_of(crossing) for crossing in crossings]
    for i, crossing in enumerate(crossings):
        yield from prefixed(f"{field}[{i}]", _crossing_violations(crossing))
        if (first := products.index(products[i])) < i:
            yield Violation(f"{field}[{i}]", f"expected each crossing once, got that of {field}[{first}] again")


def _crossing_violations(crossing: Crossing) -> Iterator[Violation]:
    yield from _names_violations("context", crossing.context)
    yield from _names_violations("offer", crossing.offer)
    if not crossing.context and not crossing.slot:
        yield Violation("context", f"expected 1 to {MAX_FACTORS} names, or slot, got neither")


def _names_violations(field: str, names: Sequence[str]) -> Iterator[Violation]:
    if len(names) > MAX_FACTORS:
        yield Violation(field, f"expected at most {MAX_FACTORS} names, got {len(names)}")
        return
    for i, name in enumerate(names):
        if not 1 <= (size := len(name.encode())) <= MAX_TEXT_BYTES:
            yield Violation(f"{field}[{i}]", f"expected 1 to {MAX_TEXT_BYTES} bytes of UTF-8, got {size or 'nothing'}")
        elif name in names[:i]:
            yield Violation(f"{field}[{i}]", f'expected each name once, got "{name[:80]}" again')


def _exploration_violations(spec: VwSpec, exploration: str) -> Iterator[Violation]:
    message = getattr(spec, exploration)
    if isinstance(message, SquareCbSpec):
        yield from optional(message, "gamma_scale", between, 0, 1e6, above=True)
    if exploration in _COUNTS:
        yield from count(message, *_COUNTS[exploration])
    for field, limits in _LIMITS[exploration].items():
        yield from optional(message, field, between, *limits)
    if isinstance(message, RegCbSpec):
        yield from _reward_range_violations(message)


def _reward_range_violations(spec: RegCbSpec) -> Iterator[Violation]:
    yield from optional(spec, "min_reward", between, -MAX_NUMBER, MAX_NUMBER)
    yield from optional(spec, "max_reward", between, -MAX_NUMBER, MAX_NUMBER)
    low = spec.min_reward if spec.HasField("min_reward") else 0.0
    high = spec.max_reward if spec.HasField("max_reward") else 1.0
    if high <= low:
        yield Violation("max_reward", f"expected more than min_reward, which is {low:.15g}, got {high:.15g}")
