"""What is worked out about offers is worked out once, and kept no longer than whoever asked."""

import gc
import weakref

from attune.serving.terms import OfferTerms, Terms, bare_terms
from attune.v1.condition_pb2 import Condition
from attune.v1.features_pb2 import Features, Offer


class _Owner:
    """Somebody who has something worked out."""


def made(calls: list[str]) -> _Owner:
    calls.append("made")
    return _Owner()


def test_what_is_worked_out_is_kept() -> None:
    terms, calls = bare_terms(["a"], [b""]), list[str]()
    first = terms.once("x", lambda: made(calls))
    assert terms.once("x", lambda: made(calls)) is first
    assert terms.once("y", lambda: made(calls)) is not first
    assert calls == ["made"] * 2


def test_what_is_somebodys_goes_with_its_owner() -> None:
    terms, calls, owner = bare_terms(["a"], [b""]), list[str](), _Owner()
    kept = weakref.ref(terms.once("x", lambda: made(calls), owner=owner))
    assert terms.once("x", lambda: made(calls), owner=owner) is kept()
    assert terms.once("x", lambda: made(calls)) is not kept()
    del owner
    gc.collect()
    assert kept() is None


def test_terms_know_their_offers() -> None:
    offer = Offer(id="a", features=Features(numeric={"price": 3}))
    terms = Terms([OfferTerms("a", when=Condition(test="x > 1"))], [offer.SerializeToString()])
    assert terms.features(0) == offer.features
    assert (len(terms), terms[0].offer_id, [each.offer_id for each in terms[:1]]) == (1, "a", ["a"])
    assert (terms.are_limited, bare_terms(["a"], [b""]).are_limited) == (True, False)
