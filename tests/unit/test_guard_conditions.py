"""Conditions of offers and rules of placements: who is left out, and why."""

from random import Random

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from attune.serving.conditions import compiled, facts_of
from attune.serving.guard import Guard
from attune.serving.guard_checks.own_conditions import OwnConditions
from attune.serving.guard_checks.questions import Questions
from attune.serving.guards import Guards
from attune.serving.terms import OfferTerms
from attune.v1.condition_pb2 import Condition
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_CONDITION, EXCLUSION_REASON_RULE
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import Placement
from circumstances import left_out, terms_of, under

TR = Features(categorical={"country": "tr"}, numeric={"age": 30})
OWN, RULE = f"{EXCLUSION_REASON_CONDITION}:", f"{EXCLUSION_REASON_RULE}:"


def guard_of(*rules: dict[str, object]) -> Guard:
    return Guards({"turks": Condition(test="country == tr")}).of(
        ParseDict({"name": "home", "guardrails": {"rules": list(rules)}}, Placement())
    )


def test_an_offer_goes_where_its_own_condition_does_not_hold() -> None:
    terms = terms_of(
        OfferTerms("old", when=Condition(test="age >= 65")),
        OfferTerms("any"),
        OfferTerms("turkish", when=Condition(test="country == tr")),
        OfferTerms("segment", when=Condition(segment="turks")),
    )
    guard = guard_of()
    assert left_out(guard, under(TR), terms) == {"old": OWN}
    assert left_out(guard, under(), terms) == {"old": OWN, "turkish": OWN, "segment": f"{OWN}turks"}


def test_what_a_condition_asks_of_the_offer_is_answered_for_each_and_the_rest_asked_once() -> None:
    affordable = Condition(any=[Condition(test="offer.price < 10"), Condition(test="country == tr")])
    terms = terms_of(
        *(OfferTerms(f"{i}", when=affordable) for i in range(4)),
        features=[Features(numeric={"price": price}) for price in (5, 20, 30, 9)],
    )
    guard = guard_of()
    assert left_out(guard, under(TR), terms) == {}
    assert left_out(guard, under(), terms) == {"1": OWN, "2": OWN}
    check = OwnConditions({})
    assert isinstance(check.prepare(terms), Questions)
    assert check.prepare(terms) is check.prepare(terms), "once for all decisions"


def test_a_condition_that_only_looks_at_the_offer_holds_or_not_for_good() -> None:
    cheap = Condition(test="offer.price < 10")
    five = Features(numeric={"price": 5})
    terms = terms_of(OfferTerms("a", when=cheap), OfferTerms("b", when=cheap), features=[five])
    assert left_out(guard_of(), under(), terms) == {"b": OWN}


def test_an_offer_whose_condition_nobody_can_read_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    terms = terms_of(OfferTerms("a", when=Condition(test="age !")), OfferTerms("b"))
    assert left_out(guard_of(), under(TR), terms) == {"a": OWN}
    assert "a condition of the catalogue is none" in caplog.text


def test_a_rule_is_about_what_it_selects_and_the_first_that_does_not_hold_is_named() -> None:
    guard = guard_of(
        {"name": "adults", "offers": {"categories": ["wine"]}, "when": {"test": "age >= 18"}},
        {"name": "turkish", "offers": {"tags": ["tr"]}, "when": {"test": "country == tr"}},
        {"name": "nobody", "offers": {"offerIds": ["x"]}, "when": {"test": "country == xx"}},
    )
    terms = terms_of(
        OfferTerms("w", category="wine", tags=frozenset({"tr"})),
        OfferTerms("t", tags=frozenset({"tr"})),
        OfferTerms("x"),
        OfferTerms("free"),
    )
    assert left_out(guard, under(TR), terms) == {"x": f"{RULE}nobody"}
    assert left_out(guard, under(), terms) == {"w": f"{RULE}adults", "t": f"{RULE}turkish", "x": f"{RULE}nobody"}


@pytest.mark.parametrize(("channel", "expected"), [("", {}), ("email", {}), ("push", {"a": f"{RULE}push"})])
def test_a_rule_for_a_channel_counts_where_the_request_says_it(channel: str, expected: dict[str, str]) -> None:
    guard = guard_of({"name": "push", "offers": {"channels": ["push", "sms"]}, "when": {"test": "age >= 18"}})
    assert left_out(guard, under(channel=channel), terms_of(OfferTerms("a"))) == expected


def test_a_rule_for_a_channel_counts_for_offers_that_go_with_it() -> None:
    guard = guard_of(
        {"name": "push", "offers": {"channels": ["push"]}, "when": {"test": "age >= 18"}},
        {"name": "mail", "when": {"test": "channel in [push, email]"}},
    )
    terms = terms_of(*(OfferTerms(f"a@{channel}", channel) for channel in ("push", "email", "sms")))
    assert left_out(guard, under(), terms) == {"a@push": f"{RULE}push", "a@sms": f"{RULE}mail"}


def test_hours_are_those_of_the_customer_else_of_the_placement() -> None:
    guard = Guards().of(
        ParseDict(
            {
                "name": "home",
                "guardrails": {
                    "rules": [{"name": "late", "when": {"test": "time.hour < 23"}}],
                    "quietHours": [{"holidays": ["2000-01-01"], "timeZone": "Europe/Istanbul"}],
                },
            },
            Placement(),
        )
    )
    terms = terms_of(OfferTerms("a"))  # it is 22:13 in London, and 1:13 in Istanbul
    assert left_out(guard, under(), terms) == {}
    assert left_out(guard, under(time_zone="Europe/Paris"), terms) == {"a": f"{RULE}late"}


def test_what_is_not_left_any_more_is_not_named_again() -> None:
    guard = guard_of({"name": "adults", "when": {"test": "age >= 18"}})
    terms = terms_of(OfferTerms("a", when=Condition(test="age >= 65")), OfferTerms("b"), OfferTerms("c"))
    left, exclusions = guard.apply(under(), terms, [2, 0])
    assert (list(left), [(each.reason, list(each.positions)) for each in exclusions]) == (
        [],
        [(EXCLUSION_REASON_CONDITION, [0]), (EXCLUSION_REASON_RULE, [2])],
    )


def test_without_anything_to_look_at_nobody_has_to_say_what_a_decision_is_made_under() -> None:
    guard = Guards().of(Placement(name="home"))
    assert not guard.looks_at(terms_of(OfferTerms("a")), None)
    assert guard.looks_at(terms_of(OfferTerms("a", when=Condition(test="age > 3"))), None)
    assert guard_of({"name": "adults", "when": {"test": "age >= 18"}}).looks_at(None, None)


TESTS = ["age >= 18", "offer.price < 10", "channel == push", "country in [tr, de]", "offer.kind == wine", "age < 30"]


def conditions(random: Random, depth: int = 2) -> Condition:
    kind = random.choice(["test", "segment", "all", "any", "not"]) if depth else "test"
    if kind == "test":
        return Condition(test=random.choice(TESTS))
    if kind == "segment":
        return Condition(segment="turks")
    parts = [conditions(random, depth - 1) for _ in range(random.randrange(1, 4))]
    return {"all": Condition(all=parts), "any": Condition(any=parts), "not": Condition(negated=parts[0])}[kind]


def known_of(random: Random) -> Features:
    return Features(numeric={"price": random.choice([5, 50])}, categorical={"kind": random.choice(["wine", "bread"])})


def test_asking_together_is_as_asking_of_each_offer_alone() -> None:
    """Random conditions, offers and channels: a rule for all of them is asked offer by offer, too."""
    random, segments = Random(7), {"turks": Condition(test="country == tr")}
    for _ in range(30):
        own = [random.choice([None, conditions(random)]) for _ in range(5)]
        rules = [conditions(random) for _ in range(2)]
        channels = random.choice([("", ""), ("push", "email")])
        features = [known_of(random) for _ in range(20)]
        terms = terms_of(
            *(OfferTerms(f"{i}", random.choice(channels), when=own[i % 5]) for i in range(20)), features=features
        )
        named = [{"name": f"r{i}", "when": MessageToDict(rule)} for i, rule in enumerate(rules)]
        guard = Guards(segments).of(ParseDict({"name": "home", "guardrails": {"rules": named}}, Placement()))
        for country in ("tr", "fr"):
            context = Features(categorical={"country": country}, numeric={"age": random.choice([10, 20, 40])})
            circumstances = under(context, channel="" if channels[0] else random.choice(["", "push"]))
            expected = {}
            for each, of_offer in zip(terms, features, strict=True):
                facts = facts_of(circumstances).of_offer(of_offer, each.channel)
                reasons = [(OWN + (each.when.segment if each.when else ""), each.when)]
                reasons += [(f"{RULE}r{i}", rule) for i, rule in enumerate(rules)]
                failed = [why for why, asked in reasons if asked is not None and not compiled(asked, segments)(facts)]
                expected |= {each.offer_id: failed[0]} if failed else {}
            assert left_out(guard, circumstances, terms) == expected
