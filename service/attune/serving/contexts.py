"""From the bytes of a context to what policies read, without reading every one of its features.

Most contexts differ from others in their numbers only. On the wire, a number is 8 bytes at a place that the bytes
around it tell: so the bytes are cut there, and what the pieces between the numbers say is looked up. Only pieces that
have not come before are read as a message, checked and encoded (`attune_models.features`).

What is looked up is what reading would give: bytes that are equal outside of the numbers are the same message but for
these, in the same order.
"""

from collections import defaultdict
from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

from attune.v1.features_pb2 import Features
from attune_models.contexts import Context, names_and_numbers
from attune_models.features import CUSTOMER_PREFIX, MAX_NUMBER, MIN_NUMBER, encode, escaped_name

# Together less than 10 MB of what came last.
_MOST_KEPT = 4096
_MOST_BYTES = 512
_MOST_LAYOUTS = 8
_MOST_JUST_READ = 256

# Tags of attune.v1.Features and of an entry of its maps: all are followed by a length, but that of a number.
_NUMERIC, _WORDS = 0x0A, (0x12, 0x1A)
_KEY, _NUMBER = 0x0A, 0x11
_LONG = 0x80
_NUMBER_BYTES = 8


class _Known(NamedTuple):
    """What pieces between numbers say.

    Attributes:
        names: See `attune_models.contexts.Context`.
        order: Of each of its numbers, which of all pieces it is.
    """

    names: str
    order: Sequence[int]


class ContextReader:
    """Reads contexts."""

    def __init__(self) -> None:
        """Begin without any that were read before."""
        self._known: dict[tuple[bytes, ...], _Known] = {}
        self._layouts: defaultdict[int, list[Struct]] = defaultdict(list)
        self._last: tuple[bytes, Context] = b"", Context("", [])
        self._just_read: dict[bytes, Context] = {}

    def read(self, serialised: bytes) -> Context:
        """Return a context as policies read it.

        Args:
            serialised: An attune.v1.Features message.

        Raises:
            FeatureError: A feature breaks the limits.
            DecodeError: It is no such message.
        """
        last, context = self._last
        if serialised != last:  # one decision asks more than once
            context = self._just_read.get(serialised) or self._read(serialised)
            self._last = serialised, context
            if len(serialised) <= _MOST_BYTES:  # while a customer is read, others ask
                if len(self._just_read) >= _MOST_JUST_READ:
                    self._just_read.clear()
                self._just_read[serialised] = context
        return context

    def _read(self, serialised: bytes) -> Context:
        for layout in self._layouts.get(len(serialised), ()):
            pieces = layout.unpack(serialised)
            known = self._known.get(pieces[::2])
            if known is not None:
                names, order = known
                numbers = []
                for place in order:
                    number = pieces[place]
                    if not (MIN_NUMBER <= number <= MAX_NUMBER or number == 0.0 or _is_negative(number)):
                        # Anything else, NaN among it, is for whoever says what is wrong with it, or makes 0 of it.
                        return self._read_anew(serialised)
                    numbers.append(number or 0.0)  # without the sign of -0.0
                return Context(names, numbers)
        return self._read_anew(serialised)

    def _read_anew(self, serialised: bytes) -> Context:
        features = Features.FromString(serialised)
        context = names_and_numbers(encode(features))
        if len(serialised) > _MOST_BYTES or any(name.startswith(CUSTOMER_PREFIX) for name in features.numeric):
            return context  # numbers of a profile are not encoded as they are
        if (places := number_places(serialised)) is not None:
            self._keep(serialised, places, context.names)
        return context

    def _keep(self, serialised: bytes, places: dict[bytes, int], names: str) -> None:
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
            self._layouts.clear()
        layout = layout_of(len(serialised), list(places.values()))
        pieces = layout.unpack(serialised)
        piece_of = {escaped_name(name.decode()): 2 * i + 1 for i, name in enumerate(places)}
        numbered = [token[:-1] for token in names.split() if token.endswith(":")]
        self._known[pieces[::2]] = _Known(names, [piece_of[name] for name in numbered])
        layouts = self._layouts[len(serialised)]
        if all(layout.format != other.format for other in layouts):
            layouts[_MOST_LAYOUTS - 1 :] = []
            layouts.insert(0, layout)


def _is_negative(number: float) -> bool:
    return -MAX_NUMBER <= number <= -MIN_NUMBER


def layout_of(size: int, places: Sequence[int]) -> Struct:
    """Return how a message of so many bytes is cut: a piece of bytes, a number, a piece of bytes, and so on.

    Args:
        size: Of the message, in bytes.
        places: Where its numbers begin, ascending.
    """
    begins = [0, *(place + _NUMBER_BYTES for place in places)]
    between = [end - begin for begin, end in zip(begins, [*places, size], strict=True)]
    return Struct("<" + "d".join(f"{length}s" for length in between))


def number_places(serialised: bytes) -> dict[bytes, int] | None:
    """Return where the numbers of features are, by name; None where anything is not as it is usually written.

    Args:
        serialised: An attune.v1.Features message.
    """
    at, places = 0, {}
    while at < len(serialised):
        tag, size, at = serialised[at], serialised[at + 1], at + 2
        if size >= _LONG:
            if serialised[at] >= _LONG:
                return None
            size, at = size - _LONG + _LONG * serialised[at], at + 1
        end = at + size
        if tag == _NUMERIC:
            place, begin = end - _NUMBER_BYTES, at + 2
            length, name = place - 1 - begin, serialised[begin : place - 1]
            if not 0 <= length < _LONG or name in places:
                return None
            if serialised[at:begin] != bytes((_KEY, length)) or serialised[place - 1] != _NUMBER:
                return None
            places[name] = place
        elif tag not in _WORDS:
            return None
        at = end
    return places
