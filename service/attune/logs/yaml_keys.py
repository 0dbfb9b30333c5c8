"""Keys of a YAML file that people write: what they say is of the type that is asked for, or is named."""

from collections.abc import Mapping, Sequence
from typing import Any

from attune.errors import SettingError


class Keys:
    """A mapping in a YAML file: what is in it is of the type that is asked for, or is named."""

    def __init__(self, file: str, said: Any, path: str = "") -> None:
        """Take what was read.

        Args:
            file: Its name, for messages.
            said: What the YAML says: a mapping, or nothing.
            path: The keys that lead here, with dots, for messages.

        Raises:
            SettingError: It says something that has no keys.
        """
        self._file, self._path = file, path
        if said is not None and not isinstance(said, dict):
            raise self.wrong("", "keys and values", said)
        self._said: Mapping[Any, Any] = said or {}

    def wrong(self, key: str, expected: str, got: Any) -> SettingError:
        """Return the error that says of a key what was expected and what came; an empty key is the whole mapping."""
        where = ".".join(filter(None, (self._path, key)))
        what = "none" if got is None else repr(got)[:80]
        return SettingError(f"{self._file}: {where + ': ' if where else ''}expected {expected}, got {what}")

    def only(self, known: set[str], when: str = "") -> None:
        """Refuse keys that are not known.

        Args:
            known: Those that may be there.
            when: Completes the sentence "expected one of ...".

        Raises:
            SettingError: Another one is there.
        """
        for key in self._said:
            if key not in known:
                expected = f"one of {', '.join(sorted(known))}{' ' + when if when else ''}"
                raise self.wrong(str(key), f"no such key, but {expected}", key)

    def has(self, key: str) -> bool:
        """Tell whether a key is there."""
        return key in self._said

    def get(self, key: str) -> Any:
        """Return what a key says, of whatever type; None where it is not there."""
        return self._said.get(key)

    def inner(self, key: str) -> "Keys":
        """Return the keys under a key.

        Raises:
            SettingError: It says something that has no keys.
        """
        return Keys(self._file, self.get(key), ".".join(filter(None, (self._path, key))))

    def text(self, key: str) -> str:
        """Return a text.

        Raises:
            SettingError: There is none.
        """
        text = self.text_or_none(key)
        if text is None:
            raise self.wrong(key, "a text", None)
        return text

    def text_or_none(self, key: str) -> str | None:
        """Return a text; None where the key is not there.

        Raises:
            SettingError: It is something else.
        """
        value = self.get(key)
        if value is not None and not isinstance(value, str):
            raise self.wrong(key, "a text", value)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; empty where the key is not there.

        Raises:
            SettingError: It is something else.
        """
        values = self.get(key)
        if values is None:
            return ()
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self.wrong(key, "a list of texts", values)
        return tuple(values)

    def flag(self, key: str) -> bool:
        """Return true or false; false where the key is not there.

        Raises:
            SettingError: It is something else.
        """
        value = self._said.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false", value)
        return value

    def one_of(self, key: str, words: Sequence[str]) -> str:
        """Return one of some words; the first of them where the key is not there.

        Raises:
            SettingError: It is something else.
        """
        word = self._said.get(key, words[0])
        if word not in words:
            raise self.wrong(key, f"one of {', '.join(words)}", word)
        return str(word)
