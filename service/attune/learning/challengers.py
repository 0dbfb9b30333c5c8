"""The challengers of a placement, trained in the shadow by the learner that holds its lease.

    learner, when it has caught up --a slice of time--> challengers: learn, weigh, commit --proved better--> promotion

They come after the placement's own learning: while it is behind, they wait. Their commits share the bytes that one
policy may write, and whatever is wrong with one of them, the placement and the others go on.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from attune.config import LearnerSettings
from attune.errors import BadSnapshotError, ExpectedError
from attune.learning.estimates import Estimates
from attune.learning.final_rewards import FinalRewards
from attune.learning.promotion import Promoted, Promotions
from attune.learning.shadow import Shadow
from attune.learning.trainee import Start, Trainee
from attune.serving.specs import DEFAULT_CONFIDENCE, in_shadow
from attune.storage.v1.records_pb2 import ChallengerRecord, Measuring, PlacementRecord
from attune.store.challengers import Challengers
from attune.store.client import Store
from attune.store.interactions import BEGINNING, Interactions
from attune.store.late import LateOutcomes
from attune.store.versions import Lease, Versions, specs_of, training_of
from attune.v1.placement_pb2 import Challenger, Placement
from attune_models.types import PolicyError

SLICE_S = 0.1
# As for the placement's policy, but all challengers together.
_MAX_SNAPSHOT_BYTES_PER_S = 4e6

_log = logging.getLogger(__name__)
