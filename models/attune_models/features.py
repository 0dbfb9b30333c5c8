"""Encoding: from named features to one line of tokens, checked on the way.

The encoding is injective (different features never share a token) and canonical (the same features give the same
line, whatever the order of a map), so that a model sees the same bits in every process. Names and values may hold any
Unicode: what has a meaning in Vowpal Wabbit's text format, or in ours, is percent-encoded.

    numeric      price = 9.5                price:9.5
    categorical  device = mobile            device=mobile
    tags         interests = {run, yoga}    interests~run interests~yoga
    dense        embedding = [.1, .2]       embedding@0:0.1 embedding@1:0.2

Numbers whose names begin with `customer.` are what a service has counted of a customer: times, counts and sums, many
small ones and a few that are huge. They are encoded as sign(x) log(1 + |x|), whatever their size, so that a model of
them can be learned; what has faded away to less than half a millionth as 0.

No name is empty. What a caller did not say is told apart by that: `=a` is the id of an action, and in a context `=1` is
the slot after the first.

`decode` is the way back, for explanations.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from attune_models.types import Action, Features, Situation

MAX_FEATURES = 200
"""Most features of one context or action; tags and vector components count one each."""
MAX_TEXT_BYTES = 256
"""Longest name or value, in bytes of UTF-8."""
MAX_NUMBER = 1e6
"""Largest magnitude of a feature's number and of a reward. The square of reward x context number x action number still
fits the float32 that Vowpal Wabbit computes with; beyond, one interaction could turn weights into NaN."""
MIN_NUMBER = 1e-30
"""Smaller magnitudes count as 0."""

CUSTOMER_PREFIX = "customer."
"""What the names begin with of numbers whose logarithm is encoded."""

_RESERVED = re.compile(r"[\x00-\x20\x7f%|:=~@\s\x85\u2028\u2029]")
_ESCAPES = re.compile(r"(?:%[0-9A-F]{2})+")
_MARK = re.compile(r"[:=~@]")
_CACHED_TOKENS = 16_384
_LEAST_OF_CUSTOMERS = 5e-7


class Kind(Enum):
    """What a token stands for; the value is what marks it: what stands between the name and the rest."""

    NUMERIC = ":"
    CATEGORICAL = "="
    TAG = "~"
    COMPONENT = "@"
    IDENTITY = ""
    """An action's id; in a context, the slot."""


@dataclass(frozen=True, slots=True)
class NamedFeature:
    """A token, in the caller's names.

    Attributes:
        kind: What it stands for.
        name: The feature's; empty for an action's id and the slot.
        value: The word, the tag, the id or the slot; the zero-based position of a component; empty for a number.
        number: Of a number or a component; 1 for all else.
    """

    kind: Kind
    name: str
    value: str = ""
    number: float = 1.0


class FeatureError(ValueError):
    """A feature breaks the limits.

    Attributes:
        field: Where, for example `numeric["price"]`.
        description: What was expected and what came.
    """

    def __init__(self, field: str, description: str) -> None:
        """Keep both parts: the caller knows what the field belongs to."""
        super().__init__(f"{field}: {description}" if field else description)
        self.field = field
        self.description = description


def encode(features: Features) -> str:
    """Encode and check features.

    Args:
        features: What is known about a context or an action.

    Returns:
        The tokens, sorted and separated by single spaces; empty when there are no features.

    Raises:
        FeatureError: A name is empty or too long, a value too long, a number not finite or too large, or there are
            more than `MAX_FEATURES`.
    """
    # Protobuf's maps iterate over keys in C, but over items in Python: three times as slow.
    numeric, categorical, tags, dense = features.numeric, features.categorical, features.tags, features.dense
    n_features = len(numeric) + len(categorical)
    has_lists = bool(tags or dense)
    if has_lists:
        n_features += sum(max(1, len(several[name].values)) for several in (tags, dense) for name in several)
    # Before anything is encoded: refusing what is far too much must not cost as much as taking it. Repeated tags count
    # once, which is not known yet.
    if n_features > 2 * MAX_FEATURES:
        raise FeatureError("", f"expected at most {MAX_FEATURES} features, got {n_features}")
    # Numbers are new each time: a cache that misses costs more than it saves.
    tokens = [
        f"{_name('numeric', name)}:{value!r}"
        if MIN_NUMBER <= (value := float(numeric[name])) <= MAX_NUMBER and not name.startswith(CUSTOMER_PREFIX)
        else _numeric_token(name, value)
        for name in numeric
    ]
    tokens += [_categorical_token(name, categorical[name]) for name in categorical]
    if has_lists:
        for name in tags:
            _name("tags", name)  # also where there are no values
            tokens += [_tag_token(name, value) for value in set(tags[name].values)]
        for name in dense:
            tokens += _dense_tokens(name, dense[name].values)
        n_features = max(len(tokens), len(numeric) + len(categorical) + len(tags) + len(dense))
    if n_features > MAX_FEATURES:
        raise FeatureError("", f"expected at most {MAX_FEATURES} features, got {n_features}")
    tokens.sort()
    return " ".join(tokens)


def encode_action(action: Action) -> str:
    """Encode an action: its features and, so that an action without features can be learned too, its id.

    Raises:
        FeatureError: See `encode`; `field` starts with `id` or `features`.
    """
    try:
        tokens = encode(action.features)
    except FeatureError as error:
        raise FeatureError(f"features.{error.field}".rstrip("."), error.description) from None
    identity = _identity_token(action.id)
    return f"{identity} {tokens}" if tokens else identity


def decode(token: str) -> NamedFeature:
    """Return what a token of `encode`, `encode_action` or `with_slot` stands for.

    Numbers are those of the token: what is smaller than `MIN_NUMBER` has become 0, and of what begins with
    `CUSTOMER_PREFIX` it is the logarithm.
    """
    # The first of the four marks tells: in names and values they are escaped.
    mark = _MARK.search(token)
    if mark is None:
        raise ValueError(f"expected a token of encoded features, got {token!r}")
    name, rest = _unescaped(token[: mark.start()]), token[mark.end() :]
    match Kind(mark.group()):
        case Kind.NUMERIC:
            return NamedFeature(Kind.NUMERIC, name, number=float(rest))
        case Kind.COMPONENT:
            position, _, number = rest.partition(":")
            return NamedFeature(Kind.COMPONENT, name, position, float(number))
        case kind:
            return NamedFeature(kind if name else Kind.IDENTITY, name, _unescaped(rest))


def encoded_number(name: str, value: float) -> float:
    """Return the number that a numeric feature's token has.

    Args:
        name: The feature's.
        value: Its value.

    Raises:
        FeatureError: It is not finite, or too large.
    """
    if name.startswith(CUSTOMER_PREFIX) and -math.inf < value < math.inf:
        if abs(value) < _LEAST_OF_CUSTOMERS:
            return 0.0
        return math.log1p(value) if value > 0.0 else -math.log1p(-value)
    return _number("numeric", name, value)


def encoded_customer_numbers(values: Sequence[float]) -> list[float]:
    """Return the numbers that tokens have of features whose names begin with `CUSTOMER_PREFIX`, as `encoded_number`."""
    # Nearly always; what is no number fails one of the two comparisons.
    if values and min(values) >= _LEAST_OF_CUSTOMERS and sum(values) < math.inf:
        return list(map(math.log1p, values))
    return [encoded_number(CUSTOMER_PREFIX, value) for value in values]


def escaped_name(name: str) -> str:
    """Return how a feature's name stands in a token."""
    return _RESERVED.sub(_percent_encoded, name)


def situation(context: Features, actions: Iterable[Action]) -> Situation:
    """Encode a whole situation, for callers that need no better error than `FeatureError`."""
    listed = list(actions)
    return Situation(encode(context), [action.id for action in listed], [encode_action(action) for action in listed])


def with_slot(context: str, slot: int) -> str:
    """Add to an encoded context which slot of the decision it is about, as a categorical feature without a name.

    Slot 0 is not marked: placements that ask for one slot now and for several then learn from both.

    Args:
        context: See `encode`; without a slot.
        slot: Zero-based.

    Returns:
        The tokens, sorted.
    """
    return " ".join(sorted([*context.split(), f"={slot}"])) if slot else context


def has_slot(context: str) -> bool:
    """Tell whether an encoded context has a slot's token."""
    return context.startswith("=") or " =" in context


def slot_of(context: str) -> int:
    """Return which slot of its decision an encoded context is about, zero-based: what `with_slot` said."""
    if not has_slot(context):
        return 0
    return next(int(token[1:]) for token in context.split() if token.startswith("="))


@lru_cache(_CACHED_TOKENS)
@lru_cache(_CACHED_TOKENS)
def _name(kind: str, name: str) -> str:
    if not name:
        raise FeatureError(kind, "expected a feature name of 1 to 256 bytes, got an empty one")
    return _escaped(_path(kind, name), name)


def _numeric_token(name: str, value: float) -> str:
    return f"{_name('numeric', name)}:{encoded_number(name, value)!r}"


@lru_cache(_CACHED_TOKENS)
def _categorical_token(name: str, value: str) -> str:
    return f"{_name('categorical', name)}={_escaped(_path('categorical', name), value)}"


@lru_cache(_CACHED_TOKENS)
def _tag_token(name: str, value: str) -> str:
    return f"{_name('tags', name)}~{_escaped(_path('tags', name), value)}"


@lru_cache(_CACHED_TOKENS)
def _identity_token(action_id: str) -> str:
    if not action_id:
        raise FeatureError("id", f"expected 1 to {MAX_TEXT_BYTES} bytes of UTF-8, got nothing")
    # No feature name is empty, so this token is not any feature's.
    return f"={_escaped('id', action_id)}"


def _dense_tokens(name: str, values: Iterable[float]) -> list[str]:
    escaped = _name("dense", name)
    return [f"{escaped}@{i}:{_number('dense', name, value)!r}" for i, value in enumerate(values)]


def _number(kind: str, name: str, value: float) -> float:
    # Written so that NaN, which compares false with everything, is refused too.
    if not -MAX_NUMBER <= value <= MAX_NUMBER:
        got = value if not math.isfinite(value) else f"{value:.15g}: scale it"
        raise FeatureError(_path(kind, name), f"expected a number between -1e6 and 1e6, got {got}")
    # Vowpal Wabbit reads 2e-150 as infinity. To its float32 such a number is 0 anyway.
    return float(value) if abs(value) >= MIN_NUMBER else 0.0


def _escaped(field: str, text: str) -> str:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise FeatureError(field, f"expected text that UTF-8 can hold, got {text[:40]!r}") from None
    if size > MAX_TEXT_BYTES:
        raise FeatureError(field, f"expected at most {MAX_TEXT_BYTES} bytes of UTF-8, got {size}")
    return _RESERVED.sub(_percent_encoded, text)


def _percent_encoded(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode())


def _unescaped(text: str) -> str:
    return _ESCAPES.sub(lambda match: bytes.fromhex(match.group().replace("%", "")).decode(), text)


def _path(kind: str, name: str, longest: int = 40) -> str:
    return f'{kind}["{name}"]' if len(name) <= longest else f'{kind}["{name[:longest]}..."]'
