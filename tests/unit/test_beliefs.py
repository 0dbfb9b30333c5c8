"""Beliefs: what a policy prefers before there are data, and that data overrule it."""

import time
from collections import Counter
from random import Random

import pytest

from attune_models.beliefs import Belief, pseudo_interactions
from attune_models.features import encode, encode_action, situation
from attune_models.linear import LinearThompsonSpec, LinearUcbSpec
from attune_models.policy import KindSpec, Policy, PolicySpec, build, started
from attune_models.popularity import PopularitySpec, RewardModel
from attune_models.types import FeatureSet, Interaction, PlainAction, Pmf, Situation
from attune_models.vw import Bag, CbType, Cover, Epsilon, RegCb, Rnd, Softmax, SynthCover, VwSpec

OFFERS = ("free_shipping", "ten_percent", "gift", "newsletter", "video")
MOBILE = FeatureSet(categorical={"device": "mobile", "customer": "new"})
DESKTOP = FeatureSet(categorical={"device": "desktop", "customer": "known"})
EVERYWHERE = FeatureSet()
REWARD = 0.8

# Kind -> whether its probabilities grow with strength: those of the others only say which action is ahead.
CONTEXTUAL: dict[str, tuple[KindSpec, bool]] = {
    "squarecb": (VwSpec(), True),
    "softmax": (VwSpec(Softmax()), True),
    "softmax dr": (VwSpec(Softmax(), cb_type=CbType.DR), True),
    "softmax ips": (VwSpec(Softmax(), cb_type=CbType.IPS), True),
    "linear_thompson": (LinearThompsonSpec(), True),
    "linear_ucb": (LinearUcbSpec(), True),
    "epsilon": (VwSpec(Epsilon()), False),
    "bag": (VwSpec(Bag()), False),
    "cover": (VwSpec(Cover()), False),
    "rnd": (VwSpec(Rnd()), False),
    "regcb": (VwSpec(RegCb()), False),
    "synthcover": (VwSpec(SynthCover()), False),
}


def offer(name: str) -> PlainAction:
    return PlainAction(name, FeatureSet(categorical={"kind": name}))


def belief(name: str = OFFERS[0], reward: float = REWARD, strength: int = 60, context: FeatureSet = MOBILE) -> Belief:
    return Belief(encode(context), name, encode_action(offer(name)), reward, strength)


def believing(kind: KindSpec, *beliefs: Belief) -> Policy:
    return started(PolicySpec(kind, beliefs=beliefs))


def in_context(context: FeatureSet) -> Situation:
    return situation(context, map(offer, OFFERS))


def pmf(policy: Policy, context: FeatureSet = MOBILE) -> Pmf:
    return policy.pmf(in_context(context))


def test_each_unit_of_strength_is_a_pair_of_what_is_unknown_and_what_is_believed() -> None:
    unknown = Interaction(Situation("device=mobile", [""], [""]), 0, 1.0, -0.5)
    known = Interaction(Situation("device=mobile", ["a"], ["=a x:2"]), 0, 1.0, 0.3)
    learned = list(pseudo_interactions([Belief("device=mobile", "a", "=a x:2", 0.3, 3, otherwise=-0.5)]))
    assert learned == [unknown, known] * 3


def test_beliefs_take_turns_and_none_has_the_last_word() -> None:
    weak, strong = belief("gift", strength=2), belief("video", strength=6)
    learned = [interaction.situation.action_ids[0] for interaction in pseudo_interactions([weak, strong])]
    # At 1/4 and 3/4 of the way the weak one, at 1/12, 3/12, ... 11/12 the strong one.
    assert learned[1::2] == ["video", "gift", "video", "video", "video", "gift", "video", "video"]
    assert Counter(learned) == {"": 8, "video": 6, "gift": 2}


@pytest.mark.parametrize("name", CONTEXTUAL)
def test_what_is_believed_is_most_probable_and_less_so_elsewhere(name: str) -> None:
    policy = believing(CONTEXTUAL[name][0], belief())
    mobile, desktop = pmf(policy), pmf(policy, DESKTOP)
    # RND adds a bonus for what is new, so that the others keep more.
    assert mobile[0] > (0.5 if name == "rnd" else 0.8)
    if name != "linear_ucb":  # see the next test
        assert desktop[0] <= mobile[0]


def test_upper_bounds_hide_that_a_belief_is_weaker_elsewhere() -> None:
    """LinUCB adds more to the offer where it is less known; what it expects of it is less."""
    policy = believing(LinearUcbSpec(exploration=0.0), belief())
    assert pmf(policy, DESKTOP)[0] < pmf(policy)[0]


@pytest.mark.parametrize("name", CONTEXTUAL)
def test_offers_without_a_belief_are_not_lifted(name: str) -> None:
    """With their features shared by nobody, all are expected to earn the same, far from what is believed."""
    probabilities = pmf(believing(CONTEXTUAL[name][0], belief()))
    assert max(probabilities[1:]) < 0.25 * probabilities[0]


@pytest.mark.parametrize("name", [name for name, (_, grows) in CONTEXTUAL.items() if grows])
def test_probability_grows_with_strength_and_with_reward(name: str) -> None:
    kind, _ = CONTEXTUAL[name]
    # Linear models know how unsure they are of the other offers, and try those first: a few units do not change that.
    weak = 1 if isinstance(kind, VwSpec) else 10
    by_strength = [pmf(believing(kind, belief(strength=strength)))[0] for strength in (weak, 10 * weak)]
    assert by_strength[0] < by_strength[1]
    two = [believing(kind, belief(), belief("gift", reward)) for reward in (0.4, 0.6)]
    gaps = [pmf(policy)[0] - pmf(policy)[2] for policy in two]
    assert gaps[0] > gaps[1] > 0.0


@pytest.mark.parametrize("name", CONTEXTUAL)
def test_the_order_of_beliefs_hardly_matters(name: str) -> None:
    kind, _ = CONTEXTUAL[name]
    some = (belief(), belief("gift", 0.3))
    one, other = pmf(believing(kind, *some)), pmf(believing(kind, *reversed(some)))
    # Bag, cover and RND draw at random what each part of them sees.
    assert one == pytest.approx(other, abs=0.1 if name in {"bag", "cover", "rnd", "regcb"} else 0.02)


def test_what_is_expected_otherwise_is_expected_of_all_others() -> None:
    """Where nothing happening is worth -1, an offer that loses 0.2 is a good one."""
    loss = belief(reward=-0.2)
    against_0 = pmf(believing(VwSpec(), loss))
    against_1 = pmf(believing(VwSpec(), Belief(loss.context, loss.action_id, loss.action, -0.2, 60, otherwise=-1.0)))
    assert against_0[0] < 0.1
    assert against_1[0] > 0.8


@pytest.mark.parametrize("model", RewardModel)
def test_popularity_believes_of_ids(model: RewardModel) -> None:
    policy = believing(PopularitySpec(model), belief(context=EVERYWHERE), belief("gift", 0.4, context=EVERYWHERE))
    probabilities = pmf(policy)
    assert probabilities[0] == max(probabilities)
    assert probabilities[2] == min(probabilities)
    assert pmf(policy, DESKTOP) == probabilities


@pytest.mark.parametrize("name", ["squarecb", "softmax", "linear_thompson", "linear_ucb", "epsilon"])
def test_ten_times_as_many_interactions_overrule_a_belief(name: str) -> None:
    """Uniform draws in which the gift is worth 1 and nothing else anything: known beforehand or not, it is found."""
    kind, _ = CONTEXTUAL[name]
    random, strength = Random(3), 30
    wrong, unbiased = believing(kind, belief(strength=strength)), believing(kind)
    for _ in range(10 * strength):
        chosen = random.randrange(len(OFFERS))
        interaction = Interaction(in_context(MOBILE), chosen, 1 / len(OFFERS), float(OFFERS[chosen] == "gift"))
        wrong.learn(interaction)
        unbiased.learn(interaction)
    assert pmf(unbiased)[2] > 0.8
    assert pmf(wrong)[2] >= 0.9 * pmf(unbiased)[2]


@pytest.mark.parametrize(
    "kind", [VwSpec(bits=12), VwSpec(Bag(), bits=12), LinearUcbSpec(bits=5), PopularitySpec(RewardModel.GAUSSIAN)]
)
def test_beliefs_are_part_of_the_state(kind: KindSpec) -> None:
    """Put away right after the start, or later, a policy goes on to the last bit."""
    spec = PolicySpec(kind, beliefs=(belief(strength=20), belief("gift", 0.1, 10)))
    random = Random(5)
    log = [Interaction(in_context(MOBILE), random.randrange(5), 0.2, random.random()) for _ in range(30)]
    uninterrupted, resumed = started(spec), started(spec)
    assert uninterrupted.dumps() == resumed.dumps()
    for i, interaction in enumerate(log):
        if i % 10 == 0:
            state = resumed.dumps()
            resumed = build(PolicySpec(kind))
            resumed.loads(state)
        resumed.learn(interaction)
        uninterrupted.learn(interaction)
    assert resumed.dumps() == uninterrupted.dumps()
    assert pmf(resumed) == pmf(uninterrupted)


def test_the_most_that_may_be_believed_takes_half_a_second_at_most() -> None:
    """5,000 units, with the default policy; the processor's time, as other processes have theirs."""
    most = tuple(belief(f"offer {i}", strength=50) for i in range(100))
    believing(VwSpec(), most[0])  # what the first policy of a process has to set up
    begun = time.process_time()
    believing(VwSpec(), *most)
    assert time.process_time() - begun < 0.5
