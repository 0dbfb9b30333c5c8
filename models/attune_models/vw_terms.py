"""The terms that Vowpal Wabbit's predictions are sums of, found in its model file.

`attune_models.vw` hands over the file and the library's hash functions; nothing here touches a workspace, so that an
explanation cannot change what is predicted. What is done here is what the library does when it predicts, release 9.11:

- A token goes to `hash(token, namespace) x width`, the constant to a place of its own. `width` is the number of
  regressions that the policy is made of, rounded up to a power of 2.
- The product of two tokens goes to `(16777619 x place of the first) xor place of the second`.
- Regression i finds its weight i places further on, modulo 2^bits. Weights collide where places are the same.

Its predictions are costs, in float32 and not clipped; scores are rewards, so the sign changes.
`tests/unit/test_vw_terms.py` compares them for every kind of policy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from attune_models.explanation import Explanation, Factors, explained, tokens_of
from attune_models.features import has_slot
from attune_models.hashing import MAX_PAIRED, paired
from attune_models.types import Situation
from attune_models.vw_crossings import product_token
from attune_models.vw_explorations import Bag, Cover, Rnd
from attune_models.vw_spec import CbType, Crossings, VwSpec, layout_of

_CONSTANT = 11_650_396
_FNV_PRIME = np.uint64(16_777_619)


@dataclass(frozen=True, slots=True)
class Hashing:
    """The library's hash functions, with the options of a policy.

    Attributes:
        space: Hash of a namespace.
        feature: Hash of a token's name in a namespace with that hash.
    """

    space: Callable[[str], int]
    feature: Callable[[str, int], int]


@dataclass(frozen=True, slots=True)
class _Side:
    """The context, or an action: its factors, where they go, and their numbers. The constant comes first.

    Attributes:
        factors: What they are.
        spaces: int64, shape (n_factors,); which namespace each is in, zero-based in the order of `_Crossed`.
        places: uint64, shape (n_factors,).
        numbers: float64, shape (n_factors,).
    """

    factors: Factors
    spaces: NDArray[np.int64]
    places: NDArray[np.uint64]
    numbers: NDArray[np.float64]


_Products: TypeAlias = Callable[[Sequence[str]], Mapping[str, Sequence[tuple[int, ...]]]]
"""From tokens to the products of each namespace that holds products, as positions."""


class _Crossed:
    """Which namespaces an example has, and which of them are multiplied.

    Attributes:
        context: Namespaces of contexts; the first, "", is the constant.
        action: Namespaces of actions, the same.
        terms: bool, shape (n_context, n_action); whether their product has a weight. With the constant: whether a
            namespace has weights of its own.
        context_products: What the products in a context are.
        action_products: What the products in an action are.
    """

    def __init__(self, spec: VwSpec) -> None:
        """Take it from a spec."""
        crossings, alone = spec.crossings, spec.context_alone
        self.context_products: _Products = lambda _: {}
        self.action_products: _Products = lambda _: {}
        self.context, self.action = ["", "c"], ["", "o"]
        terms = {("", ""), ("", "o")} | ({("c", "")} if alone else set())
        if layout := layout_of(spec):
            self.context_products, self.action_products = layout.context.positions, layout.action.positions
            self.context += layout.context.spaces.values()
            self.action += layout.action.spaces.values()
            terms |= set(layout.crossed)
        elif crossings is not Crossings.NONE:
            terms.add(("c", "o"))
        if crossings is Crossings.CONTEXT_PAIRS_ACTION:
            self.context_products = lambda tokens: {"p": paired(tokens)}
            self.context.append("p")
            terms |= {("p", "o")} | ({("p", "")} if alone else set())
        self.terms = np.array([[(one, other) in terms for other in self.action] for one in self.context])


def pairs_of(context: str) -> str:
    """Return the pairs of an encoded context as the tokens that they are in an example; empty where there are too many.

    This is `paired` on the decision path: a third faster, without positions.
    """
    # A categorical token, and no other, has a "=" in it; "~" occurs in tokens of tags only.
    categorical = [token for token in context.split(" ") if "=" in token]
    if len(categorical) > MAX_PAIRED and len(categorical) - has_slot(context) > MAX_PAIRED:
        return ""
    return " ".join(f"{one}~{other}" for one, other in combinations(categorical, 2))


class VwTerms:
    """The predictions of one state of a policy, term by term.

    Explained is what predicts the reward: with several regressions, for `Bag` the mean of all, which vote with equal
    weight; for `Cover` the first, because the others are rewarded for covering what it leaves out; for `Rnd` the one
    that is not noise; for `CbType.DR` the one that decides, not the one that corrects its costs.
    """

    def __init__(self, spec: VwSpec, hashing: Hashing, weights: NDArray[np.float32]) -> None:
        """Read predictions off weights; see `attune_models.vw_file.read_weights`."""
        self._crossed = _Crossed(spec)
        self._hashing = hashing
        self._weights = weights
        self._mask = np.uint64((1 << spec.bits) - 1)
        self._width, self._regressions = _width(spec), _explained_regressions(spec)

    def explain(self, situation: Situation) -> list[Explanation]:
        """Return what the predicted reward of each action is made of."""
        crossed = self._crossed
        context = self._side(situation.context, crossed.context, crossed.context_products)
        weighed = crossed.terms[context.spaces]
        actions = (self._side(action, crossed.action, crossed.action_products) for action in situation.actions)
        return [self._explained(context, action, weighed[:, action.spaces]) for action in actions]

    def _explained(self, context: _Side, action: _Side, weighed: NDArray[np.bool_]) -> Explanation:
        places = (_FNV_PRIME * context.places[:, np.newaxis]) ^ action.places
        places[1:, 0], places[0] = context.places[1:], action.places
        places[0, 0] = _CONSTANT * self._width
        numbers = np.multiply.outer(context.numbers, action.numbers) * weighed
        return explained(0.0 - numbers * self._weight(places), context.factors, action.factors)

    def _weight(self, places: NDArray[np.uint64]) -> NDArray[np.float64]:
        found = [self._weights[(places + np.uint64(i)) & self._mask] for i in self._regressions]
        return np.asarray(np.mean(found, axis=0, dtype=np.float64))

    def _side(self, encoded: str, spaces: Sequence[str], products: _Products) -> _Side:
        tokens = tokens_of(encoded)
        found = products(tokens)
        written = [tokens, *([product_token([tokens[i] for i in each]) for each in found[space]] for space in found)]
        names = [spaces[1], *found]
        placed = [self._placed(space, each) for space, each in zip(names, written, strict=True)]
        return _Side(
            Factors(tokens, [each for space in found for each in found[space]]),
            np.repeat([0, *map(spaces.index, names)], [1, *map(len, written)]),
            np.concatenate([np.zeros(1, np.uint64), *(places for places, _ in placed)]),
            np.concatenate([np.ones(1), *(numbers for _, numbers in placed)]),
        )

    def _placed(self, namespace: str, tokens: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        """Return where tokens go, and their numbers: both of shape (n_tokens,)."""
        space = self._hashing.space(namespace)
        # Only the token of a number has a colon in it.
        parts = [token.partition(":") for token in tokens]
        hashes = np.array([self._hashing.feature(name, space) for name, _, _ in parts], np.uint64)
        numbers = np.array([float(number) if colon else 1.0 for _, colon, number in parts], np.float64)
        return hashes * np.uint64(self._width), numbers


def _explained_regressions(spec: VwSpec) -> Sequence[int]:
    # With doubly robust costs, each regression is followed by the one that corrects its costs.
    apart = 2 if spec.cb_type is CbType.DR else 1
    n_voting = spec.exploration.policies if isinstance(spec.exploration, Bag) else 1
    return range(0, n_voting * apart, apart)


def _width(spec: VwSpec) -> int:
    match spec.exploration:
        case Bag(policies=policies):
            n_regressions = policies
        case Cover(policies=policies):
            # One more corrects costs; with MTR, the library reserves as much again.
            n_regressions = (policies + 1) * (2 if spec.cb_type is CbType.MTR else 1)
        case Rnd(predictors=predictors):
            n_regressions = predictors + 1
        case _:
            n_regressions = 1
    n_regressions *= 2 if spec.cb_type is CbType.DR else 1
    return 1 << (n_regressions - 1).bit_length()
