"""The demo's figures: moving means, intervals with known answers, and regret as an exact expectation."""

import math

import numpy as np
import pytest

from attune.demo.ledger import Ledger
from attune.demo.plan import Plan
from attune.demo.simulation import simulate
from attune.demo.summary import lift_interval, summarise, welch_interval
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_LEARNED, DecideResponse
from attune.v1.reward_service_pb2 import (
    OUTCOME_STATUS_ACCEPTED,
    OUTCOME_STATUS_LATE,
)

PLAN = Plan(seed=1, seconds=20, rate=50)
Z = 1.959963984540054


@pytest.fixture
def ledger() -> Ledger:
    """Books in which the policy always shows the best offer to four of five, and the baseline the worst to the rest."""
    simulation = simulate(np.random.default_rng(PLAN.seed), PLAN.customers, PLAN.first_changed, window_s=2)
    books = Ledger(PLAN, simulation)
    for customer, expected in enumerate(simulation.expected_reward):
        control = customer % 5 == 0
        mode = MODE_CONTROL if control else MODE_LEARNED
        offer = int(expected.argmin() if control else expected.argmax())
        books.book_decision(customer, offer, DecideResponse(mode=mode, policy_version=3, logged=True))
        books.book_receipt(customer, float(expected[offer]), OUTCOME_STATUS_ACCEPTED)
    return books


def test_a_policy_that_always_shows_the_best_offer_has_no_regret(ledger: Ledger) -> None:
    for stretch in summarise(ledger, PLAN):
        assert stretch.regret == pytest.approx(0, abs=1e-9)
        assert stretch.learned == pytest.approx(stretch.best)
        assert stretch.control < stretch.uniform < stretch.best


def test_the_stretches_cover_the_run(ledger: Ledger) -> None:
    stretches = summarise(ledger, PLAN)
    names = [stretch.name for stretch in stretches]
    assert names == ["before", "  last 5 s", "after", "  last 5 s", "all"]
    assert [stretch.learned_decisions + stretch.control_decisions for stretch in stretches] == [
        500,
        250,
        500,
        250,
        1000,
    ]


def test_regret_counts_what_the_choices_are_expected_to_lose_whatever_luck_gave(ledger: Ledger) -> None:
    lost = 0.25
    ledger.chosen[1] -= lost
    ledger.reward[:] = 0
    assert summarise(ledger, PLAN)[0].regret == pytest.approx(lost)


def test_a_customer_without_a_reply_belongs_to_no_group(ledger: Ledger) -> None:
    empty = Ledger(PLAN, simulate(np.random.default_rng(1), PLAN.customers, PLAN.first_changed, window_s=2))
    whole = summarise(empty, PLAN)[-1]
    assert (empty.decisions, whole.learned_decisions, whole.control_decisions) == (0, 0, 0)
    assert math.isnan(whole.learned)
    assert whole.lift is None
    assert ledger.decisions == PLAN.customers


def test_only_accepted_outcomes_earn(ledger: Ledger) -> None:
    earned = ledger.reward[0]
    ledger.book_receipt(0, 1.0, OUTCOME_STATUS_LATE)
    assert ledger.reward[0] == earned
    assert ledger.receipts[OUTCOME_STATUS_LATE] == 1


def test_welch_interval_is_the_formula() -> None:
    """Means 2 and 1, variances of the mean 1/20 and 1/40."""
    treated = 2 + math.sqrt(39 / 40) * np.sqrt(2) * np.tile([1.0, -1.0], 20)
    control = 1 + math.sqrt(39 / 40) * np.tile([1.0, -1.0], 20)
    interval = welch_interval(treated, control)
    assert interval is not None
    margin = Z * math.sqrt(2 / 40 + 1 / 40)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((1, 1 - margin, 1 + margin))


def test_lift_interval_is_the_delta_method() -> None:
    """The same rewards: R = 2, var(R) = (v1 + R^2 v0) / m0^2."""
    treated = 2 + math.sqrt(39 / 40) * np.sqrt(2) * np.tile([1.0, -1.0], 20)
    control = 1 + math.sqrt(39 / 40) * np.tile([1.0, -1.0], 20)
    interval = lift_interval(treated, control)
    assert interval is not None
    margin = Z * math.sqrt(2 / 40 + 4 / 40)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((1, 1 - margin, 1 + margin))


@pytest.mark.parametrize(
    ("treated", "control"),
    [
        (np.ones(29), np.ones(1000)),  # too few under the policy
        (np.ones(1000), np.ones(29)),  # too few under the baseline
        (np.ones(1000), np.zeros(1000)),  # nothing to compare with
    ],
)
def test_no_lift_is_stated_where_there_is_nothing_to_state_it_from(treated: np.ndarray, control: np.ndarray) -> None:
    assert lift_interval(treated, control) is None


def test_lift_interval_covers_the_true_lift_in_95_of_100_runs() -> None:
    """1,000 experiments of 400 against 400 clicks at 30 % and 20 %; bound: 4 standard errors of the coverage."""
    rng, runs, true_lift = np.random.default_rng(8), 1000, 0.5
    covered = 0
    for _ in range(runs):
        interval = lift_interval((rng.random(400) < 0.3).astype(np.float64), (rng.random(400) < 0.2).astype(np.float64))
        assert interval is not None
        covered += interval.low <= true_lift <= interval.high
    assert covered / runs == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / runs))


def test_the_curve_is_the_mean_over_the_three_seconds_before_each_point(ledger: Ledger) -> None:
    values = np.where(ledger.came_s < 10, 1.0, 0.0)
    curve = ledger.curve(values, ledger.learned, until_s=18)
    at = dict(zip(np.arange(len(curve)) / 2, curve, strict=True))
    assert math.isnan(at[0.0])  # nobody came before
    assert at[5.0] == 1.0
    assert at[11.5] == pytest.approx(0.5)
    assert at[13.0] == 0.0
    assert math.isnan(at[18.5])  # not known yet
