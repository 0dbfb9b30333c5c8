"""A training log of a few decisions, and trainees that have learned from it; no store is needed."""

from random import Random

from attune.learning.trainee import Trainee
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.log_entries import LoggedInteraction, RecordedOutcome
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import Placement
from attune_models.types import Situation

OFFERS = [Offer(id=name).SerializeToString() for name in ("a", "b", "c")]
NOW_MS = 1_700_000_000_000
TOM = Situation("user=Tom", ["a", "b", "c"], ["=a", "=b", "=c"])


def placement(**fields: object) -> Placement:
    """Return a placement with every default filled in."""
    return with_defaults(Placement(name="home_hero", **fields))  # type: ignore[arg-type]


def entry(number: int, chosen: int, *values: float, context: Features | None = None) -> LoggedInteraction:
    """Return entry `number` of a log: a decision drawn with probability 1/3, and clicks of these values."""
    user = ("Tom", "Anna")[number % 2]
    decision = DecisionRecord(
        event_id=str(number),
        context=(context or Features(categorical={"user": user})).SerializeToString(),
        offers=OFFERS,
        pmf=[1 / 3, 1 / 3, 1 / 3],
        chosen=chosen,
    )
    clicks = [
        RecordedOutcome(str(i), NOW_MS + i, NOW_MS + i, OutcomeRecord(name="click", value=value))
        for i, value in enumerate(values)
    ]
    return LoggedInteraction(f"{number + 1}-0", decision, clicks)


def log(length: int) -> list[LoggedInteraction]:
    """Return a training log in which Tom clicks on b and Anna on c."""
    random = Random(7)
    draws = [random.randrange(3) for _ in range(length)]
    return [entry(i, chosen, *([1.0] if chosen == 1 + i % 2 else [])) for i, chosen in enumerate(draws)]


def trained(entries: list[LoggedInteraction], of: Placement | None = None) -> Trainee:
    """Return a trainee that has learned these entries from the beginning."""
    return further(Trainee(of or placement()), entries)


def further(trainee: Trainee, entries: list[LoggedInteraction]) -> Trainee:
    """Let a trainee learn these entries, too."""
    for each in entries:
        trainee.learn(each)
    return trainee
