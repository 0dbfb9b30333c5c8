"""Importance weighting has no bias where the control group is decided by what is popular, learned from both groups.

Half of the customers are decided for by a policy that explores, half by the baseline, which learns from all of them
and decides, as servers do, with what it had learned some decisions ago. Each decision's propensity is that of whoever
drew it, given the group; so E[r / (K p(a))] is what a uniform draw earns, in each group. All is read from the record.
"""

import numpy as np

from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.learning.entries import lesson
from attune.serving.drawing import draft
from attune.serving.guards import Guards
from attune.serving.live import LivePlacement
from attune.serving.specs import control_spec, policy_spec, reward_spec, with_defaults
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord, PlacementRecord
from attune.store.keys import PlacementKeys
from attune.store.log_entries import LoggedInteraction, RecordedOutcome
from attune.v1.decision_service_pb2 import MODE_CONTROL
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import ControlSpec, EpsilonSpec, Placement, PolicySpec, PopularitySpec, VwSpec
from attune_models.policy import Policy, build

RUNS, DECISIONS, LAG = 40, 24, 4
MEAN_REWARDS = {"a": 0.6, "b": 0.5, "c": 0.3}
OFFERS = [Offer(id=offer_id).SerializeToString() for offer_id in MEAN_REWARDS]
NOW_MS = 1_700_000_000_000
SPEC = with_defaults(
    Placement(
        name="home",
        policy=PolicySpec(vw=VwSpec(bits=10, epsilon=EpsilonSpec(epsilon=0.3))),
        control=ControlSpec(share=0.5, popularity=PopularitySpec()),
    )
)


def placement(policy: Policy, control: Policy) -> LivePlacement:
    return LivePlacement(
        keys=PlacementKeys("home"),
        record=PlacementRecord(placement=SPEC),
        created_at_ms=1,
        window_ms=600_000,
        policy=policy,
        version=1,
        control=control,
        control_share=SPEC.control.share,
        shortlist_size=1000,
        shortlist_random=100,
        guard=Guards().of(SPEC),
    )


def decided(live: LivePlacement, event_id: str) -> DecisionRecord:
    drawn = draft(DecideEnvelope(placement="home", slots=1, offers=OFFERS), live, None, event_id, None)
    drawn.draw(drawn.pmf_of(drawn.eligible.situation), NOW_MS)
    return DecisionRecord.FromString(drawn.serialised())


def outcome(happened: int) -> RecordedOutcome:
    return RecordedOutcome("", happened, happened, OutcomeRecord(name="click", value=1.0))


def run(number: int) -> tuple[list[float], list[float], float]:
    """Let both groups decide and learn, from nothing.

    Returns:
        The weighted reward of each decision, of the policy's group and of control; and the probability that the
        baseline gives the best offer in the end.
    """
    luck = np.random.default_rng(number).random(DECISIONS)
    control, deciding = build(control_spec(SPEC.control)), build(control_spec(SPEC.control))
    live = placement(build(policy_spec(SPEC.policy)), deciding)
    groups: tuple[list[float], list[float]] = [], []
    for i in range(DECISIONS):
        record = decided(live, f"{number}-{i}")
        clicked = luck[i] < MEAN_REWARDS[list(MEAN_REWARDS)[record.chosen]]
        outcomes = [outcome(NOW_MS)] if clicked else []
        [taught] = lesson(LoggedInteraction("1-0", record, outcomes), reward_spec(SPEC.reward)).interactions
        groups[record.mode == MODE_CONTROL].append(taught.reward / (len(OFFERS) * taught.propensity))
        for learning in (live.policy, control):
            assert learning is not None
            learning.learn(taught)
        if i % LAG == 0:
            deciding.loads(control.dumps())
    return *groups, deciding.pmf(taught.situation)[0]


def test_both_groups_tell_what_a_uniform_draw_earns_and_control_shows_what_is_popular() -> None:
    """Each mean of runs lies within 3.5 standard errors of the truth, which two of them miss by chance in 0.1 %."""
    runs = [run(number) for number in range(RUNS)]
    truth = float(np.mean(list(MEAN_REWARDS.values())))
    for group in (0, 1):
        # Sums over decisions of what is weighed less the truth: decisions of a run depend on each other.
        differences = np.array([sum(weighed - truth for weighed in each[group]) for each in runs])
        error = differences.std(ddof=1) / np.sqrt(RUNS)
        assert abs(differences.mean()) < 3.5 * error
        assert error < DECISIONS / 2 * truth / 10, "a bias of a tenth would be seen"
    favourite = np.array([each[2] for each in runs])
    assert favourite.mean() - 3.5 * favourite.std(ddof=1) / np.sqrt(RUNS) > 1 / len(OFFERS)
