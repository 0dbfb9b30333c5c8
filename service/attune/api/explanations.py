"""From the core's explanations to the contract's."""

from attune.serving.explainer import Explained
from attune.v1.decision_service_pb2 import Contribution, Decision
from attune.v1.features_pb2 import (
    FEATURE_SOURCE_CONTEXT,
    FEATURE_SOURCE_OFFER,
    FEATURE_SOURCE_UNSPECIFIED,
    FeatureSource,
)
from attune_models import explanation as core

_SOURCES: dict[core.Source, FeatureSource] = {
    core.Source.CONSTANT: FEATURE_SOURCE_UNSPECIFIED,
    core.Source.CONTEXT: FEATURE_SOURCE_CONTEXT,
    core.Source.ACTION: FEATURE_SOURCE_OFFER,
}


def write_explanations(explained: Explained, decision: Decision) -> None:
    """Write scores and contributions into the offers of a decision.

    Args:
        explained: What made the scores.
        decision: What it is about, as it is stored.
    """
    decision.explained_by = explained.version
    for position, explanation in explained.explanations.items():
        offer = decision.offers[position]
        offer.score = explanation.score
        offer.contributions.extend(map(_contribution, explanation.contributions))


def _contribution(part: core.Contribution) -> Contribution:
    return Contribution(source=_SOURCES[part.source], name=part.name, value=part.value, amount=part.amount)
