"""Names, values and sizes: nothing within the limits changes the number of actions, whatever the text is made of.

A feature's name or value that reached Vowpal Wabbit unescaped could open a namespace, add an action or swallow one. So
every request here is asked of a fresh model and of one that has learned from such requests, and each time all eligible
offers, and only those, come back with probabilities that sum to 1.
"""

import itertools
import math
import random
import string
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from attune.v1 import decision_service_pb2, features_pb2
from bad_requests import mixed_features
from client import Client
from messages import decide, features, numbered_offers, offer, offers, outcome, reward, softmax
from service import RunningService

# What means something to a VW line, to DSJSON, to C strings, to a format string or to a key of the store.
SPECIAL = ("|", ":", " ", "\n", "\r", "\t", "\0", "_", "%", "=", "'", '"', "\\", "{", "}", "[", "]", ",", "#", "^", "/")
WORDS = ("_multi", "_label", "_label_cost", "_labelIndex", "_tag", "_text", "c", "a", "shared |a b", "0:1:0.5 |", "%s")
KINDS = ("numeric", "categorical", "tags", "dense")
CANDIDATES = ("fresh", "learned", "softmax")
EXTREMES = (0.0, -0.0, 1.0, -1.0, 5e-324, -1e-45, 0.1, 1e6, -1e6, 3.4e5, 1e-30)
# VW's own reader of numbers gives NaN for these.
NEAR_ZERO = (2.3452504751845215e-198, 2e-150)
# The same examples in every run; no shrinking, which would take minutes over a real service.
SEARCH = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
_ids = itertools.count()


def fits(text: str) -> bool:
    return len(text.encode()) <= 256


# Any Unicode; lone surrogates are no Unicode text and cannot be sent at all.
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.text(st.sampled_from(SPECIAL + tuple("aé🙂\u2028\x85\ufeff")), max_size=60),
    st.sampled_from(WORDS),
    st.builds(str.__add__, st.sampled_from(WORDS), st.sampled_from(SPECIAL)),
).filter(fits)
NAME = TEXT.filter(bool)
NUMBER = st.one_of(st.sampled_from(EXTREMES + NEAR_ZERO), st.floats(-1e6, 1e6))
NUMBER32 = st.floats(-1e6, 1e6, width=32)
FEATURES = st.builds(
    features,
    numeric=st.dictionaries(NAME, NUMBER, max_size=4),
    categorical=st.dictionaries(NAME, TEXT, max_size=4),
    tags=st.dictionaries(NAME, st.lists(TEXT, max_size=4), max_size=3),
    dense=st.dictionaries(NAME, st.lists(NUMBER32, max_size=4), max_size=2),
)
OFFERS = st.lists(st.builds(offer, NAME, FEATURES), min_size=1, max_size=8, unique_by=lambda known: known.id)


def nasty_text(rng: random.Random) -> str:
    parts = (*SPECIAL, *WORDS, *string.ascii_lowercase[:4], "é", "🙂")
    return "".join(rng.choices(parts, k=rng.randint(1, 6)))


def nasty_features(rng: random.Random) -> features_pb2.Features:
    """A few features of each kind with names and values of special characters, and numbers up to the limits."""
    return features(
        numeric={nasty_text(rng): rng.choice(EXTREMES) for _ in range(3)},
        categorical={nasty_text(rng): nasty_text(rng) for _ in range(3)},
        tags={nasty_text(rng): [nasty_text(rng) for _ in range(3)]},
        dense={nasty_text(rng): [rng.choice(EXTREMES), 0.5]},
    )


def nasty_requests(placement: str, count: int) -> list[decision_service_pb2.DecideRequest]:
    rng = random.Random(f"nasty {placement}")
    return [
        decide(
            placement,
            f"{nasty_text(rng)} {i}",
            [offer(f"{nasty_text(rng)}{k}", nasty_features(rng)) for k in range(rng.randint(1, 6))],
            context=nasty_features(rng),
        )
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    """A client of a service with a fresh placement and two that have learned from 120 nasty decisions each."""
    with Client(service.address) as connected:
        connected.apply("fresh")
        connected.apply("learned", reward=reward(window_s=1))
        connected.apply("softmax", reward=reward(window_s=1), policy=softmax())
        for name in ("learned", "softmax"):
            requests = nasty_requests(name, 120)
            connected.decide_all(requests)
            # A reward for two of three, so that there is something to tell apart.
            connected.record(*(outcome(name, r.event_id) for i, r in enumerate(requests) if i % 3))
        for name in ("learned", "softmax"):
            connected.wait_learned(name, 120)
        yield connected


def assert_exact(answer: decision_service_pb2.DecideResponse, eligible: Sequence[str]) -> None:
    """Checks that the ranking is a distribution over exactly the eligible offers, and the choice one of them."""
    assert sorted(scored.offer_id for scored in answer.ranking) == sorted(eligible)
    probabilities = [scored.probability for scored in answer.ranking]
    assert all(0 <= probability <= 1 for probability in probabilities)
    assert abs(math.fsum(probabilities) - 1) <= 1e-9
    assert probabilities == sorted(probabilities, reverse=True)
    (choice,) = answer.choices
    assert choice.propensity > 0
    assert [choice.propensity] == [s.probability for s in answer.ranking if s.offer_id == choice.offer_id]


@SEARCH
@given(context=FEATURES, candidates=OFFERS, excluded=st.lists(TEXT, max_size=3), event=TEXT)
def test_no_text_and_no_number_changes_the_number_of_actions(
    client: Client,
    context: features_pb2.Features,
    candidates: list[features_pb2.Offer],
    excluded: list[str],
    event: str,
) -> None:
    ids = [known.id for known in candidates]
    # At least one offer stays; ids that are no candidates are ignored.
    excluded = [*ids[1::3], *excluded] if ids[0] not in excluded else ids[1::3]
    eligible = [offer_id for offer_id in ids if offer_id not in excluded]
    event_id = f"{next(_ids)}{event}"[:60]
    for placement in CANDIDATES:
        answer = client.decide(decide(placement, event_id, candidates, context=context, excluded_offer_ids=excluded))
        assert_exact(answer, eligible)
        assert (placement, answer.mode) == (placement, decision_service_pb2.MODE_LEARNED)
        assert (answer.policy_version > 0) == (placement != "fresh")


@SEARCH
@given(context=FEATURES, candidates=OFFERS, event=TEXT)
def test_a_stored_decision_holds_what_was_sent_and_the_pmf_it_was_drawn_from(
    client: Client, context: features_pb2.Features, candidates: list[features_pb2.Offer], event: str
) -> None:
    event_id = f"stored {next(_ids)} {event}"[:60]
    answer = client.decide(decide("learned", event_id, candidates, context=context))
    stored = client.get("learned", event_id)
    assert stored.event_id == event_id
    assert stored.context == context
    assert [eligible.offer for eligible in stored.offers] == candidates
    ranking = {scored.offer_id: scored.probability for scored in answer.ranking}
    assert {eligible.offer.id: eligible.probability for eligible in stored.offers} == ranking
    assert (stored.choices, stored.policy_version) == (answer.choices, answer.policy_version)


def test_decisions_on_nasty_text_and_extreme_numbers_leave_a_model_that_still_works(client: Client) -> None:
    for placement in ("learned", "softmax"):
        status = client.status(placement)
        assert status.learned >= 120
        answers = client.decide_all(decide(placement, f"plain {i}", numbered_offers(5)) for i in range(20))
        for answer in answers:
            assert_exact(answer, ["o0", "o1", "o2", "o3", "o4"])
            assert answer.mode == decision_service_pb2.MODE_LEARNED


# At the border: every row is still good. Each character of "é" is two bytes of UTF-8.
LONGEST = "é" * 128
BORDERS: dict[str, dict[str, Any]] = {
    "one offer": {"offers": offers("only")},
    "1,000 offers": {"offers": numbered_offers(1000)},
    "ids of 256 bytes": {"offers": offers(LONGEST, "b"), "event_id": LONGEST, "customer_id": LONGEST},
    "1,000 exclusions": {"offers": numbered_offers(1000), "excluded_offer_ids": [f"o{i}" for i in range(1, 1001)]},
    "all numbers at the limit": {"context": features(numeric={"x": 1e6, "y": -1e6}, dense={"x": [1e6, -1e6]})},
    "numbers near zero": {"context": features(numeric={"x": 2.3452504751845215e-198, "y": 5e-324, "z": -1e-120})},
    "numbers of an offer near zero": {"offers": [offer("a", features(numeric={"x": 2e-150})), offer("b")]},
    "200 numbers": {"context": features(numeric={f"n{i}": 1.0 for i in range(200)})},
    "200 values": {"context": features(categorical={f"c{i}": "v" for i in range(200)})},
    "200 tags": {"context": features(tags={"x": [f"t{i}" for i in range(200)]})},
    "200 components": {"context": features(dense={"x": [1.0] * 200})},
    "200 of all kinds": {"context": features(**mixed_features(200))},
    "200 of an offer": {"offers": [offer("a", features(**mixed_features(200))), offer("b")]},
    "names of 256 bytes": {"context": features({LONGEST: 1}, {LONGEST: "v"}, {LONGEST: ["v"]}, {LONGEST: [1]})},
    "values of 256 bytes": {"context": features(categorical={"x": LONGEST}, tags={"x": [LONGEST]})},
    "empty values": {"context": features(categorical={"x": ""}, tags={"x": [""], "none": []}, dense={"none": []})},
    "one slot": {"slots": 1},
}


@pytest.mark.parametrize("placement", CANDIDATES)
@pytest.mark.parametrize("border", BORDERS.values(), ids=BORDERS.keys())
def test_what_is_just_within_a_limit_is_answered(client: Client, border: dict[str, Any], placement: str) -> None:
    fields = {"event_id": f"border {next(_ids)}", "offers": offers("a", "b", "c"), **border}
    candidates, event_id = fields.pop("offers"), fields.pop("event_id")
    answer = client.decide(decide(placement, event_id, candidates, **fields))
    excluded = fields.get("excluded_offer_ids", ())
    assert_exact(answer, [known.id for known in candidates if known.id not in excluded])
    assert answer.mode == decision_service_pb2.MODE_LEARNED
    assert client.get(placement, event_id).event_id == event_id
