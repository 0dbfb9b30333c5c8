"""Opens the log that is to be evaluated, wherever it is from."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attune.logs import csv_mapping
from attune.logs.csv_source import CsvSource
from attune.logs.file_source import FileSource
from attune.logs.log_source import LogSource
from attune.logs.samples import SampleSource
from attune.serving.specs import reward_spec, with_defaults
from attune.storage.v1.records_pb2 import PlacementRecord
from attune.store.client import Store
from attune.store.placements import Placements
from attune.v1.placement_pb2 import Placement, RewardSpec
from attune_models import rewards


@dataclass(frozen=True, slots=True)
class Opened:
    """A log.

    Attributes:
        source: Its samples.
        reward: How outcomes become rewards; None where the log has rewards only, or nobody has said it.
        control_share: Share of the decisions that control was to have; None where nobody knows.
    """

    source: SampleSource
    reward: rewards.RewardSpec | None
    control_share: float | None


def files(
    paths: Sequence[Path], form: str | None, mapping: Path | None, reward: RewardSpec | None, *, any_order: bool
) -> Opened:
    """Open files.

    Args:
        paths: Files or directories.
        form: `parquet` or `dsjson`; None tells it from their endings.
        mapping: What the columns mean, for CSV files; None for all others.
        reward: How outcomes become rewards; None for the default.
        any_order: Whether decisions may go back in time.

    Raises:
        SettingError: There is no such file, or it cannot be read as what it is said to be.
    """
    if mapping is not None:
        return Opened(CsvSource(paths, csv_mapping.load(mapping), any_order=any_order), None, None)
    spec = _spec(reward)
    return Opened(FileSource(paths, form, spec, any_order=any_order), spec, None)


def running(url: str, timeout_s: float, placement: str, reward: RewardSpec | None) -> Opened:
    """Open the training log of a placement in a store.

    Args:
        url: Of the store.
        timeout_s: How long each answer may take, in seconds.
        placement: Its name.
        reward: How outcomes become rewards; None for the placement's own spec.

    Raises:
        NotFoundError: There is no such placement.
        StoreUnavailableError: The store did not answer in time.
    """
    record = asyncio.run(_record(url, timeout_s, placement))
    spec = _spec(reward) or reward_spec(record.placement.reward)
    return Opened(LogSource(url, timeout_s, placement, spec), spec, _control_share(record))


async def _record(url: str, timeout_s: float, placement: str) -> PlacementRecord:
    store = Store(url, timeout_s)
    try:
        return await Placements(store).get(placement)
    finally:
        await store.close()


def _control_share(record: PlacementRecord) -> float | None:
    # Once the placement has changed, earlier decisions may have been split otherwise; and a control group that shows
    # one offer only is left out of the samples.
    control = record.placement.control
    return control.share if record.revision == 1 and not control.HasField("fixed") else None


def _spec(reward: RewardSpec | None) -> rewards.RewardSpec | None:
    return None if reward is None else reward_spec(with_defaults(Placement(reward=reward)).reward)
