"""What an imported decision has to be: one that this service could have logged itself.

A propensity that is not a probability, or a distribution that does not sum to 1, poisons every estimate made from the
log, and for good; a row that has one is refused, never mended.
"""

import math
from collections.abc import Iterator, Sequence

from attune.errors import InvalidInputError, Violation
from attune.logs.readings import Candidate, LateReading
from attune.serving.situation import situation_of
from attune.store.log_entries import RecordedOutcome
from attune.store.outcomes import MAX_OUTCOMES_PER_DECISION
from attune.v1.features_pb2 import Features

MAX_OFFERS = 1000
MAX_SLOTS = 20
SUM_TOLERANCE = 1e-4
"""Personalizer logs probabilities as float32."""

_MAX_ID_BYTES = 256
_MAX_VALUE = 1e9
MAX_MS = 253_402_300_799_999  # the end of the year 9999


def check(candidate: Candidate) -> None:
    """Refuse a decision that could not have been logged.

    Raises:
        InvalidInputError: It could not; the violations say why.
    """
    check_numbers(candidate)
    situation_of(Features.FromString(candidate.decision.context), candidate.decision.offers)


def check_numbers(candidate: Candidate, sum_tolerance: float = SUM_TOLERANCE, n_offers: int | None = None) -> None:
    """Refuse a decision that could not have been logged, without a look at its features.

    Args:
        candidate: The decision.
        sum_tolerance: How far from 1 the sum of its probabilities may be.
        n_offers: How many offers could be drawn; None where the decision itself has them.

    Raises:
        InvalidInputError: It could not; the violations say why.
    """
    n_offers = len(candidate.decision.offers) if n_offers is None else n_offers
    violations = list(_violations(candidate, sum_tolerance, n_offers))
    if violations:
        raise InvalidInputError(*violations)


def check_late(late: LateReading) -> None:
    """Refuse a late outcome that could not have been logged.

    Raises:
        InvalidInputError: It could not; the violations say why.
    """
    violations = [*text_violations("event_id", late.event_id), *outcome_violations("outcome", late.outcome)]
    if violations:
        raise InvalidInputError(*violations)


def text_violations(field: str, text: str) -> Iterator[Violation]:
    """Say what is wrong with an id or a name."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        yield Violation(field, f"expected text that UTF-8 can hold, got {text[:40]!r}")
        return
    if not 1 <= size <= _MAX_ID_BYTES:
        yield Violation(field, f"expected 1 to {_MAX_ID_BYTES} bytes of UTF-8, got {size}")


def outcome_violations(field: str, outcome: RecordedOutcome) -> Iterator[Violation]:
    """Say what is wrong with an outcome."""
    record = outcome.record
    yield from text_violations(f"{field}.outcome_id", outcome.outcome_id)
    yield from text_violations(f"{field}.name", record.name)
    if not 0 <= outcome.received_ms <= MAX_MS:
        yield Violation(f"{field}.received_at", f"expected a time from 1970 to 9999, got {outcome.received_ms} ms")
    if not -_MAX_VALUE <= record.value <= _MAX_VALUE:
        yield Violation(f"{field}.value", f"expected a number between -1e9 and 1e9, got {record.value!r}")


def _violations(candidate: Candidate, sum_tolerance: float, n_offers: int) -> Iterator[Violation]:
    decision = candidate.decision
    yield from text_violations("event_id", decision.event_id)
    if not 0 <= decision.decided_at_ms <= MAX_MS:
        yield Violation("decided_at", f"expected a time from 1970 to 9999, got {decision.decided_at_ms} ms")
    if not 1 <= n_offers <= MAX_OFFERS:
        yield Violation("offers", f"expected 1 to {MAX_OFFERS}, got {n_offers}")
        return
    slots = [(decision.pmf, decision.chosen), *((slot.pmf, slot.chosen) for slot in decision.later_slots)]
    if len(slots) > min(MAX_SLOTS, n_offers):
        yield Violation("slots", f"expected at most {MAX_SLOTS}, and one for each offer, got {len(slots)}")
    drawn: list[int] = []
    for slot, (pmf, chosen) in enumerate(slots):
        at = f"slots[{slot}]." if slot else ""
        yield from _slot_violations(at, pmf, chosen, n_offers, drawn, sum_tolerance=sum_tolerance)
        drawn.append(chosen)
    yield from _outcomes_violations(candidate, len(slots))


def _slot_violations(
    at: str, pmf: Sequence[float], chosen: int, n_offers: int, drawn: list[int], *, sum_tolerance: float
) -> Iterator[Violation]:
    if len(pmf) != n_offers:
        yield Violation(f"{at}pmf", f"expected a probability for each of {n_offers} offers, got {len(pmf)}")
        return
    wrong = [probability for probability in pmf if not 0.0 <= probability <= 1.0]
    if wrong:
        yield Violation(f"{at}pmf", f"expected probabilities from 0 to 1, got {wrong[0]!r}")
    elif abs(math.fsum(pmf) - 1.0) > sum_tolerance:
        yield Violation(f"{at}pmf", f"expected a sum of 1 (+-{sum_tolerance:g}), got {math.fsum(pmf)!r}")
    if not 0 <= chosen < n_offers:
        yield Violation(f"{at}chosen", f"expected a position below {n_offers}, got {chosen}")
    elif not 0.0 < pmf[chosen] <= 1.0:
        yield Violation(f"{at}propensity", f"expected more than 0 and at most 1, got {pmf[chosen]!r}")
    if any(pmf[i] for i in drawn if i < n_offers) or chosen in drawn:
        yield Violation(f"{at}pmf", "expected 0 for what was drawn for a slot before, got more")


def _outcomes_violations(candidate: Candidate, n_slots: int) -> Iterator[Violation]:
    outcomes = candidate.outcomes
    if len(outcomes) > MAX_OUTCOMES_PER_DECISION:
        yield Violation("outcomes", f"expected at most {MAX_OUTCOMES_PER_DECISION}, got {len(outcomes)}")
    if len({outcome.outcome_id for outcome in outcomes}) != len(outcomes):
        yield Violation("outcomes", "expected an outcome_id of its own for each, got one twice")
    for i, outcome in enumerate(outcomes):
        yield from outcome_violations(f"outcomes[{i}]", outcome)
        if outcome.record.slot >= n_slots:
            yield Violation(f"outcomes[{i}].slot", f"expected less than {n_slots}, got {outcome.record.slot}")
