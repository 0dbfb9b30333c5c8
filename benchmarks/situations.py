"""The situations that policies are timed in: 3 context features, actions of 4 features each, ids not counted."""

from attune_models.types import FeatureSet, PlainAction

CONTEXT = FeatureSet({"hour": 14.0}, {"device": "mobile", "segment": "new"})


def make_actions(n_actions: int) -> list[PlainAction]:
    """Returns so many different actions."""
    return [PlainAction(f"offer-{i}", _features(i)) for i in range(n_actions)]


def _features(i: int) -> FeatureSet:
    return FeatureSet(
        {"price": i * 1.5, "discount": i % 3 / 10}, {"category": f"category-{i % 4}", "brand": f"{i % 7}"}
    )
