"""What is drawn is recorded with the probabilities that it was drawn with, wherever the offers come from."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.live_offers import live_offers, live_on

from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.drawing import Draft, draft
from attune.serving.drawing_alike import draw_all
from attune.serving.guard import NO_GUARD
from attune.serving.live import LivePlacement
from attune.serving.specs import with_defaults
from attune.serving.terms import OfferTerms
from attune.serving.variants import Channel
from attune.storage.v1.records_pb2 import DecisionRecord, PlacementRecord
from attune.store.keys import PlacementKeys
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_FALLBACK, MODE_LEARNED
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import Placement
from attune_models import pmf as pmfs
from attune_models.baselines import FixedPolicy, FixedSpec, UniformPolicy
from attune_models.policy import Policy
from attune_models.types import Pmf, PolicyError, Situation

LIVE = live_offers([f"o{i:02}" for i in range(40)], channels={"o03": ["email"]})


NOW_MS = 1_700_000_000_000


class _Steep(UniformPolicy):
    """Prefers later ids: what an offer earns is its number."""

    def pmf(self, situation: Situation) -> Pmf:
        return pmfs.normalised([1.0 + int(offer_id[1:]) for offer_id in situation.action_ids])

    def scores(self, situation: Situation) -> NDArray[np.float64] | None:
        return np.array([float(offer_id[1:]) for offer_id in situation.action_ids])


class _Broken(UniformPolicy):
    """Has no probabilities, and no scores."""

    def pmf(self, situation: Situation) -> Pmf:  # noqa: ARG002 - part of what a policy is
        raise PolicyError("expected a distribution, got none")

    def scores(self, situation: Situation) -> NDArray[np.float64] | None:  # noqa: ARG002 - part of what a policy is
        raise PolicyError("expected scores, got none")


def placement(policy: Policy | None, **changed: Any) -> LivePlacement:
    fields: dict[str, Any] = {
        "keys": PlacementKeys("home_hero"),
        "record": PlacementRecord(placement=with_defaults(Placement(name="home_hero"))),
        "created_at_ms": 1,
        "window_ms": 600_000,
        "policy": policy,
        "version": 7,
        "control": UniformPolicy(),
        "control_share": 0.0,
        "shortlist_size": 1000,
        "shortlist_random": 100,
        "guard": NO_GUARD,
    }
    return LivePlacement(**(fields | changed))


async def drawn_by(live: LivePlacement, event_id: str = "e", **fields: Any) -> Draft:
    request = DecideEnvelope(placement="home_hero", **fields)
    drawn = draft(request, live, LIVE, event_id)
    drawn.draw(drawn.pmf_of(drawn.eligible.situation), NOW_MS)
    if request.slots > 1:
        await drawn.draw_later_slots()
    return drawn


def record_of(drawn: Draft) -> DecisionRecord:
    """Return what is written of a decision, as whoever reads it sees it."""
    record = DecisionRecord.FromString(drawn.serialised())
    assert (record.event_id, record.decided_at_ms, record.mode) == (drawn.event_id, NOW_MS, drawn.mode)
    assert (record.chosen, list(record.pmf)) == (drawn.chosen, drawn.pmf)
    assert (record.policy_version, list(record.later_slots)) == (drawn.policy_version, list(drawn.later_slots))
    assert (record.context, record.request_digest) == (drawn.eligible.context, drawn.digest)
    return record


def ids_of(record: DecisionRecord) -> list[str]:
    """Return the offers that a record could draw, as whoever reads it finds them."""
    positions = record.offer_positions or range(len(LIVE.actions.actions))
    return [LIVE.actions.action_ids[i] for i in positions]


async def test_a_decision_from_the_catalogue_names_the_set_and_not_the_offers() -> None:
    drawn = await drawn_by(placement(_Steep()))
    record = record_of(drawn)
    assert record.offer_set == LIVE.offer_set.digest
    assert (list(record.offers), list(record.offer_positions), record.shortlisted_from) == ([], [], 0)
    assert list(record.pmf) == pmfs.normalised([1.0 + i for i in range(40)])
    assert (record.mode, record.policy_version) == (MODE_LEARNED, 7)
    assert record.chosen == pmfs.draw(list(record.pmf), pmfs.unit_interval("draw", "home_hero", "e"))


async def test_a_decision_from_some_of_them_says_which() -> None:
    drawn = await drawn_by(placement(_Steep()), offer_ids=["o05", "o03", "gone"], channel="email")
    assert list(record_of(drawn).offer_positions) == [5, 3]
    assert ids_of(record_of(drawn)) == list(drawn.eligible.situation.action_ids) == ["o05", "o03"]
    assert list(record_of(drawn).pmf) == pmfs.normalised([6.0, 4.0])


async def test_a_shortlist_is_what_the_pmf_is_over() -> None:
    live = placement(_Steep(), shortlist_size=10, shortlist_random=4)
    for i in range(20):
        record = record_of(await drawn_by(live, event_id=str(i), excluded_offer_ids=["o39"]))
        ids = ids_of(record)
        assert record.shortlisted_from == 39
        assert len(ids) == len(set(ids)) == len(record.pmf) == 10
        assert {f"o{n}" for n in range(33, 39)} < set(ids)
        assert "o39" not in ids
        assert list(record.pmf) == pmfs.normalised([1.0 + int(offer_id[1:]) for offer_id in ids])


async def test_offers_of_the_request_are_never_shortlisted() -> None:
    offers = [Offer(id=f"o{i}").SerializeToString() for i in range(20)]
    record = record_of(await drawn_by(placement(_Steep(), shortlist_size=10, shortlist_random=1), offers=offers))
    assert (len(record.offers), len(record.pmf), record.shortlisted_from) == (20, 20, 0)


async def test_a_decision_on_channels_says_so() -> None:
    channels = (Channel("email"), Channel("push"))
    live = live_on(channels, [OfferTerms(f"o{i}") for i in range(30)])
    request, sizes = DecideEnvelope(placement="home_hero", slots=8), {"shortlist_size": 3, "shortlist_random": 1}
    drawn = draft(request, placement(UniformPolicy(), **sizes, channels=channels), live, "e")
    drawn.draw(drawn.pmf_of(drawn.eligible.situation), NOW_MS)
    await drawn.draw_later_slots()
    record = record_of(drawn)
    assert (drawn.with_channels, record.with_channels) == (True, True)
    assert len(record.pmf) == 16, "a list of 8 offers on 2 channels: there are 8 offers on it at least"
    shown = [each.offer_id for each in drawn.shown]
    assert len(shown) == len(set(shown)) == 8
    for slot, later in enumerate(record.later_slots, 1):
        left = [drawn.eligible.terms_of(i).offer_id not in shown[:slot] for i in range(16)]
        assert [probability > 0.0 for probability in later.pmf] == left, "an offer goes with all its channels"
    assert not record_of(await drawn_by(placement(UniformPolicy()))).with_channels


async def test_importance_weighting_is_unbiased_on_shortlists() -> None:
    """Of a policy that chooses from lists that are made the same way: what it earns on a list, averaged over lists.

    The target takes the first of the list. Its value on each list is known here; so is, of each decision, the estimate
    1{first drawn} reward / propensity. The mean difference is 0 within 3 standard errors of 4,000 decisions.
    """
    live = placement(_Steep(), shortlist_size=6, shortlist_random=3)
    differences = []
    for i in range(4000):
        record = record_of(await drawn_by(live, event_id=str(i)))
        value = float(record.offer_positions[0])
        differences.append(value * ((record.chosen == 0) / record.pmf[0] - 1.0))
    standard_error = np.std(differences, ddof=1) / np.sqrt(len(differences))
    assert abs(np.mean(differences)) < 3 * standard_error


async def test_the_control_group_s_shortlist_does_not_come_from_the_policy() -> None:
    """Uniform draws from uniform lists: each of 40 offers has 1/40. Chi-square, 39 degrees of freedom, 99.9 %."""
    live = placement(_Steep(), control_share=1.0, shortlist_size=10, shortlist_random=1)
    counts: Counter[str] = Counter()
    for i in range(4000):
        record = record_of(await drawn_by(live, event_id=str(i)))
        assert (record.mode, record.policy_version) == (MODE_CONTROL, 0)
        assert list(record.pmf) == [0.1] * 10
        counts[ids_of(record)[record.chosen]] += 1
    assert sum((counts[f"o{i:02}"] - 100) ** 2 / 100 for i in range(40)) < 72.06


async def test_a_fixed_offer_of_the_control_group_is_on_its_shortlist() -> None:
    live = placement(
        _Steep(), control=FixedPolicy(FixedSpec("o01")), control_share=1.0, shortlist_size=10, shortlist_random=5
    )
    for i in range(20):
        record = record_of(await drawn_by(live, event_id=str(i)))
        assert ids_of(record)[record.chosen] == "o01"


@pytest.mark.parametrize("policy", [None, _Broken()])
async def test_without_a_policy_that_works_lists_and_draws_are_uniform(policy: Policy | None) -> None:
    record = record_of(await drawn_by(placement(policy, shortlist_size=10, shortlist_random=1), slots=3))
    assert (record.mode, record.policy_version, record.shortlisted_from) == (MODE_FALLBACK, 0, 40)
    assert list(record.pmf) == [0.1] * 10
    assert [sum(slot.pmf) for slot in record.later_slots] == pytest.approx([1.0, 1.0])


async def test_a_list_is_as_long_as_there_are_slots() -> None:
    drawn = await drawn_by(placement(_Steep(), shortlist_size=2, shortlist_random=1), slots=5)
    assert (len(record_of(drawn).pmf), len(record_of(drawn).later_slots), record_of(drawn).shortlisted_from) == (
        5,
        4,
        40,
    )


async def test_later_slots_draw_from_the_same_shortlist() -> None:
    record = record_of(await drawn_by(placement(_Steep(), shortlist_size=5, shortlist_random=2), slots=5))
    chosen = [record.chosen, *(slot.chosen for slot in record.later_slots)]
    assert sorted(chosen) == [0, 1, 2, 3, 4]


async def test_many_decisions_are_drawn_as_one_by_one() -> None:
    """Of several placements, policies and parts of the catalogue, and where the policy fails for all of them."""
    placements = [
        placement(_Steep()),
        placement(_Steep(), control_share=0.5, shortlist_size=10, shortlist_random=2),
        placement(_Broken()),
        placement(None),
    ]
    asked: list[dict[str, Any]] = [
        {},
        {"excluded_offer_ids": ["o07"]},
        {"offer_ids": ["o05", "o01"]},
        {"channel": "push"},
    ]

    def drafts() -> list[Draft]:
        return [
            draft(DecideEnvelope(placement="home_hero", **fields), live, LIVE, f"{i}-{j}")
            for i, live in enumerate(placements)
            for j, fields in enumerate(asked * 3)
        ]

    together, one_by_one = drafts(), drafts()
    draw_all(together, NOW_MS)
    for each in one_by_one:
        each.draw(each.pmf_of(each.eligible.situation), NOW_MS)
    assert list(map(record_of, together)) == list(map(record_of, one_by_one))
    assert {each.mode for each in together} == {MODE_LEARNED, MODE_CONTROL, MODE_FALLBACK}
