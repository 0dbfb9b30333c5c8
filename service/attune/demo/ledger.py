"""The books of the demo: which offer each customer got, from whom, and what came of it.

Kept by the client from the replies and receipts of the service, and compared with the service's own counts at the
end. Rewards are what customers really did; expectations come from the simulation.
"""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from attune.demo.plan import Plan
from attune.demo.simulation import FloatArray, Simulation
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_LEARNED, DecideResponse
from attune.v1.reward_service_pb2 import OUTCOME_STATUS_ACCEPTED, OutcomeStatus

BoolArray = NDArray[np.bool_]
STEP_S = 0.5
SMOOTHING_S = 3.0


class Ledger:
    """What was decided and earned. All arrays have shape (n_customers,), in the order in which customers come.

    Attributes:
        came_s: float64, when each customer comes, in seconds since the first.
        best: float64, expected reward of the best offer.
        uniform: float64, expected reward of an offer drawn uniformly.
        chosen: float64, expected reward of the offer that was shown; NaN where nothing was shown.
        reward: float64, reward of the outcomes that were accepted.
        mode: int64, who decided, a `Mode`; 0 where nothing was shown.
        version: int64, the policy version that decided; -1 where nothing was shown.
        receipts: How many outcomes got which `OutcomeStatus`.
        repeats: How many requests had to be sent again, by what was answered.
    """

    def __init__(self, plan: Plan, simulation: Simulation) -> None:
        """Open empty books for the customers of `simulation`."""
        self.came_s: FloatArray = np.arange(plan.customers) / plan.rate
        self.best: FloatArray = simulation.expected_reward.max(axis=1)
        self.uniform: FloatArray = simulation.expected_reward.mean(axis=1)
        self.chosen: FloatArray = np.full(plan.customers, np.nan)
        self.reward: FloatArray = np.zeros(plan.customers)
        self.mode = np.zeros(plan.customers, np.int64)
        self.version = np.full(plan.customers, -1, np.int64)
        self.receipts: Counter[OutcomeStatus] = Counter()
        self.repeats: Counter[str] = Counter()
        self._expected = simulation.expected_reward

    def book_decision(self, customer: int, offer: int, reply: DecideResponse) -> None:
        """Book that the service decided for a customer.

        Args:
            customer: Position of the customer.
            offer: Position of the offer that was shown.
            reply: The acknowledged reply.
        """
        self.chosen[customer] = self._expected[customer, offer]
        self.mode[customer] = reply.mode
        self.version[customer] = reply.policy_version

    def book_receipt(self, customer: int, reward: float, status: OutcomeStatus) -> None:
        """Book what became of an outcome.

        Args:
            customer: Position of the customer.
            reward: What the outcome is worth if it was accepted.
            status: From the receipt.
        """
        self.receipts[status] += 1
        if status == OUTCOME_STATUS_ACCEPTED:
            self.reward[customer] += reward

    @property
    def decisions(self) -> int:
        """How many decisions were acknowledged."""
        return int(np.count_nonzero(self.mode))

    @property
    def learned(self) -> BoolArray:
        """Who was decided for by the policy."""
        return np.equal(self.mode, MODE_LEARNED)

    @property
    def control(self) -> BoolArray:
        """Who was decided for by the baseline."""
        return np.equal(self.mode, MODE_CONTROL)

    def curve(self, values: FloatArray, group: BoolArray, until_s: float) -> FloatArray:
        """Return the moving mean of `values` over the customers in `group`, one point every half second.

        Args:
            values: float64, shape (n_customers,).
            group: bool, shape (n_customers,).
            until_s: Customers who came later are left out; the points after it are NaN.

        Returns:
            float64, shape (n_points,), covering the whole run; each point is the mean over the 3 s before it.
        """
        ends = np.arange(0.0, self.came_s[-1] + STEP_S, STEP_S)
        first = np.searchsorted(self.came_s, ends - SMOOTHING_S)
        last = np.searchsorted(self.came_s, ends)
        total = np.concatenate(([0.0], np.cumsum(np.where(group, values, 0.0))))
        count = np.concatenate(([0], np.cumsum(group)))
        sums, counts = total[last] - total[first], count[last] - count[first]
        means: FloatArray = np.divide(sums, counts, out=np.full(len(ends), np.nan), where=counts > 0)
        means[ends > until_s] = np.nan
        return means
