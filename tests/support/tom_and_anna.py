"""Tom and Anna read news: the simulation of Vowpal Wabbit's contextual bandit tutorial, seeded.

A reader comes in the morning or in the afternoon and is shown one of seven articles. Each reader likes one topic in
the morning and another one in the afternoon, and clicks if and only if the article is the liked one. The tests play it
against the running service; `play` plays it against a policy alone, for unit tests and benchmarks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from attune_models import pmf as pmfs
from attune_models.features import situation
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation
from attune_models.vw import VwPolicy

USERS = ("Tom", "Anna")
TIMES_OF_DAY = ("morning", "afternoon")
ARTICLES = ("politics", "sports", "music", "food", "finance", "health", "camping")


@dataclass(frozen=True, slots=True)
class Visit:
    """One round: who comes, and when.

    Attributes:
        user: One of `USERS`.
        time_of_day: One of `TIMES_OF_DAY`.
    """

    user: str
    time_of_day: str


LIKED: Mapping[Visit, str] = {
    Visit("Tom", "morning"): "politics",
    Visit("Tom", "afternoon"): "music",
    Visit("Anna", "morning"): "sports",
    Visit("Anna", "afternoon"): "politics",
}
"""The only article that is clicked on in each of the four situations."""


def visits(n_rounds: int, seed: int) -> list[Visit]:
    """Return who comes when, user and time of day drawn independently and uniformly.

    Args:
        n_rounds: How many visits.
        seed: The same seed gives the same visits.
    """
    random = Random(seed)
    return [Visit(random.choice(USERS), random.choice(TIMES_OF_DAY)) for _ in range(n_rounds)]


def is_clicked(visit: Visit, article: str) -> bool:
    """Tell whether the reader clicks on the article that is shown."""
    return LIKED[visit] == article


def play(policy: VwPolicy, n_rounds: int, seed: int, delay: int) -> list[bool]:
    """Let a policy decide and learn.

    Args:
        policy: Untrained.
        n_rounds: How many visits.
        seed: Of the visits and of the draws.
        delay: How many rounds learning lags behind: 0 means that each decision knows all rounds before it.

    Returns:
        Whether each visit ended in a click.
    """
    situations = {visit: situation_of(visit) for visit in LIKED}
    log: list[Interaction] = []
    for i, visit in enumerate(visits(n_rounds, seed)):
        if i > delay:
            policy.learn(log[i - delay - 1])
        pmf = policy.pmf(situations[visit])
        chosen = pmfs.draw(pmf, pmfs.unit_interval("draw", str(seed), str(i)))
        reward = float(is_clicked(visit, ARTICLES[chosen]))
        log.append(Interaction(situations[visit], chosen, pmf[chosen], reward))
    return [interaction.reward > 0.0 for interaction in log]


def situation_of(visit: Visit) -> Situation:
    """Return what a policy chooses in at a visit: who and when, and the articles."""
    context = FeatureSet(categorical={"user": visit.user, "time_of_day": visit.time_of_day})
    return situation(context, [PlainAction(name, FeatureSet(categorical={"article": name})) for name in ARTICLES])
