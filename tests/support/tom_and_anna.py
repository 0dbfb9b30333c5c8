"""Tom and Anna read news: the simulation of Vowpal Wabbit's contextual bandit tutorial, seeded.

A reader comes in the morning or in the afternoon and is shown one of seven articles. Each reader likes one topic in
the morning and another one in the afternoon, and clicks if and only if the article is the liked one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

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
