"""Who was put into which arm, and who came back: customers one by one, as far as memory goes.

A customer is an entry of 16 bytes and two numbers. Where there are more than `MOST`, those are kept whose hash ends
with a bit 0, then with two, and so on: an even sample, since the hash is keyed, and has nothing to do with the arm.
"""

from dataclasses import dataclass

import numpy as np

from attune.insight.comparisons import metric_comparison
from attune.insight.counted import Counted
from attune.v1.insight_service_pb2 import METRIC_RETENTION, MetricComparison, SampleRatio
from attune_models.grouped_sums import CONTROL, POLICY, GroupedSums
from attune_models.sample_ratio import p_value

MOST = 200_000
_DAY_MS = 86_400_000
_SURE = 0.001


@dataclass(slots=True)
class _Customer:
    """Bits of the arms the customer was in; when first decided for, ms; and whether a later one followed in time."""

    arms: int
    first_ms: int
    returned: bool = False


class Customers:
    """The customers of a log."""

    def __init__(self, retention_days: int, most: int = MOST) -> None:
        """Start without any.

        Args:
            retention_days: Who comes back 1 to so many days after the first decision is retained.
            most: How many are kept at most.
        """
        self._span_ms, self._most = retention_days * _DAY_MS, most
        self._known: dict[bytes, _Customer] = {}
        self._level = 0
        self._anonymous = [0, 0]
        self._last_ms = 0

    @property
    def is_sample(self) -> bool:
        """Whether not all of them are kept."""
        return self._level > 0

    def add(self, decision: Counted) -> None:
        """Count a decision in."""
        record, arm = decision.record, decision.arm
        self._last_ms = max(self._last_ms, record.decided_at_ms)
        if not record.customer:
            self._anonymous[arm] += 1
        elif self._is_kept(record.customer):
            self._note(record.customer, arm, record.decided_at_ms)

    def retention(self, confidence: float) -> MetricComparison:
        """Return who came back; without figures where nobody's time is over."""
        sums = GroupedSums(2)
        for key, customer in self._known.items():
            if customer.arms in (1 << POLICY, 1 << CONTROL) and customer.first_ms + self._span_ms <= self._last_ms:
                arm = POLICY if customer.arms == 1 << POLICY else CONTROL
                sums.add(arm, int.from_bytes(key[:8]), np.array([1.0, float(customer.returned)]))
        return metric_comparison(METRIC_RETENTION, sums, 1, 0, confidence)

    def sample_ratio(self, share: float) -> SampleRatio:
        """Return whether the arms have the shares they are to have.

        Customers count, not decisions: where one group comes back more often, that is what is to be found.

        Args:
            share: The share that control is to have.
        """
        arms = [customer.arms for customer in self._known.values()]
        policy, control = (arms.count(1 << arm) + self._anonymous[arm] for arm in (POLICY, CONTROL))
        probability = p_value(control, policy, share)
        return SampleRatio(
            expected=share,
            units=policy + control,
            control_units=control,
            p_value=probability,
            mismatch=probability < _SURE,
            in_both=arms.count(1 << POLICY | 1 << CONTROL),
        )

    def _is_kept(self, key: bytes) -> bool:
        return not int.from_bytes(key[-4:]) & ((1 << self._level) - 1)

    def _note(self, key: bytes, arm: int, at_ms: int) -> None:
        customer = self._known.get(key)
        if customer is None:
            self._known[key] = _Customer(1 << arm, at_ms)
            if len(self._known) > self._most:
                self._level += 1
                self._known = {key: each for key, each in self._known.items() if self._is_kept(key)}
            return
        customer.arms |= 1 << arm
        # The log is in the order in which windows closed: of two decisions, either may come first.
        if _DAY_MS <= abs(at_ms - customer.first_ms) <= self._span_ms:
            customer.returned = True
        customer.first_ms = min(customer.first_ms, at_ms)
