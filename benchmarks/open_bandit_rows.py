"""Reads logged decisions of the Open Bandit Dataset and turns them into requests.

Saito, Aihara, Matsutani, Narita, "Open Bandit Dataset and Pipeline: Towards Realistic and Reproducible Off-Policy
Evaluation", 2021. The data is third-party: it is read where it lies and never copied.
"""

import csv
import gzip
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attune.v1.decision_service_pb2 import DecideRequest
from attune.v1.features_pb2 import Features, Offer

PLACEMENT = "open_bandit_men"
_USER_FEATURES = ("user_feature_0", "user_feature_1", "user_feature_2", "user_feature_3")


@dataclass(frozen=True, slots=True)
class Row:
    """One logged decision.

    Attributes:
        number: Position in the log, zero-based.
        item_id: The offer that was shown.
        click: Whether it was clicked, 0 or 1.
        position: Where on the page it was shown, 1 to 3.
        user: The customer's four features; the values are hashes.
    """

    number: int
    item_id: str
    click: float
    position: str
    user: dict[str, str]


def find_data() -> Path | None:
    """Finds the reference data: ATTUNE_REFERENCE_DATA, or `../shared/data` beside the project.

    Returns:
        Its directory, or None where there is none.
    """
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("ATTUNE_REFERENCE_DATA", beside))
    return path if path.is_dir() else None


def read_rows(data: Path) -> list[Row]:
    """Reads the 10,000 decisions that were drawn uniformly for the men's page.

    Args:
        data: The directory of the reference data.
    """
    return [
        Row(
            number=number,
            item_id=line["item_id"],
            click=float(line["click"]),
            position=line["position"],
            user={name: line[name] for name in _USER_FEATURES},
        )
        for number, line in enumerate(_lines(data / "open_bandit/random/men/men.csv.gz"))
    ]


def read_offers(data: Path) -> list[Offer]:
    """Reads the 34 offers of the men's page with their four features.

    Args:
        data: The directory of the reference data.
    """
    return [_offer(line) for line in _lines(data / "open_bandit/random/men/item_context.csv.gz")]


def request(row: Row, offers: list[Offer], event_id: str, ranking_size: int = 0) -> DecideRequest:
    """Asks for the decision that was logged: the same customer, the same position, all offers.

    Args:
        row: The logged decision.
        offers: The candidates.
        event_id: Identifies the new decision.
        ranking_size: How many offers to return with their probabilities.
    """
    context = Features(categorical={"position": row.position, **row.user})
    return DecideRequest(
        placement=PLACEMENT, event_id=event_id, context=context, offers=offers, ranking_size=ranking_size
    )


def _offer(line: dict[str, str]) -> Offer:
    hashes = {name: line[name] for name in ("item_feature_1", "item_feature_2", "item_feature_3")}
    return Offer(
        id=line["item_id"],
        features=Features(numeric={"item_feature_0": float(line["item_feature_0"])}, categorical=hashes),
    )


def _lines(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
