"""Samples for tests of the evaluation: made by hand, or drawn; and a log that is a list."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from attune.logs.samples import Found, Sample
from attune.v1.features_pb2 import Features
from attune_models import slots
from attune_models.features import encode, encode_action
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation

USERS = ("tom", "anna")
CLICKS = ((0.8, 0.1, 0.1), (0.1, 0.8, 0.1))
"""Click rate of each user for each of three offers."""


@dataclass(frozen=True, slots=True)
class ListSource:
    """A log in memory."""

    found: Sequence[Found]
    name: str = "a list"

    @property
    def size_hint(self) -> int:
        """How many there are."""
        return len(self.found)

    def read(self) -> Iterator[Found]:
        """Read it."""
        return iter(self.found)


def situation(n_offers: int, context: Features | None = None) -> Situation:
    """Return a situation of offers o0, o1, ..."""
    ids = [f"o{i}" for i in range(n_offers)]
    return Situation(encode(context or FeatureSet()), ids, [encode_action(PlainAction(each)) for each in ids])


def sample(
    number: int,
    pmf: Sequence[float],
    chosen: int,
    reward: float,
    *,
    context: Features | None = None,
    position: str = "",
    has_pmf: bool = True,
) -> Sample:
    """Return a decision of one slot."""
    drawn = Interaction(situation(len(pmf), context), chosen, pmf[chosen], reward)
    pmfs = [list(pmf)] if has_pmf else []
    return Sample(
        f"row {number}", f"e{number}", 1000 * number, "learned", position, context or Features(), [drawn], pmfs
    )


def of_slots(number: int, draws: Sequence[tuple[Sequence[float], int, float]]) -> Sample:
    """Return a decision of several slots: of each, the pmf among what is left, which of the left, and the reward."""
    first = situation(len(draws[0][0]))
    drawn: list[int] = []
    made = []
    for pmf, position, reward in draws:
        left = [i for i in range(len(first.actions)) if i not in drawn]
        made.append(slots.interaction(first, drawn, left[position], pmf[position], reward))
        drawn.append(left[position])
    return Sample(
        f"row {number}", f"e{number}", 1000 * number, "", "", Features(), made, [list(pmf) for pmf, _, _ in draws]
    )


def placed(samples: Sequence[Sample]) -> list[Sample]:
    """Return samples with positions in a training log: 1-0, 2-0, ..."""
    return [replace(each, position=f"{n}-0") for n, each in enumerate(samples, 1)]


def clicks(n: int, seed: int, pmf: Sequence[float] = (1 / 3, 1 / 3, 1 / 3)) -> list[Sample]:
    """Draw decisions for two users, who like different offers; `CLICKS` is the truth."""
    rng = np.random.default_rng(seed)
    users, chosen = rng.integers(0, 2, n), rng.choice(len(pmf), n, p=pmf)
    clicked = rng.random(n) < np.array(CLICKS)[users, chosen]
    contexts = [Features(categorical={"user": user}) for user in USERS]
    rows = zip(users.tolist(), chosen.tolist(), clicked.tolist(), strict=True)
    return [sample(i, pmf, draw, float(click), context=contexts[user]) for i, (user, draw, click) in enumerate(rows)]
