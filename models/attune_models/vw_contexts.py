"""What a context brings into a prediction: the factors that actions are multiplied with, or that count alone.

Which factors there are depends on the names in a context, and not on its numbers. Names come again in context after
context, numbers do not: so the names are looked up, and what remains for each context is to read its numbers.

    context "age:31.0 device=mobile" --> numbers [31.0], and the rest "age: device=mobile" --> the keys of the factors

Part of `attune_models.vw_scorer`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from attune_models.vw_crossings import product_number
from attune_models.vw_places import Crossed, pairs_of
from attune_models.vw_spec import Crossings, VwSpec, layout_of

_SPECS = 64
# Of each spec: less than 10 MB, whatever the names are.
_KEPT_NAMES = 1024
MAX_KEPT_CHARACTERS = 1024
"""What is longer is not kept by its names."""


@dataclass(frozen=True, slots=True)
class Found:
    """The factors of all contexts with some names.

    Attributes:
        keys: Those that count 1, in the order of the context.
        numbered: Those that have a number, the same.
        multiplied: Of each with a number, which of the context's numbers it is the product of, zero-based; None where
            these are the context's numbers, in their order.
    """

    keys: Sequence[str]
    numbered: Sequence[str]
    multiplied: Sequence[Sequence[int]] | None


def product_numbers(multiplied: Sequence[Sequence[int]], numbers: Sequence[float]) -> list[float]:
    """Return the number of each factor that has one: of `Found.multiplied`, in a context with some numbers."""
    return [product_number([numbers[i] for i in each]) for each in multiplied]


class ContextFactors:
    """What contexts have that is multiplied with actions, or counts alone.

    Attributes:
        crossed: For each namespace of contexts that counts, the namespaces of actions that it is multiplied with; ""
            where it counts alone.
        counts_one_by_one: Whether each token that is paired with nothing is a factor, and in no other one.
    """

    def __init__(self, spec: VwSpec) -> None:
        """Take the namespaces from a spec."""
        crossed = Crossed(spec)
        self._products = crossed.context_products
        self._pairs = spec.crossings is Crossings.CONTEXT_PAIRS_ACTION
        names = {
            space: tuple(other for other, counts in zip(crossed.action, terms, strict=True) if counts)
            for space, terms in zip(crossed.context[1:], crossed.terms[1:], strict=True)
        }
        self.crossed = {space: others for space, others in names.items() if others}
        self.counts_one_by_one = "c" in self.crossed and layout_of(spec) is None
        self._kept = lru_cache(_KEPT_NAMES)(self._found)

    def of(self, names: str) -> Found:
        """Return the factors of contexts with some names, as `attune_models.contexts` has them.

        A key is a name in namespace `c` or, behind another namespace and a space, a product's. No name has a space.
        """
        return self._kept(names) if len(names) <= MAX_KEPT_CHARACTERS else self._found(names)

    def _found(self, names: str) -> Found:
        # Behind a number at the end there is nothing: that is no token.
        tokens = names.split()
        if self._pairs and "c" in self.crossed:
            # As what follows would have it, for the policies that there are most of.
            words = [token for token in tokens if token[-1] != ":"]
            numbered = [token[:-1] for token in tokens if token[-1] == ":"]
            return Found(words + [f"p {pair}" for pair in pairs_of(words)], numbered, None)
        with_numbers = [i for i, token in enumerate(tokens) if token.endswith(":")]
        number_of = {token: number for number, token in enumerate(with_numbers)}
        factors = [
            (key, [number_of[token] for token in made_of if token in number_of])
            for key, made_of in self._factors(tokens)
        ]
        multiplied = [numbers for _, numbers in factors if numbers]
        return Found(
            [key for key, numbers in factors if not numbers],
            [key for key, numbers in factors if numbers],
            None if multiplied == [[number] for number in range(len(with_numbers))] else multiplied,
        )

    def _factors(self, tokens: Sequence[str]) -> list[tuple[str, Sequence[int]]]:
        """Return the key of each factor, and which tokens it is made of."""
        names = [token.removesuffix(":") for token in tokens]
        factors: list[tuple[str, Sequence[int]]] = (
            [(name, [i]) for i, name in enumerate(names)] if "c" in self.crossed else []
        )
        if self._pairs:
            # Words only: no number is among them.
            return factors + [(f"p {pair}", ()) for pair in pairs_of(tokens)]
        for space, products in self._products(tokens).items():
            factors += [(f"{space} {'~'.join([names[i] for i in each])}", each) for each in products]
        return factors


@lru_cache(_SPECS)
def context_factors(spec: VwSpec) -> ContextFactors:
    """Return what contexts have for policies of a spec, the same for all versions of a policy."""
    return ContextFactors(spec)
