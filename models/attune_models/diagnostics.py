"""Diagnostics: whether an estimate from a log may be believed.

    log             --> LogDiagnostics     --+
    target's weights --> TargetDiagnostics --+--> DiagnosticsReport --> Verdict (trust, caution, refuse)

One log is counted once and combined with each target policy: `DiagnosticsReport(log.figures(), target.figures())`.
`Diagnostics` is both in one, for whoever has one target and has to put the state away. What the figures mean is told by
`attune_models.log_diagnostics` and `attune_models.target_diagnostics`, where the limits are by `attune_models.verdict`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from attune_models.duplicates import MOST_IDS
from attune_models.log_diagnostics import LogDiagnostics, LogFigures, LoggedDecision
from attune_models.rounds import FloatArray
from attune_models.target_diagnostics import TargetDiagnostics, TargetFigures, check_weights
from attune_models.types import PolicyError
from attune_models.verdict import Level, Verdict, judged

__all__ = [
    "Diagnostics",
    "DiagnosticsReport",
    "Level",
    "LogDiagnostics",
    "LogFigures",
    "LoggedDecision",
    "TargetDiagnostics",
    "TargetFigures",
    "Verdict",
]

_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class DiagnosticsReport:
    """What is known about an estimate.

    Attributes:
        log: About the log.
        target: About the weights of the target policy.
    """

    log: LogFigures
    target: TargetFigures

    def verdict(self) -> Verdict:
        """Judge the figures."""
        return judged(self.log, self.target)

    def by_name(self) -> dict[str, float]:
        """Return the figures by name, in the order in which they are printed; what is not known is left out."""
        log, target = self.log, self.target
        figures: dict[str, float] = {
            "rows": target.rows,
            "effective_sample_size": target.effective_sample_size,
            "effective_rewards": target.effective_rewards,
            "largest_weight": target.largest_weight,
            "largest_weight_share": target.largest_share,
            "mean_weight": target.mean_weight,
            "mean_weight_error": target.mean_weight_error,
            "reward_first_half": log.logged.first,
            "reward_second_half": log.logged.second,
            "drift_z": log.uniform.z,
            "duplicate_share": log.duplicate_share,
        }
        if target.support_known > 0.0:
            figures |= {"zero_support_share": target.zero_support_share, "zero_support_mass": target.zero_support_mass}
        if log.calibrated:
            figures["calibration_z"] = log.calibration_z
        if log.sample_ratio is not None:
            figures |= {"control_share": log.sample_ratio.seen, "control_share_z": log.sample_ratio.z}
        return figures


class Diagnostics:
    """Both kinds of diagnostics, for one log and one target policy."""

    def __init__(self, control_share: float | None = None, most_ids: int = MOST_IDS) -> None:
        """Start.

        Args:
            control_share: See `LogDiagnostics`.
            most_ids: See `LogDiagnostics`; it is most of the size of `dumps`.
        """
        self.log = LogDiagnostics(control_share, most_ids)
        self.target = TargetDiagnostics()

    def add(
        self,
        decisions: Sequence[LoggedDecision],
        weight: FloatArray,
        reward: FloatArray,
        unsupported: FloatArray | None = None,
    ) -> None:
        """Count decisions, in their order, and how the target policy weighs them.

        Args:
            decisions: As they were logged.
            weight: See `TargetDiagnostics.add`; one for each decision, and the same for the others.
            reward: What each decision earned, in all of its slots.
            unsupported: See there.

        Raises:
            ValueError: There are not as many weights as decisions, or some number makes no sense. Nothing was counted
                then.
        """
        if not len(decisions) == len(weight) == len(reward):
            raise ValueError(
                f"expected a weight and a reward for each of {len(decisions)} decisions, "
                f"got {len(weight)} and {len(reward)}"
            )
        check_weights(weight, reward)
        self.log.add(decisions)
        self.target.add(weight, reward, unsupported)

    def report(self) -> DiagnosticsReport:
        """Return what is known so far."""
        return DiagnosticsReport(self.log.figures(), self.target.figures())

    def verdict(self) -> Verdict:
        """Judge what is known so far."""
        return self.report().verdict()

    def dumps(self) -> bytes:
        """Return the state; equal counts give equal bytes."""
        log = self.log.dumps()
        return len(log).to_bytes(_LENGTH_BYTES, "little") + log + self.target.dumps()

    @classmethod
    def loads(cls, state: bytes) -> Self:
        """Return what `dumps` put away.

        Raises:
            PolicyError: It is no such state.
        """
        if len(state) < _LENGTH_BYTES:
            raise PolicyError(f"expected a state of diagnostics, got {len(state)} bytes")
        end = _LENGTH_BYTES + int.from_bytes(state[:_LENGTH_BYTES], "little")
        loaded = cls()
        loaded.log = LogDiagnostics.loads(state[_LENGTH_BYTES:end])
        loaded.target = TargetDiagnostics.loads(state[end:])
        return loaded
