"""What conditions look at: the features of a context and of an offer, the channel and the time of a decision.

One name finds a feature wherever it is: `offer.` is the offer's, `channel` and `time.` the decision's, all else the
context's. The same name may be a number, a word and tags at once; a comparison with a number looks at the number, one
with a word at the word and the tags.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from attune_models.hashing import UNPAIRED
from attune_models.types import Features, FeatureSet, Values

OFFER_PREFIX = "offer."
CHANNEL = "channel"
HOUR, WEEKDAY, DATE = "time.hour", "time.weekday", "time.date"
TIMES = frozenset({HOUR, WEEKDAY, DATE})

NumberOf: TypeAlias = "Callable[[Facts], float | None]"
"""Finds a number; None where there is none."""
WordsOf: TypeAlias = "Callable[[Facts], Sequence[str] | None]"
"""Finds words; None where there is no word and no tags, empty for tags without any."""

_NOTHING: Features = FeatureSet()


class Facts:
    """What is known when a decision is made.

    Attributes:
        context: Features of the situation and the customer; `numeric`, `categorical` and `tags` are its own.
        known: Those of the customer, whose names begin with one of `UNPAIRED`; the context, where they are in it.
        offer: Features of the offer that is looked at.
        channel: Where it will be shown; empty where that is not known: then it is the context's word `channel`.
        clock: Returns the time of the decision on the customer's clock; None where it is not known.
    """

    __slots__ = ("categorical", "channel", "clock", "context", "known", "numeric", "offer", "tags")

    context: Features
    known: Features
    numeric: Mapping[str, float]
    categorical: Mapping[str, str]
    tags: Mapping[str, Values]

    def __init__(
        self,
        context: Features,
        *,
        channel: str = "",
        clock: Callable[[], datetime] | None = None,
        offer: Features = _NOTHING,
        known: Features | None = None,
    ) -> None:
        """Keep them. The clock is asked each time: let it remember where that is not cheap."""
        self.context = context
        self.known = context if known is None else known
        # Looked up once: a message makes an object for a map whenever it is asked for it.
        self.numeric, self.categorical, self.tags = context.numeric, context.categorical, context.tags
        self.offer = offer
        self.channel = channel
        self.clock = clock

    def of_offer(self, offer: Features, channel: str = "") -> "Facts":
        """Return the same with an offer.

        Args:
            offer: Its features.
            channel: Where it would be shown, where that goes with the offer.
        """
        known = self.known
        return Facts(self.context, channel=channel or self.channel, clock=self.clock, offer=offer, known=known)


def number_of(feature: str) -> NumberOf:
    """Return what finds a feature's number."""
    if feature == HOUR:
        return lambda facts: facts.clock().hour if facts.clock else None
    if feature == WEEKDAY:
        return lambda facts: facts.clock().isoweekday() if facts.clock else None
    if feature in {CHANNEL, DATE}:
        return lambda _: None
    if feature.startswith(OFFER_PREFIX):
        name = feature.removeprefix(OFFER_PREFIX)
        return lambda facts: facts.offer.numeric.get(name)

    if feature.startswith(UNPAIRED):

        def known_number(facts: Facts) -> float | None:
            """Return the number of what is known of the customer; None where it is absent."""
            numbers = facts.known.numeric
            return numbers[feature] if feature in numbers else None  # noqa: SIM401 - as below

        return known_number

    def number(facts: Facts) -> float | None:
        """Return the number of a feature of the context; None where it is absent."""
        numbers = facts.numeric
        return numbers[feature] if feature in numbers else None  # noqa: SIM401 - get() of a message takes twice as long

    return number


def words_of(feature: str) -> WordsOf:
    """Return what finds a feature's word and tags."""
    if feature == CHANNEL:
        return _channel
    if feature == DATE:
        return lambda facts: (facts.clock().date().isoformat(),) if facts.clock else None
    if feature in TIMES:
        return lambda _: None
    if feature.startswith(OFFER_PREFIX):
        name = feature.removeprefix(OFFER_PREFIX)
        return lambda facts: _words(name, facts.offer.categorical, facts.offer.tags)

    if feature.startswith(UNPAIRED):
        return lambda facts: _words(feature, facts.known.categorical, facts.known.tags)

    def words(facts: Facts) -> Sequence[str] | None:
        """Return the word and the tags of a feature of the context; None where it is absent."""
        # As `_words` says; most features are words, and most that are asked for have no tags.
        categorical = facts.categorical
        if feature in facts.tags or feature not in categorical:
            return _words(feature, categorical, facts.tags)
        return (categorical[feature],)

    return words


def tags_of(feature: str) -> WordsOf:
    """Return what finds a feature's tags."""
    if feature == CHANNEL or feature in TIMES:
        return lambda _: None
    if feature.startswith(OFFER_PREFIX):
        name = feature.removeprefix(OFFER_PREFIX)
        return lambda facts: _words(name, {}, facts.offer.tags)
    if feature.startswith(UNPAIRED):
        return lambda facts: _words(feature, {}, facts.known.tags)
    return lambda facts: _words(feature, {}, facts.tags)


def is_known(feature: str) -> "Callable[[Facts], bool]":
    """Return what tells whether a feature is there, whatever its kind."""
    if feature == CHANNEL:
        return lambda facts: _channel(facts) is not None
    if feature in TIMES:
        return lambda facts: facts.clock is not None
    if feature.startswith(OFFER_PREFIX):
        name = feature.removeprefix(OFFER_PREFIX)
        return lambda facts: _is_in(name, facts.offer)
    if feature.startswith(UNPAIRED):
        return lambda facts: _is_in(feature, facts.known)
    return lambda facts: (
        feature in facts.numeric
        or feature in facts.categorical
        or feature in facts.tags
        or feature in facts.context.dense
    )


def _words(name: str, categorical: Mapping[str, str], tags: Mapping[str, Values]) -> Sequence[str] | None:
    found: Sequence[str] | None = tags[name].values if name in tags else None
    if name in categorical:
        return [categorical[name], *found] if found else (categorical[name],)
    return found


def _is_in(name: str, features: Features) -> bool:
    return any(name in kind for kind in (features.numeric, features.categorical, features.tags, features.dense))


def _channel(facts: Facts) -> Sequence[str] | None:
    if facts.channel:
        return (facts.channel,)
    categorical = facts.categorical
    return (categorical[CHANNEL],) if CHANNEL in categorical else None
