"""Small builders of guardrails, so that a test shows only the fields it is about."""

from typing import Any

from google.protobuf.duration_pb2 import Duration

from attune.v1.condition_pb2 import Condition
from attune.v1.placement_pb2 import (
    CAP_SCOPE_OFFER,
    EligibilityRule,
    EmptyReply,
    FrequencyCap,
    Guardrails,
    NothingEligible,
)

EMPTY = NothingEligible(empty=EmptyReply())
DAY = Duration(seconds=86_400)


def said(text: str) -> Condition:
    """Return a comparison, as somebody would write it."""
    return Condition(test=text)


def cap(**fields: Any) -> FrequencyCap:
    """Return a frequency cap, valid unless the fields say otherwise."""
    return FrequencyCap(**{"name": "cap", "impressions": 1, "window": DAY, "scope": CAP_SCOPE_OFFER, **fields})


def one_rule(when: Condition | None, **fields: Any) -> Guardrails:
    """Return guardrails of one rule."""
    return Guardrails(rules=[EligibilityRule(**{"name": "r", **fields}, when=when)])
