"""Defaults are written down when a placement is applied, and specs become the core's without loss."""

import pytest
from google.protobuf.duration_pb2 import Duration

from attune.serving.specs import control_spec, policy_spec, reward_spec, start_spec, with_defaults
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import (
    AGGREGATION_FIRST,
    AGGREGATION_SUM,
    AGGREGATION_UNSPECIFIED,
    CB_TYPE_MTR,
    CROSSINGS_CONTEXT_OFFER,
    CROSSINGS_CONTEXT_PAIRS_OFFER,
    CROSSINGS_EXPLICIT,
    CROSSINGS_NONE,
    CROSSINGS_UNSPECIFIED,
    REWARD_MODEL_BERNOULLI,
    REWARD_MODEL_GAUSSIAN,
    STORE_FAILURE_ANSWER,
    STORE_FAILURE_REFUSE,
    Aggregation,
    Belief,
    ControlSpec,
    Crossings,
    EpsilonSpec,
    FixedSpec,
    LinearThompsonSpec,
    LinearUcbSpec,
    OutcomeRule,
    Placement,
    PolicySpec,
    PopularitySpec,
    RewardSpec,
    SoftmaxSpec,
    SquareCbSpec,
    UniformSpec,
    VwSpec,
)
from attune_models import baselines, beliefs, linear, popularity, rewards, vw
from attune_models import policy as core


def softmax(inverse_temperature: float | None = None) -> SoftmaxSpec:
    return SoftmaxSpec(**({} if inverse_temperature is None else {"lambda": inverse_temperature}))  # a keyword


SQUARECB = SquareCbSpec(gamma_scale=10.0, gamma_exponent=0.5)
# What has defaults of its own in tests/unit/test_vw_specs.py.
REST = {"cb_type": CB_TYPE_MTR, "power_t": 0.5, "context_alone": False}
FULL_VW = VwSpec(squarecb=SQUARECB, crossings=CROSSINGS_CONTEXT_PAIRS_OFFER, learning_rate=1.5, bits=18, **REST)
CLICK = OutcomeRule(name="click", weight=1.0, aggregation=AGGREGATION_FIRST)
FULL_REWARD = RewardSpec(window=Duration(seconds=600), default_reward=0.0, outcomes=[CLICK], min=-1000.0, max=1000.0)


def filled_policy(spec: PolicySpec) -> PolicySpec:
    return with_defaults(Placement(name="home_hero", policy=spec)).policy


def filled_reward(spec: RewardSpec) -> RewardSpec:
    return with_defaults(Placement(name="home_hero", reward=spec)).reward


def test_a_placement_of_a_name_only_gets_every_default() -> None:
    assert with_defaults(Placement(name="home_hero")) == Placement(
        name="home_hero", policy=PolicySpec(vw=FULL_VW), reward=FULL_REWARD, store_failure=STORE_FAILURE_ANSWER
    )


def test_a_placement_without_a_control_group_gets_none() -> None:
    assert not with_defaults(Placement(name="home_hero")).HasField("control")


@pytest.mark.parametrize(
    ("spec", "filled"),
    [
        (PolicySpec(), PolicySpec(vw=FULL_VW)),  # nothing is said
        (PolicySpec(vw=VwSpec()), PolicySpec(vw=FULL_VW)),  # the kind is said
        (PolicySpec(uniform=UniformSpec()), PolicySpec(uniform=UniformSpec())),  # nothing to fill
        (PolicySpec(fixed=FixedSpec()), PolicySpec(fixed=FixedSpec())),  # nothing to fill: empty means the first
        (PolicySpec(min_probability=0.1), PolicySpec(vw=FULL_VW, min_probability=0.1)),  # the floor stays
        (  # an exploration without parameters
            PolicySpec(vw=VwSpec(epsilon=EpsilonSpec())),
            PolicySpec(
                vw=VwSpec(
                    epsilon=EpsilonSpec(epsilon=0.1),
                    crossings=CROSSINGS_CONTEXT_PAIRS_OFFER,
                    learning_rate=1.5,
                    bits=18,
                )
            ),
        ),
        (
            PolicySpec(vw=VwSpec(softmax=softmax())),
            PolicySpec(
                vw=VwSpec(softmax=softmax(10.0), crossings=CROSSINGS_CONTEXT_PAIRS_OFFER, learning_rate=1.5, bits=18)
            ),
        ),
        (  # crossings that were chosen stay
            PolicySpec(vw=VwSpec(crossings=CROSSINGS_CONTEXT_OFFER)),
            PolicySpec(vw=VwSpec(squarecb=SQUARECB, crossings=CROSSINGS_CONTEXT_OFFER, learning_rate=1.5, bits=18)),
        ),
        (  # a parameter of 0 is not an absent one
            PolicySpec(
                vw=VwSpec(epsilon=EpsilonSpec(epsilon=0.0), crossings=CROSSINGS_NONE, learning_rate=0.1, bits=10)
            ),
            PolicySpec(
                vw=VwSpec(epsilon=EpsilonSpec(epsilon=0.0), crossings=CROSSINGS_NONE, learning_rate=0.1, bits=10)
            ),
        ),
        (
            PolicySpec(vw=VwSpec(softmax=softmax(0.0))),
            PolicySpec(
                vw=VwSpec(softmax=softmax(0.0), crossings=CROSSINGS_CONTEXT_PAIRS_OFFER, learning_rate=1.5, bits=18)
            ),
        ),
        (
            PolicySpec(vw=VwSpec(squarecb=SquareCbSpec(gamma_exponent=0.0))),
            PolicySpec(
                vw=VwSpec(
                    squarecb=SquareCbSpec(gamma_scale=10.0, gamma_exponent=0.0),
                    crossings=CROSSINGS_CONTEXT_PAIRS_OFFER,
                    learning_rate=1.5,
                    bits=18,
                )
            ),
        ),
    ],
)
def test_absent_parameters_of_a_policy_are_filled_in(spec: PolicySpec, filled: PolicySpec) -> None:
    expected = PolicySpec(vw=VwSpec(**REST)) if filled.HasField("vw") else PolicySpec()
    expected.MergeFrom(filled)
    assert filled_policy(spec) == expected


@pytest.mark.parametrize(
    ("spec", "filled"),
    [
        (RewardSpec(), FULL_REWARD),  # nothing is said
        (  # a rule without weight and aggregation
            RewardSpec(outcomes=[OutcomeRule(name="revenue")]),
            RewardSpec(
                window=Duration(seconds=600),
                outcomes=[OutcomeRule(name="revenue", weight=1.0, aggregation=AGGREGATION_FIRST)],
                min=-1000.0,
                max=1000.0,
            ),
        ),
        (  # everything is said, zeros among it
            RewardSpec(window=Duration(seconds=1), default_reward=-1.0, outcomes=[CLICK], min=-1.0, max=0.0),
            RewardSpec(window=Duration(seconds=1), default_reward=-1.0, outcomes=[CLICK], min=-1.0, max=0.0),
        ),
    ],
)
def test_absent_parameters_of_a_reward_are_filled_in(spec: RewardSpec, filled: RewardSpec) -> None:
    assert filled_reward(spec) == filled


@pytest.mark.parametrize(
    ("spec", "filled"),
    [
        (ControlSpec(share=0.1), ControlSpec(share=0.1, uniform=UniformSpec())),  # no baseline is named
        (ControlSpec(share=0.1, fixed=FixedSpec()), ControlSpec(share=0.1, fixed=FixedSpec())),  # one is
        (ControlSpec(), ControlSpec(uniform=UniformSpec())),  # a share of 0 is a share
        (
            ControlSpec(share=0.1, popularity=PopularitySpec()),
            ControlSpec(share=0.1, popularity=PopularitySpec(rewards=REWARD_MODEL_BERNOULLI, max_offers=10_000)),
        ),
    ],
)
def test_an_absent_baseline_is_uniform(spec: ControlSpec, filled: ControlSpec) -> None:
    assert with_defaults(Placement(name="home_hero", control=spec)).control == filled


def test_what_to_do_without_the_store_is_kept() -> None:
    placement = Placement(name="home_hero", store_failure=STORE_FAILURE_REFUSE)
    assert with_defaults(placement).store_failure == STORE_FAILURE_REFUSE


@pytest.mark.parametrize(
    "placement",
    [
        Placement(name="home_hero"),
        Placement(name="home_hero", policy=PolicySpec(vw=VwSpec(softmax=softmax())), control=ControlSpec(share=0.5)),
        Placement(name="home_hero", policy=PolicySpec(fixed=FixedSpec(offer_id="a")), reward=RewardSpec(min=-1.0)),
        Placement(name="home_hero", policy=PolicySpec(linear_ucb=LinearUcbSpec(), half_life=100.0)),
        Placement(name="home_hero", policy=PolicySpec(linear_thompson=LinearThompsonSpec(), min_probability=0.01)),
        Placement(name="home_hero", policy=PolicySpec(popularity=PopularitySpec())),
    ],
)
def test_filling_in_twice_changes_nothing_and_the_argument_is_left_alone(placement: Placement) -> None:
    before = placement.SerializeToString(deterministic=True)
    filled = with_defaults(placement)
    assert with_defaults(filled) == filled
    assert placement.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (PolicySpec(), core.PolicySpec()),  # the contract's default is the core's
        (
            PolicySpec(
                vw=VwSpec(
                    squarecb=SquareCbSpec(gamma_scale=2.0, gamma_exponent=0.25),
                    crossings=CROSSINGS_NONE,
                    learning_rate=0.1,
                    bits=20,
                ),
                min_probability=0.02,
            ),
            core.PolicySpec(vw.VwSpec(vw.SquareCb(2.0, 0.25), vw.Crossings.NONE, learning_rate=0.1, bits=20), 0.02),
        ),
        (  # what a former release stored as its default stays what it was
            PolicySpec(vw=VwSpec(crossings=CROSSINGS_CONTEXT_OFFER)),
            core.PolicySpec(vw.VwSpec(crossings=vw.Crossings.CONTEXT_ACTION)),
        ),
        (PolicySpec(vw=VwSpec(epsilon=EpsilonSpec())), core.PolicySpec(vw.VwSpec(vw.Epsilon(0.1)))),
        (PolicySpec(vw=VwSpec(epsilon=EpsilonSpec(epsilon=0.0))), core.PolicySpec(vw.VwSpec(vw.Epsilon(0.0)))),
        (PolicySpec(vw=VwSpec(softmax=softmax(3.0))), core.PolicySpec(vw.VwSpec(vw.Softmax(3.0)))),
        # More of these three is in tests/unit/test_numpy_specs.py.
        (PolicySpec(linear_ucb=LinearUcbSpec()), core.PolicySpec(linear.LinearUcbSpec())),
        (
            PolicySpec(linear_thompson=LinearThompsonSpec(), min_probability=0.01),
            core.PolicySpec(linear.LinearThompsonSpec(), 0.01),
        ),
        (
            PolicySpec(popularity=PopularitySpec(), half_life=100.0),
            core.PolicySpec(popularity.PopularitySpec(half_life=100.0)),
        ),
        (PolicySpec(uniform=UniformSpec(), min_probability=0.5), core.PolicySpec(baselines.UniformSpec(), 0.5)),
        (PolicySpec(fixed=FixedSpec(offer_id="a")), core.PolicySpec(baselines.FixedSpec("a"))),
    ],
)
def test_a_policy_spec_becomes_the_core_s(spec: PolicySpec, expected: core.PolicySpec) -> None:
    assert policy_spec(filled_policy(spec)) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (ControlSpec(share=0.1), baselines.UniformSpec()),  # none is named
        (ControlSpec(share=0.1, uniform=UniformSpec()), baselines.UniformSpec()),  # uniform
        (ControlSpec(share=0.1, fixed=FixedSpec(offer_id="a")), baselines.FixedSpec("a")),  # fixed
        (
            ControlSpec(popularity=PopularitySpec(rewards=REWARD_MODEL_GAUSSIAN, max_offers=5)),
            popularity.PopularitySpec(popularity.RewardModel.GAUSSIAN, max_actions=5),
        ),
    ],
)
def test_a_control_group_becomes_a_baseline(spec: ControlSpec, expected: core.KindSpec) -> None:
    assert control_spec(spec) == core.PolicySpec(expected)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (RewardSpec(), rewards.RewardSpec()),  # the contract's default is the core's
        (
            RewardSpec(
                outcomes=[OutcomeRule(name="revenue", weight=-0.5, aggregation=AGGREGATION_SUM), CLICK],
                default_reward=-0.1,
                min=-1.0,
                max=2.0,
            ),
            rewards.RewardSpec(
                {"revenue": rewards.OutcomeRule(-0.5, rewards.Aggregation.SUM), "click": rewards.OutcomeRule()},
                default_reward=-0.1,
                min=-1.0,
                max=2.0,
            ),
        ),
    ],
)
def test_a_reward_spec_becomes_the_core_s(spec: RewardSpec, expected: rewards.RewardSpec) -> None:
    translated = reward_spec(filled_reward(spec))
    assert translated == expected
    assert list(translated.rules) == list(expected.rules), "the order of the rules is the order of the sum"


def test_every_crossing_of_the_contract_has_one_of_the_core() -> None:
    listed = CROSSINGS_UNSPECIFIED, CROSSINGS_EXPLICIT  # the last is a list, see test_vw_specs.py
    known = [name for name, value in Crossings.items() if value not in listed]
    translated = [policy_spec(filled_policy(PolicySpec(vw=VwSpec(crossings=name)))).kind for name in known]
    assert {kind.crossings for kind in translated if isinstance(kind, vw.VwSpec)} == set(vw.Crossings)
    assert len(translated) == len(vw.Crossings)


def test_every_aggregation_of_the_contract_is_the_core_s_of_the_same_name() -> None:
    names = [name for name, value in Aggregation.items() if value != AGGREGATION_UNSPECIFIED]
    rules = [OutcomeRule(name=name, aggregation=name) for name in names]
    translated = reward_spec(filled_reward(RewardSpec(outcomes=rules))).rules
    assert {name: rule.aggregation.value for name, rule in translated.items()} == {
        name: name.removeprefix("AGGREGATION_").lower() for name in names
    }
    assert len(names) == len(rewards.Aggregation)


def believing(**reward: float) -> Placement:
    """Return a placement with two beliefs."""
    about = Belief(
        context=Features(categorical={"device": "mobile"}),
        offer=Offer(id="a", features=Features(numeric={"price": 2.0})),
        reward=0.3,
        strength=50,
    )
    believed = [about, Belief(offer=Offer(id="b"), reward=-1.0, strength=1)]
    placement = Placement(name="home_hero", policy=PolicySpec(beliefs=believed), reward=RewardSpec(**reward))
    return with_defaults(placement)


@pytest.mark.parametrize(
    ("reward", "otherwise"),
    [
        ({}, 0.0),  # nothing is said
        ({"default_reward": -0.5}, -0.5),  # what a decision earns that nothing comes of
        ({"default_reward": -9.0, "min": -2.0}, -2.0),  # it has bounds, too
    ],
)
def test_beliefs_become_the_core_s_where_a_policy_starts(reward: dict[str, float], otherwise: float) -> None:
    expected = (
        beliefs.Belief("device=mobile", "a", "=a price:2.0", 0.3, 50, otherwise),
        beliefs.Belief("", "b", "=b", -1.0, 1, otherwise),
    )
    assert start_spec(believing(**reward)) == core.PolicySpec(beliefs=expected)
    assert policy_spec(believing().policy) == core.PolicySpec(), "weights that were learned know them"


def test_a_belief_that_breaks_limits_of_today_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """The limits were other ones when it was applied; a placement that stopped to serve would be worse."""
    placement = believing()
    placement.policy.beliefs[0].context.numeric["x"] = float("nan")
    assert [belief.action_id for belief in start_spec(placement).beliefs] == ["b"]
    assert 'policy.beliefs[0] is left out: context.numeric["x"]' in caplog.text
