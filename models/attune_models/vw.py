"""Contextual bandits by Vowpal Wabbit. The only module that imports it.

Actions are described by features (`--cb_explore_adf`); context features are crossed with action features unless the
spec says otherwise, because without crossings every context gets the same ranking.

Vowpal Wabbit's Python wrapper costs three times as much as the prediction itself, and parsing costs more than both:
this module calls the extension below the wrapper and keeps parsed actions, which predicts the same bits.
"""

import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, cached_property
from itertools import combinations
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import vowpalwabbit
from vowpalwabbit.pyvw import pylibvw

from attune_models import pmf as pmfs
from attune_models.features import MAX_NUMBER, MIN_NUMBER
from attune_models.types import Interaction, Pmf, PolicyError, Situation

# The extension below the wrapper; see the module's docstring. The tests in test_vw.py watch over every one of these.
_parse = pylibvw.vw._parse  # noqa: SLF001
_predict = pylibvw.vw.predict_multi
_learn = pylibvw.vw.learn_multi
_finish = pylibvw.vw._finish_example_multi_ex  # noqa: SLF001

MAX_PAIRED = 10
"""Most categorical context features that are paired: their pairs, 45 then, multiply the cost of a decision."""

# An action takes 32 kB when it is kept, one with very many features up to thirty times as much: those are not kept.
_MAX_KEPT_ACTIONS = 4096
_MAX_KEPT_CHARACTERS = 2048
# How a model file ends, one for each weight that is not 0: its position, its value, and what its step size depends on
# (sum of squared gradients, scale of the feature).
_WEIGHT = np.dtype([("index", "<u4"), ("numbers", "<f4", 3)])
# A propensity of 1e-30 in an imported log would shift the scores for good; our own policies stay far above this.
_MIN_LEARNED_PROPENSITY = 1e-6
# Weights live in files for Vowpal Wabbit; a memory file system keeps the disk out of it where there is one.
_SCRATCH = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - mkdtemp makes a private directory in it


@dataclass(frozen=True, slots=True)
class SquareCb:
    """Inverse gap weighting.

    `p(a) = 1 / (K + gamma (f(best) - f(a)))` for all but the best action, which gets the rest;
    `gamma = gamma_scale t^gamma_exponent` after t interactions. Source: Foster, Rakhlin, "Beyond UCB: Optimal and
    Efficient Contextual Bandits with Regression Oracles", 2020.

    Attributes:
        gamma_scale: Greater than 0; larger explores less.
        gamma_exponent: 0 to 1; larger explores less as time goes on.
    """

    gamma_scale: float = 10.0
    gamma_exponent: float = 0.5


@dataclass(frozen=True, slots=True)
class Epsilon:
    """The best action with probability `1 - epsilon + epsilon / K`, every other with `epsilon / K`.

    Attributes:
        epsilon: 0 to 1.
    """

    epsilon: float = 0.1


@dataclass(frozen=True, slots=True)
class Softmax:
    """Probabilities proportional to `exp(lambda f(a))`.

    Attributes:
        inverse_temperature: The lambda, 0 to 1000; larger is greedier.
    """

    inverse_temperature: float = 10.0


Exploration: TypeAlias = SquareCb | Epsilon | Softmax


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


@dataclass(frozen=True, slots=True)
class VwSpec:
    """Parameters of a Vowpal Wabbit policy.

    Attributes:
        exploration: How it explores.
        crossings: Which features are multiplied with each other.
        learning_rate: Step size, greater than 0, at most 100.
        bits: The model has 2^bits weights; 10 to 24.
    """

    exploration: Exploration = field(default_factory=SquareCb)
    crossings: Crossings = Crossings.CONTEXT_PAIRS_ACTION
    learning_rate: float = 0.5
    bits: int = 18


class VwPolicy:
    """A policy that regresses the cost of each action on its features and the context's, and explores on top."""

    def __init__(self, spec: VwSpec) -> None:
        """Start untrained."""
        self._arguments = _arguments(spec)
        self._pairs = spec.crossings is Crossings.CONTEXT_PAIRS_ACTION
        self._weighs_alike = isinstance(spec.exploration, SquareCb)

    @cached_property
    def _model(self) -> "_Model":
        # Made when first needed: making one costs milliseconds, and `loads` makes its own.
        return _Model(self._arguments, pairs=self._pairs)

    def pmf(self, situation: Situation) -> Pmf:
        """Return Vowpal Wabbit's own action probabilities, in double precision, rescaled to sum to 1.

        Raises:
            PolicyError: The weights do not give a distribution over exactly these actions.
        """
        raw = self._model.action_scores(situation.context, situation.actions)
        if len(raw) != len(situation.actions):
            raise PolicyError(f"expected probabilities of {len(situation.actions)} actions, got {len(raw)}")
        try:
            return pmfs.normalised(raw)
        except ValueError as error:
            raise PolicyError(str(error)) from error

    def learn(self, interaction: Interaction) -> None:
        """Regress the cost `-reward` of the chosen action (`--cb_type mtr`).

        Each interaction weighs 1 / propensity, except under SquareCB, whose oracle is a plain regression: there each
        weighs the same.

        Raises:
            ValueError: The reward is not between -1e6 and 1e6, or the propensity not in (0, 1].
        """
        reward, propensity = interaction.reward, interaction.propensity
        if not (-MAX_NUMBER <= reward <= MAX_NUMBER and 0.0 < propensity <= 1.0):
            raise ValueError(
                f"expected a reward between -1e6 and 1e6 and a propensity in (0, 1], got {reward!r} and {propensity!r}"
            )
        # Vowpal Wabbit means to ignore propensities under SquareCB, but forgets the last action of the list.
        weighed = 1.0 if self._weighs_alike else max(propensity, _MIN_LEARNED_PROPENSITY)
        cost = -reward if abs(reward) >= MIN_NUMBER else 0.0
        situation = interaction.situation
        self._model.learn(situation.context, situation.actions, interaction.chosen, f"0:{cost!r}:{weighed!r}")

    def dumps(self) -> bytes:
        """Return Vowpal Wabbit's model file.

        Raises:
            PolicyError: A weight is not finite; such a model must not go anywhere.
        """
        state = self._model.save()
        _check_weights(state, self._arguments)
        return state

    def loads(self, state: bytes) -> None:
        """Replace the model.

        A model file also holds options, so callers check where the bytes come from first.

        Raises:
            PolicyError: It is not a model file of whole and finite weights, or Vowpal Wabbit refuses it.
        """
        _check_weights(state, self._arguments)
        with tempfile.TemporaryDirectory(dir=_SCRATCH) as directory:
            path = Path(directory, "model")
            path.write_bytes(state)
            try:
                self._model = _Model(f"{self._arguments} --initial_regressor {path}", pairs=self._pairs)
            except RuntimeError as error:
                raise PolicyError(f"Vowpal Wabbit refuses the model: {error}") from error


class _Model:
    """A Vowpal Wabbit workspace and the actions that it has parsed."""

    def __init__(self, arguments: str, *, pairs: bool) -> None:
        self._pairs = pairs
        # The counters are preserved because they belong to the state: squarecb's gamma grows with them.
        self.workspace = vowpalwabbit.Workspace(f"{arguments} --quiet --preserve_performance_counters")
        self._kept: dict[str, Any] = {}
        # An example that is not given back before its workspace goes leaks 30 kB.
        weakref.finalize(self, _give_back, self.workspace, self._kept).atexit = False

    def action_scores(self, context: str, actions: Sequence[str]) -> list[float]:
        """Predict; one score for each action that Vowpal Wabbit has seen, in order."""
        if len(self._kept) > _MAX_KEPT_ACTIONS:
            _give_back(self.workspace, self._kept)
        shared = _parse(self.workspace, self._shared(context))
        large = [action for action in actions if len(action) > _MAX_KEPT_CHARACTERS]
        passing = {action: _parse(self.workspace, f"|o {action}")[0] for action in large}
        kept = self._kept
        examples = shared + [kept.get(action) or passing.get(action) or self._keep(action) for action in actions]
        _predict(self.workspace, examples)
        scores: list[float] = shared[0].get_action_scores()
        # Kept actions must not be finished: only what is of this prediction alone is given back.
        _finish(self.workspace, shared)
        _give_back(self.workspace, passing)
        return scores

    def learn(self, context: str, actions: Sequence[str], chosen: int, label: str) -> None:
        """Learn from a label in Vowpal Wabbit's text format on one action."""
        lines = [f"|o {action}" for action in actions]
        lines[chosen] = f"{label} {lines[chosen]}"
        examples = _parse(self.workspace, "\n".join([self._shared(context), *lines]))
        _learn(self.workspace, examples)
        _finish(self.workspace, examples)

    def save(self) -> bytes:
        """Return the model file."""
        with tempfile.TemporaryDirectory(dir=_SCRATCH) as directory:
            path = Path(directory, "model")
            self.workspace.save(str(path))
            return path.read_bytes()

    def _shared(self, context: str) -> str:
        pairs = _pairs(context) if self._pairs else ""
        return f"shared |c {context} |p {pairs}" if pairs else f"shared |c {context}"

    def _keep(self, action: str) -> Any:
        example = self._kept[action] = _parse(self.workspace, f"|o {action}")[0]
        return example


def _give_back(workspace: Any, kept: dict[str, Any]) -> None:
    for example in kept.values():
        _finish(workspace, [example])
    kept.clear()


def _pairs(context: str) -> str:
    # A categorical token, and no other, has a "=" in it; "~" occurs in tokens of tags only.
    categorical = [token for token in context.split(" ") if "=" in token]
    if len(categorical) > MAX_PAIRED:
        return ""
    return " ".join(f"{one}~{other}" for one, other in combinations(categorical, 2))


@cache
def _header_bytes(arguments: str) -> int:
    # An untrained model is all header.
    return len(_Model(arguments, pairs=False).save())


def _check_weights(state: bytes, arguments: str) -> None:
    """Look at every number that the weights of a model file are made of.

    Vowpal Wabbit loads NaN without a word, and half a file too.
    """
    size = len(state) - _header_bytes(arguments)
    if size < 0 or size % _WEIGHT.itemsize:
        raise PolicyError(f"expected a model file of whole weights, got {len(state)} bytes")
    weights = np.frombuffer(state, _WEIGHT, offset=len(state) - size)
    if not np.isfinite(weights["numbers"]).all():
        raise PolicyError("expected finite weights, got some that are not")


def _arguments(spec: VwSpec) -> str:
    # --hash all: by default a feature named "7" would get index 7 instead of a hash.
    parts = ["--cb_explore_adf", "--cb_type mtr", "--hash all", f"--bit_precision {spec.bits}"]
    parts += [f"--learning_rate {spec.learning_rate!r}", _exploration(spec.exploration)]
    return " ".join([*parts, spec.crossings.value]).rstrip()


def _exploration(exploration: Exploration) -> str:
    match exploration:
        case SquareCb(scale, exponent):
            return f"--squarecb --gamma_scale {scale!r} --gamma_exponent {exponent!r}"
        case Epsilon(epsilon):
            return f"--epsilon {epsilon!r}"
        case Softmax(inverse_temperature):
            return f"--softmax --lambda {inverse_temperature!r}"
