"""Where Vowpal Wabbit keeps the weight of what: the index arithmetic of release 9.11, without the library.

`attune_models.vw_terms` explains predictions with it, `attune_models.vw_scorer` makes them.

- A token goes to `hash(token, namespace) x width`, the constant to a place of its own. `width` is the number of
  regressions that the policy is made of, rounded up to a power of 2.
- The product of two tokens goes to `(16777619 x place of the first) xor place of the second`.
- Regression i finds its weight i places further on, modulo 2^bits. Weights collide where places are the same.

Its predictions are costs, in float32 and not clipped; scores are rewards, so the sign changes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from attune_models.hashing import MAX_PAIRED, PAIRED_STAGE, is_paired, paired
from attune_models.vw_explorations import Bag, Cover, Rnd
from attune_models.vw_spec import CbType, Crossings, VwSpec, layout_of

_CONSTANT = 11_650_396
# An array: next to one, a number alone is looked at for long.
_FNV_PRIME = np.array([16_777_619], np.uint64)


@dataclass(frozen=True, slots=True)
class Hashing:
    """The library's hash functions, with the options of a policy.

    Attributes:
        space: Hash of a namespace.
        feature: Hash of a token's name in a namespace with that hash.
    """

    space: Callable[[str], int]
    feature: Callable[[str, int], int]


ProductsOf: TypeAlias = Callable[[Sequence[str]], Mapping[str, Sequence[tuple[int, ...]]]]
"""From tokens to the products of each namespace that holds products, as positions."""


class Crossed:
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
        self.context_products: ProductsOf = lambda _: {}
        self.action_products: ProductsOf = lambda _: {}
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


class Weights:
    """The weights of one state of a policy, and where they are.

    What is read is the weight of what predicts the reward. With several regressions, that is for `Bag` the mean of all,
    which vote with equal weight; for `Cover` the first, because the others are rewarded for covering what it leaves
    out; for `Rnd` the one that is not noise; for `CbType.DR` the one that decides, not the one that corrects its costs.
    """

    def __init__(self, spec: VwSpec, weights: NDArray[np.float32]) -> None:
        """Take them as `attune_models.vw_file.read_weights` gives them."""
        self._weights = weights
        self._mask = np.array([(1 << spec.bits) - 1], np.uint64)
        self.regressions = _explained_regressions(spec)

    def at(self, places: NDArray[np.uint64]) -> NDArray[np.floating]:
        """Return the weights at some places: of the same shape, float32 where they are those of one regression."""
        found = [self._weights.take((places + np.uint64(i) if i else places) & self._mask) for i in self.regressions]
        return found[0] if len(found) == 1 else np.asarray(np.mean(found, axis=0, dtype=np.float64))


class Places:
    """Where tokens go under the options of a policy."""

    def __init__(self, spec: VwSpec, hashing: Hashing) -> None:
        """Take the options from a spec."""
        self._feature = hashing.feature
        self._spaces = {space: hashing.space(space) for space in (*Crossed(spec).context, *Crossed(spec).action)}
        self._width = _width(spec)
        self.constant = np.uint64(_CONSTANT * self._width)

    def of_name(self, namespace: str, name: str) -> int:
        """Return where a name goes, as tokens have it before their number."""
        return self._feature(name, self._spaces[namespace]) * self._width

    def of_names(self, namespace: str, names: Iterable[str]) -> NDArray[np.uint64]:
        """Return where names go: shape (n_names,)."""
        return np.array([self.of_name(namespace, name) for name in names], np.uint64)


def split_numbers(tokens: Iterable[str]) -> tuple[list[str], list[float]]:
    """Return the names of tokens and their numbers, which are 1 for what is not a number."""
    names, numbers = [], []
    for token in tokens:
        # Only the token of a number has a colon in it.
        name, colon, number = token.partition(":")
        names.append(name)
        numbers.append(float(number) if colon else 1.0)
    return names, numbers


def crossed_places(context: NDArray[np.uint64], action: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return where products go: shape (n_context, n_action)."""
    return (_FNV_PRIME * context[:, np.newaxis]) ^ action


def pairs_of(tokens: Iterable[str]) -> list[str]:
    """Return the pairs of an encoded context as the tokens that they are in an example; none where there are too many.

    This is `paired` on the decision path: a third faster, without positions.
    """
    # "~" occurs in tokens of tags only.
    categorical = [token for token in tokens if "=" in token and is_paired(token)]
    if len(categorical) > MAX_PAIRED and sum(map(_counts, categorical)) > MAX_PAIRED:
        return []
    return [f"{one}~{other}" for one, other in combinations(categorical, 2)]


def _counts(token: str) -> bool:
    return not token.startswith(("=", PAIRED_STAGE))


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
