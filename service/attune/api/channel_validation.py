"""What is wrong with the channels of a placement, and with what names offers where offers are drawn on channels."""

import re
from collections.abc import Iterator, Sequence

from attune.api.checks import between, prefixed
from attune.errors import Violation
from attune.serving.variants import FEATURE, SEPARATOR, split
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import Placement, PolicySpec

MAX_CHANNELS = 10
MAX_COST = 1e6

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def channel_violations(placement: Placement) -> Iterator[Violation]:
    """Yield what is wrong with the channels of a placement."""
    channels = placement.channels
    if len(channels) > MAX_CHANNELS:
        yield Violation("channels", f"expected at most {MAX_CHANNELS}, got {len(channels)}")
    first: dict[str, int] = {}
    for i, channel in enumerate(channels[:MAX_CHANNELS]):
        if not _NAME.fullmatch(channel.name):
            said = "expected 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter"
            yield Violation(f"channels[{i}].name", f'{said}, got "{channel.name[:80]}"')
        if (seen := first.setdefault(channel.name, i)) != i:
            said = f'expected a name of its own, got "{channel.name[:80]}" as in channels[{seen}]'
            yield Violation(f"channels[{i}].name", said)
        yield from between(f"channels[{i}].cost", channel.cost, 0, MAX_COST)
    if channels:
        yield from _variant_violations(placement, list(first))


def channel_warnings(placement: Placement) -> Iterator[str]:
    """Yield where guardrails name channels that the placement does not choose from."""
    chosen = {channel.name for channel in placement.channels}
    guardrails = placement.guardrails
    named = [
        *((f"rules[{i}].offers.channels", rule.offers.channels) for i, rule in enumerate(guardrails.rules)),
        *((f"caps[{i}].offers.channels", cap.offers.channels) for i, cap in enumerate(guardrails.caps)),
        *((f"quiet_hours[{i}].channels", quiet.channels) for i, quiet in enumerate(guardrails.quiet_hours)),
    ]
    for field, channels in named if chosen else ():
        if others := [channel for channel in channels if channel not in chosen]:
            names = ", ".join(each.name for each in placement.channels)
            yield f'guardrails.{field}: "{others[0][:80]}" is not chosen here: the channels are {names}'


def _variant_violations(placement: Placement, channels: Sequence[str]) -> Iterator[Violation]:
    """Yield where an offer is named without a channel: policies see both as one."""
    if placement.control.HasField("fixed"):
        yield from _id_violations("control.fixed.offer_id", placement.control.fixed.offer_id, channels)
    yield from prefixed("policy", _policy_violations(placement.policy, channels))
    for i, challenger in enumerate(placement.challengers):
        yield from prefixed(f"challengers[{i}].policy", _policy_violations(challenger.policy, channels))


def _policy_violations(policy: PolicySpec, channels: Sequence[str]) -> Iterator[Violation]:
    if policy.HasField("fixed"):
        yield from _id_violations("fixed.offer_id", policy.fixed.offer_id, channels)
    for i, belief in enumerate(policy.beliefs):
        yield from prefixed(f"beliefs[{i}].offer", _offer_violations(belief.offer, channels))


def _offer_violations(offer: Offer, channels: Sequence[str]) -> Iterator[Violation]:
    wrong = list(_id_violations("id", offer.id, channels))
    yield from wrong
    channel = split(offer.id)[1]
    said = offer.features.categorical.get(FEATURE, "")
    if offer.id and not wrong and said != channel:
        field = f'features.categorical["{FEATURE}"]'
        yield Violation(field, f'expected "{channel}", as in the id, got "{said[:80]}"')


def _id_violations(field: str, name: str, channels: Sequence[str]) -> Iterator[Violation]:
    if name and split(name)[1] not in channels:
        such = f"{name[:80]}{SEPARATOR}{channels[0]}"
        said = f'expected an offer on one of the channels, such as "{such}", got "{name[:80]}"'
        yield Violation(field, said)
