"""Tom and Anna read news, and in two variants change their minds half-way.

The three scenarios of Vowpal Wabbit's tutorial "Simulating content personalization with contextual bandits". What
readers like at first is in `tests/support/tom_and_anna.py`; what they turn to is here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from tests.support.tom_and_anna import ARTICLES, LIKED, Visit, is_clicked, situation_of, visits

from benchmarks.learning.environments import Rounds

TO_KNOWN: Mapping[Visit, str] = {
    Visit("Tom", "morning"): "politics",
    Visit("Tom", "afternoon"): "sports",
    Visit("Anna", "morning"): "sports",
    Visit("Anna", "afternoon"): "sports",
}
"""Second scenario (`get_cost_new1`): readers turn to an article that somebody liked before."""
TO_NEW: Mapping[Visit, str] = {
    Visit("Tom", "morning"): "politics",
    Visit("Tom", "afternoon"): "food",
    Visit("Anna", "morning"): "food",
    Visit("Anna", "afternoon"): "food",
}
"""Third scenario (`get_cost_new2`): readers turn to an article that nobody ever clicked on."""


@dataclass(frozen=True, slots=True)
class Readers:
    """Visits of Tom and Anna.

    Attributes:
        name: Its column in the table.
        about: A line about it.
        n_rounds: How many visits.
        later: What is liked from the middle of the visits on; None where nothing changes.
    """

    name: str
    about: str
    n_rounds: int
    later: Mapping[Visit, str] | None = None

    def rounds(self, seed: int) -> Rounds:
        """Make the visits, user and time of day drawn uniformly; a click counts 1."""
        situations = {visit: situation_of(visit) for visit in LIKED}
        come = visits(self.n_rounds, seed)
        clicks = [self._clicks(visit, i) for i, visit in enumerate(come)]
        return Rounds([situations[visit] for visit in come], np.array(clicks, dtype=np.float64))

    def _clicks(self, visit: Visit, i: int) -> list[bool]:
        if self.later is None or i < self.n_rounds // 2:
            return [is_clicked(visit, article) for article in ARTICLES]
        return [article == self.later[visit] for article in ARTICLES]


TOM_AND_ANNA = Readers("Tom and Anna", "4 situations, 7 articles, 5,000 visits; a click earns 1", 5_000)
DRIFT_TO_KNOWN = Readers(
    "drift 1", "the same for 10,000 visits, of which the later half like other known articles", 10_000, TO_KNOWN
)
DRIFT_TO_NEW = Readers(
    "drift 2", "the same for 10,000 visits, of which the later half like an article never liked before", 10_000, TO_NEW
)
