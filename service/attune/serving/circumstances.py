"""What a decision is made under: the request's context, and what is known about the customer and may be used.

Put together once for each decision, before it is said what may be drawn; guardrails and the policy look at the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

from attune.serving.seen import Seen
from attune.serving.told import NOTHING_TOLD, Told
from attune.storage.v1.records_pb2 import CustomerRecord, SeenRecord
from attune_models.types import Features

_NO_RECORD, _NOTHING_SEEN = CustomerRecord(), Seen(())


class KnownCustomer(NamedTuple):
    """A customer who has allowed to use what is known.

    Attributes:
        key: The keyed hash of the id, 16 bytes.
        record: Profile, preferences and consent.
        seen: What was shown and how it was taken, earliest first. Not read, and empty, where nothing depends on it.
        told: What the policy is told about the customer: `customer.` and `said.`; part of `Circumstances.context`.
    """

    key: bytes
    record: CustomerRecord
    seen: Sequence[SeenRecord] = ()
    told: Told = NOTHING_TOLD


class Visitor(NamedTuple):
    """Who a decision is made for, as far as that may be known.

    Attributes:
        withheld: Whether nothing may be learned from the decision.
        key: The keyed hash of the id; empty where nothing may be used: then the rest is empty, too.
        record: Profile, preferences and consent.
        seen: What was shown and how it was taken, as of `KnownCustomer`.
        said: What was said about consent, as stored: it must be the same when a history is added to.
        in_turn: Whether nobody else decides for the same customer in this process before this decision is made.
    """

    withheld: bool
    key: bytes = b""
    record: CustomerRecord = _NO_RECORD
    seen: Seen = _NOTHING_SEEN
    said: bytes = b""
    in_turn: bool = False


class Circumstances(NamedTuple):
    """What a decision is made under.

    Attributes:
        now_ms: Milliseconds since the epoch.
        context: Features of the situation, and of the customer where they may be used and are not in `known`.
        placement: The placement's name.
        customer: None where nothing is known, or nothing may be used.
        channel: Where it will be shown, as the request says; empty where it does not.
        time_zone: The customer's, as IANA calls it: as the customer said it, else as the request does; may be empty.
        withheld: Whether nothing may be learned from the decision.
        written: The context, serialised, where a customer is known.
        known: Features of the customer, where they may be used and are not in `context`.
    """

    now_ms: int
    context: Features
    placement: str
    customer: KnownCustomer | None = None
    channel: str = ""
    time_zone: str = ""
    withheld: bool = False
    written: bytes = b""
    known: Features | None = None
