"""Whatever the policy, an offer of the catalogue has the probability that it has when it is sent with the request.

The catalogue's offers are kept ready for the policy, and their scores may be computed in another way than those of
inline offers. Up to what float32 rounds nobody may notice.
"""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from attune.v1 import placement_pb2
from attune.v1.decision_service_pb2 import DecideRequest, DecideResponse, GetDecisionRequest
from attune.v1.placement_pb2 import PolicySpec, VwSpec
from attune.v1.placement_service_pb2 import PromotePolicyVersionRequest
from client import DEADLINE_S, Client
from messages import decide, features, kept, outcome, reward
from service import RunningService, wait_until

CATALOGUE = [
    kept(
        f"o{i:02}",
        features({"price": i / 7 - 1}, {"brand": f"b{i % 3}"}, {"styles": [f"s{i % 2}", f"s{i % 5}"]}, {"e": [i / 9]}),
    )
    for i in range(12)
]


def _policies() -> Iterator[tuple[str, PolicySpec]]:
    for field in VwSpec.DESCRIPTOR.oneofs_by_name["exploration"].fields:
        spec = VwSpec()
        getattr(spec, field.name).SetInParent()
        yield field.name, PolicySpec(vw=spec)
    for field in PolicySpec.DESCRIPTOR.oneofs_by_name["kind"].fields:
        policy = PolicySpec()
        getattr(policy, field.name).SetInParent()
        yield field.name, policy
    forgetful = PolicySpec(
        vw=VwSpec(context_alone=True, crossings=placement_pb2.CROSSINGS_CONTEXT_OFFER), half_life=500
    )
    yield "half-life", forgetful
    crossings = [placement_pb2.Crossing(context=["device"], offer=["brand"]), placement_pb2.Crossing(slot=True)]
    yield "explicit", PolicySpec(vw=VwSpec(explicit_crossings=crossings))
    yield "floored", PolicySpec(vw=VwSpec(), min_probability=0.02)


POLICIES = {name.replace("_", "-"): policy for name, policy in _policies()}


def context(i: int) -> Any:
    return features({"age": (i * 37 % 100) / 50, "n": i * 1e-3}, {"device": ("mobile", "desktop")[i % 2]}, {"t": ["x"]})


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    """A client of a service with a placement for each policy, which has learned from the catalogue."""
    with Client(service.address) as connected:
        for name, policy in POLICIES.items():
            connected.apply(name, policy=policy, reward=reward(1))
        connected.put(*CATALOGUE)
        for name in POLICIES:
            wait_until(lambda name=name: _has_all(connected, name), "the catalogue to arrive")
            requests = [DecideRequest(placement=name, event_id=f"{i}", context=context(i)) for i in range(80)]
            answers = [each.decision for each in connected.batch(requests)]
            worth = [float((int(a.choices[0].offer_id[1:]) + i) % 3 == 0) for i, a in enumerate(answers)]
            connected.record(*(outcome(name, a.event_id, value=v) for a, v in zip(answers, worth, strict=True)))
        for name in POLICIES:
            status = connected.wait_learned(name, 80)
            if status.policy_version:
                promote = PromotePolicyVersionRequest(placement=name, version=status.policy_version)
                connected.placements.PromotePolicyVersion(promote, timeout=DEADLINE_S)
                wait_until(
                    lambda name=name, version=status.policy_version: _version(connected, name) == version,
                    "the version to serve",
                )
        yield connected


def _has_all(client: Client, name: str) -> bool:
    try:
        return len(client.decide(decide(name, "", [])).ranking) == len(CATALOGUE)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION  # noqa: PT017 - nothing has arrived yet
        return False


def _version(client: Client, name: str) -> int:
    return client.decide(decide(name, "", [])).policy_version


def pmf(answer: DecideResponse) -> dict[str, float]:
    return {scored.offer_id: scored.probability for scored in answer.ranking}


@pytest.mark.parametrize("name", list(POLICIES))
def test_the_catalogue_and_inline_offers_have_the_same_probabilities(client: Client, name: str) -> None:
    inline = [one.offer for one in CATALOGUE]
    stated = []
    for i in range(10):
        known = context(1000 + i)
        kept_there, sent = client.decide(decide(name, "", [], context=known)), decide(name, "", inline, context=known)
        stated.append(pmf(kept_there))
        assert stated[-1] == pytest.approx(pmf(client.decide(sent)), abs=1e-5)
        named = [one.offer.id for one in reversed(CATALOGUE[::2])]
        some = client.decide(decide(name, "", [], context=known, offer_ids=named))
        assert pmf(some) == pytest.approx(
            pmf(client.decide(decide(name, "", inline[::2][::-1], context=known))), abs=1e-5
        )
    # The others draw uniformly for longer than they were taught here, or always.
    if name not in {"uniform", "fixed", "first", "regcb", "regcbopt", "synthcover"}:
        assert any(max(each.values()) - min(each.values()) > 0.01 for each in stated), "it has learned something"


@pytest.mark.parametrize("name", list(POLICIES))
def test_each_slot_has_the_same_probabilities_as_with_inline_offers(client: Client, name: str) -> None:
    inline = [one.offer for one in CATALOGUE]
    for i in range(5):
        known, event_id = context(2000 + i), f"slots {i}"
        stored = []
        for suffix, candidates in (("c", []), ("i", inline)):
            client.decide(decide(name, event_id + suffix, candidates, context=known, slots=3))
            stored.append(client.get(name, event_id + suffix))
        first, second = ([one.probability for one in each.offers] for each in stored)
        assert first == pytest.approx(second, abs=1e-5)
        for each in stored:
            later = [sum(one.later_probabilities[slot] for one in each.offers) for slot in range(2)]
            assert later == pytest.approx([1, 1], abs=1e-9)
            chosen = {one.offer.id: one for one in each.offers}
            for choice in each.choices[1:]:
                assert chosen[choice.offer_id].later_probabilities[choice.slot - 1] == choice.propensity > 0


@pytest.mark.parametrize("name", ["squarecb", "softmax", "explicit", "linear-ucb", "popularity"])
def test_decisions_from_the_catalogue_are_explained_like_others(client: Client, name: str) -> None:
    inline = [one.offer for one in CATALOGUE]
    explained = []
    for event_id, candidates in (("why c", []), ("why i", inline)):
        client.decide(decide(name, event_id, candidates, context=context(7)))
        request = GetDecisionRequest(placement=name, event_id=event_id, explain=True)
        explained.append(client.decisions.GetDecision(request, timeout=DEADLINE_S).decision)
    kept_there, sent = explained
    assert kept_there.explained_by == sent.explained_by
    assert [one.offer for one in kept_there.offers] == [one.offer for one in sent.offers]
    assert [one.score for one in kept_there.offers] == [one.score for one in sent.offers]
    assert [list(one.contributions) for one in kept_there.offers] == [list(one.contributions) for one in sent.offers]
