"""What a customer has said about channels, offers and how often: rules, because it was said and not guessed."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from attune.serving.circumstances import Circumstances, KnownCustomer
from attune.serving.guard import AtMost, Exclusion
from attune.serving.guard_checks.places import by_category, by_channel, by_id
from attune.serving.terms import Terms
from attune.v1.customer_service_pb2 import Preferences
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_PREFERENCE

WEEK_MS = 7 * 24 * 3600 * 1000


class _Shown(NamedTuple):
    """An offer that the customer was shown; see storage.v1.SeenRecord."""

    placement: str
    event_id: str
    offer_id: str
    category: str
    channel: str


def look_back(preferences: Preferences) -> bool:
    """Tell whether what was said depends on what was shown."""
    return bool(preferences.most_per_week or preferences.less_of_categories)


def _says_what_is_unwanted(said: Preferences) -> bool:
    return bool(said.unwanted_offer_ids or said.unwanted_channels) or look_back(said)


class SaidPreferences:
    """Leaves out what the customer does not want."""

    def __call__(self, circumstances: Circumstances, terms: Terms, positions: Sequence[int]) -> Sequence[Exclusion]:
        """Return what the customer does not want: see `attune.serving.guard.Check`."""
        customer = circumstances.customer
        if customer is None or not _says_what_is_unwanted(customer.record.preferences):
            return ()
        exclusions: list[Exclusion] = []
        left = set(positions)
        for field, unwanted in _unwanted(circumstances, customer, terms):
            if gone := left.intersection(unwanted):
                exclusions.append(Exclusion(EXCLUSION_REASON_PREFERENCE, field, sorted(gone)))
                left -= gone
        return exclusions

    def limits(self, circumstances: Circumstances, terms: Terms) -> Sequence[AtMost]:
        """Return of what one reply may show only so much: see `attune.serving.guard.Limiting`."""
        customer = circumstances.customer
        if customer is None or not look_back(customer.record.preferences):
            return ()
        said, categories = customer.record.preferences, by_category(terms)
        limits = [AtMost(categories[category], 1) for category in said.less_of_categories if category in categories]
        if said.most_per_week:
            left = said.most_per_week - _shown_on_channels(_shown(circumstances, customer))
            limits += [AtMost(_on_channels(terms), left)]
        return limits


def _unwanted(
    circumstances: Circumstances, customer: KnownCustomer, terms: Terms
) -> Iterator[tuple[str, Iterable[int]]]:
    """Yield what is not wanted, and which field of the preferences says so."""
    said = customer.record.preferences
    if said.unwanted_channels:
        unwanted = set(said.unwanted_channels)
        channels = by_channel(terms)
        named = [channels[name] for name in channels if (name or circumstances.channel) in unwanted]
        yield "unwanted_channels", chain.from_iterable(named)
    if said.unwanted_offer_ids:
        ids = by_id(terms)
        yield "unwanted_offer_ids", chain.from_iterable(ids.get(each, ()) for each in said.unwanted_offer_ids)
    if look_back(said):
        shown, categories = _shown(circumstances, customer), by_category(terms)
        seen = {each.category for each in shown}
        often = [categories.get(each, ()) for each in said.less_of_categories if each in seen]
        yield "less_of_categories", chain.from_iterable(often)
        if said.most_per_week and _shown_on_channels(shown) >= said.most_per_week:
            yield "most_per_week", _on_channels(terms)


def _shown(circumstances: Circumstances, customer: KnownCustomer) -> Collection[_Shown]:
    """Return what was shown within the last week, each offer of a decision once."""
    since_ms = circumstances.now_ms - WEEK_MS
    return {
        _Shown(each.placement, each.event_id, each.offer_id, each.category, each.channel)
        for each in customer.seen
        if each.at_ms > since_ms and not each.outcome
    }


def _shown_on_channels(shown: Iterable[_Shown]) -> int:
    return sum(bool(each.channel) for each in shown)


def _on_channels(terms: Terms) -> Sequence[int]:
    """Return the offers that the placement would send on a channel: it says which one."""
    channels = by_channel(terms)
    return [position for name in channels if name for position in channels[name]]
