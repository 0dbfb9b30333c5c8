"""The Vowpal Wabbit half of `attune.serving.specs`: its defaults written down, and the core's spec made of them."""

from dataclasses import replace
from typing import Any

from attune.v1.placement_pb2 import (
    CB_TYPE_DR,
    CB_TYPE_IPS,
    CB_TYPE_MTR,
    CB_TYPE_UNSPECIFIED,
    CROSSINGS_CONTEXT_OFFER,
    CROSSINGS_CONTEXT_PAIRS_OFFER,
    CROSSINGS_EXPLICIT,
    CROSSINGS_NONE,
    CbType,
    Crossing,
    Crossings,
    VwSpec,
)
from attune_models import vw
from attune_models.vw_crossings import NAMELESS
from attune_models.vw_spec import default_learning_rate

_CROSSINGS: dict[Crossings, vw.Crossings] = {
    CROSSINGS_NONE: vw.Crossings.NONE,
    CROSSINGS_CONTEXT_OFFER: vw.Crossings.CONTEXT_ACTION,
    CROSSINGS_CONTEXT_PAIRS_OFFER: vw.Crossings.CONTEXT_PAIRS_ACTION,
}
_CB_TYPES: dict[CbType, vw.CbType] = {
    # What a release before this field stored.
    CB_TYPE_UNSPECIFIED: vw.CbType.MTR,
    CB_TYPE_MTR: vw.CbType.MTR,
    CB_TYPE_IPS: vw.CbType.IPS,
    CB_TYPE_DR: vw.CbType.DR,
}
# Member of the oneof -> the core's defaults. The fields of the messages and of the core's classes have the same names,
# but for those in _NAMES.
_EXPLORATIONS: dict[str, vw.Exploration] = {
    "squarecb": vw.SquareCb(),
    "epsilon": vw.Epsilon(),
    "softmax": vw.Softmax(),
    "bag": vw.Bag(),
    "cover": vw.Cover(),
    "rnd": vw.Rnd(),
    "regcb": vw.RegCb(),
    "regcbopt": vw.RegCb(optimistic=True),
    "synthcover": vw.SynthCover(),
    "first": vw.First(),
}
_NAMES = {"lambda": "inverse_temperature"}  # a keyword in Python


def fill_vw(spec: VwSpec) -> None:
    """Write every default into a spec that does not say otherwise."""
    default = vw.VwSpec()
    spec.crossings = spec.crossings or (
        CROSSINGS_EXPLICIT if spec.explicit_crossings else CROSSINGS_CONTEXT_PAIRS_OFFER
    )
    spec.cb_type = spec.cb_type or CB_TYPE_MTR
    spec.bits = spec.bits or default.bits
    if not spec.HasField("context_alone"):
        spec.context_alone = default.context_alone
    if not spec.HasField("power_t"):
        spec.power_t = default.power_t
    kind = spec.WhichOneof("exploration") or "squarecb"
    _fill(getattr(spec, kind), _EXPLORATIONS[kind])
    if not spec.HasField("learning_rate"):
        spec.learning_rate = default_learning_rate(_EXPLORATIONS[kind])


def vw_spec(spec: VwSpec, half_life: float = 0.0) -> vw.VwSpec:
    """Translate a spec that has its defaults, and the half-life of its policy, in interactions; 0 for none."""
    default = vw.VwSpec()
    return vw.VwSpec(
        exploration=_exploration(spec),
        crossings=_crossings(spec),
        # A spec that was stored by a release before this field has none: there, the context had weights of its own.
        context_alone=spec.context_alone if spec.HasField("context_alone") else True,
        learning_rate=spec.learning_rate,
        bits=spec.bits,
        cb_type=_CB_TYPES[spec.cb_type],
        # A spec that was stored by a release before this field has none.
        power_t=spec.power_t if spec.HasField("power_t") else default.power_t,
        l1=spec.l1,
        l2=spec.l2,
        half_life=half_life,
    )


def crossing_of(crossing: Crossing) -> vw.Crossing:
    """Translate one crossing of a list."""
    context, action = list(crossing.context), list(crossing.offer)
    context += [NAMELESS] if crossing.slot else []
    action += [NAMELESS] if crossing.offer_id else []
    return vw.Crossing(tuple(context), tuple(action))


def _crossings(spec: VwSpec) -> vw.Crossings | vw.Listed:
    if spec.crossings == CROSSINGS_EXPLICIT:
        return vw.Listed(tuple(map(crossing_of, spec.explicit_crossings)))
    return _CROSSINGS[spec.crossings]


def _fill(message: Any, default: vw.Exploration) -> None:
    for field in message.DESCRIPTOR.fields:
        # Counts have no presence: no exploration works with 0 of them.
        absent = not message.HasField(field.name) if field.has_presence else not getattr(message, field.name)
        if absent:
            setattr(message, field.name, getattr(default, _NAMES.get(field.name, field.name)))


def _exploration(spec: VwSpec) -> vw.Exploration:
    kind = spec.WhichOneof("exploration") or "squarecb"
    message: Any = getattr(spec, kind)
    values = {_NAMES.get(field.name, field.name): getattr(message, field.name) for field in message.DESCRIPTOR.fields}
    return replace(_EXPLORATIONS[kind], **values)
