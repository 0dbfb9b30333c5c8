"""The request's context and what is known about the customer, as one."""

import pytest

from attune.errors import InvalidInputError
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.circumstances import Visitor
from attune.serving.conditions import facts_of
from attune.serving.joining import circumstances_of, told_of
from attune.serving.profile import ProfileRules, fold
from attune.serving.profile_features import tell
from attune.serving.seen import Seen
from attune.storage.v1.records_pb2 import CustomerRecord, SeenRecord
from attune.v1.customer_service_pb2 import Activity, Preferences
from attune.v1.features_pb2 import Features, Tags
from attune_models.facts import is_known, number_of, tags_of, words_of
from attune_models.features import MAX_FEATURES, encode
from attune_models.types import ActionSet, Situation

DAY_MS = 86_400_000
RULES = ProfileRules()
KEY = b"c" * 16


def known(**fields: object) -> Visitor:
    """Return a customer who has viewed three pages and bought something."""
    record = CustomerRecord(**fields)  # type: ignore[arg-type]
    for name, day in (("page_view", 1), ("page_view", 1), ("page_view", 2), ("purchase", 3)):
        fold(record, Activity(name=name), day * DAY_MS, RULES)
    return Visitor(withheld=False, key=KEY, record=record)


def request(context: Features, **fields: object) -> DecideEnvelope:
    asked = DecideEnvelope(placement="home", **fields)  # type: ignore[arg-type]
    asked.context.append(context.SerializeToString())
    return asked


MOBILE = Features(categorical={"device": "mobile"}, numeric={"hour": 7.0})


def test_a_customer_is_joined_to_the_context() -> None:
    circumstances = circumstances_of(request(MOBILE, channel="app"), 4 * DAY_MS, known(), RULES)
    assert (circumstances.placement, circumstances.channel, circumstances.withheld) == ("home", "app", False)
    assert circumstances.context == MOBILE
    assert circumstances.customer is not None
    assert circumstances.known is not None
    numeric = circumstances.known.numeric
    assert (numeric["customer.page_view.count"], numeric["customer.purchase.days_since"]) == (3.0, 1.0)
    assert circumstances.customer.key == KEY


def test_without_a_customer_there_is_the_context_of_the_request() -> None:
    for visitor in (None, Visitor(withheld=True)):
        circumstances = circumstances_of(request(MOBILE, time_zone="Asia/Tokyo"), 1, visitor, RULES)
        assert (circumstances.context, circumstances.customer) == (MOBILE, None)
        assert (circumstances.withheld, circumstances.time_zone) == (visitor is not None, "Asia/Tokyo")


def test_what_the_customer_said_about_the_time_goes_before_what_the_request_says() -> None:
    said = known(preferences=Preferences(time_zone="Europe/Istanbul"))
    assert circumstances_of(request(MOBILE, time_zone="Asia/Tokyo"), 1, said, RULES).time_zone == "Europe/Istanbul"
    assert circumstances_of(request(MOBILE, time_zone="Asia/Tokyo"), 1, known(), RULES).time_zone == "Asia/Tokyo"


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize(
    "own",
    [
        MOBILE,
        Features(),
        Features(tags={"said.interests": Tags(values=["golf"]), "z": Tags(values=["a b", "ü|"])}),
        Features(categorical={"customer.page_view.count": "many", "customer.stage": "vip"}),
        Features(numeric={f"n{i}": float(i) for i in range(MAX_FEATURES)}),
        Features(numeric={f"n{i}": float(i) for i in range(MAX_FEATURES - 3)}),
    ],
)
def test_what_the_policy_sees_is_what_is_recorded(own: Features, *, is_kept: bool) -> None:
    """A learner encodes what is recorded."""
    said = Features(numeric={"spent": 0.0, "tries": -2.5}, categorical={"size": "M"})
    visitor = known(preferences=Preferences(interests=["running", "yoga"], answers=said))
    if is_kept:
        tell(visitor.record, 3 * DAY_MS, RULES)
    circumstances = circumstances_of(request(own), 4 * DAY_MS, visitor, RULES)
    assert circumstances.customer is not None
    told = told_of(Situation(encode(own), [], []), circumstances.customer).context
    written = Features.FromString(circumstances.written)
    assert told == encode(written)
    for kind in ("numeric", "categorical", "tags"):
        for name in getattr(own, kind):
            assert getattr(written, kind)[name] == getattr(own, kind)[name]
    names = [name for kind in ("numeric", "categorical", "tags") for name in getattr(written, kind)]
    assert len(set(names)) == len(names) <= MAX_FEATURES
    facts = facts_of(circumstances)
    for name in names:
        assert is_known(name)(facts)
        assert number_of(name)(facts) == written.numeric.get(name)
        tags = list(written.tags[name].values) if name in written.tags else []
        word = [written.categorical[name]] if name in written.categorical else []
        assert (list(words_of(name)(facts) or ()), list(tags_of(name)(facts) or ())) == (word + tags, tags)
    for name in ("customer.nothing", "nothing"):
        assert not is_known(name)(facts)
        assert number_of(name)(facts) is words_of(name)(facts) is tags_of(name)(facts) is None


def test_a_situation_of_the_catalogue_stays_one() -> None:
    offers = ActionSet(["a", "b"], ["=a", "=b"])
    circumstances = circumstances_of(request(MOBILE), 4 * DAY_MS, known(), RULES)
    customer = circumstances.customer
    assert customer is not None
    for own in (Situation(encode(MOBILE), ["b"], ["=b"], offers, [1]), Situation(encode(MOBILE), ["b"], ["=b"])):
        told = told_of(own, customer)
        assert told.context == encode(Features.FromString(circumstances.written))
        assert (told.action_ids, told.actions, told.known, told.positions) == (["b"], ["=b"], own.known, own.positions)
        assert told.read.text == told.context


def test_bytes_that_are_no_features_are_refused() -> None:
    asked = DecideEnvelope(placement="home", context=[b"\xff"])
    with pytest.raises(InvalidInputError, match="context: expected a message of the contract"):
        circumstances_of(asked, 1, None, RULES)


def test_a_history_is_decoded_when_it_is_looked_at() -> None:
    entries = [SeenRecord(offer_id=name) for name in "abc"]
    seen = Seen([*(each.SerializeToString() for each in entries), b"\xff"])
    assert (list(seen), len(seen), seen[1]) == (entries, 3, entries[1])  # what cannot be read is left out
    seen.extend([SeenRecord(offer_id="d")])
    assert [each.offer_id for each in seen[-2:]] == ["c", "d"]
