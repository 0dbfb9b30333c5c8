"""Whether units were split between two arms as they were to be, however often somebody looks.

A Bayes factor: how much better a share that is drawn from a beta distribution around the intended one explains the
split, than the intended one itself. Under the intended one it is expected never to grow, so that one over it is a bound
of the probability to look as odd as this at any time.

Michael Lindon and Alan Malek: Anytime-valid inference for multinomial count data, 2022.
"""

from math import exp, lgamma, log

PRIOR = 1000.0
"""How many units the prior is worth: quickest to find deviations of about sqrt(share (1 - share) / PRIOR)."""


def p_value(control: int, others: int, share: float) -> float:
    """Return how probable it is at most that a sound split looks as odd as this at any time.

    Args:
        control: Units in the control arm.
        others: Units in the other one.
        share: The share that control is to have, 0 to 1.

    Returns:
        0 to 1; where the share is 0 or 1, 0 as soon as a unit is where none may be.
    """
    if share <= 0.0 or share >= 1.0:
        return float(not (control if share <= 0.0 else others))
    ours, theirs = PRIOR * share, PRIOR * (1.0 - share)
    log_factor = _log_beta(ours + control, theirs + others) - _log_beta(ours, theirs)
    log_factor -= control * log(share) + others * log(1.0 - share)
    return exp(-max(log_factor, 0.0))


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
