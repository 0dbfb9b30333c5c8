"""What is wrong with guardrails, and what is allowed but hardly meant."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from google.protobuf.duration_pb2 import Duration

from attune.api.checks import duration_violations, enum_violations, id_violations, prefixed
from attune.api.condition_validation import condition_violations, named_segments
from attune.api.time_zones import time_zone_violations
from attune.errors import Violation
from attune.serving.conditions import Conditions
from attune.serving.guard_checks.quiet_hours import minute_of_day
from attune.store.keys import PLACEMENT_NAME
from attune.v1.condition_pb2 import Condition
from attune.v1.placement_pb2 import (
    CAP_SCOPE_CATEGORY,
    CAP_SCOPE_CHANNEL,
    CAP_SCOPE_CUSTOMER,
    CAP_SCOPE_OFFER,
    CAP_SCOPE_PLACEMENT,
    CapScope,
    CoolDown,
    EligibilityRule,
    FrequencyCap,
    Guardrails,
    NothingEligible,
    OfferSelector,
    QuietHours,
)
from attune_models.features import FeatureError, encode_action

MAX_RULES = 50
MAX_CONDITION_BYTES = 65_536
"""Largest size of all conditions of rules: reading a megabyte of them takes a second, in which nobody is answered."""
MAX_CAPS = 20
MAX_COOL_DOWNS = 20
MAX_QUIET_HOURS = 10
MAX_IMPRESSIONS = 1000
MAX_HOLIDAYS = 400
MAX_CHANNELS = 20
MIN_WINDOW_S, MAX_WINDOW_S = 1, 90 * 24 * 3600

_MOST_SELECTED = {"offer_ids": 1000, "tags": 100, "categories": 100, "channels": MAX_CHANNELS}
_RESTING = (CAP_SCOPE_OFFER, CAP_SCOPE_CATEGORY, CAP_SCOPE_PLACEMENT)
_COUNTED = (*_RESTING, CAP_SCOPE_CHANNEL, CAP_SCOPE_CUSTOMER)


def guardrail_violations(
    guardrails: Guardrails, outcomes: Collection[str], segments: Conditions | None = None
) -> Iterator[Violation]:
    """Yield what is wrong with guardrails.

    Args:
        guardrails: What came in.
        outcomes: Names of the outcomes of the reward spec.
        segments: Those that conditions may name; None where they are not known here.
    """
    if (size := sum(rule.when.ByteSize() for rule in guardrails.rules)) > MAX_CONDITION_BYTES:
        said = f"expected at most {MAX_CONDITION_BYTES:,} bytes of conditions in all, got {size:,}; segments share them"
        yield Violation("rules", said)
        return
    yield from _each("rules", guardrails.rules, MAX_RULES, lambda rule: _rule_violations(rule, segments))
    yield from _each("caps", guardrails.caps, MAX_CAPS, _cap_violations)
    yield from _each(
        "cool_downs",
        guardrails.cool_downs,
        MAX_COOL_DOWNS,
        lambda cool_down: _cool_down_violations(cool_down, outcomes),
    )
    yield from _each("quiet_hours", guardrails.quiet_hours, MAX_QUIET_HOURS, _quiet_hours_violations)
    for field in ("rules", "caps"):
        yield from _repeated(field, [each.name for each in getattr(guardrails, field)])


def nothing_eligible_violations(spec: NothingEligible) -> Iterator[Violation]:
    """Yield what is wrong with what is to be answered where nothing is eligible."""
    if spec.WhichOneof("reply") is None:
        yield Violation("default_offer", "expected an offer here, or empty, got neither")
    if spec.HasField("default_offer"):
        try:
            encode_action(spec.default_offer)
        except FeatureError as error:
            yield Violation(f"default_offer.{error.field}".rstrip("."), error.description)


def known_segments(condition: Condition, segments: Conditions | None) -> Conditions:
    """Return the segments that a condition may name: all that it does, where nobody knows which there are."""
    if segments is not None:
        return segments
    return dict.fromkeys(named_segments(condition), Condition())


def _each(
    field: str, several: Sequence[Any], most: int, violations_of: Callable[[Any], Iterable[Violation]]
) -> Iterator[Violation]:
    if len(several) > most:
        yield Violation(field, f"expected at most {most}, got {len(several)}")
    for i, each in enumerate(several[:most]):
        yield from prefixed(f"{field}[{i}]", violations_of(each))


def _repeated(field: str, names: Sequence[str]) -> Iterator[Violation]:
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        if (seen := first.setdefault(name, i)) != i:
            yield Violation(
                f"{field}[{i}].name", f'expected a name of its own, got "{name[:80]}" as in {field}[{seen}]'
            )


def _rule_violations(rule: EligibilityRule, segments: Conditions | None) -> Iterator[Violation]:
    yield from _name_violations(rule.name)
    yield from prefixed("offers", _selector_violations(rule.offers))
    if rule.HasField("when"):
        known = known_segments(rule.when, segments)
        yield from prefixed("when", condition_violations(rule.when, known))
    else:
        yield Violation("when", "expected a condition, got none")


def _cap_violations(cap: FrequencyCap) -> Iterator[Violation]:
    yield from _name_violations(cap.name)
    if not 1 <= cap.impressions <= MAX_IMPRESSIONS:
        hint = "; a rule keeps offers out altogether" if cap.impressions == 0 else ""
        yield Violation("impressions", f"expected 1 to {MAX_IMPRESSIONS}, got {cap.impressions}{hint}")
    yield from _window_violations("window", cap, cap.window)
    yield from _scope_violations(cap.scope, _COUNTED)
    yield from prefixed("offers", _selector_violations(cap.offers))


def _cool_down_violations(cool_down: CoolDown, outcomes: Collection[str]) -> Iterator[Violation]:
    if cool_down.outcome not in outcomes:
        said = f'expected one of {", ".join(sorted(outcomes))}: outcomes of the reward, got "{cool_down.outcome[:80]}"'
        yield Violation("outcome", said)
    yield from _window_violations("duration", cool_down, cool_down.duration)
    yield from _scope_violations(cool_down.scope, _RESTING)


def _quiet_hours_violations(quiet: QuietHours) -> Iterator[Violation]:
    yield from _words_violations("channels", quiet.channels, MAX_CHANNELS)
    yield from _hours_violations(quiet)
    if len(quiet.holidays) > MAX_HOLIDAYS:
        yield Violation("holidays", f"expected at most {MAX_HOLIDAYS}, got {len(quiet.holidays)}")
    for i, day in enumerate(quiet.holidays[:MAX_HOLIDAYS]):
        if not _is_date(day):
            yield Violation(f"holidays[{i}]", f'expected a date such as 2026-12-25, got "{day[:80]}"')
    yield from time_zone_violations("time_zone", quiet.time_zone)


def _hours_violations(quiet: QuietHours) -> Iterator[Violation]:
    wrong = [
        violation for field in ("starts_at", "ends_at") for violation in _time_violations(field, getattr(quiet, field))
    ]
    yield from wrong
    if wrong:
        return
    if bool(quiet.starts_at) != bool(quiet.ends_at):
        field, other = ("ends_at", "starts_at") if quiet.starts_at else ("starts_at", "ends_at")
        yield Violation(field, f"expected a time of day beside {other}, got none")
    elif not quiet.starts_at and not quiet.holidays:
        yield Violation("starts_at", "expected hours or holidays, got neither")
    elif quiet.starts_at and quiet.starts_at == quiet.ends_at:
        said = f"expected another time than starts_at, got {quiet.ends_at}: that is no time, or always"
        yield Violation("ends_at", said)


def _time_violations(field: str, text: str) -> Iterator[Violation]:
    try:
        minute_of_day(text)
    except ValueError as error:
        yield Violation(field, str(error))


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _selector_violations(selector: OfferSelector) -> Iterator[Violation]:
    for field, most in _MOST_SELECTED.items():
        yield from _words_violations(field, getattr(selector, field), most)


def _words_violations(field: str, words: Sequence[str], most: int) -> Iterator[Violation]:
    if len(words) > most:
        yield Violation(field, f"expected at most {most}, got {len(words)}")
    for i, word in enumerate(words[:most]):
        yield from id_violations(f"{field}[{i}]", word)


def _name_violations(name: str) -> Iterator[Violation]:
    if not PLACEMENT_NAME.fullmatch(name):
        said = "expected 1 to 64 characters of a-z, 0-9, _, - and ., starting with a letter or digit"
        yield Violation("name", f'{said}, got "{name[:80]}"')


def _window_violations(field: str, message: Any, duration: Duration) -> Iterator[Violation]:
    if message.HasField(field):
        yield from duration_violations(field, duration, MIN_WINDOW_S, MAX_WINDOW_S)
    else:
        yield Violation(field, f"expected {MIN_WINDOW_S} to {MAX_WINDOW_S} s, got none")


def _scope_violations(scope: CapScope, allowed: Sequence[CapScope]) -> Iterator[Violation]:
    if scope not in CapScope.values():
        yield from enum_violations("scope", scope, CapScope)
    elif scope not in allowed:
        names = ", ".join(map(CapScope.Name, allowed))
        yield Violation("scope", f"expected one of {names}, got {CapScope.Name(scope)}")
