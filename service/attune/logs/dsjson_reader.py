"""Reads DSJSON: what `attune export` wrote, and what Azure Personalizer or another service on Vowpal Wabbit logged.

Lines of ours have `_attune`, and are read back without loss. For all others one number is the reward: it becomes one
outcome. Observations that were logged on lines of their own ("dangling", because they came late) are found in a first
pass over the files, and joined by their EventId.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from attune.logs import personalizer
from attune.logs.json_lines import lines
from attune.logs.kept import Kept, ReadOffer
from attune.logs.namespaces import CONTEXT, OFFER, from_namespaces
from attune.logs.readings import (
    LateReading,
    LeftOut,
    Reading,
    Reason,
    Refused,
    RowError,
    SlotReading,
    customer_of,
    position_of,
    present,
)
from attune.logs.rows import MODES
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.log_entries import RecordedOutcome
from attune.store.training_log import recorded_elsewhere
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune.v1.features_pb2 import Features, Offer

_MODES = {word: mode for mode, word in MODES.items()}
_AGREE = 1e-4
# Decisions have this, and no observation does: a pass for observations need not parse the decisions.
_OF_DECISIONS = b'"_multi"'
_KEPT: Kept[ReadOffer] = Kept()
_T = TypeVar("_T")


@dataclass(slots=True)
class Dangling:
    """What was observed of a decision on lines of its own.

    Attributes:
        where: File and line of the first of them.
        rewards: Each reward, and when it came, in milliseconds since the epoch, 0 where that was not said.
        activated: Whether one says that a deferred decision was shown.
    """

    where: str
    rewards: list[tuple[float, int]] = field(default_factory=list)
    activated: bool = False


def dangling(paths: Iterable[Path]) -> tuple[dict[str, Dangling], list[Refused]]:
    """Find the observations on lines of their own, by EventId, and those that are wrong. They are kept in memory."""
    found: dict[str, Dangling] = {}
    refused: list[Refused] = []
    for path in paths:
        for where, line in lines(path, without=_OF_DECISIONS):
            if (
                isinstance(line, Refused)
                or "c" in line
                or "_attune" in line
                or not isinstance(line.get("EventId"), str)
            ):
                continue  # not one of them; `read` says what is wrong with it, if anything is
            try:
                reward = _number(line, "RewardValue", 0.0)
                at_ms = _milliseconds_or_none(line) or 0
            except (RowError, OverflowError) as error:
                refused.append(Refused(where, str(error)))
                continue
            observed = found.setdefault(line["EventId"], Dangling(where))
            observed.activated |= line.get("ActionTaken") is True
            if "RewardValue" in line:
                observed.rewards.append((reward, at_ms))
    return found, refused


def read(path: Path, outcome: str, observed: dict[str, Dangling]) -> Iterator[Reading]:
    """Read a file.

    Args:
        path: A file of DSJSON lines.
        outcome: The name of the outcome that a reward becomes.
        observed: From `dangling`; what is joined here is removed from it.
    """
    for where, line in lines(path):
        if isinstance(line, Refused):
            yield line
            continue
        try:
            if "_attune" in line:
                yield _ours(where, line, _member(line, "_attune", dict))
            elif "c" in line:
                yield _foreign(where, line, outcome, observed)
            elif not isinstance(line.get("EventId"), str):
                yield Refused(where, "c: expected a decision or an observation, got neither `c` nor `EventId`")
        except RowError as error:
            yield Refused(where, str(error), line.get("EventId"))
        except (TypeError, ValueError, LookupError, AttributeError, OverflowError, RecursionError) as error:
            yield Refused(where, f"expected a DSJSON line, got one that does not fit: {error!r}", line.get("EventId"))


def late(path: Path) -> Iterator[LateReading]:
    """Read only the late outcomes that `attune export` wrote; what is wrong with others, `read` says."""
    for where, line in lines(path, without=_OF_DECISIONS):
        if isinstance(line, Refused) or "_attune" not in line:
            continue
        with suppress(RowError, TypeError, ValueError, LookupError, AttributeError, OverflowError, RecursionError):
            reading = _ours(where, line, _member(line, "_attune", dict))
            if isinstance(reading, LateReading):
                yield reading


def left_over(outcome: str, observed: Mapping[str, Dangling]) -> Iterator[LateReading]:
    """Yield the rewards whose decision was in none of the files: it may be in the training log already."""
    for event_id, found in observed.items():
        for recorded in _rewards(outcome, found, 0):
            yield LateReading(found.where, event_id, recorded)


def _ours(where: str, line: Mapping[str, Any], said: Mapping[str, Any]) -> Reading:
    if "RewardValue" in line:
        return LateReading(where, line["EventId"], _outcome(line))
    c = _member(line, "c", dict)
    actions = [_KEPT.get(repr(action), partial(_offer, action)) for action in _member(c, "_multi", list)]
    decision = _decision(present(line, "EventId"), present(said, "decided_at_ms"), from_namespaces(CONTEXT, c), actions)
    decision.mode = _MODES[said["mode"]]
    decision.withheld = said.get("withheld") is True
    decision.customer = customer_of(said)
    decision.with_channels = said.get("with_channels") is True
    outcomes = [_outcome(observation) for observation in line["o"]]
    pmf, chosen = _drawn(line, len(actions))
    ids, position = [action.id for action in actions], position_of(said)
    return SlotReading(where, decision, ids, said["slot"], pmf, chosen, outcomes, position)


def _offer(action: Mapping[str, Any]) -> ReadOffer:
    offer = Offer(id=action["_tag"], features=from_namespaces(OFFER, action))
    return ReadOffer(offer.id, offer.SerializeToString(deterministic=True))


def _foreign(where: str, line: Mapping[str, Any], outcome: str, observed: dict[str, Dangling]) -> Reading:
    event_id = _member(line, "EventId", str)
    found = observed.pop(event_id, Dangling(where))
    observations = [each for each in line.get("o") or () if isinstance(each, dict)]
    if line.get("_skipLearn") is True:
        return LeftOut(Reason.NOT_TO_LEARN)
    shown = found.activated or any(each.get("ActionTaken") is True for each in observations)
    if line.get("DeferredAction") is True and not shown:
        return LeftOut(Reason.NOT_SHOWN)
    dropped = _number(line, "pdrop", 0.0)
    if not 0.0 <= dropped < 1.0:
        raise RowError(f"pdrop: expected a probability from 0 to below 1, got {dropped!r}")
    c = _member(line, "c", dict)
    actions = personalizer.offers(_member(c, "_multi", list))
    decided_ms = _milliseconds_or_none(line) or 0
    decision = _decision(event_id, decided_ms, personalizer.features(c), actions)
    reward = 0.0 - _number(line, "_label_cost", 0.0)
    outcomes: list[RecordedOutcome] = []
    # A cost of 0 without an observation is a reward that never came.
    if reward or any("v" in each for each in observations):
        outcomes.append(recorded_elsewhere(outcome, decided_ms, OutcomeRecord(name=outcome, value=reward)))
    outcomes += _rewards(outcome, found, decided_ms)
    pmf, chosen = _drawn(line, len(actions))
    return SlotReading(where, decision, [action.id for action in actions], 0, pmf, chosen, outcomes)


def _decision(event_id: str, decided_ms: int, context: Features, offers: Sequence[ReadOffer]) -> DecisionRecord:
    return DecisionRecord(
        event_id=event_id,
        decided_at_ms=decided_ms,
        context=context.SerializeToString(deterministic=True),
        offers=[offer.serialised for offer in offers],
        mode=MODE_LEARNED,
        imported=True,
    )


def _drawn(line: Mapping[str, Any], n_offers: int) -> tuple[list[float], int]:
    """Return the probability of each offer, in the order of `_multi`, and the position of the one that was drawn."""
    if not n_offers:
        raise RowError("c._multi: expected at least one action, got none")
    ranking, probabilities = _member(line, "a", list), _member(line, "p", list)
    are_whole = all(type(action) is int for action in ranking)
    if not are_whole or sorted(ranking) != list(range(1, n_offers + 1)) or len(probabilities) != n_offers:
        raise RowError(
            f"a, p: expected each of 1 to {n_offers} once, and a probability for each, got {str(ranking)[:80]} and "
            f"{len(probabilities)} probabilities"
        )
    by_action = dict(zip(ranking, map(float, probabilities), strict=True))
    chosen = ranking[0] - 1
    if line.get("_labelIndex", chosen) != chosen:
        raise RowError(f"_labelIndex: expected {chosen}, the first of `a`, got {line['_labelIndex']!r}")
    drawn_with = by_action[ranking[0]]
    labelled = _number(line, "_label_probability", drawn_with)
    # Written so that NaN, which compares false with everything, is refused too.
    if not abs(labelled - drawn_with) <= _AGREE:
        raise RowError(f"_label_probability: expected {drawn_with!r}, the first of `p`, got {labelled!r}")
    return [by_action[i + 1] for i in range(n_offers)], chosen


def _rewards(outcome: str, found: Dangling, decided_ms: int) -> list[RecordedOutcome]:
    return [
        recorded_elsewhere(f"{outcome}-dangling-{n}", at_ms or decided_ms, OutcomeRecord(name=outcome, value=value))
        for n, (value, at_ms) in enumerate(found.rewards)
    ]


def _outcome(observation: Mapping[str, Any]) -> RecordedOutcome:
    name, value, slot = (present(observation, key) for key in ("name", "v", "slot"))
    record = OutcomeRecord(name=name, value=value, slot=slot)
    if "occurred_at_ms" in observation:
        record.occurred_at_ms = observation["occurred_at_ms"]
    return recorded_elsewhere(observation["outcome_id"], observation["received_at_ms"], record)


def _member(parent: Mapping[str, Any], name: str, kind: type[_T]) -> _T:
    value = parent.get(name)
    if not isinstance(value, kind):
        raise RowError(f"{name}: expected {kind.__name__}, got {type(value).__name__}")
    return value


def _number(parent: Mapping[str, Any], name: str, default: float) -> float:
    value = parent.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RowError(f"{name}: expected a number, got {value!r}")
    return float(value)


def _milliseconds_or_none(line: Mapping[str, Any]) -> int | None:
    """Return when a line was logged, in milliseconds since the epoch."""
    text = line.get("Timestamp") or line.get("EnqueuedTimeUtc")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise RowError(f"Timestamp: expected a time like 2026-11-21T12:00:00Z, got {str(text)[:40]!r}") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
