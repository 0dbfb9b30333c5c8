"""Offers that were read before: the rows of a log have mostly the same ones, and reading them is most of the work."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

_MOST_KEPT = 2048
_LONGEST_KEY = 4096

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ReadOffer:
    """An offer of a row.

    Attributes:
        id: Its id.
        serialised: A serialised attune.v1.Offer message.
    """

    id: str
    serialised: bytes


class Kept(Generic[_T]):
    """Values by the text they were made from: the last 2,048 that were asked for, each of no more than 4 kB."""

    def __init__(self) -> None:
        """Begin without any."""
        self._values: OrderedDict[str, _T] = OrderedDict()

    def get(self, text: str, make: Callable[[], _T]) -> _T:
        """Return the value of a text.

        Args:
            text: What it is made from; an equal text gives an equal value.
            make: Makes it, where it is not known.
        """
        value = self._values.get(text)
        if value is not None:
            self._values.move_to_end(text)
            return value
        value = make()
        if len(text) <= _LONGEST_KEY:
            self._values[text] = value
            if len(self._values) > _MOST_KEPT:
                self._values.popitem(last=False)
        return value
