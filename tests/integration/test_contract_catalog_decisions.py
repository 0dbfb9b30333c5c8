"""Decisions draw from what is live in the catalogue, say so exactly, and keep the offers as they were.

The stated probabilities are the ones that were drawn with, whatever was left out before the draw: by placement,
channel, time, exclusion or shortlist. Statistical bounds are four standard errors, which follow from the stated
probabilities themselves.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from attune.v1 import decision_service_pb2, reward_service_pb2
from attune.v1.decision_service_pb2 import ActivateRequest, DecideRequest, DecideResponse, Decision, GetDecisionRequest
from attune.v1.placement_pb2 import PolicySpec, ShortlistSpec, VwSpec
from attune.v1.placement_service_pb2 import PromotePolicyVersionRequest
from bad_offers import DECIDES
from bad_requests import Bad
from client import DEADLINE_S, Client, refused
from messages import control, decide, decision, features, fixed, kept, offers, outcome, reward, softmax, uniform
from service import RunningService, wait_until

INVALID = grpc.StatusCode.INVALID_ARGUMENT
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
EXISTS = grpc.StatusCode.ALREADY_EXISTS
SE = 4.0


@pytest.fixture(scope="module")
def connected(service: RunningService) -> Iterator[Client]:
    with Client(service.address) as client:
        yield client


@pytest.fixture
def client(connected: Client) -> Iterator[Client]:
    """A client of a service whose catalogue is empty, with the placement `shop`."""
    connected.apply("shop", policy=uniform())
    yield connected
    for name in ("shop", "other"):
        _delete(connected, name)
    connected.empty_catalog()


def _delete(client: Client, name: str) -> None:
    try:
        client.delete(name)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND  # noqa: PT017 - not every test applies it


def at(seconds: float) -> Timestamp:
    moment = Timestamp()
    moment.FromMicroseconds(round((time.time() + seconds) * 1e6))
    return moment


def ask(event_id: str = "", placement: str = "shop", **fields: Any) -> DecideRequest:
    """Builds a request that sends no offers."""
    return decide(placement, event_id, [], **fields)


def ids_of(stored: Decision) -> list[str]:
    return [eligible.offer.id for eligible in stored.offers]


def eligible(client: Client, event_id: str, **fields: Any) -> list[str]:
    """Decides, and returns what could be drawn."""
    request = ask(event_id, **fields)
    client.decide(request)
    return ids_of(client.get(request.placement, event_id))


def pmf(answer: DecideResponse) -> dict[str, float]:
    return {scored.offer_id: scored.probability for scored in answer.ranking}


def assert_exact(answer: DecideResponse, stored: Decision) -> None:
    """Checks that what was answered and what is stored are one distribution, and that the choice is of it."""
    probabilities = {one.offer.id: one.probability for one in stored.offers}
    assert len(probabilities) == len(stored.offers)
    assert abs(math.fsum(probabilities.values()) - 1) <= 1e-9
    assert pmf(answer) == probabilities
    first = answer.choices[0]
    assert first.propensity == probabilities[first.offer_id] > 0
    assert list(stored.choices) == list(answer.choices)


# --- what is eligible


def test_without_ids_every_live_offer_is_drawn_from_by_id(client: Client) -> None:
    client.put(kept("b"), kept("é"), kept("a"), kept("B"), kept("\U0001f600"), kept("\uffff"))
    answer = client.decide(ask("all"))
    stored = client.get("shop", "all")
    assert ids_of(stored) == ["B", "a", "b", "é", "\uffff", "\U0001f600"]
    assert {one.probability for one in stored.offers} == {1 / 6}
    assert_exact(answer, stored)


def test_what_is_not_for_this_placement_channel_or_time_is_left_out(client: Client) -> None:
    client.put(
        kept("everywhere"),
        kept("here", placements=["shop"], channels=["web", "app"]),
        kept("elsewhere", placements=["other"]),
        kept("mail", placements=["other", "shop"], channels=["email"]),
        kept("past", ends_at=at(-1)),
        kept("future", starts_at=at(3600)),
        kept("now", starts_at=at(-3600), ends_at=at(3600), channels=["web"]),
    )
    assert eligible(client, "any channel") == ["everywhere", "here", "mail", "now"]
    assert eligible(client, "web", channel="web") == ["everywhere", "here", "now"]
    assert eligible(client, "email", channel="email") == ["everywhere", "mail"]
    assert eligible(client, "Web", channel="Web") == ["everywhere"]
    assert eligible(client, "no now", channel="web", excluded_offer_ids=["now", "mail", "x"]) == ["everywhere", "here"]


def test_ids_are_drawn_from_in_the_callers_order_and_what_is_not_live_is_left_out(client: Client) -> None:
    client.apply("other", policy=fixed())
    client.put(*map(kept, "abc"), kept("past", ends_at=at(-1)), kept("mine", placements=["shop"]))
    wanted = ["c", "past", "nobody", "a", "mine", "b"]
    assert eligible(client, "shop's", offer_ids=wanted) == ["c", "a", "mine", "b"]
    assert eligible(client, "other's", placement="other", offer_ids=wanted) == ["c", "a", "b"]
    # A fixed policy shows the first of the request.
    answer = client.decide(ask("first", "other", offer_ids=["nobody", "b", "a", "c"], excluded_offer_ids=["b"]))
    assert (answer.choices[0].offer_id, answer.choices[0].propensity) == ("a", 1.0)
    assert pmf(answer) == {"a": 1.0, "c": 0.0}


def test_a_thousand_ids_can_be_named(client: Client) -> None:
    client.put(*(kept(f"o{i:03}") for i in range(500)))
    wanted = [f"o{i:03}" for i in reversed(range(1000))]
    assert eligible(client, "thousand", offer_ids=wanted) == wanted[500:]


@pytest.mark.parametrize("sent", [{}, {"offer_ids": ["a", "past"]}, {"channel": "web"}], ids=str)
def test_without_a_live_offer_there_is_no_decision(client: Client, sent: dict[str, Any]) -> None:
    client.put(kept("past", ends_at=at(-1)), kept("elsewhere", placements=["other"]))
    before = client.counts("shop")
    refusal = refused(client.decisions.Decide, ask("none", **sent))
    assert refusal.code == PRECONDITION
    assert refused(client.decisions.GetDecision, decision("shop", "none")).code == grpc.StatusCode.NOT_FOUND
    assert client.counts("shop") == before


def test_where_all_live_offers_are_excluded_there_is_no_decision_either(client: Client) -> None:
    client.put(kept("a"), kept("b"))
    refusal = refused(client.decisions.Decide, ask("none", excluded_offer_ids=["b", "a"]))
    assert refusal.code in (PRECONDITION, INVALID)
    assert "excluded" in refusal.message
    assert eligible(client, "one", excluded_offer_ids=["b"]) == ["a"]


@pytest.mark.parametrize("bad", DECIDES, ids=str)
def test_a_bad_request_names_the_field_and_writes_nothing(client: Client, bad: Bad) -> None:
    client.put(*map(kept, "abc"))
    before = client.counts("shop")
    request = DecideRequest(placement="shop", event_id="bad", **bad.fields)
    refusal = refused(client.decisions.Decide, request)
    assert refusal.code == INVALID
    where, description = refusal.violations[0]
    assert where.startswith(bad.where)
    assert description.startswith("expected ")
    assert bad.got in description.partition(", got ")[2]
    assert client.counts("shop") == before


def test_inline_offers_are_drawn_from_whatever_the_catalogue_holds(client: Client) -> None:
    client.put(kept("a", features(categorical={"from": "catalogue"}), channels=["web"]))
    client.decide(decide("shop", "inline", offers("x", "a"), channel="email"))
    stored = client.get("shop", "inline")
    assert ids_of(stored) == ["x", "a"]
    assert not stored.offers[1].offer.features.categorical


# --- how fast changes arrive


def test_a_change_arrives_within_a_second(client: Client) -> None:
    """The best of five: the machine that tests run on may be busy for a second."""
    took = []
    for i in range(5):
        client.put(kept("a", features({"version": float(i)})), kept(f"new {i}"))
        started = time.monotonic()

        def arrived(i: int = i) -> bool:
            answer = client.decide(ask(""))
            stored = client.get("shop", answer.event_id)
            return f"new {i}" in ids_of(stored) and stored.offers[0].offer.features.numeric["version"] == i

        wait_until(arrived, "a change to arrive", every_s=0.02)
        took.append(time.monotonic() - started)
    assert min(took) < 1.0
    client.take_out(*(f"new {i}" for i in range(5)))
    wait_until(lambda: len(client.decide(ask("")).ranking) == 1, "deletions to arrive")


def test_offers_begin_and_end_by_themselves(client: Client) -> None:
    client.put(kept("always"), kept("ends", ends_at=at(1.5)), kept("starts", starts_at=at(1.5)))
    border = time.time() + 1.5
    seen = set()
    while time.time() < border + 1.0:
        asked = time.time()
        now = tuple(sorted(pmf(client.decide(ask("")))))
        if asked < border - 0.5:  # clocks are the same here; the catalogue looks once in a while
            assert now == ("always", "ends")
        seen.add(now)
        time.sleep(0.02)
    wait_until(lambda: sorted(pmf(client.decide(ask("")))) == ["always", "starts"], "the time to have come")
    assert ("always", "ends") in seen


def test_a_placement_that_is_applied_later_has_its_offers_within_a_second(client: Client) -> None:
    client.put(kept("a"), kept("b", placements=["other"]))
    client.apply("other", policy=uniform())
    started = time.monotonic()

    def answered() -> bool:
        try:
            return sorted(pmf(client.decide(ask("", "other")))) == ["a", "b"]
        except grpc.RpcError as error:
            assert error.code() == PRECONDITION  # noqa: PT017 - the offers are not there yet
            return False

    wait_until(answered, "the offers of a new placement", every_s=0.02)
    assert time.monotonic() - started < 3


def test_a_placement_of_the_same_name_keeps_nothing_of_the_former_and_reads_its_decisions(client: Client) -> None:
    """What decisions name is stored with the placement: it is deleted with it, and must be there again."""
    client.put(kept("a", features({"x": 1.0})), kept("b"))
    client.decide(ask("before"))
    client.delete("shop")
    client.apply("shop", policy=uniform())
    assert refused(client.decisions.GetDecision, decision("shop", "before")).code == grpc.StatusCode.NOT_FOUND
    wait_until(lambda: _answers(client), "the offers of the new placement")
    answer = client.decide(ask("after"))
    stored = client.get("shop", "after")
    assert_exact(answer, stored)
    assert stored.offers[0].offer == kept("a", features({"x": 1.0})).offer


def _answers(client: Client) -> bool:
    try:
        return len(client.decide(ask("")).ranking) == 2
    except grpc.RpcError as error:
        assert error.code() == PRECONDITION  # noqa: PT017 - the offers are not there yet
        return False


# --- what a decision keeps


def test_a_decision_keeps_the_offers_as_they_were(client: Client) -> None:
    known = features({"price": 1.5}, {"brand": "x"}, {"styles": ["road"]}, {"e": [0.5]})
    client.put(kept("a", known, tags=["t"]), kept("b"))
    answer = client.decide(ask("kept", context=features(categorical={"device": "mobile"})))
    before = client.get("shop", "kept")
    assert before.offers[0].offer == kept("a", known).offer
    client.put(kept("a", features({"price": 9.0})))
    assert client.get("shop", "kept") == before
    client.take_out("a", "b")
    assert client.get("shop", "kept") == before
    assert_exact(answer, before)
    explained = client.decisions.GetDecision(
        GetDecisionRequest(placement="shop", event_id="kept", explain=True), timeout=DEADLINE_S
    )
    assert [one.offer for one in explained.decision.offers] == [one.offer for one in before.offers]


def test_a_repeated_request_gives_the_stored_decision_after_the_catalogue_changed(client: Client) -> None:
    client.put(*map(kept, "abcd"))
    everything, named = ask("everything"), ask("named", offer_ids=["d", "a"], channel="web")
    first = [client.decide(everything), client.decide(named)]
    stored, counts = client.get("shop", "everything"), client.counts("shop")
    client.put(kept("e"), kept("a", features({"new": 1.0})))
    client.take_out("b", "d")
    wait_until(lambda: sorted(pmf(client.decide(ask("")))) == ["a", "c", "e"], "the change to arrive")
    assert [client.decide(everything), client.decide(named)] == first
    client.empty_catalog()
    wait_until(lambda: _count(client) == 0, "the end to arrive")
    assert [client.decide(everything), client.decide(named)] == first
    assert [each.decision for each in client.batch([everything, named])] == first
    assert refused(client.decisions.Decide, ask("everything", channel="web")).code == EXISTS
    assert client.get("shop", "everything") == stored
    assert client.counts("shop")[0] > counts[0]  # those of waiting


@pytest.mark.parametrize(
    "different",
    [
        {"offer_ids": ["a", "b"]},  # named instead of all
        {"channel": "web"},
        {"excluded_offer_ids": ["c"]},
        {"offers": offers("a", "b", "c")},  # inline, though with the same ids
        {"slots": 2},
        {"deferred": True},
    ],
    ids=lambda each: next(iter(each)),
)
def test_a_different_request_with_the_same_event_id_is_refused(client: Client, different: dict[str, Any]) -> None:
    client.put(*map(kept, "abc"))
    first = client.decide(ask("taken"))
    request = DecideRequest(placement="shop", event_id="taken", ranking_size=1000, **different)
    assert refused(client.decisions.Decide, request).code == EXISTS
    assert client.decide(ask("taken")) == first


def test_ids_in_another_order_are_a_different_request(client: Client) -> None:
    client.put(*map(kept, "abc"))
    client.decide(ask("order", offer_ids=["a", "b", "c"]))
    assert refused(client.decisions.Decide, ask("order", offer_ids=["a", "c", "b"])).code == EXISTS
    assert refused(client.decisions.Decide, ask("order")).code == EXISTS


def test_slots_are_drawn_one_after_the_other(client: Client) -> None:
    client.put(*map(kept, "abcde"))
    answer = client.decide(ask("slots", slots=3, excluded_offer_ids=["c"]))
    stored = client.get("shop", "slots")
    assert_exact(answer, stored)
    assert [choice.propensity for choice in answer.choices] == pytest.approx([1 / 4, 1 / 3, 1 / 2], abs=1e-12)
    assert len({choice.offer_id for choice in answer.choices} - {"c"}) == 3
    chosen = [ids_of(stored).index(choice.offer_id) for choice in answer.choices]
    assert stored.offers[chosen[0]].later_probabilities == [0, 0]
    assert stored.offers[chosen[1]].later_probabilities == [answer.choices[1].propensity, 0]


def test_a_deferred_decision_is_activated_after_its_offers_are_gone(client: Client) -> None:
    client.put(*map(kept, "ab"))
    client.decide(ask("mail", deferred=True))
    before = client.get("shop", "mail")
    client.take_out("a", "b")
    request = ActivateRequest(placement="shop", event_id="mail")
    assert client.decisions.Activate(request, timeout=DEADLINE_S).activated
    assert client.get("shop", "mail").offers == before.offers
    (receipt,) = client.record(outcome("shop", "mail"))
    assert receipt.status == reward_service_pb2.OUTCOME_STATUS_ACCEPTED


# --- propensities


def test_the_control_group_draws_from_the_catalogue_too(client: Client) -> None:
    client.apply("other", policy=fixed("b"), control=control(0.5))
    client.put(*map(kept, "abc"), kept("mail", channels=["email"]))
    answers = client.decide_all(ask(f"e{i}", "other", channel="web") for i in range(400))
    in_control = [a for a in answers if a.mode == decision_service_pb2.MODE_CONTROL]
    assert 120 < len(in_control) < 280  # 8 standard errors about 200
    assert {p for a in in_control for p in pmf(a).values()} == {1 / 3}
    assert {a.choices[0].offer_id for a in answers if a.mode != decision_service_pb2.MODE_CONTROL} == {"b"}
    assert_counts_match(in_control, "abc")


def assert_counts_match(answers: Sequence[DecideResponse], ids: Sequence[str]) -> None:
    drawn = Counter(answer.choices[0].offer_id for answer in answers)
    assert set(drawn) <= set(ids)
    for offer_id in ids:
        probabilities = [pmf(answer).get(offer_id, 0.0) for answer in answers]
        variance = math.fsum(p * (1 - p) for p in probabilities)
        assert abs(drawn[offer_id] - math.fsum(probabilities)) <= SE * math.sqrt(variance), (offer_id, drawn)


CATALOGUE = [
    kept(
        f"o{i:02}",
        features({"price": i / 7 - 1}, {"brand": f"b{i % 3}"}, {"styles": [f"s{i % 2}", f"s{i % 5}"]}, {"e": [i / 9]}),
        channels=["web"] if i % 4 == 1 else ["email", "app"] if i % 4 == 2 else [],
    )
    for i in range(14)
]
POLICIES = {
    "softmax": softmax(5),
    "squarecb": PolicySpec(vw=VwSpec()),
    "shortlisted": softmax(5),
}


def context(i: int) -> Any:
    """A context that differs from request to request."""
    return features({"age": (i * 37 % 100) / 50, "n": i * 1e-3}, {"device": ("mobile", "desktop")[i % 2]})


def worth(user: str, offer_id: str) -> float:
    """What an offer earns, known here: all of it depends on who sees it."""
    liked = int(offer_id[1:]) % 3 == (0 if user == "mobile" else 1)
    return 1.0 if liked else 0.2


@pytest.fixture(scope="module")
def learned(connected: Client) -> Iterator[Client]:
    """A client of a service whose three placements have learned from the catalogue."""
    for name, policy in POLICIES.items():
        shortlist = ShortlistSpec(size=5, random=2) if name == "shortlisted" else None
        connected.apply(name, policy=policy, reward=reward(1), shortlist=shortlist)
    connected.put(*CATALOGUE)
    wait_until(lambda: _has(connected, len(CATALOGUE)), "the catalogue to arrive")
    for name in POLICIES:
        answers = connected.decide_all(ask(f"train {i}", name, context=context(i)) for i in range(200))
        connected.record(
            *(
                outcome(name, a.event_id, value=worth(("mobile", "desktop")[i % 2], a.choices[0].offer_id))
                for i, a in enumerate(answers)
            )
        )
    for name in POLICIES:
        # Kept serving: what the tests decide earns nothing, and would be learned while they go on.
        version = connected.wait_learned(name, 200).policy_version
        promote = PromotePolicyVersionRequest(placement=name, version=version)
        connected.placements.PromotePolicyVersion(promote, timeout=DEADLINE_S)
        wait_until(
            lambda name=name, version=version: connected.decide(ask("", name)).policy_version == version,
            "the version to serve",
        )
    yield connected
    for name in POLICIES:
        connected.delete(name)
    connected.empty_catalog()


def _has(client: Client, count: int) -> bool:
    try:
        return len(client.decide(ask("", "softmax")).ranking) == count
    except grpc.RpcError:
        return False


def test_decisions_from_the_catalogue_are_learned_from(learned: Client) -> None:
    for name in POLICIES:
        status = learned.status(name)
        assert (status.refused_interactions, status.policy_version > 0) == (0, True)
    asked = [learned.decide(ask("", "softmax", context=context(i))) for i in range(2)]
    for answer, user in zip(asked, ("mobile", "desktop"), strict=True):
        liked = math.fsum(p for offer_id, p in pmf(answer).items() if worth(user, offer_id) == 1.0)
        assert liked > 0.5  # 5 of 14 offers, so .36 by lot


@pytest.mark.parametrize("name", ["softmax", "squarecb"])
def test_the_catalogue_and_inline_offers_have_the_same_probabilities(learned: Client, name: str) -> None:
    """Up to what float32 rounds: scores of the catalogue may be computed in another way."""
    inline = [one.offer for one in CATALOGUE]
    for i in range(20):
        from_catalogue = learned.decide(ask("", name, context=context(1000 + i)))
        sent = learned.decide(decide(name, "", inline, context=context(1000 + i)))
        assert sent.policy_version == from_catalogue.policy_version
        assert pmf(from_catalogue) == pytest.approx(pmf(sent), abs=1e-5)
        named = [one.offer.id for one in reversed(CATALOGUE[::2])]
        some = learned.decide(ask("", name, context=context(1000 + i), offer_ids=named))
        some_sent = learned.decide(decide(name, "", inline[::2][::-1], context=context(1000 + i)))
        assert pmf(some) == pytest.approx(pmf(some_sent), abs=1e-5)


@pytest.mark.parametrize("name", ["squarecb", "shortlisted", pytest.param("softmax", marks=pytest.mark.long)])
def test_importance_weighting_of_logged_decisions_finds_the_value_of_another_policy(learned: Client, name: str) -> None:
    """With channels, exclusions, named offers and shortlists, over contexts that never repeat.

    The target draws uniformly from what is recorded as eligible, K offers. A decision contributes
    x = r(a) / (K p(a)) - mean(r), which is 0 on average if offers are drawn as stated, with variance
    sum(r^2 / p) / K^2 - mean(r)^2. The sum over all decisions must be within four standard errors.
    """
    requests = [
        ask(
            f"ips {i}",
            name,
            context=context(i),
            channel=("", "web", "email")[i % 3],
            excluded_offer_ids=[f"o{i * k % 14:02}" for k in range(i % 4)],
            offer_ids=[one.offer.id for one in CATALOGUE if i % 5 == 0],
        )
        for i in range(900)
    ]
    answers = learned.decide_all(requests)
    total, variance, skewed = 0.0, 0.0, 0
    for i, (request, answer) in enumerate(zip(requests, answers, strict=True)):
        user, stated = ("mobile", "desktop")[i % 2], pmf(answer)
        assert not set(request.excluded_offer_ids) & set(stated)
        assert answer.choices[0].propensity == stated[answer.choices[0].offer_id]
        assert abs(math.fsum(stated.values()) - 1) <= 1e-9
        skewed += max(stated.values()) > 2 / len(stated)
        mean = math.fsum(worth(user, each) for each in stated) / len(stated)
        earned = worth(user, answer.choices[0].offer_id) / (len(stated) * answer.choices[0].propensity)
        total += earned - mean
        variance += math.fsum(worth(user, each) ** 2 / p for each, p in stated.items()) / len(stated) ** 2 - mean**2
    assert skewed > 450, "not uniform, or the test would show little"
    assert abs(total) <= SE * math.sqrt(variance), (total, math.sqrt(variance))


# --- shortlists


def test_a_shortlist_is_recorded_with_the_decision(learned: Client) -> None:
    ids = [one.offer.id for one in CATALOGUE]
    answers = learned.decide_all(ask(f"list {i}", "shortlisted", context=context(0)) for i in range(300))
    for i, answer in enumerate(answers[:20]):
        stored = learned.get("shortlisted", f"list {i}")
        assert (len(stored.offers), stored.shortlisted_from) == (5, 14)
        assert ids_of(stored) == sorted(ids_of(stored))
        assert_exact(answer, stored)
    seen, n = Counter(each for answer in answers for each in pmf(answer)), len(answers)
    # The three best are always on it; each of the other eleven with probability 2/11, whose count has this deviation.
    best = [offer_id for offer_id in ids if seen[offer_id] == n]
    assert len(best) == 3
    deviation = math.sqrt(n * 2 / 11 * 9 / 11)
    for offer_id in set(ids) - set(best):
        assert abs(seen[offer_id] - n * 2 / 11) <= SE * deviation, (offer_id, seen)
    assert {worth("mobile", offer_id) for offer_id in best} == {1.0}


def test_a_shortlist_keeps_the_callers_order_and_the_exclusions(learned: Client) -> None:
    wanted = [one.offer.id for one in reversed(CATALOGUE)]
    for i in range(20):
        event_id = f"own order {i}"
        request = ask(event_id, "shortlisted", offer_ids=wanted, excluded_offer_ids=["o00", "o03"])
        answer = learned.decide(request)
        stored = learned.get("shortlisted", event_id)
        assert (len(stored.offers), stored.shortlisted_from) == (5, 12)
        assert ids_of(stored) == sorted(ids_of(stored), reverse=True)
        assert not {"o00", "o03"} & set(ids_of(stored))
        assert_exact(answer, stored)
        assert learned.decide(request) == answer


def test_where_few_are_eligible_there_is_no_shortlist(learned: Client) -> None:
    learned.decide(ask("five", "shortlisted", offer_ids=[f"o{i:02}" for i in range(5)]))
    stored = learned.get("shortlisted", "five")
    assert (len(stored.offers), stored.shortlisted_from) == (5, 0)
    learned.decide(decide("shortlisted", "inline", [one.offer for one in CATALOGUE]))
    assert len(learned.get("shortlisted", "inline").offers) == 14


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        (ShortlistSpec(size=1), "shortlist.size"),
        (ShortlistSpec(size=1001), "shortlist.size"),
        (ShortlistSpec(size=5, random=5), "shortlist.random"),
        (ShortlistSpec(random=1001), "shortlist.random"),
    ],
)
def test_a_bad_shortlist_is_refused_by_name(client: Client, spec: ShortlistSpec, where: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        client.apply("other", shortlist=spec)
    error: Any = raised.value
    assert error.code() == INVALID
    assert where in error.details()


def test_more_than_a_thousand_live_offers_are_shortlisted_without_being_told(client: Client) -> None:
    for start in (0, 600):
        client.put(*(kept(f"o{i:04}", features({"x": i / 1200})) for i in range(start, start + 600)))
    wait_until(lambda: client.get("shop", client.decide(ask("")).event_id).shortlisted_from == 1200, "all of them")
    answer = client.decide(ask("many", slots=20))
    stored = client.get("shop", "many")
    assert len(stored.offers) == 1000
    assert_exact(answer, stored)
    assert {one.probability for one in stored.offers} == {1 / 1000}


# --- under load


def test_each_decision_sees_the_catalogue_as_it_was_at_one_time(client: Client, service: RunningService) -> None:
    """A caller changes all offers, over and over, while others decide: a call changes all of them or none.

    Offers of two versions in one decision would be a catalogue that never was.
    """
    names = [f"o{i:02}" for i in range(30)]

    def put(version: int) -> None:
        client.put(*(kept(name, features({"version": float(version)})) for name in names))

    put(0)
    wait_until(lambda: _count(client) == 30, "the catalogue to arrive")
    decided: list[DecideResponse] = []

    def ask_on(worker: int) -> list[DecideResponse]:
        with Client(service.address) as own:
            return [own.decide(ask(f"load {worker} {i}", slots=2)) for i in range(60)]

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask_on, worker) for worker in range(3)]
        version = 0
        while not all(each.done() for each in asking):
            put(version := version + 1)
            time.sleep(0.01)
        for each in asking:
            decided += each.result()
    assert version > 2
    seen = set()
    for answer in decided:
        stored = client.get("shop", answer.event_id)
        assert ids_of(stored) == names
        versions = {one.offer.features.numeric["version"] for one in stored.offers}
        assert len(versions) == 1, versions
        seen |= versions
        assert_exact(answer, stored)
        assert answer.logged
    assert len(seen) > 1


def _count(client: Client) -> int:
    try:
        return len(client.decide(ask("")).ranking)
    except grpc.RpcError:
        return 0


def test_offers_that_come_and_go_under_load_leave_every_decision_whole(client: Client, service: RunningService) -> None:
    client.put(kept("always"))
    wait_until(lambda: _count(client) == 1, "the catalogue to arrive")

    def ask_on(worker: int) -> list[DecideResponse]:
        with Client(service.address) as own:
            asked = (ask(f"come {worker} {i}", offer_ids=["x1", "always", "x0"] if i % 2 else []) for i in range(60))
            return [own.decide(request) for request in asked]

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask_on, worker) for worker in range(3)]
        i = 0
        while not all(each.done() for each in asking):
            client.put(kept(f"x{i % 7}", features({"i": float(i)})))
            client.take_out(f"x{(i + 3) % 7}")
            i += 1
        decided = [answer for each in asking for answer in each.result()]
    for answer in decided:
        stored = client.get("shop", answer.event_id)
        assert "always" in ids_of(stored)
        assert_exact(answer, stored)
    assert len({tuple(ids_of(client.get("shop", a.event_id))) for a in decided}) > 3


def test_decisions_while_their_placement_is_deleted_and_applied_again_are_whole(
    client: Client, service: RunningService
) -> None:
    """What they name is deleted with the placement. Whatever is answered as logged by the last one can be read."""
    client.put(*(kept(f"o{i}", features({"x": float(i)})) for i in range(20)))
    stop = False

    def ask_on(worker: int) -> list[DecideResponse]:
        answers = []
        with Client(service.address) as own:
            while not stop:
                request = ask(f"{worker} {len(answers)}", "other", offer_ids=["o3", "o1"] if len(answers) % 2 else [])
                try:
                    answers.append(own.decide(request))
                    time.sleep(0.002)
                except grpc.RpcError as error:
                    assert error.code() in (grpc.StatusCode.NOT_FOUND, PRECONDITION)  # noqa: PT017 - it may be gone
                    time.sleep(0.005)
        return answers

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask_on, worker) for worker in range(3)]
        for _ in range(4):
            client.apply("other", policy=uniform())
            time.sleep(0.2)
            client.delete("other")
        client.apply("other", policy=uniform())
        wait_until(lambda: client.status("other").decisions > 30, "decisions of the last one")
        stop = True
        answers = [answer for each in asking for answer in each.result()]
    # One that was on its way while its placement was created anew names a set that is gone: it is not logged.
    readable = [(answer, stored) for answer in answers if (stored := _stored(client, "other", answer.event_id))]
    # What is of a former placement is gone with it, and nothing of the last one is lost.
    assert client.status("other").decisions == len(readable) > 30
    for answer, stored in readable:
        assert_exact(answer, stored)
        assert all(one.offer.features.numeric["x"] == float(one.offer.id[1:]) for one in stored.offers)


def _stored(client: Client, placement: str, event_id: str) -> Decision | None:
    try:
        return client.get(placement, event_id)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND  # noqa: PT017 - of a former placement
        return None


def test_a_placement_called_catalog_is_a_placement_like_any_other(client: Client) -> None:
    client.apply("catalog", policy=uniform())
    client.put(kept("a"), kept("b", placements=["catalog"]))
    wait_until(lambda: _there(client, "catalog") == ["a", "b"], "its offers")
    client.delete("catalog")
    assert [one.offer.offer.id for one in client.listed()] == ["a", "b"]
    assert eligible(client, "still there") == ["a"]


def _there(client: Client, placement: str) -> list[str]:
    try:
        return sorted(pmf(client.decide(ask("", placement))))
    except grpc.RpcError as error:
        assert error.code() == PRECONDITION  # noqa: PT017 - nothing has arrived yet
        return []


def test_more_slots_than_offers_choose_all_of_them(client: Client) -> None:
    client.put(*map(kept, "abc"))
    answer = client.decide(ask("all slots", slots=20, channel="x"))
    assert sorted(choice.offer_id for choice in answer.choices) == ["a", "b", "c"]
    assert [choice.propensity for choice in answer.choices] == pytest.approx([1 / 3, 1 / 2, 1.0], abs=1e-12)


@pytest.mark.long
def test_ten_thousand_offers_are_decided_about_and_one_of_them_can_change(client: Client) -> None:
    client.apply("other", policy=softmax(5), reward=reward(1), shortlist=ShortlistSpec(size=100, random=20))

    def numbered(i: int, price: float) -> Any:
        return kept(f"o{i:05}", features({"price": price}, {"brand": f"b{i % 50}"}), placements=["other"])

    for start in range(0, 10_000, 1000):
        client.put(*(numbered(i, i / 10_000) for i in range(start, start + 1000)))
    client.decide_all(ask(f"train {i}", "other", context=context(i)) for i in range(200))
    client.record(*(outcome("other", f"train {i}") for i in range(0, 200, 2)))
    client.wait_learned("other", 200)
    answer = client.decide(ask("one", "other", context=context(0)))
    stored = client.get("other", "one")
    assert (len(stored.offers), stored.shortlisted_from) == (100, 10_000)
    assert_exact(answer, stored)
    client.put(numbered(5000, 77.0))
    started = time.monotonic()

    def arrived() -> bool:
        client.decide(ask("", "other", context=context(1)))
        found = client.decide(ask("", "other", offer_ids=["o05000", "o05001"]))
        stored = client.get("other", found.event_id)
        return stored.offers[0].offer.features.numeric["price"] == 77.0

    wait_until(arrived, "the change to arrive", every_s=0.02)
    print(f"a change among ten thousand arrived after {time.monotonic() - started:.2f} s")  # noqa: T201
    assert client.get("other", "one").offers == stored.offers
