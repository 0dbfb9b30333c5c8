"""An encoded context in two parts: its names, which come again and again, and its numbers, which do not.

    "age:31.0 device=mobile"  <-->  names "age: device=mobile", numbers [31.0]

Policies that look up what they know of the names (`attune_models.vw_contexts`) take a context like that. Whoever reads
contexts may have the two parts without having written the text; all others make them of the text.

Names that are each customer's own never come again together. So what is known of a customer may stand beside the rest
(`JoinedContext`): policies then look up what they know of each.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

# Together some MB.
_KEPT = 1024
_MOST_CHARACTERS = 4096


class Context(NamedTuple):
    """An encoded context, see `attune_models.features.encode`, without its numbers, and these.

    Attributes:
        names: The tokens, separated by spaces, with a colon at the end of each that has a number.
        numbers: In the order of the tokens.
    """

    names: str
    numbers: Sequence[float]

    @property
    def text(self) -> str:
        """The encoded context."""
        start, *rest = self.names.split(": ")
        # Behind a number at the end there is nothing, not even a space.
        numbered = zip(self.numbers, rest, strict=True)
        return start + "".join([f":{number!r} {name}" if name else f":{number!r}" for number, name in numbered])


def names_and_numbers(context: str) -> Context:
    """Return the two parts of an encoded context."""
    # Only the token of a number has a colon in it: as many steps as there are numbers, not as there are tokens.
    start, *parts = context.split(":")
    names, numbers = [start], []
    for part in parts:
        number, _, name = part.partition(" ")
        numbers.append(float(number))
        names.append(name)
    return Context(": ".join(names), numbers)


class JoinedContext:
    """A context whose features are of two kinds: those of the situation, and more that only count one by one.

    The second are paired with nothing, see `attune_models.hashing.is_paired`. No token is in both. To whoever does not
    ask for the two it is one context, `whole`, put together when it is first asked for.

    Attributes:
        own: The first.
        numbered: Of the second, the tokens that have a number, separated by spaces, with a colon at the end of each.
        more: Their numbers.
        words: The other tokens of the second, separated by spaces.
    """

    def __init__(self, own: Context, numbered: str, more: Sequence[float], words: str) -> None:
        """Keep both."""
        self.own, self.numbered, self.more, self.words = own, numbered, more, words

    @cached_property
    def whole(self) -> Context:
        """What encoding all of the features at once gives."""
        own = self.own
        names = _in_order(f"{own.names} {self.numbered} {self.words}".split())
        is_short = len(own.names) + len(self.numbered) <= _MOST_CHARACTERS
        order = (_order if is_short else _order.__wrapped__)(own.names, self.numbered)
        numbers = [*own.numbers, *self.more]
        return Context(names, [numbers[i] for i in order])

    @property
    def text(self) -> str:
        """The encoded context."""
        return self.whole.text


def with_word(context: Context, token: str) -> Context:
    """Return a context with one more token, of a word: what encoding it with the others gives."""
    is_short = len(context.names) <= _MOST_CHARACTERS
    names = (_with_word if is_short else _with_word.__wrapped__)(context.names, token)
    return Context(names, context.numbers)


@lru_cache(_KEPT)
def _with_word(names: str, token: str) -> str:
    return _in_order([*names.split(), token])


def _in_order(tokens: Sequence[str]) -> str:
    names = " ".join(sorted(tokens))
    # Behind a number at the end there is nothing but the space, as `names_and_numbers` has it.
    return f"{names} " if names.endswith(":") else names


@lru_cache(_KEPT)
def _order(own: str, numbered: str) -> Sequence[int]:
    """Return the order of the numbers of two contexts, by their names."""
    tokens = [token for token in (*own.split(), *numbered.split()) if token.endswith(":")]
    return sorted(range(len(tokens)), key=tokens.__getitem__)
