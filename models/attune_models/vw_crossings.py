"""A list of crossings: which products a Vowpal Wabbit example holds, in which namespaces, and what multiplies them.

Part of `attune_models.vw_spec`, for policies that say exactly which features are multiplied with each other;
`attune_models.vw` writes examples with it, `attune_models.vw_terms` reads them.

Vowpal Wabbit multiplies whole namespaces. So each set of features that crossings name gets a namespace of its own, a
capital letter where they are the context's and a small one where they are an action's. It holds the products of these
features, one token for each, and no weights of its own: `--ignore_linear`. A crossing is then `--interactions` of two
namespaces. In `o`, an action still has all of its features, each with a weight of its own.

    device with category           shared |A device=mobile              |o =id category=run |a category=run
    time, user with any feature    shared |B time=morning~user=Tom      |o =id category=run
    both                           --interactions Aa --interactions Bo

Only letters get into the arguments. A name that a caller chose stands in tokens only, where it is escaped.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TypeVar

from attune_models.features import MAX_NUMBER, MIN_NUMBER, escaped_name

MAX_CROSSINGS = 20
"""Most crossings of a list; there are no more letters."""
MAX_FACTORS = 3
"""Most features of the context, and of an action, that a crossing names."""
MAX_PRODUCTS = 200
"""Most products of several features of a context, or of an action. Tags and vectors are many tokens each: their
products would multiply the cost of a decision. A crossing that would go beyond is left out there, and only there."""
NAMELESS = ""
"""Stands for what has no name: the slot of a context, the id of an action."""

# With its products, the line of such an action has at most some 150 kB, and nearly always far less: 40 MB in all.
_KEPT_ACTIONS = 256
_MAX_KEPT_ACTION = 2048

_Token = TypeVar("_Token", str, int)

# `c`, `p` and `o` are what policies without a list have.
_CONTEXT_SPACES = "ABCDEFGHIJKLMNOPQRST"
_ACTION_SPACES = "abdefghijklmnqrstuvw"


@dataclass(frozen=True, slots=True)
class Crossing:
    """One product: all features that it names are multiplied with each other.

    A name stands for all that goes by it: a number, a word, each tag, each component of a vector.

    Attributes:
        context: Names of context features, 1 to MAX_FACTORS; NAMELESS, which does not count, is the slot. Sorted.
        action: Names of action features, at most MAX_FACTORS; NAMELESS, which does not count, is the id. Sorted. Empty:
            each feature of the action by itself, and its id.
    """

    context: tuple[str, ...]
    action: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Sort: a product is the same in any order."""
        object.__setattr__(self, "context", tuple(sorted(self.context)))
        object.__setattr__(self, "action", tuple(sorted(self.action)))


@dataclass(frozen=True, slots=True)
class Listed:
    """The only crossings of a policy.

    Attributes:
        crossings: 1 to MAX_CROSSINGS, each once.
    """

    crossings: tuple[Crossing, ...]

    def __post_init__(self) -> None:
        """Count.

        Raises:
            ValueError: There are none, too many, or one twice.
        """
        n_crossings = len(self.crossings)
        if not 1 <= n_crossings <= MAX_CROSSINGS or len(set(self.crossings)) < n_crossings:
            raise ValueError(f"expected 1 to {MAX_CROSSINGS} different crossings, got {n_crossings}")


class Layout:
    """The namespaces of a list of crossings.

    Attributes:
        context: Those of contexts, besides `c`.
        action: Those of actions, besides `o`.
        crossed: Which are multiplied: of the context, of the action.
    """

    def __init__(self, listed: Listed, *, context_alone: bool) -> None:
        """Hand out letters, in the order of the list.

        Args:
            listed: The crossings.
            context_alone: Whether features of the context have weights of their own as well.
        """
        self._context_alone = context_alone
        # Of each interaction that is learned from, the chosen action is parsed anew.
        self._kept_line = lru_cache(_KEPT_ACTIONS)(self._written_line)
        crossings = listed.crossings
        self.context = Products((each.context for each in crossings), _CONTEXT_SPACES)
        self.action = Products((each.action for each in crossings if each.action), _ACTION_SPACES)
        self.crossed = [
            (self.context.spaces[each.context], self.action.spaces.get(each.action, "o")) for each in crossings
        ]

    def arguments(self) -> str:
        """Return Vowpal Wabbit's arguments."""
        spaces = [*self.context.spaces.values(), *self.action.spaces.values()]
        ignored = [f"--ignore_linear {space}" for space in spaces]
        return " ".join([*ignored, *(f"--interactions {one}{other}" for one, other in self.crossed)])

    def shared_line(self, context: str) -> str:
        """Return an encoded context in Vowpal Wabbit's text format."""
        # Where it is not used by itself, it need not be parsed.
        return f"shared |c {context if self._context_alone else ''}{self.context.line(context)}"

    def action_line(self, action: str) -> str:
        """Return an encoded action in Vowpal Wabbit's text format."""
        return self._kept_line(action) if len(action) <= _MAX_KEPT_ACTION else self._written_line(action)

    def _written_line(self, action: str) -> str:
        return f"|o {action}{self.action.line(action)}"


class Products:
    """The products of features of a context, or of an action.

    Attributes:
        spaces: Which namespace a set of features has.
    """

    def __init__(self, sets: Iterable[tuple[str, ...]], letters: str) -> None:
        """Give each set of names a letter."""
        self.spaces: Mapping[tuple[str, ...], str] = dict(zip(dict.fromkeys(sets), letters, strict=False))
        self._sets = [(space, [escaped_name(name) for name in names]) for names, space in self.spaces.items()]
        names = sorted({name for _, names in self._sets for name in names})
        # Behind a space, a whole token and its name: behind a name there is always a mark.
        self._find = re.compile(f" (({'|'.join(map(re.escape, names))})[:=~@][^ ]*)").findall

    def positions(self, tokens: Sequence[str]) -> dict[str, list[tuple[int, ...]]]:
        """Return the products of each namespace, as zero-based positions of tokens that are multiplied.

        Args:
            tokens: See `attune_models.features.encode`.
        """
        named: dict[str, list[int]] = {}
        for i, token in enumerate(tokens):
            for _, name in self._find(f" {token}"):
                named.setdefault(name, []).append(i)
        return self._multiplied(named)

    def line(self, encoded: str) -> str:
        """Return the namespaces of an example in Vowpal Wabbit's text format, each after a space; empty without any."""
        named: dict[str, list[str]] = {}
        for token, name in self._find(f" {encoded}"):
            named.setdefault(name, []).append(token)
        found = self._multiplied(named).items() if named else ()
        return "".join([f" |{space} {' '.join(map(product_token, products))}" for space, products in found])

    def _multiplied(self, named: Mapping[str, Sequence[_Token]]) -> dict[str, list[tuple[_Token, ...]]]:
        found, room = {}, MAX_PRODUCTS
        for space, names in self._sets:
            factors = [named[name] for name in names if name in named]
            if len(factors) < len(names):
                continue
            # Single features are no more than there are: only the products of several have to be limited.
            if len(names) > 1:
                n_products = math.prod(map(len, factors))
                if n_products > room:
                    continue
                room -= n_products
            found[space] = list(product(*factors))
        return found


def product_token(tokens: Sequence[str]) -> str:
    """Return the token of a product: `user=Tom~age:30.0`, with the product of all numbers at its end.

    Numbers beyond MAX_NUMBER count as MAX_NUMBER: what is said there of a context number holds for a product, too.
    """
    # In one namespace each token has the same names in the same order, so different products never share a token.
    if len(tokens) == 1:
        return tokens[0]
    joined = "~".join(tokens)
    if ":" not in joined:
        return joined
    parts = [token.partition(":") for token in tokens]
    number = product_number([float(number) for _, colon, number in parts if colon])
    return f"{'~'.join(name for name, _, _ in parts)}:{number!r}"


def product_number(numbers: Sequence[float]) -> float:
    """Return the number of a product of features with these numbers: theirs, within the limits; see `product_token`."""
    number = math.prod(numbers)
    return max(-MAX_NUMBER, min(MAX_NUMBER, number)) if abs(number) >= MIN_NUMBER else 0.0
