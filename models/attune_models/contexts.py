"""An encoded context in two parts: its names, which come again and again, and its numbers, which do not.

    "age:31.0 device=mobile"  <-->  names "age: device=mobile", numbers [31.0]

Policies that look up what they know of the names (`attune_models.vw_contexts`) take a context like that. Whoever reads
contexts may have the two parts without having written the text; all others make them of the text.
"""

from collections.abc import Sequence
from typing import NamedTuple


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
