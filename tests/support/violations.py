"""What checks find wrong with a message, for tests that compare it."""

import re
from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from attune.api.decide_validation import check_decide
from attune.api.validation import check_placement, outcome_violations
from attune.errors import InvalidInputError, Violation
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.v1.placement_pb2 import Placement
from attune.v1.reward_service_pb2 import Outcome

TOO_LONG = "x" * 257
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
ID = "expected 1 to 256 bytes of UTF-8, got "


def check_outcome(message: Outcome) -> None:
    """Check an outcome as other messages are checked."""
    if found := tuple(outcome_violations(message)):
        raise InvalidInputError(*found)


CHECKS: dict[type[Message], Callable[[Any], None]] = {
    DecideEnvelope: check_decide,
    Placement: check_placement,
    Outcome: check_outcome,
}


def violations_of(message: Message) -> tuple[Violation, ...]:
    """Return what is wrong with a message."""
    try:
        CHECKS[type(message)](message)
    except InvalidInputError as error:
        return error.violations
    return ()


def assert_told(message: Message, field: str, description: str) -> None:
    """Have a message one violation, which names this field, and says what was expected and what there is."""
    told = [(violation.field, plainly(violation.description)) for violation in violations_of(message)]
    assert told == [(field, plainly(description))]


def plainly(description: str) -> str:
    """Write its numbers in one way: 1e9, 1e+09 and 1000000000.0 are the same."""
    return NUMBER.sub(lambda match: f"{float(match[0]):.15g}", description)
