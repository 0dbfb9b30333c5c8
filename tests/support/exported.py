"""Files as `attune export` writes them, made without a store: for tests of what reads them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from attune.logs import formats
from attune.logs.rows import rows_of
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.log_entries import LoggedInteraction, RecordedOutcome
from attune.store.training_log import LateEntry, recorded_elsewhere
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import RewardSpec
from attune_models import rewards
from messages import features

STARTED_MS = 1_795_000_000_000
OFFERS = [
    Offer(
        id=f"offer-{i}",
        features=features(numeric={"price": 9.5 + i, "age": 0.1 * i}, categorical={"brand": f"b{i % 3}", "kind": "k"}),
    ).SerializeToString(deterministic=True)
    for i in range(10)
]
_BATCH_ROWS = 256


def entry(n: int, *, pmf: Sequence[float] | None = None, chosen: int = 0, reward: float = 0.0) -> LoggedInteraction:
    """The n-th entry of a log: ten offers, a context of four features, and one outcome, `click`."""
    numeric = {"hour": n % 24, "tenure": n / 7}
    context = features(numeric=numeric, categorical={"device": "mobile", "city": f"c{n % 50}"})
    at_ms = STARTED_MS + 1000 * n
    decision = DecisionRecord(
        event_id=f"e{n}",
        decided_at_ms=at_ms,
        context=context.SerializeToString(deterministic=True),
        offers=OFFERS,
        pmf=[0.1] * 10 if pmf is None else pmf,
        chosen=chosen,
        mode=1,
    )
    clicked = recorded_elsewhere("click", at_ms + 500, OutcomeRecord(name="click", value=reward))
    return LoggedInteraction(f"{at_ms + 60_000}-0", decision, [clicked])


def write(path: Path, entries: Iterable[LoggedInteraction], form: str = "parquet") -> Path:
    """Write entries into one file."""
    known = formats.named(form)
    sheet = known.interactions_sheet(RewardSpec())(path)
    batch: list[dict[str, Any]] = []
    for each in entries:
        batch += (known.interaction("home", row) for row in rows_of(each, rewards.RewardSpec()))
        if len(batch) >= _BATCH_ROWS:
            sheet.add(batch)
            batch = []
    sheet.add(batch)
    sheet.close()
    return path


def write_late(path: Path, late: Iterable[tuple[str, RecordedOutcome]], form: str = "parquet") -> Path:
    """Write late outcomes, each of the decision with this id, into one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = formats.named(form)
    sheet = known.late_sheet(path)
    sheet.add([known.late("home", LateEntry(f"{n + 1}-0", event_id, each)) for n, (event_id, each) in enumerate(late)])
    sheet.close()
    return path
