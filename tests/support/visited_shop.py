"""A server's decisions for customers on a real store, put together as the server does it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.consent import ConsentRule
from attune.serving.customer_ids import CustomerIds
from attune.serving.customers import CustomerRules, KnownCustomers
from attune.serving.decided import Decided
from attune.serving.decider import Decider
from attune.serving.live import LivePlacement, LivePlacements
from attune.serving.specs import with_defaults
from attune.serving.visitors import Visitors
from attune.storage.v1.records_pb2 import DecisionRecord, SeenRecord
from attune.store.client import Store
from attune.store.customers import Customers
from attune.store.decisions import Decisions
from attune.store.history import History
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.condition_pb2 import Condition
from attune.v1.customer_service_pb2 import (
    Consent,
    Purpose,
)
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import (
    EligibilityRule,
    Guardrails,
    Placement,
)

NOW_MS = 1_700_000_000_000
IDS = CustomerIds(b"k" * 32)
NOBODY = Guardrails(rules=[EligibilityRule(name="nobody", when=Condition(test="device == tv"))])


def no_offers(placement: LivePlacement) -> None:
    """Return what a placement may draw from the catalogue: nothing."""


def request(customer_id: str = "anna", event_id: str = "", **fields: object) -> DecideEnvelope:
    """Return a request among four offers, by a mobile device."""
    offers = [Offer(id=name).SerializeToString() for name in "abcd"]
    asked = DecideEnvelope(placement="home", customer_id=customer_id, event_id=event_id, offers=offers, **fields)  # type: ignore[arg-type]
    asked.context.append(Features(categorical={"device": "mobile"}).SerializeToString())
    return asked


@dataclass
class Shop:
    """A server's decisions."""

    store: Store
    pipe: Pipe
    assumed: bool = True
    ids: CustomerIds = field(default_factory=lambda: IDS)

    def __post_init__(self) -> None:
        """Put the parts together as the server does."""
        customers = Customers(self.pipe)
        rules = CustomerRules(self.ids, ConsentRule(assumed=self.assumed))
        journal = Journal(self.pipe)
        self.known = KnownCustomers(customers, rules)
        self.decisions = Decisions(self.store)
        self.live = LivePlacements(Placements(self.store), Versions(self.store))
        self.visitors = Visitors(rules, History(self.pipe, journal.outages, 3600), customers)
        self.decider = Decider(self.live, no_offers, journal, self.decisions, self.visitors)

    async def apply(self, **fields: object) -> None:
        """Apply the placement."""
        await Placements(self.store).apply(with_defaults(Placement(name="home", **fields)), now_ms=0)  # type: ignore[arg-type]

    async def record(self, event_id: str) -> DecisionRecord:
        """Return a decision as it is stored."""
        return (await self.decisions.get(PlacementKeys("home"), event_id)).record

    async def allow(self, purpose: Purpose, *, granted: bool) -> None:
        """Let anna say what she allows."""
        await self.known.consent("anna", [Consent(purpose=purpose, granted=granted)], NOW_MS)

    async def seen(self, customer_id: str = "anna") -> Sequence[SeenRecord]:
        """Return a history."""
        return (await self.known.read(customer_id)).seen


def drawn(decided: object) -> str:
    """Return the id of the offer that was drawn."""
    assert isinstance(decided, Decided)
    return decided.offer_ids[decided.record.chosen]
