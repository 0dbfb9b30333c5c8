"""What conditions look at: the features of a context and of an offer, the channel and the time of a decision.

One name finds a feature wherever it is: `offer.` is the offer's, `channel` and `time.` the decision's, all else the
context's. The same name may be a number, a word and tags at once; a comparison with a number looks at the number, one
with a word at the word and the tags.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import TypeAlias

from attune_models.comparisons import DATE
from attune_models.types import Features, FeatureSet

OFFER_PREFIX = "offer."
CHANNEL = "channel"
HOUR, WEEKDAY = "time.hour", "time.weekday"

NumberOf: TypeAlias = "Callable[[Facts], float | None]"
"""Finds a number; None where there is none."""
WordsOf: TypeAlias = "Callable[[Facts], Sequence[str] | None]"
"""Finds words; None where there are none to be found, empty for tags without any."""

_NOTHING: Features = FeatureSet()


class Facts:
    """What is known when a decision is made.

    Attributes:
        context: Features of the situation and the customer.
        offer: Features of the offer that is looked at.
        channel: Where it will be shown; empty where that is not known: then it is the context's word `channel`.
        clock: Returns the time of the decision on the customer's clock; None where it is not known.
    """

    __slots__ = ("channel", "clock", "context", "offer")

    def __init__(
        self,
        context: Features,
        *,
        channel: str = "",
        clock: Callable[[], datetime] | None = None,
        offer: Features = _NOTHING,
    ) -> None:
        """Keep them. The clock is asked each time: let it remember where that is not cheap."""
        self.context = context
        self.offer = offer
        self.channel = channel
        self.clock = clock

    def of_offer(self, offer: Features, channel: str = "") -> "Facts":
        """Return the same with an offer.

        Args:
            offer: Its features.
            channel: Where it would be shown, where that goes with the offer.
        """
        return Facts(self.context, channel=channel or self.channel, clock=self.clock, offer=offer)


def number_of(feature: str) -> NumberOf:
    """Return what finds a feature's number."""
    if feature == HOUR:
        return lambda facts: facts.clock().hour if facts.clock else None
    if feature == WEEKDAY:
        return lambda facts: facts.clock().isoweekday() if facts.clock else None
    if feature in {CHANNEL, DATE}:
        return lambda _: None
    source, name = _source(feature)

    return lambda facts: source(facts).numeric.get(name)


def words_of(feature: str) -> WordsOf:
    """Return what finds a feature's word and tags."""
    if feature == CHANNEL:
        return _channel
    if feature == DATE:
        return lambda facts: (facts.clock().date().isoformat(),) if facts.clock else None
    if feature in {HOUR, WEEKDAY}:
        return lambda _: None
    source, name = _source(feature)

    def words(facts: Facts) -> Sequence[str] | None:
        features = source(facts)
        tags = features.tags
        found: Sequence[str] | None = tags[name].values if name in tags else None
        categorical = features.categorical
        if name in categorical:
            return [categorical[name], *found] if found else (categorical[name],)
        return found

    return words


def tags_of(feature: str) -> WordsOf:
    """Return what finds a feature's tags."""
    if feature in {CHANNEL, HOUR, WEEKDAY, DATE}:
        return lambda _: None
    source, name = _source(feature)

    def tags(facts: Facts) -> Sequence[str] | None:
        known = source(facts).tags
        return known[name].values if name in known else None

    return tags


def is_known(feature: str) -> "Callable[[Facts], bool]":
    """Return what tells whether a feature is there, whatever its kind."""
    if feature == CHANNEL:
        return lambda facts: _channel(facts) is not None
    if feature in {HOUR, WEEKDAY, DATE}:
        return lambda facts: facts.clock is not None
    source, name = _source(feature)

    def known(facts: Facts) -> bool:
        features = source(facts)
        return (
            name in features.numeric or name in features.categorical or name in features.tags or name in features.dense
        )

    return known


def _channel(facts: Facts) -> Sequence[str] | None:
    if facts.channel:
        return (facts.channel,)
    categorical = facts.context.categorical
    return (categorical[CHANNEL],) if CHANNEL in categorical else None


def _source(feature: str) -> "tuple[Callable[[Facts], Features], str]":
    """Return what finds the features that one is among, and its name there."""
    if feature.startswith(OFFER_PREFIX):
        return attrgetter("offer"), feature.removeprefix(OFFER_PREFIX)
    return attrgetter("context"), feature
