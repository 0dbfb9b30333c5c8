"""Comparisons: what a person writes about one feature, read into a value.

    tenure_days >= 30            a number
    country == "tr"              a word, or one of the feature's tags
    channel in [email, push]     one of some
    interests has running        one of the feature's tags
    cart.value exists            whatever it is

A token that is a number is one; a word that looks like a number stands in quotes. `conditions` puts comparisons
together, and says whether they hold.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from attune_models.facts import DATE
from attune_models.features import MAX_TEXT_BYTES

MAX_TEST_BYTES = 1000
"""Longest comparison, in bytes of UTF-8."""

Constant: TypeAlias = float | str
"""What a feature is compared with: a number or a word."""

# Many offers have the same conditions.
_CACHED = 4096

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_TOKEN = re.compile(
    r"""\s*(?:(?P<bare>[\w.:+-]+)
            |(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
            |(?P<mark>==|!=|<=|>=|<|>|\[|\]|,)
            |(?P<other>\S))""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Operator(Enum):
    """How a feature is compared; the value is how it is written."""

    EQUAL = "=="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    AMONG = "in"
    NOT_AMONG = "not in"
    HAS = "has"
    EXISTS = "exists"
    MISSING = "is missing"


ORDERS = frozenset({Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST})
"""Those that ask for more or less: of a number, or of DATE, the one feature whose words have an order."""

_MARKS = frozenset({Operator.EQUAL, Operator.UNEQUAL, *ORDERS})
_EXPECTED = "==, !=, <, <=, >, >=, in, not in, has, exists or is missing"
_MISTAKES = {
    "=": "; is it `==`?",
    "!": "; is it `!=`?",
    "is": "; is it `is missing`?",
    "not": "; is it `not in`?",
    "missing": "; is it `is missing`?",
    "contains": "; is it `has`?",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One feature, compared.

    Attributes:
        feature: Its name.
        operator: How.
        values: With what: one or more with AMONG and NOT_AMONG, all numbers or all words; none with EXISTS and MISSING;
            else one.
    """

    feature: str
    operator: Operator
    values: tuple[Constant, ...] = ()

    def __str__(self) -> str:
        """Return it as it could have been written."""
        name = self.feature if re.fullmatch(r"[\w.:+-]+", self.feature) else _quoted(self.feature)
        written = ", ".join(map(_written, self.values))
        if self.operator in (Operator.AMONG, Operator.NOT_AMONG):
            written = f"[{written}]"
        return f"{name} {self.operator.value} {written}".rstrip()


class ComparisonError(ValueError):
    """A text is no comparison.

    Attributes:
        position: Where in the text, characters, zero-based.
        description: What was expected and what came.
    """

    def __init__(self, position: int, description: str) -> None:
        """Keep both parts."""
        super().__init__(f"at character {position + 1}: {description}")
        self.position = position
        self.description = description


class _Token(NamedTuple):
    """A part of the text: what was written, what it stands for, and where; `kind` is the name of its group."""

    kind: str
    text: str
    position: int

    @property
    def said(self) -> str:
        """What a message calls it: its text, cut short, or that it is the end."""
        return f"`{self.text[:40]}`" if self.kind != "end" else "the end"


@lru_cache(_CACHED)
def parse(text: str) -> Comparison:
    """Read a comparison.

    Args:
        text: For example `tenure_days >= 30`.

    Raises:
        ComparisonError: It is none.
    """
    if (size := len(text.encode(errors="replace"))) > MAX_TEST_BYTES:
        raise ComparisonError(0, f"expected at most {MAX_TEST_BYTES} bytes of UTF-8, got {size}")
    return _Parser(text).comparison()


class _Parser:
    """Reads tokens from left to right; the last one is the end."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0

    def comparison(self) -> Comparison:
        """Read a comparison, and nothing after it.

        Raises:
            ComparisonError: It is none, or more than one.
        """
        name = self._take()
        if name.kind not in {"bare", "quoted"}:
            raise _unexpected("the name of a feature", name)
        feature = _text(name)
        if not feature:
            raise _unexpected("the name of a feature", name)
        comparison = Comparison(feature, *self._rest(feature))
        if (left := self._take()).kind != "end":
            several = left.text.lower() in {"and", "or", "&", "|"}
            hint = "; several comparisons stand under `all` or `any`" if several else ""
            raise _unexpected("the end", left, hint)
        return comparison

    def _rest(self, feature: str) -> tuple[Operator, tuple[Constant, ...]]:
        token = self._take()
        if token.kind == "mark" and token.text in {each.value for each in _MARKS}:
            return Operator(token.text), (self._compared(feature, Operator(token.text)),)
        if token.kind == "bare":
            following = self._tokens[self._next].text
            match token.text, following:
                case "exists", _:
                    return Operator.EXISTS, ()
                case "is", "missing":
                    self._take()
                    return Operator.MISSING, ()
                case "not", "in":
                    self._take()
                    return Operator.NOT_AMONG, self._list()
                case "in", _:
                    return Operator.AMONG, self._list()
                case "has", _:
                    return Operator.HAS, (_word(self._take()),)
        raise _unexpected(_EXPECTED, token, _MISTAKES.get(token.text, ""))

    def _compared(self, feature: str, operator: Operator) -> Constant:
        token = self._tokens[self._next]
        value = self._constant("; for one of several write `in`")
        if operator in ORDERS and isinstance(value, str) and feature != DATE:
            raise ComparisonError(token.position, f"expected a number after `{operator.value}`, got {token.said}")
        return value

    def _list(self) -> tuple[Constant, ...]:
        if (opening := self._take()).text != "[":
            raise _unexpected("a list such as [email, push]", opening)
        values = [self._constant()]
        while (token := self._take()).text == "," and token.kind == "mark":
            position = self._tokens[self._next].position
            values.append(self._constant())
            if type(values[-1]) is not type(values[0]):
                raise ComparisonError(position, "expected a list of numbers or a list of words, got both")
        if token.text != "]" or token.kind != "mark":
            raise _unexpected("`,` or `]`", token)
        return tuple(values)

    def _constant(self, hint: str = "") -> Constant:
        token = self._take()
        if token.kind == "bare" and _NUMBER.fullmatch(token.text):
            number = float(token.text)
            if not math.isfinite(number):
                raise ComparisonError(token.position, f"expected a finite number, got {token.said}")
            return number
        return _word(token, hint)

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        yield _Token(kind, match[kind], match.start(kind))
    yield _Token("end", "", len(text))


def _text(token: _Token) -> str:
    text = _ESCAPED.sub(r"\1", token.text[1:-1]) if token.kind == "quoted" else token.text
    if (size := len(text.encode(errors="replace"))) > MAX_TEXT_BYTES:
        raise ComparisonError(token.position, f"expected at most {MAX_TEXT_BYTES} bytes of UTF-8, got {size}")
    return text


def _word(token: _Token, hint: str = "") -> str:
    if token.kind not in {"bare", "quoted"}:
        raise _unexpected("a number or a word", token, hint if token.text == "[" else "")
    return _text(token)


def _unexpected(expected: str, token: _Token, hint: str = "") -> ComparisonError:
    if token.text in {'"', "'"}:
        hint = "; the quote is not closed"
    return ComparisonError(token.position, f"expected {expected}, got {token.said}{hint}")


def _written(value: Constant) -> str:
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)  # noqa: PLR2004 - exact
    bare = re.fullmatch(r"[\w.:+-]+", value) and not _NUMBER.fullmatch(value)
    return value if bare else _quoted(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
