"""What a report says about the policy: exploration, reach of the offers, pressure of the guardrails, trend; by hand."""

from math import exp, log

import numpy as np
import pytest

from attune.insight.comparisons import figure
from attune.insight.counted import COUNT, N_COLUMNS, counted
from attune.insight.counted import REWARD as REWARD_COLUMN
from attune.insight.customers import Customers
from attune.insight.question import Question
from attune.insight.reach import Reach
from attune.insight.reporter import Reporter
from attune.insight.segments import Segments
from attune.insight.trend import LiftCurve
from attune.storage.v1.records_pb2 import ExclusionRecord
from attune.store.offer_set import OfferSet
from attune.v1.condition_pb2 import Condition
from attune.v1.decision_service_pb2 import (
    EXCLUSION_REASON_BUDGET,
    EXCLUSION_REASON_CAP,
    EXCLUSION_REASON_RULE,
    MODE_CONTROL,
    MODE_DEFAULT,
    MODE_FALLBACK,
)
from attune.v1.features_pb2 import Offer
from attune.v1.insight_service_pb2 import BREAKDOWN_KIND_OFFER, BREAKDOWN_KIND_SEGMENT
from attune_models.grouped_sums import GroupedSums
from insight_logs import DAY_MS, QUESTION, REWARD, START_MS, Shown, entry, report_of

CAP = ExclusionRecord(reason=EXCLUSION_REASON_CAP, detail="weekly", count=1, offer_ids=["capped"])
RULE = ExclusionRecord(reason=EXCLUSION_REASON_RULE, detail="adults", count=2, offer_ids=["a", "wine"])


# --- exploration


def test_what_exploration_costs() -> None:
    """Drawn 3 of 5 earn; the most probable one, drawn 3 times at 0.75, earned twice: SNIPS 2/3."""
    log_ = [
        *(Shown(pmf=(0.75, 0.25), outcomes={"click": 1.0}) for _ in range(2)),
        Shown(pmf=(0.75, 0.25)),
        Shown(pmf=(0.75, 0.25), chosen=1, outcomes={"click": 1.0}),
        Shown(pmf=(0.75, 0.25), chosen=1),
    ]
    explored = report_of(log_).exploration
    assert (explored.draws, explored.explored) == (5, 0.25)
    assert explored.drawn.value == pytest.approx(3 / 5)
    assert explored.greedy.value == pytest.approx(2 / 3)
    assert explored.cost.value == pytest.approx(2 / 3 - 3 / 5)
    assert explored.entropy == pytest.approx(-0.75 * log(0.75) - 0.25 * log(0.25))
    assert explored.effective_offers == pytest.approx(exp(explored.entropy))


def test_draws_at_different_probabilities_have_different_weights() -> None:
    """1 at 0.5 (weight 2) and 0 at 0.8 (weight 1.25): 2 / 3.25."""
    log_ = [
        Shown(offers=("a", "b", "c"), pmf=(0.5, 0.3, 0.2), outcomes={"click": 1.0}),
        Shown(offers=("a", "b", "c"), pmf=(0.1, 0.8, 0.1), chosen=1),
    ]
    assert report_of(log_).exploration.greedy.value == pytest.approx(2 / 3.25)


def test_among_equals_nothing_is_given_up() -> None:
    """A uniform draw is as greedy as any: 0.1 + 0.2 and 0.3 are equals, too."""
    thirds = (0.1 + 0.2, 0.3, 0.4 - 0.1, 0.1)
    log_ = [Shown(offers="abcd", pmf=thirds, chosen=i, outcomes={"click": float(i)}) for i in range(3)]
    explored = report_of(log_).exploration
    assert explored.cost.value == pytest.approx(0.0)
    assert explored.greedy.value == pytest.approx(1.0)


@pytest.mark.parametrize("mode", [MODE_CONTROL, MODE_FALLBACK])
def test_only_the_policy_explores(mode: int) -> None:
    assert not report_of([Shown(mode=mode)]).HasField("exploration")


# --- reach


def test_which_offers_reach_whom() -> None:
    """One suits and is drawn, one is held back each time, one suits and is never drawn, one never suits."""
    log_ = [Shown(offers=("a", "b"), pmf=(0.9, 0.1), excluded=[CAP])] * 3
    log_ += [Shown(offers=("b", "c"), pmf=(0.5, 0.5), chosen=1, excluded=[RULE])]
    found = {each.offer_id: each for each in report_of(log_).offers}
    assert list(found) == ["b", "capped", "a", "c", "wine"]  # those that reached nobody first, by how many they suit
    assert {name: (each.suited, each.held_back, each.drawn, each.unsuited) for name, each in found.items()} == {
        "b": (4, 0, 0, 0),
        "capped": (3, 3, 0, 0),
        "a": (3, 0, 3, 1),
        "c": (1, 0, 1, 0),
        "wine": (0, 0, 0, 1),
    }
    assert found["a"].favourite == 3
    assert found["b"].expected == pytest.approx(3 * 0.1 + 0.5)
    assert "2 offers suited somebody and reached nobody." in report_of(log_).remarks


def test_offers_of_the_catalogue_are_found_by_their_positions() -> None:
    """Of three offers of a set, the second could not be drawn."""
    logged = entry(0, Shown(pmf=(0.4, 0.6), chosen=1))
    decision = logged.decision
    decision.ClearField("offers")
    decision.offer_set = b"s" * 16
    decision.offer_positions.extend([2, 0])
    decision.excluded.add(reason=EXCLUSION_REASON_BUDGET, count=1, positions=[1, 7])
    offers = [Offer(id=name).SerializeToString() for name in "xyz"]
    of_catalogue = type(logged)(logged.position, decision, [], offer_set=OfferSet(b"s" * 16, [], offers))
    reach = Reach()
    assert reach.eligible(of_catalogue) == ["z", "x"]
    reach.add(of_catalogue, ["z", "x"])
    assert {each.offer_id: (each.suited, each.drawn, each.held_back) for each in reach.found()} == {
        "z": (1, 0, 0),
        "x": (1, 1, 0),
        "y": (1, 0, 1),
    }


def test_account_is_kept_of_so_many_offers() -> None:
    reach = Reach(most=2)
    shown = entry(0, Shown(offers=("a", "b", "c", "d"), pmf=(0.25,) * 4))
    reach.add(shown, reach.eligible(shown))
    assert [each.offer_id for each in reach.found()] == ["b", "a"]
    assert reach.is_full


# --- pressure


def test_how_much_is_held_back() -> None:
    """2 of 4 decisions, one of them nobody's; offers are those that could be drawn and those that could not."""
    log_ = [
        Shown(excluded=[CAP]),
        Shown(excluded=[RULE, CAP, CAP]),
        Shown(),
        Shown(mode=MODE_DEFAULT, offers=("d",), pmf=(1.0,), excluded=[RULE]),
    ]
    pressure = {(each.reason, each.detail): each for each in report_of(log_).pressure}
    cap, rule = pressure[EXCLUSION_REASON_CAP, "weekly"], pressure[EXCLUSION_REASON_RULE, "adults"]
    n_offers = 3 * 2 + 1 + (2 + 2) + 2
    assert (cap.decisions, cap.offers, cap.share_of_decisions) == (2, 3, 0.5)
    assert cap.share_of_offers == pytest.approx(3 / n_offers)
    assert (rule.decisions, rule.offers) == (2, 4)


# --- trend


def test_how_it_went() -> None:
    log_ = [
        Shown(at_ms=START_MS, outcomes={"click": 1.0}),
        Shown(at_ms=START_MS, mode=MODE_CONTROL),
        Shown(at_ms=START_MS + 120_000, pmf=(1.0, 0.0)),
    ]
    first, last = report_of(log_).trend
    assert (first.decisions, first.control_decisions, first.reward, first.control_reward) == (1, 1, 1.0, 0.0)
    assert (first.entropy, first.explored) == (pytest.approx(log(2)), 0.5)
    assert (last.decisions, last.HasField("control_reward"), last.entropy) == (1, False, 0.0)
    assert first.starts_at.ToMilliseconds() <= START_MS < first.starts_at.ToMilliseconds() + 60_000


def test_long_times_have_no_more_stretches() -> None:
    """A year, a decision a day, some out of order: none is lost, and no more than 60 points."""
    days = [*range(365, 0, -3), *range(365)]
    trend = report_of([Shown(at_ms=START_MS + day * DAY_MS) for day in days]).trend
    assert 30 <= len(trend) <= 60
    assert sum(point.decisions for point in trend) == len(days)
    assert [point.starts_at.seconds for point in trend] == sorted(point.starts_at.seconds for point in trend)


def test_a_lift_curve_has_no_more_points() -> None:
    rng = np.random.default_rng(1)
    sums, curve = GroupedSums(N_COLUMNS), LiftCurve(0.95)
    for decisions in range(1, 6451):
        arm, reward = int(rng.random() < 0.5), float(rng.random() < 0.4)
        sums.add(arm, decisions, np.array([1.0, reward, 0.0, 0.0, 0.0, 0.0]))
        curve.look(decisions, sums)
    points = curve.points(6450, sums)
    counts = [point.decisions for point in points]
    assert 30 <= len(counts) <= 60
    assert counts == sorted(set(counts))
    assert counts[-1] == 6450
    assert points[-1].lift == figure(sums.lift(REWARD_COLUMN, COUNT), 0.95)


# --- parts


def test_parts_beyond_the_largest_are_together() -> None:
    log_ = [Shown(offers=(f"o{i}",), pmf=(1.0,)) for i in range(300)]
    (found,) = (each for each in report_of(log_).breakdowns if each.kind == BREAKDOWN_KIND_OFFER)
    assert len(found.parts) == 201
    assert (found.parts[-1].name, found.parts[-1].decisions) == ("(other)", 100)
    assert found.confidence == pytest.approx(1 - 0.05 / 201)


def test_a_decision_is_in_every_segment_whose_condition_it_meets() -> None:
    segments = Segments(
        {
            "mobile": Condition(test="device == mobile"),
            "abroad": Condition(negated=Condition(test="country == tr")),
            "on push": Condition(test="channel == push"),
            "nobody": Condition(test="age > 200"),
        }
    )
    reporter = Reporter("home", Question(), REWARD, segments)
    push = Shown(offers=("a@push",), pmf=(1.0,), with_channels=True, context={"device": "mobile", "country": "de"})
    for number, shown in enumerate([push, Shown(context={"country": "tr"}), Shown(context={"device": "mobile"})]):
        reporter.add(entry(number, shown))
    (found,) = (each for each in reporter.report().breakdowns if each.kind == BREAKDOWN_KIND_SEGMENT)
    assert {part.name: part.decisions for part in found.parts} == {"mobile": 2, "abroad": 2, "on push": 1}


# --- customers


def test_beyond_so_many_customers_an_even_sample_is_kept() -> None:
    """Of 4,000 customers, a fifth in control, at most 500 are kept; the share stays, within three standard errors."""
    kept = Customers(7, most=500)
    for i in range(4000):
        shown = Shown(customer=f"c{i}", mode=MODE_CONTROL if i % 5 == 0 else 1)
        kept.add(counted(entry(i, shown), REWARD, QUESTION, 2))
    ratio = kept.sample_ratio(0.2)
    assert kept.is_sample
    assert 200 <= ratio.units <= 500
    assert abs(ratio.control_units / ratio.units - 0.2) < 3 * (0.2 * 0.8 / ratio.units) ** 0.5
    assert not ratio.mismatch
