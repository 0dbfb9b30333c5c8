"""What happens to customers: they do things, say things, and allow or refuse to be known.

Between the contract (`attune.api.customers`) and the store (`attune.store.customers`). Decisions read what comes of it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from attune.errors import CustomersNotKeptError, NoConsentError
from attune.serving.consent import ConsentRule, note
from attune.serving.customer_ids import Customer, CustomerIds
from attune.serving.profile import ProfileRules, fold
from attune.serving.profile_features import tell
from attune.storage.v1.records_pb2 import CustomerRecord
from attune.store.customers import Change, Customers, Stored
from attune.v1.customer_service_pb2 import Activity, Consent, Preferences

# What is folded in one turn of the event loop makes decisions wait: some hundred microseconds each.
_AT_ONCE = 8


class Became(Enum):
    """What became of an activity."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    NO_CONSENT = "no consent"
    FULL = "full"


class Folded(NamedTuple):
    """What became of an activity.

    Attributes:
        became: It.
        detail: What was expected and what came, for FULL.
    """

    became: Became
    detail: str = ""


class Done(NamedTuple):
    """Something a customer did.

    Attributes:
        activity: A valid one.
        at_ms: When, milliseconds since the epoch.
    """

    activity: Activity
    at_ms: int


@dataclass(frozen=True, slots=True)
class CustomerRules:
    """How customers are kept.

    Attributes:
        ids: Hashes their ids.
        consent: What is assumed of those who were never asked.
        profile: How profiles are kept.
    """

    ids: CustomerIds
    consent: ConsentRule = field(default_factory=ConsentRule)
    profile: ProfileRules = field(default_factory=ProfileRules)


class KnownCustomers:
    """Changes and reads what is known about customers.

    Attributes:
        rules: How they are kept.
    """

    def __init__(self, customers: Customers, rules: CustomerRules) -> None:
        """Work with these."""
        self._customers = customers
        self.rules = rules
        self._turn = asyncio.Semaphore(_AT_ONCE)

    def known_as(self, customer_id: str) -> Customer:
        """Return what stands for a customer.

        Raises:
            CustomersNotKeptError: There is no key.
        """
        if not self.rules.ids:
            raise CustomersNotKeptError
        return self.rules.ids.of(customer_id)

    async def read(self, customer_id: str) -> Stored:
        """Return what is stored of a customer.

        Raises:
            CustomersNotKeptError: There is no key.
            StoreUnavailableError: The store did not answer in time.
        """
        return await self._customers.read(*self.known_as(customer_id))

    async def record(self, customer_id: str, done: Sequence[Done], now_ms: int) -> list[Folded]:
        """Fold what a customer did into the profile.

        Args:
            customer_id: Whose.
            done: At least one.
            now_ms: Milliseconds since the epoch.

        Returns:
            What became of each.

        Raises:
            CustomersNotKeptError: There is no key.
            StoreUnavailableError: The store did not answer in time; it may have happened.
        """
        key, former = self.known_as(customer_id)
        ids = list(dict.fromkeys(activity.activity_id for activity, _ in done if activity.activity_id))

        def change(record: CustomerRecord, known: Sequence[bool]) -> Change[list[Folded]]:
            """Fold what is not known yet into the profile."""
            there = {activity_id for activity_id, is_known in zip(ids, known, strict=True) if is_known}
            return self._folded(record, done, there, now_ms)

        async with self._turn:
            return await self._customers.change(key, change, former=former, activity_ids=ids, now_ms=now_ms)

    async def prefer(self, customer_id: str, preferences: Preferences, now_ms: int) -> None:
        """Replace what a customer has said.

        Raises:
            CustomersNotKeptError: There is no key.
            NoConsentError: The customer has not allowed that it is stored.
            StoreUnavailableError: The store did not answer in time; it may have happened.
        """
        key, former = self.known_as(customer_id)

        def change(record: CustomerRecord, _: Sequence[bool]) -> Change[None]:
            """Replace the preferences, where they may be kept."""
            if not self.rules.consent.personalizes(record):
                raise NoConsentError("customer_id: expected a customer who has allowed PURPOSE_PERSONALIZATION")
            record.preferences.CopyFrom(preferences)
            self._meet(record, now_ms)
            return Change(None)

        await self._customers.change(key, change, former=former)

    async def consent(self, customer_id: str, consents: Sequence[Consent], now_ms: int) -> list[Consent]:
        """Note what a customer allows, and forget the rest where personalization is refused.

        Args:
            customer_id: Who.
            consents: With the times they were given at.
            now_ms: Milliseconds since the epoch.

        Returns:
            What the customer allows now.

        Raises:
            CustomersNotKeptError: There is no key.
            StoreUnavailableError: The store did not answer in time; it may have happened.
        """
        key, former = self.known_as(customer_id)

        def change(record: CustomerRecord, _: Sequence[bool]) -> Change[list[Consent]]:
            """Note the consents; keep nothing else where personalization is refused."""
            for consent in consents:
                note(record, consent)
            said = [Consent.FromString(consent.SerializeToString()) for consent in record.consents]
            if self.rules.consent.personalizes(record):
                self._meet(record, now_ms)
                return Change(said)
            record.Clear()
            record.consents.extend(said)
            return Change(said, forgets=True)

        return await self._customers.change(key, change, former=former)

    def _meet(self, record: CustomerRecord, now_ms: int) -> None:
        """Keep what is told of a customer who has said something, perhaps for the first time."""
        record.first_seen_ms = record.first_seen_ms or now_ms
        tell(record, now_ms, self.rules.profile)

    def _folded(
        self, record: CustomerRecord, done: Sequence[Done], known: set[str], now_ms: int
    ) -> Change[list[Folded]]:
        if not self.rules.consent.personalizes(record):
            return Change([Folded(Became.NO_CONSENT)] * len(done), writes=False)
        folded, noted = list[Folded](), list[str]()
        for activity, at_ms in done:
            activity_id = activity.activity_id
            if activity_id and activity_id in known:
                folded.append(Folded(Became.DUPLICATE))
            elif reason := fold(record, activity, at_ms, self.rules.profile):
                folded.append(Folded(Became.FULL, reason))
            else:
                folded.append(Folded(Became.ACCEPTED))
                if activity_id:
                    known.add(activity_id)
                    noted.append(activity_id)
        if not any(each.became is Became.ACCEPTED for each in folded):
            return Change(folded, writes=False)
        tell(record, now_ms, self.rules.profile)
        return Change(folded, activity_ids=noted)
