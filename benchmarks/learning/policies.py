"""The rows of the table: every kind of policy that the core offers, with the same parameters in all environments.

All come as their specs have them, but for what a line says. To add a row, add a line.
"""

from collections.abc import Mapping

from attune_models.baselines import UniformSpec
from attune_models.linear import LinearThompsonSpec, LinearUcbSpec
from attune_models.policy import PolicySpec
from attune_models.popularity import PopularitySpec
from attune_models.vw import (
    Bag,
    CbType,
    Cover,
    Epsilon,
    First,
    RegCb,
    Rnd,
    Softmax,
    SynthCover,
    VwSpec,
)

DEFAULT = "vw squarecb"

# A one-hot context of digits, mushrooms or drivers has 64 to 120 features: with the 64 weights that each offer has
# otherwise they would collide. A shared regression that holds all their products would cost milliseconds a round.
_OFFER_BITS = 8

POLICIES: Mapping[str, PolicySpec] = {
    DEFAULT: PolicySpec(),
    "vw squarecb, steps 0.5": PolicySpec(VwSpec(learning_rate=0.5)),
    "vw squarecb, steps 0.5, context alone": PolicySpec(VwSpec(learning_rate=0.5, context_alone=True)),
    "vw squarecb, half-life 2000": PolicySpec(VwSpec(half_life=2000.0)),
    "vw squarecb, min_probability .01": PolicySpec(min_probability=0.01),
    "vw epsilon": PolicySpec(VwSpec(Epsilon())),
    "vw epsilon, ips": PolicySpec(VwSpec(Epsilon(), cb_type=CbType.IPS)),
    "vw epsilon, dr": PolicySpec(VwSpec(Epsilon(), cb_type=CbType.DR)),
    "vw softmax": PolicySpec(VwSpec(Softmax())),
    "vw bag": PolicySpec(VwSpec(Bag())),
    "vw cover": PolicySpec(VwSpec(Cover())),
    "vw rnd": PolicySpec(VwSpec(Rnd())),
    "vw regcb": PolicySpec(VwSpec(RegCb())),
    "vw regcbopt": PolicySpec(VwSpec(RegCb(optimistic=True))),
    "vw synthcover": PolicySpec(VwSpec(SynthCover())),
    "vw first": PolicySpec(VwSpec(First())),
    "linear_ucb": PolicySpec(LinearUcbSpec(offer_bits=_OFFER_BITS)),
    "linear_thompson": PolicySpec(LinearThompsonSpec(offer_bits=_OFFER_BITS)),
    "popularity": PolicySpec(PopularitySpec()),
    "uniform": PolicySpec(UniformSpec()),
}
