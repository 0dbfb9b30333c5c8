"""Small logs for the diagnostics: drawn with known probabilities, or spoiled on purpose."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from attune_models.types import Interaction, Pmf, Situation


@dataclass(frozen=True, slots=True)
class Logged:
    """A decision, as `attune_models.log_diagnostics.LoggedDecision` asks for it."""

    event_id: str = ""
    mode: str = ""
    slots: Sequence[Interaction] = ()
    pmfs: Sequence[Pmf] = field(default_factory=list)
    customer: str = ""


def situation(n_actions: int) -> Situation:
    """Return a situation of so many actions without features."""
    ids = [f"a{i}" for i in range(n_actions)]
    return Situation("", ids, [f"={each}" for each in ids])


def decision(number: int, pmf: Pmf, chosen: int, reward: float, mode: str = "learned") -> Logged:
    """Return a decision of one slot."""
    drawn = Interaction(situation(len(pmf)), chosen, pmf[chosen], reward)
    return Logged(f"event-{number}", mode, [drawn], [pmf])


def log_of(pmfs: Sequence[Pmf], rng: np.random.Generator, click_rate: float = 0.3) -> list[Logged]:
    """Return decisions that are drawn with these probabilities, and clicked at this rate whatever was drawn."""
    drawn = [int(rng.choice(len(pmf), p=pmf)) for pmf in pmfs]
    clicks = (rng.random(len(pmfs)) < click_rate).astype(float).tolist()
    return [decision(i, *each) for i, each in enumerate(zip(pmfs, drawn, clicks, strict=True))]
