"""Names of features that are known beforehand, and what each of them can be: so that a slip is noticed when it is made.

    time.hour, time.weekday, time.date, channel     of the decision
    customer.                                        what the service has seen of the customer
    said.                                            what the customer has said
    offer.                                           of the offer, and everything else of the request: any name

What is sent with a request, or put into the catalogue, has no schema; of those names nothing is known here.
"""

import re
import sys
from collections.abc import Collection, Sequence
from datetime import date
from difflib import get_close_matches
from enum import Flag, auto

from attune_models.comparisons import Comparison, ComparisonError, Operator
from attune_models.facts import CHANNEL, DATE, HOUR, OFFER_PREFIX, WEEKDAY
from attune_models.features import MAX_NUMBER

TIME_PREFIX, CUSTOMER_PREFIX, SAID_PREFIX = "time.", "customer.", "said."

STAGES = ("new", "returning", "engaged", "buyer", "established", "lapsing")
"""Words of `customer.stage`."""
WEEKDAYS, HOURS = range(1, 8), range(24)

# Of two names, how alike they are where one is meant for the other, 0 to 1: `cuont` and `count`, not `amount`.
_CLOSE = 0.8
_HALF_LIFE = re.compile(r"\d+(\.\d+)?d")


class Kinds(Flag):
    """What a feature can be."""

    NUMBER = auto()
    WORD = auto()
    TAGS = auto()
    VECTOR = auto()


ANY_KIND = Kinds.NUMBER | Kinds.WORD | Kinds.TAGS | Kinds.VECTOR

_FIXED = {
    CHANNEL: Kinds.WORD,
    HOUR: Kinds.NUMBER,
    WEEKDAY: Kinds.NUMBER,
    DATE: Kinds.WORD,
    "customer.tenure_days": Kinds.NUMBER,
    "customer.stage": Kinds.WORD,
    "customer.days_since_seen": Kinds.NUMBER,
    "customer.last_channel": Kinds.WORD,
    "said.interests": Kinds.TAGS,
    "said.channels": Kinds.TAGS,
    "said.less_of": Kinds.TAGS,
}
# Of an activity: the last part of the name says what it is.
_LAST_PARTS = {"count": Kinds.NUMBER, "days_since": Kinds.NUMBER, "sum": Kinds.NUMBER, "often": Kinds.TAGS}
_CALLED = {Kinds.NUMBER: "a number", Kinds.WORD: "a word", Kinds.TAGS: "tags"}


def kinds_of(feature: str) -> Kinds:
    """Return what a feature can be; nothing where there cannot be one of this name."""
    if (fixed := _FIXED.get(feature)) is not None:
        return fixed
    if feature.startswith(TIME_PREFIX):
        return Kinds(0)
    if feature.startswith(CUSTOMER_PREFIX):
        *before, last = feature.removeprefix(CUSTOMER_PREFIX).split(".")
        if not (before and all(before) and last):
            return Kinds(0)
        return Kinds.NUMBER if _HALF_LIFE.fullmatch(last) else _LAST_PARTS.get(last, Kinds.WORD)
    return (ANY_KIND ^ Kinds.VECTOR) if feature.startswith(SAID_PREFIX) else ANY_KIND


def whole_numbers_of(feature: str) -> Sequence[int] | None:
    """Return the only numbers that a feature can be; None where there is no such list."""
    return {HOUR: HOURS, WEEKDAY: WEEKDAYS}.get(feature)


def least_of(feature: str) -> float:
    """Return the number below which a feature cannot be."""
    counted = feature.startswith(CUSTOMER_PREFIX) and not feature.endswith(".sum")
    return 0.0 if counted else -most_of(feature)


def most_of(feature: str) -> float:
    """Return the number above which a feature cannot be: what was added up in a profile goes beyond what is sent."""
    return sys.float_info.max if feature.startswith(CUSTOMER_PREFIX) else MAX_NUMBER


def check_names(comparison: Comparison) -> None:
    """Check that there can be a feature of the name, and that it is compared with what it can be.

    Raises:
        ComparisonError: It is not so.
    """
    feature, kinds = comparison.feature, kinds_of(comparison.feature)
    if not kinds:
        raise ComparisonError(0, _unknown(feature))
    asked = _asked(comparison)
    if asked & kinds:
        _check_dates(comparison)
        return
    called = "a date such as 2026-12-25" if feature == DATE else " or ".join(_CALLED[kind] for kind in kinds)
    got = " or ".join(_CALLED[kind] for kind in asked if kind in _CALLED)
    raise ComparisonError(
        0, f"expected {feature} to be compared as {called}, got `{comparison}` for {got}{_hint(comparison)}"
    )


def doubt(comparison: Comparison, known: Collection[str] = ()) -> str | None:
    """Say what is allowed but hardly meant about a comparison's names; None where there is nothing.

    Args:
        comparison: One that `check_names` accepts.
        known: Names of features that offers have, as conditions call them; empty where they are not known.
    """
    feature = comparison.feature
    if feature.startswith(SAID_PREFIX) and feature not in _FIXED:
        close = get_close_matches(
            feature, [name for name in _FIXED if name.startswith(SAID_PREFIX)], n=1, cutoff=_CLOSE
        )
        return f"{feature} is the answer to a question of yours; did you mean {close[0]}?" if close else None
    if feature.startswith(OFFER_PREFIX) and known and feature not in known:
        return f"no offer of the catalogue has {feature}{_did_you_mean(feature, known)}"
    if feature == "customer.stage":
        strange = [str(word) for word in comparison.values if word not in STAGES]
        return f'customer.stage is one of {", ".join(STAGES)}, and never "{strange[0]}"' if strange else None
    return None


def _asked(comparison: Comparison) -> Kinds:
    if comparison.operator in (Operator.EXISTS, Operator.MISSING):
        return ANY_KIND
    if comparison.operator is Operator.HAS:
        return Kinds.TAGS
    return Kinds.WORD | Kinds.TAGS if isinstance(comparison.values[0], str) else Kinds.NUMBER


def _check_dates(comparison: Comparison) -> None:
    for value in comparison.values if comparison.feature == DATE else ():
        try:
            is_plain = date.fromisoformat(str(value)).isoformat() == value
        except ValueError:
            is_plain = False
        if not is_plain:
            raise ComparisonError(0, f"expected a date such as 2026-12-25, got `{value}`")


def _unknown(feature: str) -> str:
    prefix = next(prefix for prefix in (TIME_PREFIX, CUSTOMER_PREFIX) if feature.startswith(prefix))
    known = [name for name in _FIXED if name.startswith(prefix)]
    if prefix == CUSTOMER_PREFIX:
        known.append("those of an activity, such as customer.purchase.count")
    return f"unknown feature {feature}{_did_you_mean(feature, known) or f'; known are {_joined(known)}'}"


def _joined(names: Collection[str]) -> str:
    return ", ".join(names)


def _hint(comparison: Comparison) -> str:
    """Return what may have been meant where what an activity brought along, a word, is compared with a number."""
    feature = comparison.feature
    if feature in _FIXED or Kinds.WORD not in kinds_of(feature):
        return ""
    before, _, last = feature.rpartition(".")
    close = get_close_matches(last, [*_LAST_PARTS, "7d"], n=1, cutoff=_CLOSE)
    return f"; did you mean {before}.{close[0]}?" if close else f"; is it {feature}.sum?"


def _did_you_mean(feature: str, known: Collection[str]) -> str:
    # Without what the names have in common: it would make all of them alike.
    prefix = feature[: feature.index(".") + 1]
    close = get_close_matches(feature.removeprefix(prefix), [name.removeprefix(prefix) for name in known], n=1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""
