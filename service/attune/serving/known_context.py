"""What is told about a customer, as conditions look at it: read as far as somebody asks.

Most conditions ask for a number or two. Reading all of what is told as a message would cost more than answering them.
Part of `attune.serving.circumstances`; what is told: `attune.serving.told`.
"""

from collections.abc import Mapping
from typing import Any

from attune.serving.told import Told
from attune.v1.features_pb2 import Features
from attune_models.types import Values


class KnownFeatures:
    """What is told about a customer: see `attune_models.types.Features`."""

    __slots__ = ("_numbers", "_told", "_words")

    def __init__(self, told: Told) -> None:
        """Take it; nothing is read yet."""
        self._told = told
        self._numbers: dict[str, float] | None = None
        self._words: Features | None = None

    @property
    def numeric(self) -> Mapping[str, float]:
        """The numbers, as they are at the time of the decision."""
        if self._numbers is None:
            self._numbers = dict(zip(self._told.names, self._told.plain, strict=True))
        return self._numbers

    @property
    def categorical(self) -> Mapping[str, str]:
        """The words."""
        return self._said().categorical

    @property
    def tags(self) -> Mapping[str, Values]:
        """The tags."""
        return self._said().tags

    @property
    def dense(self) -> Mapping[str, Any]:
        """The vectors: there are none."""
        return self._said().dense

    def _said(self) -> Features:
        if self._words is None:
            self._words = Features.FromString(self._told.said)
        return self._words
