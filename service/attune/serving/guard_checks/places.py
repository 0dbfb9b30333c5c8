"""Where the offers are that go by a name: an id, a category, a channel. Worked out once for those of the catalogue."""

from collections.abc import Callable, Mapping, Sequence

from attune.serving.terms import OfferTerms, Terms


def by_id(terms: Terms) -> Mapping[str, Sequence[int]]:
    """Return the positions of each offer's id."""
    return terms.once("by id", lambda: _places(terms, lambda each: each.offer_id))


def by_category(terms: Terms) -> Mapping[str, Sequence[int]]:
    """Return the positions of each category; those of offers without one under the empty name."""
    return terms.once("by category", lambda: _places(terms, lambda each: each.category))


def by_channel(terms: Terms) -> Mapping[str, Sequence[int]]:
    """Return the positions of each channel that the placement chooses from; all under the empty name without any."""
    return terms.once("by channel", lambda: _places(terms, lambda each: each.channel))


def _places(terms: Terms, name_of: Callable[[OfferTerms], str]) -> Mapping[str, Sequence[int]]:
    places: dict[str, list[int]] = {}
    for position, each in enumerate(terms):
        places.setdefault(name_of(each), []).append(position)
    return places
