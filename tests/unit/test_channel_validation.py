"""What is wrong with the channels of a placement, and what is hardly meant."""

import pytest

from attune.api.channel_validation import channel_violations, channel_warnings
from attune.errors import Violation
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import (
    Belief,
    Challenger,
    ChannelSpec,
    ControlSpec,
    EligibilityRule,
    FixedSpec,
    FrequencyCap,
    Guardrails,
    OfferSelector,
    Placement,
    PolicySpec,
    QuietHours,
)

NAME = "expected 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter"
SUCH = 'expected an offer on one of the channels, such as "{0}@email", got "{0}"'
BELIEF = Belief(offer=Offer(id="a@push", features=Features(categorical={"channel": "push"})), strength=1)


def placement(*names: str, **fields: object) -> Placement:
    channels = [ChannelSpec(name=name) for name in names or ("email", "push")]
    return Placement(name="home", channels=channels, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "valid",
    [
        Placement(name="home"),
        placement("email", "in_app", "web-push", "x" * 64),
        Placement(channels=[ChannelSpec(name="sms", cost=1e6)]),
        placement(control=ControlSpec(fixed=FixedSpec(offer_id="a@b@push")), policy=PolicySpec(beliefs=[BELIEF])),
        # the first offer stands in
        placement(control=ControlSpec(fixed=FixedSpec())),
        # offers that are called like that, where no channel is chosen
        Placement(control=ControlSpec(fixed=FixedSpec(offer_id="a@b"))),
    ],
)
def test_what_is_sound_is_taken(valid: Placement) -> None:
    assert list(channel_violations(valid)) == []


@pytest.mark.parametrize(
    ("name", "shown"), [("", ""), ("E-mail", "E-mail"), ("2sms", "2sms"), ("a@b", "a@b"), ("x" * 65, "x" * 65)]
)
def test_names_are_simple(name: str, shown: str) -> None:
    expected = Violation("channels[0].name", f'{NAME}, got "{shown}"')
    assert list(channel_violations(Placement(channels=[ChannelSpec(name=name)]))) == [expected]


def test_there_are_few_and_each_once() -> None:
    [too_many] = channel_violations(placement(*(f"c{i}" for i in range(11))))
    assert too_many == Violation("channels", "expected at most 10, got 11")
    [twice] = channel_violations(placement("email", "push", "email"))
    said = 'expected a name of its own, got "email" as in channels[0]'
    assert twice == Violation("channels[2].name", said)


@pytest.mark.parametrize("cost", [-0.01, 1e7, float("nan"), float("inf")])
def test_costs_are_amounts(cost: float) -> None:
    [wrong] = channel_violations(Placement(channels=[ChannelSpec(name="sms", cost=cost)]))
    assert wrong.field == "channels[0].cost"


@pytest.mark.parametrize(
    ("fields", "field", "offer_id"),
    [
        ({"control": ControlSpec(fixed=FixedSpec(offer_id="a"))}, "control.fixed.offer_id", "a"),
        ({"policy": PolicySpec(fixed=FixedSpec(offer_id="a@sms"))}, "policy.fixed.offer_id", "a@sms"),
        ({"policy": PolicySpec(beliefs=[Belief(offer=Offer(id="a"))])}, "policy.beliefs[0].offer.id", "a"),
        (
            {"challengers": [Challenger(policy=PolicySpec(beliefs=[BELIEF, Belief(offer=Offer(id="b"))]))]},
            "challengers[0].policy.beliefs[1].offer.id",
            "b",
        ),
    ],
)
def test_an_offer_is_named_with_its_channel(fields: dict[str, object], field: str, offer_id: str) -> None:
    assert list(channel_violations(placement(**fields))) == [Violation(field, SUCH.format(offer_id))]


def test_a_belief_is_about_a_variant_as_it_is_drawn() -> None:
    believed = placement(policy=PolicySpec(beliefs=[Belief(offer=Offer(id="a@push"))]))
    field = 'policy.beliefs[0].offer.features.categorical["channel"]'
    assert list(channel_violations(believed)) == [Violation(field, 'expected "push", as in the id, got ""')]


def test_guardrails_of_other_channels_are_told() -> None:
    selector = OfferSelector(channels=["email", "sms"])
    guardrails = Guardrails(
        rules=[EligibilityRule(offers=OfferSelector(channels=["email"])), EligibilityRule(offers=selector)],
        caps=[FrequencyCap(offers=selector)],
        quiet_hours=[QuietHours(channels=["mail"])],
    )
    said = "is not chosen here: the channels are email, push"
    assert list(channel_warnings(placement(guardrails=guardrails))) == [
        f'guardrails.rules[1].offers.channels: "sms" {said}',
        f'guardrails.caps[0].offers.channels: "sms" {said}',
        f'guardrails.quiet_hours[0].channels: "mail" {said}',
    ]
    assert list(channel_warnings(Placement(guardrails=guardrails))) == []
