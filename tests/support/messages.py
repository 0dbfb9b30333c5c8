"""Small builders of requests, so that a test shows only the fields it is about.

Everything here is a plain message of the public contract; `client.py` sends them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from attune.v1 import (
    catalog_service_pb2,
    decision_service_pb2,
    features_pb2,
    placement_pb2,
    placement_service_pb2,
    reward_service_pb2,
)

FIRST = placement_pb2.AGGREGATION_FIRST
SUM = placement_pb2.AGGREGATION_SUM


def features(
    numeric: Mapping[str, float] | None = None,
    categorical: Mapping[str, str] | None = None,
    tags: Mapping[str, Iterable[str]] | None = None,
    dense: Mapping[str, Sequence[float]] | None = None,
) -> features_pb2.Features:
    """Builds features of the four kinds."""
    return features_pb2.Features(
        numeric=numeric or {},
        categorical=categorical or {},
        tags={name: features_pb2.Tags(values=values) for name, values in (tags or {}).items()},
        dense={name: features_pb2.Vector(values=values) for name, values in (dense or {}).items()},
    )


def offer(offer_id: str, known: features_pb2.Features | None = None) -> features_pb2.Offer:
    """Builds an offer, by default without features."""
    return features_pb2.Offer(id=offer_id, features=known)


def offers(*ids: str) -> list[features_pb2.Offer]:
    """Builds offers without features."""
    return [offer(offer_id) for offer_id in ids]


def numbered_offers(count: int) -> list[features_pb2.Offer]:
    """Builds `count` offers called o0, o1 and so on, without features."""
    return offers(*(f"o{i}" for i in range(count)))


def kept(offer_id: str, known: features_pb2.Features | None = None, **fields: Any) -> catalog_service_pb2.CatalogOffer:
    """Builds an offer for the catalogue."""
    return catalog_service_pb2.CatalogOffer(offer=offer(offer_id, known), **fields)


def decide(
    placement: str, event_id: str, candidates: Sequence[features_pb2.Offer], **fields: Any
) -> decision_service_pb2.DecideRequest:
    """Builds a request for a decision that asks for the whole ranking unless `fields` say otherwise."""
    fields.setdefault("ranking_size", 1000)
    return decision_service_pb2.DecideRequest(placement=placement, event_id=event_id, offers=candidates, **fields)


def decision(placement: str, event_id: str) -> decision_service_pb2.GetDecisionRequest:
    """Builds a request for a stored decision."""
    return decision_service_pb2.GetDecisionRequest(placement=placement, event_id=event_id)


def outcome(
    placement: str, event_id: str, name: str = "click", *, at_s: float | None = None, **fields: Any
) -> reward_service_pb2.Outcome:
    """Builds an outcome; `at_s` is when it happened, in seconds since the epoch."""
    if at_s is not None:
        fields["occurred_at"] = Timestamp()
        # Whole microseconds: a double has no more, and 20 ms must not become 19.9999.
        fields["occurred_at"].FromMicroseconds(round(at_s * 1e6))
    return reward_service_pb2.Outcome(placement=placement, event_id=event_id, name=name, **fields)


def rule(name: str = "click", **fields: Any) -> placement_pb2.OutcomeRule:
    """Builds what one named outcome is worth."""
    return placement_pb2.OutcomeRule(name=name, **fields)


def reward(window_s: float = 600, rules: Sequence[placement_pb2.OutcomeRule] = (), **fields: Any) -> Any:
    """Builds a reward spec with a window of so many seconds."""
    whole, part = divmod(round(window_s * 1e9), 1_000_000_000)
    return placement_pb2.RewardSpec(window=Duration(seconds=whole, nanos=part), outcomes=rules, **fields)


def softmax(inverse_temperature: float = 10.0, **fields: Any) -> placement_pb2.PolicySpec:
    """Builds a policy of softmax exploration. Its field is called like a keyword of Python."""
    exploration = placement_pb2.SoftmaxSpec(**{"lambda": inverse_temperature})
    return placement_pb2.PolicySpec(vw=placement_pb2.VwSpec(softmax=exploration), **fields)


def uniform() -> placement_pb2.PolicySpec:
    """Builds a policy that draws every offer with the same probability."""
    return placement_pb2.PolicySpec(uniform=placement_pb2.UniformSpec())


def fixed(offer_id: str = "", **fields: Any) -> placement_pb2.PolicySpec:
    """Builds a policy that always shows the same offer."""
    return placement_pb2.PolicySpec(fixed=placement_pb2.FixedSpec(offer_id=offer_id), **fields)


def control(share: float, **baseline: Any) -> placement_pb2.ControlSpec:
    """Builds a control group; without a baseline it is uniform."""
    return placement_pb2.ControlSpec(share=share, **baseline)


def apply(placement: placement_pb2.Placement) -> placement_service_pb2.ApplyPlacementRequest:
    """Builds a request to create or change a placement."""
    return placement_service_pb2.ApplyPlacementRequest(placement=placement)
