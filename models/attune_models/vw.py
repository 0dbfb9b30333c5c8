"""Contextual bandits by Vowpal Wabbit. The only module that imports it.

Actions are described by features (`--cb_explore_adf`); context features are crossed with action features unless the
spec says otherwise, because without crossings every context gets the same ranking.

Where the actions are of a known set, and nothing was learned since the policy was loaded, the library is not asked at
all: `attune_models.vw_scorer` predicts what it would, for a fraction of the cost.

Vowpal Wabbit's Python wrapper costs three times as much as the prediction itself, and parsing costs more than both:
this module calls the extension below the wrapper and keeps parsed actions, which predicts and learns the same bits.
"""

import tempfile
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import vowpalwabbit
from numpy.typing import NDArray
from vowpalwabbit.pyvw import pylibvw

from attune_models import pmf as pmfs
from attune_models.explanation import Explanation
from attune_models.features import MAX_NUMBER, MIN_NUMBER
from attune_models.hashing import MAX_PAIRED
from attune_models.one_by_one import OneByOne
from attune_models.types import ActionSet, Interaction, Pmf, PolicyError, Situation
from attune_models.vw_actions import action_tables
from attune_models.vw_crossings import Crossing, Layout, Listed
from attune_models.vw_explorations import (
    Bag,
    Cover,
    Epsilon,
    Exploration,
    First,
    RegCb,
    Rnd,
    Softmax,
    SquareCb,
    SynthCover,
)
from attune_models.vw_file import check_weights, discounted, read_count, read_weights
from attune_models.vw_forgetting import Forgetting, with_count, with_gamma, without_count
from attune_models.vw_places import Hashing, Places, Weights, pairs_of
from attune_models.vw_pmfs import PmfOf, counts, needs_predictions_only, pmf_of
from attune_models.vw_scorer import Scorer
from attune_models.vw_spec import CbType, Crossings, VwSpec, arguments, layout_of
from attune_models.vw_terms import VwTerms

__all__ = [
    "MAX_PAIRED",
    "Bag",
    "CbType",
    "Cover",
    "Crossing",
    "Crossings",
    "Epsilon",
    "Exploration",
    "First",
    "Listed",
    "RegCb",
    "Rnd",
    "Softmax",
    "SquareCb",
    "SynthCover",
    "VwModel",
    "VwPolicy",
    "VwSpec",
]

# The extension below the wrapper; see the module's docstring. test_vw_kept.py watches over every one of these.
_parse = pylibvw.vw._parse  # noqa: SLF001
_predict = pylibvw.vw.predict_multi
_learn = pylibvw.vw.learn_multi
_finish = pylibvw.vw._finish_example_multi_ex  # noqa: SLF001
_set_weight = pylibvw.vw.set_weight
_make = pylibvw.example
_LABELS = pylibvw.vw.lContextualBandit

# An action takes 32 kB when it is kept, one with very many features up to thirty times as much: those are not kept.
_MAX_KEPT_ACTIONS = 4096
_MAX_KEPT_CHARACTERS = 2048
# A propensity of 1e-30 in an imported log would shift the scores for good; our own policies stay far above this.
_MIN_LEARNED_PROPENSITY = 1e-6
# Weights live in files for Vowpal Wabbit; a memory file system keeps the disk out of it where there is one.
_SCRATCH = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - mkdtemp makes a private directory in it


class VwPolicy(OneByOne):
    """A policy that regresses the cost of each action on its features and the context's, and explores on top."""

    def __init__(self, spec: VwSpec) -> None:
        """Start untrained."""
        self._spec = spec
        self._arguments = arguments(spec)
        self._pairs = spec.crossings is Crossings.CONTEXT_PAIRS_ACTION
        self._layout = layout_of(spec)
        self._weighs_alike = isinstance(spec.exploration, SquareCb | RegCb)
        self._is_mtr = spec.cb_type is CbType.MTR
        # All others that have an epsilon have it from Vowpal Wabbit.
        self._epsilon = spec.exploration.epsilon if isinstance(spec.exploration, RegCb) else 0.0
        self._forgetting = Forgetting(spec.half_life) if spec.half_life else None
        self._gamma_exponent = spec.exploration.gamma_exponent if isinstance(spec.exploration, SquareCb) else 0.0
        self._n_learned = 0
        self._read: _Reading | None = None
        self._predicts = needs_predictions_only(spec.exploration)
        # What is made of weights would not outlive the next interaction: a policy that learns asks the library.
        self._learns = False

    @cached_property
    def _model(self) -> "VwModel":
        # Made when first needed: making one costs milliseconds, and `loads` makes its own.
        return VwModel(self._arguments, pairs=self._pairs, layout=self._layout)

    def pmf(self, situation: Situation) -> Pmf:
        """Return Vowpal Wabbit's own action probabilities, in double precision, rescaled to sum to 1.

        RegCB's are mixed with its epsilon / K here; where there is a half-life, SquareCB's gamma is made to grow here.

        Of a known set, they are computed here: up to the rounding of float32, the same. Not where more than one
        regression votes, or more than predictions is needed, or the policy has learned since it was loaded. The first
        call for a set takes longer.

        Raises:
            PolicyError: The weights do not give a distribution over exactly these actions.
        """
        if situation.known is not None and self._predicts and not self._learns:
            reading = self._reading()
            return reading.pmf_of(reading.scorer.scores(situation, situation.known))
        raw = self._model.action_scores(situation.context, situation.actions)
        if len(raw) != len(situation.actions):
            raise PolicyError(f"expected probabilities of {len(situation.actions)} actions, got {len(raw)}")
        if self._epsilon and not any(raw):
            # RegCB's ranges can be too large for a float32, and then have nothing in them: any action may be the best.
            return pmfs.uniform(len(raw))
        try:
            pmf = pmfs.normalised(raw)
        except ValueError as error:
            raise PolicyError(str(error)) from error
        if self._forgetting and self._gamma_exponent:
            return with_gamma(pmf, self._forgetting.discounted_count(self._n_learned) ** self._gamma_exponent)
        return pmfs.floored(pmf, self._epsilon / len(pmf)) if self._epsilon else pmf

    def learn(self, interaction: Interaction) -> None:
        """Regress the cost `-reward` of the chosen action, or what `cb_type` makes of it.

        Each interaction weighs 1 / propensity, except under SquareCB and RegCB, whose oracle is a plain regression:
        there each weighs the same.

        Raises:
            ValueError: The reward is not between -1e6 and 1e6, or the propensity not in (0, 1].
        """
        reward, propensity = interaction.reward, interaction.propensity
        if not (-MAX_NUMBER <= reward <= MAX_NUMBER and 0.0 < propensity <= 1.0):
            raise ValueError(
                f"expected a reward between -1e6 and 1e6 and a propensity in (0, 1], got {reward!r} and {propensity!r}"
            )
        cost = -reward if abs(reward) >= MIN_NUMBER else 0.0
        weighed = self._weighed(cost, propensity)
        situation = interaction.situation
        self._learns, self._read = True, None
        self._model.learn(situation.context, situation.actions, interaction.chosen, f"0:{cost!r}:{weighed!r}")
        self._n_learned += 1
        if self._forgetting and self._forgetting.is_due(self._n_learned):
            for replacement in discounted(
                self._model.save(), _header_bytes(self._arguments), self._forgetting.discount
            ):
                self._model.replace(*replacement)

    def _weighed(self, cost: float, propensity: float) -> float:
        if self._weighs_alike:
            # Vowpal Wabbit means to ignore propensities here, but forgets the last action of the list.
            return 1.0
        least = max(propensity, _MIN_LEARNED_PROPENSITY)
        # All but mtr regress the cost divided by the propensity: that has to be within the limits, too.
        return least if self._is_mtr else max(least, abs(cost) / MAX_NUMBER)

    def explain(self, situation: Situation) -> list[Explanation]:
        """Return what the predicted reward of each action is made of; see `attune_models.vw_terms`.

        The first call after learning costs milliseconds: it reads the weights.
        """
        return self._reading().terms.explain(situation)

    def scores(self, situation: Situation) -> NDArray[np.float64]:
        """Return the predicted reward of each action: what `explain` says, without the reasons.

        The first call after learning costs milliseconds: it reads the weights.
        """
        if situation.known is not None:
            return self._reading().scorer.scores(situation, situation.known)
        return np.array([each.score for each in self.explain(situation)])

    def prepare(self, actions: ActionSet) -> None:
        """Work out what of the actions does not depend on weights."""
        action_tables(self._spec).of(actions, Places(self._spec, self._model.hashing))

    def _reading(self) -> "_Reading":
        if self._read is None:
            state, header_bytes = self._model.save(), _header_bytes(self._arguments)
            weights = Weights(self._spec, read_weights(state, header_bytes, self._spec.bits))
            count: float = read_count(state, header_bytes) if counts(self._spec.exploration) else 0
            if self._forgetting and isinstance(self._spec.exploration, SquareCb):
                count = self._forgetting.discounted_count(self._n_learned)
            hashing = self._model.hashing
            self._read = _Reading(
                Scorer(self._spec, hashing, weights),
                VwTerms(self._spec, hashing, weights),
                pmf_of(self._spec.exploration, count),
            )
        return self._read

    def dumps(self) -> bytes:
        """Return Vowpal Wabbit's model file; where there is a half-life, behind the number of interactions.

        Raises:
            PolicyError: A weight is not finite; such a model must not go anywhere.
        """
        state = self._model.save()
        check_weights(state, _header_bytes(self._arguments))
        return with_count(state, self._n_learned) if self._forgetting else state

    def loads(self, state: bytes) -> None:
        """Replace the model.

        A model file also holds options, so callers check where the bytes come from first.

        Raises:
            PolicyError: It is not a model file of whole and finite weights, or Vowpal Wabbit refuses it.
        """
        model, n_learned = without_count(state) if self._forgetting else (state, 0)
        check_weights(model, _header_bytes(self._arguments))
        with tempfile.TemporaryDirectory(dir=_SCRATCH) as directory:
            path = Path(directory, "model")
            path.write_bytes(model)
            try:
                started = f"{self._arguments} --initial_regressor {path}"
                self._model = VwModel(started, pairs=self._pairs, layout=self._layout)
            except RuntimeError as error:
                raise PolicyError(f"Vowpal Wabbit refuses the model: {error}") from error
        self._n_learned = n_learned
        self._learns, self._read = False, None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is made of the weights of one state of a policy, and serves until it learns.

    Attributes:
        scorer: Predicts for known sets of actions.
        terms: Explains.
        pmf_of: From predictions to probabilities; not to be called where more is needed.
    """

    scorer: Scorer
    terms: VwTerms
    pmf_of: PmfOf


class VwModel:
    """A Vowpal Wabbit workspace and the actions that it has parsed.

    Most examples come from the workspace's pool and go back into it when they are finished. Those that are kept were
    made outside of it: finishing counts them, too, and leaves them as they are. Learning leaves no trace on an example
    without a label, so a kept one serves learning and predicting alike. The chosen action has a label and is parsed.
    """

    def __init__(self, arguments: str, *, pairs: bool, layout: Layout | None = None) -> None:
        """Start a workspace.

        Args:
            arguments: Vowpal Wabbit's; of ours alone, no text of a caller's may be in them.
            pairs: Whether pairs of categorical context features are features.
            layout: The namespaces of a list of crossings, where there is one.
        """
        self._pairs, self._layout = pairs, layout
        # The counters are preserved because they belong to the state: squarecb's gamma grows with them.
        self.workspace = vowpalwabbit.Workspace(f"{arguments} --quiet --preserve_performance_counters")
        self._kept: dict[str, Any] = {}
        self._met: set[str] = set()
        self._predicted: Sequence[str] = ()

    def action_scores(self, context: str, actions: Sequence[str]) -> list[float]:
        """Predict; one score for each action that Vowpal Wabbit has seen, in order."""
        self._predicted = actions
        examples = [*_parse(self.workspace, self._shared(context)), *self._examples(actions)]
        _predict(self.workspace, examples)
        scores: list[float] = examples[0].get_action_scores()
        _finish(self.workspace, examples)
        return scores

    def learn(self, context: str, actions: Sequence[str], chosen: int, label: str) -> None:
        """Learn from a label in Vowpal Wabbit's text format on one action."""
        lines = f"{self._shared(context)}\n{label} {self._line(actions[chosen])}"
        shared, labelled = _parse(self.workspace, lines)
        # Predicting and then learning one situation is meeting its actions once.
        meets = actions is not self._predicted
        examples = [shared, *self._examples([*actions[:chosen], *actions[chosen + 1 :]], meets=meets)]
        examples.insert(1 + chosen, labelled)
        _learn(self.workspace, examples)
        _finish(self.workspace, examples)

    @property
    def hashing(self) -> Hashing:
        """The library's hash functions."""
        return Hashing(self.workspace.hash_space, self.workspace.hash_feature)

    def replace(self, number: int, positions: Iterable[int], values: Iterable[float]) -> None:
        """Replace one number of some weights; see `attune_models.vw_file`."""
        # A loop that runs in C: there may be hundreds of thousands.
        deque(map(_set_weight, repeat(self.workspace), positions, repeat(number), values), maxlen=0)

    def save(self) -> bytes:
        """Return the model file."""
        with tempfile.TemporaryDirectory(dir=_SCRATCH) as directory:
            path = Path(directory, "model")
            self.workspace.save(str(path))
            return path.read_bytes()

    def _shared(self, context: str) -> str:
        if self._layout:
            return self._layout.shared_line(context)
        pairs = " ".join(pairs_of(context.split(" "))) if self._pairs else ""
        return f"shared |c {context} |p {pairs}" if pairs else f"shared |c {context}"

    def _line(self, action: str) -> str:
        return self._layout.action_line(action) if self._layout else f"|o {action}"

    def _examples(self, actions: Sequence[str], *, meets: bool = True) -> list[Any]:
        if len(set(actions)) < len(actions) or len(actions) > _MAX_KEPT_ACTIONS:
            # An example that stands twice in a situation makes Vowpal Wabbit write where it must not. And more than are
            # kept would drive each other out.
            return self._parsed(actions)
        kept = self._kept
        try:
            return [kept[action] for action in actions]
        except KeyError:
            examples = [kept.get(action) or (self._keep(action) if meets else None) for action in actions]
        passing = [action for action, example in zip(actions, examples, strict=True) if not example]
        parsed = iter(self._parsed(passing))
        return [example or next(parsed) for example in examples]

    def _parsed(self, actions: Sequence[str]) -> list[Any]:
        examples: list[Any] = _parse(self.workspace, "\n".join(map(self._line, actions))) if actions else []
        return examples

    def _keep(self, action: str) -> Any | None:
        """Keep an action that was met before; return nothing for one that was not, or is too long."""
        # Making an example outside of the pool takes ten times as long as parsing: it pays for what comes again.
        if action in self._met:
            if len(self._kept) >= _MAX_KEPT_ACTIONS:
                self._kept.clear()
            self._met.remove(action)
            example = self._kept[action] = _make(self.workspace, _LABELS, self._line(action))
            return example
        if len(action) <= _MAX_KEPT_CHARACTERS:
            if len(self._met) >= _MAX_KEPT_ACTIONS:
                self._met.clear()
            self._met.add(action)
        return None


@cache
def _header_bytes(arguments: str) -> int:
    # An untrained model is all header.
    return len(VwModel(arguments, pairs=False).save())
