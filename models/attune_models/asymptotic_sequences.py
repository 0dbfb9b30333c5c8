"""Intervals that hold at all times at once, for estimates of which only the standard error is known.

    grouped sums --standard error--> reach --> estimate -+ reach x standard error

What a decision earns in money has no bound, and a share of answers is a quotient: `confidence_sequences`, which is
exact, does not apply. These hold asymptotically, as the interval of the central limit theorem does, but at every time:
one may look whenever one likes and stop when it suits.

Ian Waudby-Smith, David Arbour, Ritwik Sinha, Edward Kennedy and Aaditya Ramdas: Time-uniform central limit theory and
asymptotic confidence sequences, 2024 (theorem 2.2).
"""

from math import log, sqrt

from attune_models.intervals import check_confidence

TIGHTEST = 10_000
"""The number of rounds at which intervals are tightest; with a tenth of them, or a thousand times as many, they reach a
quarter farther."""


def reach(n_rounds: int, confidence: float, *, degrees: int) -> float:
    """Return how many standard errors an interval reaches to both sides.

    `sqrt(2 (1 + 1/v) log(sqrt(v + 1) / alpha))`, with `v = n_rounds rho^2` and the rho that makes it least at
    `TIGHTEST`. Of that normal quantile, the one of Student's distribution is taken: the standard error is an estimate.

    Args:
        n_rounds: How many rounds there were, at least 1.
        confidence: How probable it is at least that all intervals together cover the truth; between 0 and 1.
        degrees: Degrees of freedom of the standard error, at least 1.

    Returns:
        More than 0; about 3.1 at `TIGHTEST` with a confidence of 0.95, where one look would take 1.96.

    Raises:
        ValueError: The confidence is none.
    """
    check_confidence(confidence)
    rarity = -log(1.0 - confidence)
    scaled = n_rounds / TIGHTEST * (2.0 * rarity + log(2.0 * rarity) + 1.0)
    normal = sqrt(2.0 * (1.0 + 1.0 / scaled) * (0.5 * log(scaled + 1.0) + rarity))
    return student(normal, degrees)


def student(normal: float, degrees: int) -> float:
    """Return the quantile of Student's distribution that is as rare as one of the normal distribution.

    Four terms of the expansion of Cornish and Fisher (Ronald Fisher and Edmund Cornish: The percentile points of
    distributions having known cumulants, 1960).

    Args:
        normal: The normal quantile, at least 0.
        degrees: Degrees of freedom, at least 1.
    """
    cubic = (normal**3 + normal) / 4.0
    quintic = (5.0 * normal**5 + 16.0 * normal**3 + 3.0 * normal) / 96.0
    septic = (3.0 * normal**7 + 19.0 * normal**5 + 17.0 * normal**3 - 15.0 * normal) / 384.0
    return normal + cubic / degrees + quintic / degrees**2 + septic / degrees**3
