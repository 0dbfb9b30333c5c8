"""What a challenger earned in the shadow: sums, confidence sequences and diagnostics, put away and taken up as one.

    weighed decisions --add, flush--> Estimates --> status for people, proof for a promotion

The same decisions give the same state to the last bit, in whatever batches they came.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attune.learning.entries import Lesson
from attune.learning.measuring import Weighed, confidence_of
from attune.storage.v1.records_pb2 import ChallengerRecord, Measuring
from attune.store.decisions import LoggedInteraction
from attune.v1.placement_service_pb2 import (
    VERDICT_CAUTION,
    VERDICT_REFUSE,
    VERDICT_TRUST,
    ChallengerStatus,
    ValueEstimate,
    Verdict,
)
from attune_models.confidence_sequences import DifferenceSequence, ValueSequence
from attune_models.diagnostics import Diagnostics
from attune_models.intervals import Interval
from attune_models.types import Interaction, Pmf
