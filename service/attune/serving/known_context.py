"""A context with what is known about the customer, as conditions look at it: read as far as somebody asks.

Most conditions ask for a few numbers and words. Reading all of what is told as a message would cost more than asking.
Part of `attune.serving.circumstances`; what is told: `attune.serving.told`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from attune.serving.told import PREFIXES, Told
from attune.v1.features_pb2 import Features
from attune_models.types import Values

_T = TypeVar("_T")


class KnownContext:
    """Features of the situation and of the customer.

    Attributes:
        numeric: As of `attune_models.types.Features`, and so are the following.
        categorical: Words.
        tags: Tags.
        dense: Vectors, which no customer has.
    """

    def __init__(self, own: Features, told: Told) -> None:
        """Take both.

        Args:
            own: The request's own context; of none of the names that are told.
            told: What is told about the customer.
        """
        self._own, self._told = own, told
        self._read: Features | None = None

    @property
    def numeric(self) -> Mapping[str, float]:
        """All numbers."""
        numbers, own = dict(zip(self._told.names, self._told.plain, strict=True)), self._own.numeric
        for name in own:
            numbers[name] = own[name]
        return numbers

    @property
    def categorical(self) -> Mapping[str, str]:
        """All words."""
        return _Both(self._own.categorical, lambda: self._words().categorical)

    @property
    def tags(self) -> Mapping[str, Values]:
        """All tags."""
        return _Both(self._own.tags, lambda: self._words().tags)

    @property
    def dense(self) -> Mapping[str, Any]:
        """The vectors of the request."""
        return self._own.dense

    def _words(self) -> Features:
        if self._read is None:  # a cached property would lock
            self._read = Features.FromString(self._told.said)
        return self._read


class _Both(Mapping[str, _T]):
    """Two mappings as one; the second is read when there is no way around it."""

    __slots__ = ("_own", "_told")

    def __init__(self, own: Mapping[str, _T], told: Callable[[], Mapping[str, _T]]) -> None:
        self._own, self._told = own, told

    def __contains__(self, name: object) -> bool:
        return name in self._own or (isinstance(name, str) and name.startswith(PREFIXES) and name in self._told())

    def __getitem__(self, name: str) -> _T:
        return self._own[name] if name in self._own else self._told()[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from self._told()

    def __len__(self) -> int:
        return len(self._own) + len(self._told())
