"""What is wrong with offers for the catalogue, and with questions about it.

Features are checked by encoding them, as those of inline offers are, so that what the catalogue has can be drawn.
"""

from collections.abc import Iterator, Sequence

from attune.api.checks import MAX_ID_BYTES, between, id_violations, prefixed, timestamp_violations
from attune.api.condition_validation import condition_violations
from attune.api.guardrail_validation import known_segments
from attune.api.time_zones import time_zone_violations
from attune.api.validation import refuse
from attune.errors import Violation
from attune.serving.conditions import Conditions
from attune.store.keys import PLACEMENT_NAME
from attune.tasks import in_turns
from attune.v1.catalog_service_pb2 import Budget, CatalogOffer, ListOffersRequest
from attune.v1.placement_pb2 import Placement
from attune_models.features import FeatureError, encode_action

MAX_AT_ONCE = 1000
MAX_NAMES = 100
MAX_PAGE = 1000
MAX_COST = 1e6
MAX_IMPRESSIONS_PER_DAY = 10**12
MAX_SPEND_PER_DAY = 1e12

_MAX_VIOLATIONS = 100


async def check_offers(offers: Sequence[CatalogOffer], segments: Conditions | None = None) -> None:
    """Check offers that are to be put into the catalogue; decisions are made in between.

    Args:
        offers: What came in.
        segments: Those that conditions may name, by name; None where nobody knows them here.

    Raises:
        InvalidInputError: With the first violations; there may be more.
    """
    refuse(_count_violations("offers", len(offers)))
    found, first = list[Violation](), dict[str, int]()
    async for i, offer in in_turns(enumerate(offers)):
        found += prefixed(f"offers[{i}]", offer_violations(offer, segments))
        if (seen := first.setdefault(offer.offer.id, i)) != i:
            said = f'expected an id of its own, got "{offer.offer.id[:80]}" as in offers[{seen}]'
            found.append(Violation(f"offers[{i}].offer.id", said))
        if len(found) >= _MAX_VIOLATIONS:
            break
    refuse(found)


def are_free(offers: Sequence[CatalogOffer]) -> bool:
    """Tell whether some offer has a budget to spend and no cost of its own: then channels have to cost something."""
    return any(map(_is_free, offers))


def check_spending(offers: Sequence[CatalogOffer], placements: Sequence[Placement]) -> None:
    """Check that what may be spent on offers is spent by showing them.

    Args:
        offers: Valid ones.
        placements: All there are.

    Raises:
        InvalidInputError: Nothing would ever be spent on some of them: their budgets would never end.
    """
    said = "expected an offer with a cost, or a placement that shows it on a channel with a cost"
    refuse(
        Violation(f"offers[{i}].budget.spend_per_day", f"{said}, got neither: it would never be used up")
        for i, offer in enumerate(offers)
        if _is_free(offer) and not any(_is_paid(offer, placement) for placement in placements)
    )


def check_ids(ids: Sequence[str]) -> None:
    """Check ids of offers that are to be taken out of the catalogue.

    Raises:
        InvalidInputError: With every violation.
    """
    refuse(_count_violations("ids", len(ids)))
    refuse(violation for i, offer_id in enumerate(ids) for violation in id_violations(f"ids[{i}]", offer_id))


def check_offer_id(offer_id: str) -> None:
    """Check the id of one offer.

    Raises:
        InvalidInputError: It is none.
    """
    refuse(id_violations("id", offer_id))


def check_listing(request: ListOffersRequest) -> None:
    """Check what is to be listed.

    Raises:
        InvalidInputError: With every violation.
    """
    refuse(_listing_violations(request))


def offer_violations(offer: CatalogOffer, segments: Conditions | None = None) -> Iterator[Violation]:
    """Yield what is wrong with an offer by itself.

    Args:
        offer: What came in.
        segments: Those that its condition may name, by name; None where nobody knows them here.
    """
    yield from _feature_violations(offer)
    yield from _names_violations("placements", offer.placements)
    for i, name in enumerate(offer.placements[:MAX_NAMES]):
        if not PLACEMENT_NAME.fullmatch(name):
            yield _no_placement(f"placements[{i}]", name)
    for field, words in (("channels", offer.channels), ("tags", offer.tags)):
        yield from _names_violations(field, words)
        for i, word in enumerate(words[:MAX_NAMES]):
            yield from id_violations(f"{field}[{i}]", word)
    yield from _lifetime_violations(offer)
    yield from _terms_violations(offer, segments)


def _terms_violations(offer: CatalogOffer, segments: Conditions | None) -> Iterator[Violation]:
    for field in ("category", "exclusive_group"):
        if (size := len(getattr(offer, field).encode())) > MAX_ID_BYTES:
            yield Violation(field, f"expected at most {MAX_ID_BYTES} bytes of UTF-8, got {size}")
    if offer.HasField("when"):
        known = known_segments(offer.when, segments)
        yield from prefixed("when", condition_violations(offer.when, known))
    if offer.HasField("budget"):
        yield from prefixed("budget", _budget_violations(offer.budget))
    yield from between("cost", offer.cost, 0, MAX_COST)


def _budget_violations(budget: Budget) -> Iterator[Violation]:
    has_impressions, has_spend = budget.HasField("impressions_per_day"), budget.HasField("spend_per_day")
    if not (has_impressions or has_spend):
        yield Violation("impressions_per_day", "expected a number here or in spend_per_day, got neither")
    if has_impressions and not 1 <= budget.impressions_per_day <= MAX_IMPRESSIONS_PER_DAY:
        said = f"expected 1 to {MAX_IMPRESSIONS_PER_DAY}, got {budget.impressions_per_day}"
        yield Violation("impressions_per_day", said)
    if has_spend:
        yield from between("spend_per_day", budget.spend_per_day, 0, MAX_SPEND_PER_DAY, above=True)
    yield from time_zone_violations("time_zone", budget.time_zone)


def _is_free(offer: CatalogOffer) -> bool:
    return offer.budget.HasField("spend_per_day") and not offer.cost


def _is_paid(offer: CatalogOffer, placement: Placement) -> bool:
    if offer.placements and placement.name not in offer.placements:
        return False
    return any(each.cost and (not offer.channels or each.name in offer.channels) for each in placement.channels)


def _feature_violations(offer: CatalogOffer) -> Iterator[Violation]:
    try:
        encode_action(offer.offer)
    except FeatureError as error:
        yield Violation(f"offer.{error.field}".rstrip("."), error.description)


def _lifetime_violations(offer: CatalogOffer) -> Iterator[Violation]:
    starts, ends = offer.starts_at, offer.ends_at
    wrong = [*timestamp_violations("starts_at", starts), *timestamp_violations("ends_at", ends)]
    yield from wrong
    both = offer.HasField("starts_at") and offer.HasField("ends_at")
    if not wrong and both and (ends.seconds, ends.nanos) <= (starts.seconds, starts.nanos):
        said = f"expected a time after starts_at, which is {starts.ToJsonString()}, got {ends.ToJsonString()}"
        yield Violation("ends_at", said)


def _listing_violations(request: ListOffersRequest) -> Iterator[Violation]:
    if request.placement and not PLACEMENT_NAME.fullmatch(request.placement):
        yield _no_placement("placement", request.placement)
    for field, word in (("tag", request.tag), ("channel", request.channel), ("page_token", request.page_token)):
        if word:
            yield from id_violations(field, word)
    if request.page_size > MAX_PAGE:
        yield Violation("page_size", f"expected 0 to {MAX_PAGE}, got {request.page_size}")


def _count_violations(field: str, count: int) -> Iterator[Violation]:
    if not 1 <= count <= MAX_AT_ONCE:
        yield Violation(field, f"expected 1 to {MAX_AT_ONCE}, got {count}")


def _names_violations(field: str, names: Sequence[str]) -> Iterator[Violation]:
    if len(names) > MAX_NAMES:
        yield Violation(field, f"expected at most {MAX_NAMES}, got {len(names)}")


def _no_placement(field: str, name: str) -> Violation:
    return Violation(field, f'expected the name of a placement, got "{name[:80]}"')
