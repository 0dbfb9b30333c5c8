"""The value of a target by segment: among the samples whose context has one value of a feature."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from attune.evaluation.tallies import Estimators, Tallies
from attune.evaluation.weighing import Weighed
from attune.logs.samples import Sample
from attune.v1.features_pb2 import Features
from attune_models.target_diagnostics import TargetDiagnostics

MOST_VALUES = 20
OTHER = "(other)"
ABSENT = "(none)"
_CELLS = 2  # segments have intervals from variances alone: nothing is resampled


class SegmentAccount:
    """What is known of a segment so far.

    Attributes:
        own: A tally of its rounds.
        logged: What they have really earned.
        diagnostics: What their weights say.
    """

    def __init__(self, estimators: Estimators, *, several: bool) -> None:
        """Start without rounds."""
        self.own, self.logged = (Tallies(estimators, _CELLS, several=several) for _ in range(2))
        self.diagnostics = TargetDiagnostics()

    def add(self, weighed: Weighed, logged: Weighed) -> None:
        """Take in rounds of the segment."""
        self.own.add(weighed)
        self.logged.add(logged)
        self.diagnostics.add(weighed.weight, weighed.earned, weighed.unsupported)


class Segments:
    """The segments of one target.

    Values of a feature are taken up as they come; after so many, new ones are counted together. The text of a feature
    is its value, a number's as short as it can be told; tags are taken together.
    """

    def __init__(self, features: Sequence[str], estimators: Estimators) -> None:
        """Start without rounds.

        Args:
            features: Names of features of the context.
            estimators: The main ones.
        """
        self._features = features
        self._estimators = estimators
        self._known: dict[str, dict[str, SegmentAccount]] = {feature: {} for feature in features}
        self._several = False

    def add(self, samples: Sequence[Sample], weighed: Weighed, logged: Weighed) -> None:
        """Take in rounds.

        Args:
            samples: All of the chunk.
            weighed: As the target sees them.
            logged: The same rounds as they were decided.
        """
        self._several = self._several or weighed.slots.reward.shape[1] > 1
        for feature in self._features:
            rows: dict[str, list[int]] = {}
            for row, place in enumerate(weighed.index.tolist()):
                rows.setdefault(self._value(feature, samples[place].context), []).append(row)
            for value, found in rows.items():
                positions = np.array(found, dtype=np.int64)
                self._account(feature, value).add(weighed.taken(positions), logged.taken(positions))

    def accounts(self) -> Iterator[tuple[str, str, SegmentAccount]]:
        """Yield feature, value and account of each segment: by feature, the largest first and `OTHER` last."""
        for feature, known in self._known.items():
            by_size = sorted(known.items(), key=lambda item: (item[0] == OTHER, -item[1].own.main.n_rounds))
            for value, account in by_size:
                yield feature, value, account

    def absent(self) -> list[str]:
        """Return the features that no sample has: most often they are called otherwise."""
        return [feature for feature, known in self._known.items() if known.keys() == {ABSENT}]

    def _value(self, feature: str, context: Features) -> str:
        known = self._known[feature]
        value = value_of(feature, context)
        if value not in known and len(known) < MOST_VALUES:
            self._account(feature, value)
        return value if value in known else OTHER

    def _account(self, feature: str, value: str) -> SegmentAccount:
        known = self._known[feature]
        if value not in known:
            known[value] = SegmentAccount(self._estimators, several=self._several)
        return known[value]


def value_of(feature: str, context: Features) -> str:
    """Return the value of a feature of a context as text."""
    if feature in context.categorical:
        return context.categorical[feature]
    if feature in context.numeric:
        return f"{context.numeric[feature]:g}"
    tags: Mapping[str, object] = context.tags
    return ", ".join(sorted(context.tags[feature].values)) if feature in tags else ABSENT
