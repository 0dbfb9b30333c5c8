"""What the linear policies know: the reward of each action, regressed on hashed features, and how surely.

The model of the reward of action a in a context is

    reward = theta^T z + w_a^T x + noise

z holds all context features, action features and their products, hashed; theta is shared by all actions, so a new one
is judged by its features at once. x holds the context's features, hashed; w_a belongs to the action alone and learns
what theta leaves over: ids have no part in z. Both are ridge regressions (see `ridge`), and what is known about the
reward is Gaussian:

    mean m_a = theta^T z + w_a^T x        deviation s_a = sigma sqrt(z^T P z + x^T P_a x)

sigma^2 is the mean squared error of the predictions made before learning, each divided by its expected size
`1 + z^T P z + x^T P_a x` (see `noise`): rewards may have any unit. The two regressions are treated as independent,
which they are not quite: the deviation is on the large side.

Propensities are exact but not learned from: a regression on the chosen action's features needs no importance weights.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune_models.explanation import Explanation, Factors, explained, tokens_of
from attune_models.features import MAX_NUMBER
from attune_models.hashing import Sketch, action_sketch, action_sketches, context_sketch, paired, products
from attune_models.noise import NoiseScale
from attune_models.ridge import RidgeBank
from attune_models.state import check_finite, check_not_negative, pack, refusing, unpack
from attune_models.types import ActionSet, Interaction, PolicyError, Situation

_KIND = "linear 1"
_SHARED = 1
"""Position of the shared regression in its bank: behind the prior."""
REFRESH_EVERY = 1000
"""Interactions after which inverses are computed anew, to lose the rounding of their updates."""
REFRESHES_PER_HALF_LIFE = 8
"""How finely forgetting is stepped: what an interaction weighs is off by 9 % at most."""
_GONE_AFTER = 20
"""Half-lives after which an action that was not learned from is dropped: it weighs a millionth."""


@dataclass(frozen=True, slots=True)
class LinearSpec:
    """Parameters of the regressions, which both linear policies share.

    Attributes:
        ridge: Strength of the prior that all weights are 0, in interactions; greater than 0.
        bits: The shared regression has 2^bits weights and 4^bits covariances; 4 to 11. Best several times as many as
            context features times action features, or at least as action features.
        offer_bits: The regression of each action has 2^offer_bits weights; 2 to 8. Best several times as many as
            context features.
        max_actions: Most actions with a regression of their own; 1 to 10,000. Beyond, those that were not learned from
            for longest are dropped and judged by their features alone. At 6 offer bits each takes 33 kB of state.
        half_life: Interactions after which an interaction counts half; 0 for never forgetting, else at least 1.
        pairs: Whether pairs of categorical context features are features, see `attune_models.hashing.context_sketch`.
    """

    ridge: float = 0.1
    bits: int = 8
    offer_bits: int = 6
    max_actions: int = 256
    half_life: float = 0.0
    pairs: bool = True


class LinearModel:
    """Regresses the reward; a policy explores on top.

    Attributes:
        noise: How far the predictions are off.
    """

    def __init__(self, spec: LinearSpec) -> None:
        """Start untrained."""
        self._spec = spec
        self._shared, self._own = _banks(spec)
        self._shared.add()
        # Position in the bank and time of the last interaction, the longest ago first.
        self._positions: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._time = 0
        self.noise = NoiseScale()
        period = spec.half_life / REFRESHES_PER_HALF_LIFE if spec.half_life else REFRESH_EVERY
        self._refresh_every = min(REFRESH_EVERY, max(1, round(period)))

    def estimates(self, situation: Situation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what the model expects of each action.

        Returns:
            Mean of the reward and its deviation, both in the reward's unit; float64, shape
            (n_actions,).

        Raises:
            PolicyError: The state holds numbers so large that these are not finite.
        """
        context = context_sketch(situation.context, pairs=self._spec.pairs)
        joint = products(context, action_sketches(tuple(situation.actions)), self._spec.bits)
        means, variances = self._own.each(
            self._own_positions(situation.action_ids), context.dense(self._spec.offer_bits)
        )
        means += joint @ self._shared.weights[_SHARED]
        variances += self._shared.variances(_SHARED, joint)
        deviations = self.noise.sigma * np.sqrt(variances)
        check_finite("means", means)
        check_finite("deviations", deviations)
        return means, deviations

    def means(self, situation: Situation) -> NDArray[np.float64]:
        """Return the mean of the reward of each action, without what makes `estimates` expensive: its deviation.

        Returns:
            In the reward's unit; float64, shape (n_actions,).

        Raises:
            PolicyError: The state holds numbers so large that these are not finite.
        """
        context = context_sketch(situation.context, pairs=self._spec.pairs)
        mask = (1 << self._spec.bits) - 1
        # What a token of an action is multiplied with depends on its coordinate alone.
        shifted = self._shared.weights[_SHARED][(context.hashes[:, np.newaxis] + np.arange(mask + 1)) & mask]
        by_coordinate = (shifted * context.values[:, np.newaxis]).sum(axis=0)
        actions = action_sketches(tuple(situation.actions))
        amounts = by_coordinate[actions.sketch.hashes & mask] * actions.sketch.values
        means = np.bincount(actions.rows, amounts, actions.n_rows) + self._own_means(situation.action_ids, context)
        check_finite("means", means)
        return means

    def prepare(self, actions: ActionSet) -> None:
        """Sketch the actions of a set."""
        action_sketches(tuple(actions.actions))

    def _own_means(self, action_ids: Sequence[str], context: Sketch) -> NDArray[np.float64]:
        # Of every regression, and not through BLAS: there are as many at most as are remembered.
        every = (self._own.weights * context.dense(self._spec.offer_bits)).sum(axis=1)
        return np.asarray(every[self._own_positions(action_ids)])

    def _own_positions(self, action_ids: Sequence[str]) -> NDArray[np.intp]:
        known, prior = self._positions, (RidgeBank.prior, 0)
        return np.array([known.get(action_id, prior)[0] for action_id in action_ids])

    def explain(self, situation: Situation) -> list[Explanation]:
        """Return what the mean of the reward of each action is made of.

        A product of context features and a weight of w_a is one of these features and the action's id. The number of
        tokens, by which vectors are scaled, is taken for given: a feature that is left out counts 0 and changes no
        other's number.
        """
        tokens = tokens_of(situation.context)
        context = Factors(tokens, paired(tokens) if self._spec.pairs else ())
        sketch = context_sketch(situation.context, pairs=self._spec.pairs)
        return [
            explained(self._terms(sketch, action_id, encoded), context, Factors(tokens_of(encoded)))
            for action_id, encoded in zip(situation.action_ids, situation.actions, strict=True)
        ]

    def _terms(self, context: Sketch, action_id: str, encoded: str) -> NDArray[np.float64]:
        action = action_sketch(encoded)
        places = (context.hashes[:, np.newaxis] + action.hashes) & ((1 << self._spec.bits) - 1)
        shared = self._shared.weights[_SHARED][places] * np.multiply.outer(context.values, action.values)
        position, _ = self._positions.get(action_id, (RidgeBank.prior, 0))
        own = self._own.weights[position][context.hashes & ((1 << self._spec.offer_bits) - 1)] * context.values
        # The id, which only the action's own regression knows, is the first token.
        return np.insert(shared, 1, own, axis=1)

    def learn(self, interaction: Interaction) -> None:
        """Take in one interaction; how probable the action was does not matter to a regression.

        Raises:
            ValueError: The reward is not between -1e6 and 1e6.
        """
        reward, situation, chosen = interaction.reward, interaction.situation, interaction.chosen
        if not -MAX_NUMBER <= reward <= MAX_NUMBER:
            raise ValueError(f"expected a reward between -1e6 and 1e6, got {reward!r}")
        context = context_sketch(situation.context, pairs=self._spec.pairs)
        joint = products(context, action_sketches((situation.actions[chosen],)), self._spec.bits)[0]
        position = self._position_to_learn(situation.action_ids[chosen])
        shared = self._shared.learn(_SHARED, joint, reward)
        left_over = shared.error / (1.0 + shared.variance)
        own = self._own.learn(position, context.dense(self._spec.offer_bits), left_over)
        # What was predicted before is the sum of both; the second one is the prediction of what is left over.
        error = shared.error - (left_over - own.error)
        self.noise.add(reward, error, expected=1.0 + shared.variance + own.variance)
        self._time += 1
        if self._time % self._refresh_every == 0:
            self._refresh()

    def dumps(self) -> bytes:
        """Return the state: both banks, the times and the errors.

        Raises:
            PolicyError: A number is not finite.
        """
        actions = [[action_id, *at] for action_id, at in self._positions.items()]
        banks = {"shared": self._shared, "own": self._own}
        arrays = {f"{bank}.{name}": array for bank in banks for name, array in banks[bank].arrays().items()}
        arrays["noise"] = self.noise.array()
        return pack(_KIND, {"time": self._time, "actions": actions}, arrays)

    def loads(self, state: bytes) -> None:
        """Replace the state.

        Raises:
            PolicyError: The bytes are no state of a policy with an equal spec, or hold impossible numbers.
        """
        facts, arrays = unpack(_KIND, state)
        with refusing(_KIND):
            time = int(facts["time"])
            positions = OrderedDict((str(action_id), (int(at), int(last))) for action_id, at, last in facts["actions"])
            if sorted(at for at, _ in positions.values()) != list(range(1, len(facts["actions"]) + 1)):
                raise PolicyError("expected different actions in different positions, got some twice")
            check_not_negative("time", time)
            noise = NoiseScale.restored(arrays.pop("noise"))
        if len(positions) > self._spec.max_actions:
            raise PolicyError(f"expected at most {self._spec.max_actions} actions, got {len(positions)}")
        self._restore(arrays, len(positions))
        self._positions, self._time, self.noise = positions, time, noise

    def _restore(self, arrays: dict[str, NDArray[np.float64]], n_actions: int) -> None:
        shared, own = _banks(self._spec)
        shared.restore(_part(arrays, "shared"), 1)
        own.restore(_part(arrays, "own"), n_actions)
        # Both or none: a state that is refused halfway leaves the policy as it was.
        self._shared, self._own = shared, own

    def _position_to_learn(self, action_id: str) -> int:
        at = self._positions.pop(action_id, None)
        if at is not None:
            position = at[0]
        elif len(self._positions) < self._spec.max_actions:
            position = self._own.add()
        else:
            _, (position, _) = self._positions.popitem(last=False)
            self._own.forget(position)
        self._positions[action_id] = (position, self._time + 1)
        return position

    def _refresh(self) -> None:
        half_life = self._spec.half_life
        discount = 0.5 ** (self._refresh_every / half_life) if half_life else 1.0
        self.noise.discount(discount)
        if half_life:
            self._drop_before(self._time - _GONE_AFTER * half_life)
        self._shared.refresh(discount)
        self._own.refresh(discount)

    def _drop_before(self, time: float) -> None:
        stay = [(action_id, *at) for action_id, at in self._positions.items() if at[1] >= time]
        if len(stay) < len(self._positions):
            self._own.keep([position for _, position, _ in stay])
            self._positions = OrderedDict((action_id, (i + 1, last)) for i, (action_id, _, last) in enumerate(stay))


def _banks(spec: LinearSpec) -> tuple[RidgeBank, RidgeBank]:
    return RidgeBank(1 << spec.bits, spec.ridge), RidgeBank(1 << spec.offer_bits, spec.ridge)


def _part(arrays: dict[str, NDArray[np.float64]], bank: str) -> dict[str, NDArray[np.float64]]:
    start = f"{bank}."
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
