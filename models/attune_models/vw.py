"""Contextual bandits by Vowpal Wabbit.

Actions are described by features (`--cb_explore_adf`); context features are crossed with action features unless the
spec says otherwise, because without crossings every context gets the same ranking.

Where the actions are of a known set, or come again in other company, and nothing was learned since the policy was
loaded, the library is not asked at all: `attune_models.vw_scorer` and `attune_models.vw_offered` predict what it would,
for a fraction of the cost. Everywhere else `attune_models.vw_model` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attune_models import pmf as pmfs
from attune_models.explanation import Explanation
from attune_models.features import MAX_NUMBER, MIN_NUMBER
from attune_models.hashing import MAX_PAIRED
from attune_models.one_by_one import OneByOne
from attune_models.types import ActionSet, Interaction, Pmf, PolicyError, Situation
from attune_models.vw_actions import action_tables
from attune_models.vw_crossings import Crossing, Listed
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
from attune_models.vw_model import VwModel, header_bytes
from attune_models.vw_offered import Offered
from attune_models.vw_places import Places, Weights
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
    "VwPolicy",
    "VwSpec",
]

# A propensity of 1e-30 in an imported log would shift the scores for good; our own policies stay far above this.
_MIN_LEARNED_PROPENSITY = 1e-6
# Of a batch, some situations at a time: what does not fit a cache of the processor takes longer.
_NUMBERS_AT_A_TIME = 1 << 16


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

        Of a known set, and of actions that come again, they are computed here: up to the rounding of float32, the same.
        Not where more than one regression votes, or more than predictions is needed, or the policy has learned since it
        was loaded. The first call for a set takes longer, and for an action in a context with other names.

        Raises:
            PolicyError: The weights do not give a distribution over exactly these actions.
        """
        if self._predicts and not self._learns:
            reading = self._read or self._reading()
            if (known := situation.known) is not None:
                scores = reading.scorer.scores(situation, known)
                return reading.pmf_of.one(scores) if isinstance(scores, list) else reading.pmf_of.of(scores)
            if situation.recurs:
                return reading.pmf_of.one(reading.offered.scores(situation.read, situation.actions))
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

    def pmfs(self, situations: Sequence[Situation]) -> list[Pmf]:
        """Return what `pmf` returns of each situation, to the last bit.

        All at once where all of them draw from one known set, and from all of it; else one after the other.

        Raises:
            PolicyError: One of them has none: ask one by one for the others.
        """
        known = situations[0].known if situations else None
        if known is None or not self._predicts or self._learns or any(_differs(each, known) for each in situations):
            return super().pmfs(situations)
        reading = self._read or self._reading()
        contexts = [each.read for each in situations]
        step = max(1, _NUMBERS_AT_A_TIME // len(known.actions))
        result: list[Pmf] = []
        for i in range(0, len(contexts), step):
            result += reading.pmf_of.many(reading.scorer.scores_of_all(contexts[i : i + step], known)).tolist()
        return result

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
            for replacement in discounted(self._model.save(), header_bytes(self._arguments), self._forgetting.discount):
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
            return np.asarray(self._reading().scorer.scores(situation, situation.known), np.float64)
        return np.array([each.score for each in self.explain(situation)])

    def prepare(self, actions: ActionSet) -> None:
        """Work out what of the actions does not depend on weights."""
        action_tables(self._spec).of(actions, Places(self._spec, self._model.hashing))

    def _reading(self) -> "_Reading":
        if self._read is None:
            state, n_header = self._model.save(), header_bytes(self._arguments)
            weights = Weights(self._spec, read_weights(state, n_header, self._spec.bits))
            count: float = read_count(state, n_header) if counts(self._spec.exploration) else 0
            if self._forgetting and isinstance(self._spec.exploration, SquareCb):
                count = self._forgetting.discounted_count(self._n_learned)
            hashing = self._model.hashing
            scorer = Scorer(self._spec, hashing, weights)
            self._read = _Reading(
                scorer,
                Offered(scorer),
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
        check_weights(state, header_bytes(self._arguments))
        return with_count(state, self._n_learned) if self._forgetting else state

    def loads(self, state: bytes) -> None:
        """Replace the model.

        A model file also holds options, so callers check where the bytes come from first.

        Raises:
            PolicyError: It is not a model file of whole and finite weights, or Vowpal Wabbit refuses it.
        """
        model, n_learned = without_count(state) if self._forgetting else (state, 0)
        check_weights(model, header_bytes(self._arguments))
        self._model = VwModel.loaded(self._arguments, model, pairs=self._pairs, layout=self._layout)
        self._n_learned = n_learned
        self._learns, self._read = False, None


def _differs(situation: Situation, known: ActionSet) -> bool:
    return situation.known is not known or situation.positions is not None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is made of the weights of one state of a policy, and serves until it learns.

    Attributes:
        scorer: Predicts for known sets of actions.
        offered: Predicts for actions that come and go.
        terms: Explains.
        pmf_of: From predictions to probabilities; not to be called where more is needed.
    """

    scorer: Scorer
    offered: Offered
    terms: VwTerms
    pmf_of: PmfOf
