"""What can be set: sections, defaults, and what each setting accepts. `attune.config` reads it from its sources."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from attune.store_url import FORMS, problem

MAX_PORT = 65535
MAX_HALF_LIVES = 5
KEY = re.compile(r"[0-9a-fA-F]{32,128}")
ACTIVITY_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a setting accepts besides its type.

    Attributes:
        expected: Completes the sentence "expected ...".
        accepts: Whether a value of the right type is acceptable.
        problem: Says of one that is not what is wrong with it; empty when the expectation says it all.
    """

    expected: str
    accepts: Callable[[Any], bool]
    problem: Callable[[Any], str] = lambda _: ""


def _between(low: float, high: float, unit: str = "") -> dict[str, Rule]:
    return {"rule": Rule(f"{low:g} to {high:g}{unit and ' ' + unit}", lambda value: low <= value <= high)}


def _one_of(*choices: str) -> dict[str, Rule]:
    return {"rule": Rule(f"one of {', '.join(choices)}", lambda value: value in choices)}


def _is_address(value: str) -> bool:
    host, colon, port = value.rpartition(":")
    host_is_plain = ":" not in host or (host.startswith("[") and host.endswith("]"))
    return bool(host and colon) and host_is_plain and port.isascii() and port.isdecimal() and int(port) <= MAX_PORT


def _is_key(value: str) -> bool:
    return not value or (KEY.fullmatch(value) is not None and len(value) % 2 == 0)


def days_of(text: str) -> tuple[float, ...]:
    """Return the numbers of a text like `1,7,30`; none where it is not one."""
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError:
        return ()


def _are_half_lives(days: Sequence[float]) -> bool:
    return 1 <= len(days) <= MAX_HALF_LIVES and all(
        low < high for low, high in zip((0.00999, *days), (*days, 3650.001), strict=True)
    )


def names_of(text: str) -> frozenset[str]:
    """Return the names of a text like `email, phone`."""
    return frozenset(name for part in text.split(",") if (name := part.strip()))


_ADDRESS = {"rule": Rule("host:port with a port of 0 to 65535", _is_address)}
_ADDRESS_OR_NONE = {
    "rule": Rule(
        "host:port with a port of 0 to 65535 (empty: no metrics)", lambda value: not value or _is_address(value)
    )
}
_STORE_URL = {
    "rule": Rule(
        f"{FORMS} (empty: an embedded store)",
        lambda value: not value or not problem(value),
        lambda value: problem(value) if isinstance(value, str) else "",
    )
}
_PATH = {"rule": Rule("a path", lambda value: bool(value) and "\0" not in value)}
_KEY = {"rule": Rule("32 to 128 hexadecimal digits, an even number of them (empty: none)", _is_key)}
_ACTIVITY = {
    "rule": Rule(
        "a name of activities: 1 to 64 of a-z, 0-9, _ and -, starting with a letter",
        lambda value: ACTIVITY_NAME.fullmatch(value) is not None,
    )
}
_HALF_LIVES = {
    "rule": Rule(
        f"1 to {MAX_HALF_LIVES} numbers of days, each more than the one before, 0.01 to 3650, with commas in between",
        lambda value: _are_half_lives(days_of(value)),
    )
}
_NAMES = {"rule": Rule("names of features, with commas in between", lambda value: "\0" not in value)}


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How decisions are served.

    Attributes:
        address: Where to listen, host:port; port 0 takes a free one.
        workers: Processes that serve.
        drain_s: Seconds that calls under way may take to finish when the server stops.
        max_connection_age_s: Seconds after which a client is asked to connect anew, so that connections spread over
            the processes, give or take a tenth; 0 for never.
        metrics_address: Where the server's metrics can be fetched over HTTP, host:port; empty for nowhere. Of several
            processes, each has the port after its predecessor's.
        max_queue: Calls of each of `Decide`, `DecideBatch`, `RecordOutcomes` and `RecordActivity` that may wait until a
            process turns to them.
        max_streams: Calls that one connection may have under way; the client's library keeps the others. As many as
            `max_queue`, or fewer, so that no burst of one client fills the queue.
        max_in_progress: Decisions that may be in progress in one process, and as many outcomes, and activities.
        max_wait_ms: Milliseconds that a process may be behind and still take calls.
    """

    address: str = field(default="127.0.0.1:50051", metadata=_ADDRESS)
    workers: int = field(default=1, metadata=_between(1, 64))
    drain_s: float = field(default=5.0, metadata=_between(0, 3600, "seconds"))
    max_connection_age_s: float = field(default=300.0, metadata=_between(0, 86_400, "seconds"))
    max_queue: int = field(default=64, metadata=_between(1, 100_000))
    max_streams: int = field(default=32, metadata=_between(1, 100_000))
    max_in_progress: int = field(default=4096, metadata=_between(1, 1_000_000))
    max_wait_ms: int = field(default=1000, metadata=_between(1, 600_000, "milliseconds"))
    metrics_address: str = field(default="", metadata=_ADDRESS_OR_NONE)


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where everything is kept.

    Attributes:
        url: URL of a Redis or Valkey server, its Sentinels or its cluster; see docs/stores.md. Empty: `attune serve`
            runs one of its own, in `data_dir`.
        data_dir: Directory of the embedded store.
        decision_timeout_ms: Milliseconds that a decision may wait for the store.
        timeout_ms: Milliseconds that anything else may wait for the store.
        max_waiting: Decisions that may wait for the store in one process, and as many outcomes.
        max_waiting_mb: Their size in megabytes.
    """

    url: str = field(default="", metadata=_STORE_URL)
    data_dir: str = field(default="attune-data", metadata=_PATH)
    decision_timeout_ms: int = field(default=100, metadata=_between(1, 60_000, "milliseconds"))
    timeout_ms: int = field(default=2000, metadata=_between(10, 600_000, "milliseconds"))
    max_waiting: int = field(default=10_000, metadata=_between(1, 10_000_000))
    max_waiting_mb: int = field(default=64, metadata=_between(1, 100_000, "megabytes"))


@dataclass(frozen=True, slots=True)
class LearnerSettings:
    """How the learner works through the training log.

    Attributes:
        lease_s: Seconds after which a learner that is not heard of has lost its placements.
        snapshot_interval_s: Most seconds between learning and the commit of a new version.
        snapshot_interactions: Most interactions between two commits.
        batch: Most interactions read from the store at a time.
        poll_ms: Milliseconds between two looks for closed reward windows and new interactions.
        versions_kept: How many versions of each policy are kept.
        schema_window_s: Least seconds that a window of the schema guard takes, which is 500 decisions.
        metrics_address: Where the learner's metrics can be fetched over HTTP, host:port; empty for nowhere.
    """

    lease_s: float = field(default=3.0, metadata=_between(1, 3600, "seconds"))
    snapshot_interval_s: float = field(default=0.5, metadata=_between(0.01, 3600, "seconds"))
    snapshot_interactions: int = field(default=5000, metadata=_between(1, 10_000_000))
    batch: int = field(default=256, metadata=_between(1, 10_000))
    poll_ms: int = field(default=100, metadata=_between(1, 60_000, "milliseconds"))
    versions_kept: int = field(default=10, metadata=_between(2, 1000))
    schema_window_s: float = field(default=60.0, metadata=_between(0.5, 86_400, "seconds"))
    metrics_address: str = field(default="", metadata=_ADDRESS_OR_NONE)


@dataclass(frozen=True, slots=True)
class CustomerSettings:
    """What is kept of customers, and how.

    Attributes:
        key: Key of the hash that customers are stored under, hexadecimal. Empty: where `attune serve` runs a store of
            its own, the one in the data directory, which is made at the first start; else nothing is stored of anybody.
        former_key: The key before that one: customers who are found under it only are moved.
        consent: What customers have allowed who never said anything: `required` for nothing, `assumed` for everything.
        half_lives_days: After how many days a recorded activity counts half, one number for each count that is kept.
        purchase: The name of the activity that makes a customer a buyer.
        returning_days: Days between the first and the last activity that make a customer a returning one.
        engaged_activities: Activities that make a customer an engaged one.
        established_purchases: Purchases that, together with the next setting, make a customer an established one.
        established_days: Days since a customer was first seen.
        lapsing_days: Days without any activity after which a customer is lapsing.
        profile_days: Days after which a profile is forgotten that nothing is added to.
        history_days: Days after which a history is forgotten that nothing is added to.
        identifiers_allowed: Names of features that look like direct identifiers (`email`, `phone`, ...) and may be sent
            all the same, with commas in between.
    """

    key: str = field(default="", metadata=_KEY)
    former_key: str = field(default="", metadata=_KEY)
    consent: str = field(default="required", metadata=_one_of("required", "assumed"))
    half_lives_days: str = field(default="1,7,30", metadata=_HALF_LIVES)
    purchase: str = field(default="purchase", metadata=_ACTIVITY)
    returning_days: float = field(default=1.0, metadata=_between(0, 3650, "days"))
    engaged_activities: int = field(default=10, metadata=_between(1, 1_000_000))
    established_purchases: int = field(default=3, metadata=_between(1, 1_000_000))
    established_days: float = field(default=90.0, metadata=_between(0, 36_500, "days"))
    lapsing_days: float = field(default=60.0, metadata=_between(0.01, 36_500, "days"))
    profile_days: int = field(default=395, metadata=_between(1, 36_500, "days"))
    history_days: int = field(default=130, metadata=_between(1, 36_500, "days"))
    identifiers_allowed: str = field(default="", metadata=_NAMES)


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is written to stderr.

    Attributes:
        level: The least severe level that is written.
        format: `text` for people, `json` for log collectors.
    """

    level: str = field(default="info", metadata=_one_of("debug", "info", "warning", "error"))
    format: str = field(default="text", metadata=_one_of("text", "json"))


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. Sections are documented in their own classes."""

    server: ServerSettings = field(default_factory=ServerSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    learner: LearnerSettings = field(default_factory=LearnerSettings)
    customers: CustomerSettings = field(default_factory=CustomerSettings)
    log: LogSettings = field(default_factory=LogSettings)
