"""Tells whether what is to be written should wait a moment for more to come along.

It should where others come within that moment: where calls are dense, or where the thread of the event loop is busy. A
busy thread gets to few calls in a moment, because each of them is dear; to write each of these by itself would make it
dearer still. Used by `attune.store.batcher`.
"""

from time import thread_time

# Waiting pays from here on: then two more calls come, on average, within the two milliseconds of a batch.
_DENSE_GAP_S = 0.001
_LONGEST_GAP_S = 0.01
_SMOOTHING = 0.05
# Where gRPC's threads share its core, a thread that does nothing but answer calls has it for eight tenths of the time.
_BUSY = 0.6
_BUSY_FOR_S = 0.05


class Density:
    """How dense calls have been of late, and how busy the thread that runs the event loop."""

    __slots__ = ("_asked_s", "_busy", "_calls", "_gap_s", "_used_s")

    def __init__(self) -> None:
        """Begin as in a calm."""
        self._gap_s, self._busy = _LONGEST_GAP_S, 0.0
        # Since it was asked last: when that was, calls, and seconds on a core until then.
        self._asked_s, self._calls, self._used_s = 0.0, 0, 0.0

    def came(self) -> None:
        """Count a call."""
        self._calls += 1

    def pays(self, now_s: float) -> bool:
        """Tell whether others are going to come within two milliseconds; to be asked in the thread of the event loop.

        Args:
            now_s: The time, in seconds by a clock that never goes back.
        """
        passed_s, calls, used_s = now_s - self._asked_s, max(1, self._calls), thread_time()
        gap_s = min(passed_s / calls, _LONGEST_GAP_S)
        self._gap_s += min(1.0, _SMOOTHING * calls) * (gap_s - self._gap_s)
        if passed_s > 0:
            busy = min(1.0, (used_s - self._used_s) / passed_s)
            self._busy += min(1.0, passed_s / _BUSY_FOR_S) * (busy - self._busy)
        self._asked_s, self._calls, self._used_s = now_s, 0, used_s
        return self._gap_s < _DENSE_GAP_S or self._busy > _BUSY
