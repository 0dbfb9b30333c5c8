"""What a Vowpal Wabbit policy can be told, and the arguments that say it.

`attune_models.vw` runs what is described here. Every field is typed, so that no text of a caller becomes an argument:
one could name a file or open a port.

Vowpal Wabbit scales its steps by the sizes of the features, and keeps the sums for that apart for each of the
regressions that a policy is made of. Into a model file it writes those of the first only, unless told otherwise: a
policy of several regressions (bag, cover, rnd, doubly robust costs) would go on differently once it was loaded.

Not offered: `--large_action_space`, which does not give the same probabilities twice. `tests/unit/test_vw_recovery.py`
shows both.
"""

from dataclasses import dataclass, field, replace
from enum import Enum

from attune_models.vw_crossings import Layout, Listed
from attune_models.vw_explorations import Bag, Cover, Exploration, RegCb, Rnd, SquareCb


class Crossings(Enum):
    """Which features are multiplied with each other.

    The values are Vowpal Wabbit's arguments: `c` is the context, `p` its pairs, `o` an action.
    """

    NONE = ""
    """None: actions are then ranked the same way in every context."""
    CONTEXT_ACTION = "--interactions co"
    """Every context feature with every action feature."""
    CONTEXT_PAIRS_ACTION = "--interactions co --interactions po"
    """The same, and every pair of categorical context features with every action feature, as long as there are at most
    MAX_PAIRED of them. Lets the taste of a user depend on the time of day."""


class CbType(Enum):
    """What a regression is told about the actions that were not chosen.

    The values are Vowpal Wabbit's arguments.
    """

    MTR = "mtr"
    """Nothing: the chosen action's cost is regressed, with weight 1 / propensity."""
    IPS = "ips"
    """Cost / propensity for the chosen action, 0 for every other: unbiased and noisy."""
    DR = "dr"
    """What another regression predicts for each, corrected by cost / propensity for the chosen one."""


@dataclass(frozen=True, slots=True)
class VwSpec:
    """Parameters of a Vowpal Wabbit policy.

    Attributes:
        exploration: How it explores.
        crossings: Which features are multiplied with each other: a rule, or a list of products.
        context_alone: Whether a context feature also has a weight of its own, which is added to the score of every
            action alike. It never changes which action is the best, but takes a part of every step: `python -m
            benchmarks.learning` shows what that costs.
        learning_rate: Step size, greater than 0, at most 100; where none is given, what suits the exploration.
        bits: The model has 2^bits weights; 10 to 24.
        cb_type: What it learns from; MTR with SquareCb and RegCb, any with the others.
        power_t: Steps become smaller as (sum of squared gradients)^power_t grows; 0 to 1, 0 for constant steps.
        l1: Pulls weights to exactly 0; 0 to 1.
        l2: Shrinks weights; 0 to 1.
        half_life: Interactions after which an interaction counts half, see `attune_models.vw_forgetting`; 0 for never
            forgetting, else at least 10.
    """

    exploration: Exploration = field(default_factory=SquareCb)
    crossings: Crossings | Listed = Crossings.CONTEXT_PAIRS_ACTION
    context_alone: bool = False
    learning_rate: float | None = None
    bits: int = 18
    cb_type: CbType = CbType.MTR
    power_t: float = 0.5
    l1: float = 0.0
    l2: float = 0.0
    half_life: float = 0.0

    def __post_init__(self) -> None:
        """Fill in the learning rate."""
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", default_learning_rate(self.exploration))


def default_learning_rate(exploration: Exploration) -> float:
    """Return the step size that suits an exploration."""
    # RegCB's ranges are as wide as a step can move a prediction: with large steps any action could be the best.
    return 0.5 if isinstance(exploration, RegCb) else 1.5


def has_several_regressions(spec: VwSpec) -> bool:
    """Tell whether a policy is made of more than one regression; see the module's docstring."""
    return spec.cb_type is CbType.DR or isinstance(spec.exploration, Bag | Cover | Rnd)


def arguments(spec: VwSpec) -> str:
    """Return the arguments of a workspace.

    They are part of what a model file is compared with: those of a spec that exists never change.
    """
    # --hash all: by default a feature named "7" would get index 7 instead of a hash.
    parts = ["--cb_explore_adf", f"--cb_type {spec.cb_type.value}", "--hash all", f"--bit_precision {spec.bits}"]
    parts += [f"--learning_rate {spec.learning_rate!r}", _exploration(spec).arguments()]
    parts += ["--per_model_save_load"] if has_several_regressions(spec) else []
    # Of namespaces `c` and `p`; their products stay.
    parts += [] if spec.context_alone else ["--ignore_linear c --ignore_linear p"]
    default = VwSpec()
    parts += [
        f"--{name} {getattr(spec, name)!r}"
        for name in ("power_t", "l1", "l2")
        if getattr(spec, name) != getattr(default, name)
    ]
    return " ".join([*parts, _crossings(spec)]).rstrip()


def layout_of(spec: VwSpec) -> Layout | None:
    """Return the namespaces of a list of crossings; nothing where the crossings are not listed."""
    listed = spec.crossings
    return Layout(listed, context_alone=spec.context_alone) if isinstance(listed, Listed) else None


def _crossings(spec: VwSpec) -> str:
    crossings = spec.crossings
    if isinstance(crossings, Crossings):
        return crossings.value
    return Layout(crossings, context_alone=spec.context_alone).arguments()


def _exploration(spec: VwSpec) -> Exploration:
    if spec.half_life and isinstance(spec.exploration, SquareCb):
        # Vowpal Wabbit's gamma grows for ever; here it is as after one interaction, and `vw_forgetting` makes it grow.
        return replace(spec.exploration, gamma_exponent=0.0)
    return spec.exploration
