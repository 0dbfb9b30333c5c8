"""Samples put aside in the first pass, so that the second need not read and check the log again.

Reading a row takes ten times as long as taking it from here. A log that is too long for it is read again: how much of
the disk is used is bounded, too, and where temporary files are in memory, so is that.
"""

import pickle
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, Self, cast

from attune.logs.samples import Sample

MOST_BYTES = 256 << 20
_PORTION = 64


class Spool:
    """A bounded file of samples, a context manager; it has no name, and goes at the end."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Begin with an empty file.

        Args:
            most_bytes: How large it may become.
        """
        self._most_bytes = most_bytes
        self._file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - this is a context manager itself
        self._whole = False
        self._overflown = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Remove the file."""
        self._file.close()

    @property
    def is_whole(self) -> bool:
        """Whether it has everything that went through."""
        return self._whole

    def through(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        """Yield samples, and put them aside; to be called once, and gone through to the end.

        Args:
            samples: In the order in which they are to come out again.
        """
        portion: list[Sample] = []
        for sample in samples:
            yield sample
            portion.append(sample)
            if len(portion) == _PORTION:
                self._put(portion)
                portion = []
        self._put(portion)
        self._whole = not self._overflown

    def __iter__(self) -> Iterator[Sample]:
        """Yield what was put aside, from the beginning; nothing where it did not fit."""
        if self._overflown:
            return
        end = self._file.seek(0, 2)
        self._file.seek(0)
        while self._file.tell() < end:
            yield from pickle.load(self._file)  # noqa: S301 - nobody else can have written to this file

    def _put(self, portion: list[Sample]) -> None:
        if self._overflown or not portion:
            return
        try:
            # Together, because offers that several samples share are then there once.
            pickle.dump(portion, self._file, pickle.HIGHEST_PROTOCOL)
            self._overflown = self._file.tell() > self._most_bytes
        except OSError:  # a disk that is full is one on which it does not fit
            self._overflown = True
        if self._overflown:
            with suppress(OSError):  # what was not written yet is not to be written any more
                self._file.close()
