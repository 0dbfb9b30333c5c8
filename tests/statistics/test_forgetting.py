"""A half-life pays where tastes change: Tom's and Anna's turn to other articles, in all four situations at once."""

import numpy as np
import pytest

from attune_models.policy import PolicySpec, build
from attune_models.vw import VwPolicy, VwSpec
from tom_and_anna import Readers, fickle_seasons, play_seasons

ROUNDS, AFTER = 3_000, 2_000
SEEDS = range(1, 7)
SMALL = 12
