"""Reward models: what each action would earn, regressed on a log, for the direct method and doubly robust estimates.

    first pass:   interactions --learn--> CrossFitted
    second pass:  interactions --predict--> q_logged, q_target of `attune_models.rounds`

A model that has seen a row remembers a part of its reward, and an estimate that corrects the model by that very reward
would no longer be unbiased. Hence cross-fitting: the log is cut into folds, and each fold is predicted by a model of
all the others (Chernozhukov, Chetverikov, Demirer, Duflo, Hansen, Newey, Robins, "Double/Debiased Machine Learning for
Treatment and Structural Parameters", 2018).

Vowpal Wabbit regresses, in one pass and in constant memory; `docs/decisions/0011-reward-models.md` says why. Of several
slots, each is an interaction whose context names its slot: see `attune_models.features.with_slot`.
"""

from math import inf, isfinite

from attune_models import pmf as pmfs
from attune_models.features import MAX_NUMBER, MIN_NUMBER
from attune_models.types import Interaction, PolicyError, Situation
from attune_models.vw_model import VwModel
from attune_models.vw_spec import Crossings

N_FOLDS = 3
"""Each model learns from two thirds of the log. More folds learn from a little more and cost as many models more."""

# Without Vowpal Wabbit's adaptive steps: those do not grow with the rewards, so that a model of revenues in hundreds
# would need a thousand times the rows of one of clicks. These steps do: rewards a hundred times as large give
# predictions a hundred times as large.
_STEPS = "--normalized --invariant --learning_rate 2 --power_t 0.5"
_ARGUMENTS = f"--cb_adf --cb_type mtr --hash all --bit_precision 18 {_STEPS} {Crossings.CONTEXT_PAIRS_ACTION.value}"


class RewardModel:
    """A linear regression of rewards on context and action features, their products, and pairs of context features.

    Every interaction weighs the same, whatever its propensity: a model needs not be unbiased, only near.
    """

    def __init__(self) -> None:
        """Start untrained: it predicts 0."""
        self._model = VwModel(_ARGUMENTS, pairs=True)
        self._low, self._high = inf, -inf

    def learn(self, situation: Situation, action: int, reward: float) -> None:
        """Regress what an action earned.

        Args:
            situation: What the decision was made in.
            action: Position of the action that was drawn, zero-based.
            reward: What it earned, between -1e6 and 1e6.

        Raises:
            ValueError: The reward is beyond.
        """
        # Written so that NaN, which compares false with everything, is refused too.
        if not -MAX_NUMBER <= reward <= MAX_NUMBER:
            raise ValueError(f"expected a reward between -1e6 and 1e6, got {reward!r}")
        cost = -reward if abs(reward) >= MIN_NUMBER else 0.0
        self._low, self._high = min(self._low, -cost), max(self._high, -cost)
        # As if there had been no other action: `mtr` weighs by how many there are, and parses them all for that.
        self._model.learn(situation.context, [situation.actions[action]], 0, f"0:{cost!r}:1.0")

    def predict(self, situation: Situation) -> list[float]:
        """Return what each action would earn, in their order; within the rewards that were seen.

        Raises:
            PolicyError: Vowpal Wabbit does not give a number for exactly these actions.
        """
        costs = self._model.action_scores(situation.context, situation.actions)
        if len(costs) != len(situation.actions) or not all(map(isfinite, costs)):
            raise PolicyError(f"expected finite predictions for {len(situation.actions)} actions, got {costs[:10]}")
        if self._low > self._high:
            return [0.0] * len(costs)
        return [min(max(-cost, self._low), self._high) for cost in costs]


class CrossFitted:
    """Reward models, each of which has not seen one fold of the log."""

    def __init__(self, folds: int = N_FOLDS) -> None:
        """Start untrained.

        Args:
            folds: How many, at least 2.
        """
        self._models = [RewardModel() for _ in range(folds)]

    def learn(self, event_id: str, interaction: Interaction) -> None:
        """Teach an interaction to all models but the one that predicts its fold.

        Args:
            event_id: The decision's id, common to all of its slots: they share a fold.
            interaction: What was decided, and what came of it.

        Raises:
            ValueError: See `RewardModel.learn`.
        """
        own = self._fold(event_id)
        for fold, model in enumerate(self._models):
            if fold != own:
                model.learn(interaction.situation, interaction.chosen, interaction.reward)

    def predict(self, event_id: str, situation: Situation) -> list[float]:
        """Return what each action would earn, by the model that has not seen the decision.

        Args:
            event_id: The decision's id.
            situation: Of one of its slots.

        Raises:
            PolicyError: See `RewardModel.predict`.
        """
        return self._models[self._fold(event_id)].predict(situation)

    def _fold(self, event_id: str) -> int:
        # By the id and not by the row: what is there twice must not be in two folds.
        return int(pmfs.unit_interval("fold", event_id) * len(self._models))
