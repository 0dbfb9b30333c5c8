"""Tom and Anna read news: the simulation of Vowpal Wabbit's contextual bandit tutorial, seeded.

A reader comes in the morning or in the afternoon and is shown one of seven articles. Each reader likes one topic in
the morning and another one in the afternoon, and clicks if and only if the article is the liked one. The tests play it
against the running service; `play` plays it against a policy alone, for unit tests and benchmarks, and `play_seasons`
lets the readers change their minds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from attune_models import pmf as pmfs
from attune_models.features import situation
from attune_models.policy import Policy
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation

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

LIKED_LATER: Mapping[Visit, str] = dict(zip(LIKED, ("politics", "sports", "sports", "sports"), strict=True))
"""What they like after their first change of mind: articles that were liked in other situations (the tutorial's
`get_cost_new1`)."""

NEWLY_LIKED: Mapping[Visit, str] = dict(zip(LIKED, ("politics", "food", "food", "food"), strict=True))
"""What they like after their second change of mind: an article that nobody liked before (`get_cost_new2`)."""


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


def play(policy: Policy, n_rounds: int, seed: int, delay: int) -> list[bool]:
    """Let a policy decide and learn.

    Args:
        policy: Untrained, or knowing no more than its beliefs.
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


@dataclass(frozen=True, slots=True)
class Readers:
    """How the readers answer.

    Attributes:
        seasons: What is liked in each season; nothing changes within one.
        rounds: Length of a season, in visits.
        click_rates: Probability of a click on what is not liked, and on what is.
        base_reward: What every visit is worth; a click is worth 1 more.
    """

    seasons: Sequence[Mapping[Visit, str]]
    rounds: int
    click_rates: tuple[float, float] = (0.0, 1.0)
    base_reward: float = 0.0


def fickle_seasons(n_seasons: int, seed: int) -> list[Mapping[Visit, str]]:
    """Return seasons after each of which every one of the four situations gets another, random article.

    Args:
        n_seasons: How many.
        seed: The same seed gives the same seasons.
    """
    random = Random(f"seasons {seed}")
    seasons: list[Mapping[Visit, str]] = [{visit: random.choice(ARTICLES) for visit in LIKED}]
    while len(seasons) < n_seasons:
        before = seasons[-1]
        seasons.append({visit: random.choice([a for a in ARTICLES if a != before[visit]]) for visit in LIKED})
    return seasons


def play_seasons(policy: Policy, readers: Readers, seed: int) -> list[bool]:
    """Let a policy decide and learn at every visit while tastes change.

    Args:
        policy: Untrained.
        readers: How they answer.
        seed: Of the visits, of the draws and of the clicks.

    Returns:
        Whether each visit ended in a click.
    """
    situations = {visit: situation_of(visit) for visit in LIKED}
    random = Random(f"clicks {seed}")
    clicks: list[bool] = []
    for i, visit in enumerate(visits(len(readers.seasons) * readers.rounds, seed)):
        pmf = policy.pmf(situations[visit])
        chosen = pmfs.draw(pmf, pmfs.unit_interval("draw", str(seed), str(i)))
        is_liked = readers.seasons[i // readers.rounds][visit] == ARTICLES[chosen]
        clicks.append(random.random() < readers.click_rates[is_liked])
        policy.learn(Interaction(situations[visit], chosen, pmf[chosen], readers.base_reward + clicks[-1]))
    return clicks


def situation_of(visit: Visit) -> Situation:
    """Return what the policy knows of a visit."""
    context = FeatureSet(categorical={"user": visit.user, "time_of_day": visit.time_of_day})
    return situation(context, [PlainAction(name, FeatureSet(categorical={"article": name})) for name in ARTICLES])
