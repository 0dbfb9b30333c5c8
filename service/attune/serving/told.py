"""What a decision is told about a customer, in the forms it is used in: as it is logged, and as policies see it.

    template, numbers, words  -- brought to its time -->  serialised features, tokens, encoded numbers

Kept with the profile (`attune.serving.profile_features`) so that a decision has little to do but to age the numbers.
What depends on the names alone is worked out once: many customers have done the same.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from attune.serving.contexts import layout_of, number_places
from attune.serving.profile import DAY_MS, decay
from attune.storage.v1.records_pb2 import CustomerRecord
from attune.v1.features_pb2 import Features
from attune_models.contexts import Context, JoinedContext, names_and_numbers, with_word
from attune_models.features import (
    CUSTOMER_PREFIX,
    encode,
    encoded_customer_numbers,
    encoded_number,
    escaped_name,
)
from attune_models.hashing import PAIRED_STAGE

PREFIXES = (CUSTOMER_PREFIX, "said.")
"""What the names begin with of what is told."""

# Together some MB.
_KEPT = 1024
_MOST_BYTES = 4096
_STANDS, _GROWS = 0, 1


class Told(NamedTuple):
    """What a decision is told about a customer.

    Attributes:
        serialised: As features, an attune.v1.Features.
        numbered: The tokens of those that have a number, separated by spaces, without it; see
            `attune_models.contexts.Context`.
        numbers: Theirs, as policies see them.
        words: The other tokens, but for the next.
        stage: The token of the customer's stage; empty where that is not told.
        names: The names of those that have a number, in the order of `plain`.
        plain: Theirs, as conditions see them.
        said: The others as features, an attune.v1.Features.
    """

    serialised: bytes
    numbered: str
    numbers: Sequence[float]
    words: str
    stage: str = ""
    names: Sequence[str] = ()
    plain: Sequence[float] = ()
    said: bytes = b""


NOTHING_TOLD = Told(b"", "", (), "")


class _Shape(NamedTuple):
    """What profiles with the same numbers have in common.

    Attributes:
        layout: How they are written.
        pieces: What is written, with places for the numbers.
        names: Of the numbers.
        n_known: How many of them, the first, begin with `CUSTOMER_PREFIX`.
        numbered: Their tokens.
        aging: For each, how it depends on the time: `_STANDS`, `_GROWS` by 1 a day, or halves: 2 and more, in the order
            of the half-lives.
    """

    layout: Struct
    pieces: Sequence[bytes | float]
    names: Sequence[str]
    n_known: int
    numbered: str
    aging: Sequence[int]


def told_of(features: Features) -> Told:
    """Return features as a decision is told them."""
    read = names_and_numbers(encode(features))
    tokens = read.names.split()
    numbered = " ".join(token for token in tokens if token.endswith(":"))
    stage = next((token for token in tokens if token.startswith(PAIRED_STAGE)), "")
    words = " ".join(token for token in tokens if not token.endswith(":") and token != stage)
    names, said = list(features.numeric), Features()
    said.CopyFrom(features)
    said.ClearField("numeric")
    plain = [features.numeric[name] for name in names]
    serialised = features.SerializeToString()
    return Told(serialised, numbered, read.numbers, words, stage, names, plain, said.SerializeToString())


def keep(record: CustomerRecord, features: Features, now_ms: int) -> None:
    """Keep with a profile what decisions are to be told.

    Args:
        record: The profile.
        features: What they are told now, less what they work out themselves.
        now_ms: Milliseconds since the epoch.
    """
    template, words = Features(numeric=dict.fromkeys(features.numeric, 0.0)), Features()
    words.CopyFrom(features)
    words.ClearField("numeric")
    # In one order for all, so that those of the same names are the same.
    record.told = template.SerializeToString(deterministic=True)
    places = number_places(record.told)
    names = [name.decode() for name in places] if places is not None else []
    record.told_numbers[:] = [features.numeric[name] for name in names]
    record.told_words, record.told_tokens = words.SerializeToString(), encode(words)
    record.told_at_ms = now_ms


def brought_to(record: CustomerRecord, now_ms: int, half_lives_days: Sequence[float]) -> Told | None:
    """Return what was kept, at a later time; None where it has to be worked out anew.

    Args:
        record: The profile.
        now_ms: Milliseconds since the epoch.
        half_lives_days: What counts halve in, as of when it was kept.
    """
    shape = (_shape if len(record.told) <= _MOST_BYTES else _shape.__wrapped__)(record.told, tuple(half_lives_days))
    if shape is None:
        return None
    numbers = _aged(record, shape.aging, now_ms - record.told_at_ms, half_lives_days)
    pieces = list(shape.pieces)
    pieces[1::2] = numbers
    # The others are what was said, which has the later names.
    names, n_known, said = shape.names, shape.n_known, record.told_words
    encoded = encoded_customer_numbers(numbers[:n_known])
    if n_known < len(names):
        encoded += map(encoded_number, names[n_known:], numbers[n_known:])
    serialised = shape.layout.pack(*pieces) + said
    return Told(serialised, shape.numbered, encoded, record.told_tokens, "", names, numbers, said)


def joined(own: Context, told: Told) -> JoinedContext:
    """Return an encoded context with what is told about a customer: what encoding both as one gives.

    Args:
        own: The request's own context; of none of the names that are told.
        told: What is told.
    """
    # What the request says may be paired with how far a customer has come: so that stands with it.
    own = with_word(own, told.stage) if told.stage else own
    return JoinedContext(own, told.numbered, told.numbers, told.words)


@lru_cache(_KEPT)
def _shape(template: bytes, half_lives_days: tuple[float, ...]) -> _Shape | None:
    places = number_places(template)
    if places is None:
        return None
    layout = layout_of(len(template), list(places.values()))
    names = [name.decode() for name in places]
    n_known = sum(name.startswith(CUSTOMER_PREFIX) for name in names)
    numbered = " ".join(f"{escaped_name(name)}:" for name in names)
    aging = [_aging(name, labels(half_lives_days)) for name in names]
    return _Shape(layout, layout.unpack(template), names, n_known, numbered, aging)


def _aged(record: CustomerRecord, aging: Sequence[int], age_ms: int, half_lives_days: Sequence[float]) -> list[float]:
    if not record.first_seen_ms or age_ms <= 0:
        return list(record.told_numbers)
    grown = (0.0, age_ms / DAY_MS, *[0.0] * len(half_lives_days))
    left = (1.0, 1.0, *[decay(age_ms, days) for days in half_lives_days])
    return [number * left[how] + grown[how] for number, how in zip(record.told_numbers, aging, strict=True)]


def _aging(name: str, halving: Sequence[str]) -> int:
    """Return how a number depends on the time; see `_Shape`.

    The sums of what callers call as they like end with `.sum`, so that they are not taken for anything else.
    """
    if not name.startswith("customer.") or name.endswith((".count", ".sum")):
        return _STANDS
    # The longest first: there may be half-lives of 5 and of 0.5 days.
    by_length = sorted(range(len(halving)), key=lambda i: -len(halving[i]))
    found = (i for i in by_length if name.endswith(f".{halving[i]}"))
    return next((_GROWS + 1 + i for i in found), _GROWS)


@lru_cache
def labels(half_lives_days: tuple[float, ...]) -> tuple[str, ...]:
    """Return what the names of counts end with that halve in so many days."""
    return tuple(f"{days:g}d" for days in half_lives_days)
