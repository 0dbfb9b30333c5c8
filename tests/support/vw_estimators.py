"""The inputs of the thirteen vectors of vw-estimators, and what it gives for them; see the reference data."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Vector:
    """One vector: rounds in the order they were given, the range of rewards, and the reference's answers.

    Attributes:
        name: Its name in the file.
        weight: Importance weights, shape (n,).
        reward: Rewards, shape (n,).
        reward_low: What the reference was told; so for the others.
        reward_high: Above.
        max_weight: Infinity where it was told nothing.
        estimate: By estimator.
        interval: By kind: low and high, for an error of 0.05.
    """

    name: str
    weight: NDArray[np.float64]
    reward: NDArray[np.float64]
    reward_low: float
    reward_high: float
    max_weight: float
    estimate: dict[str, float]
    interval: dict[str, list[float]]


def vectors(reference_data: Path) -> Iterator[Vector]:
    """Yield the vectors of the reference data."""
    folder = reference_data / "ope_reference"
    for name, vector in json.loads((folder / "vw_estimators_ref.json").read_text()).items():
        weight, reward = _rounds(name, vector, folder)
        yield Vector(
            name,
            weight,
            reward,
            vector["rmin"],
            vector["rmax"],
            vector["wmax"] or np.inf,
            vector["estimate"],
            vector["interval"],
        )


def _rounds(name: str, vector: dict[str, Any], folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if "examples" in vector:
        propensity, reward, target = np.array(vector["examples"]).T
        return target / propensity, reward
    if name.startswith("obd_"):
        rounds = np.load(folder / f"{name.removesuffix('_wmax')}.npz")
        return rounds["weight"], rounds["reward"].astype(np.float64)
    if alternating := re.fullmatch(r"alternating\d+_pi([\d.]+)(?:_r10)?", name):
        # Logged with probability 1/2; the first of every two is rewarded.
        target, rewarded = float(alternating[1]), np.arange(vector["n"]) % 2 == 0
        return np.where(rewarded, 2.0 * target, 2.0 * (1.0 - target)), rewarded * float(vector["rmax"])
    return np.ones(vector["n"]), np.full(vector["n"], float(vector["rmax"]))
