"""What a customer allows: what was said, or what is assumed of those who were never asked."""

from dataclasses import dataclass

from attune.storage.v1.records_pb2 import CustomerRecord
from attune.v1.customer_service_pb2 import PURPOSE_LEARNING, PURPOSE_PERSONALIZATION, Consent, Purpose


@dataclass(frozen=True, slots=True)
class ConsentRule:
    """What is assumed.

    Attributes:
        assumed: Whether everything is allowed by those who were never asked; else nothing is.
    """

    assumed: bool = False

    def personalizes(self, record: CustomerRecord | None) -> bool:
        """Whether decisions may use what is known about the customer, and it may be stored."""
        return self._allows(record, PURPOSE_PERSONALIZATION)

    def learns(self, record: CustomerRecord | None) -> bool:
        """Whether models may learn from the customer's interactions."""
        return self._allows(record, PURPOSE_LEARNING)

    def both(self, record: CustomerRecord) -> tuple[bool, bool]:
        """Return what `personalizes` and `learns` do."""
        said = {consent.purpose: consent.granted for consent in record.consents}
        assumed = self.assumed
        return said.get(PURPOSE_PERSONALIZATION, assumed), said.get(PURPOSE_LEARNING, assumed)

    def _allows(self, record: CustomerRecord | None, purpose: Purpose) -> bool:
        if record is not None:
            for consent in record.consents:
                if consent.purpose == purpose:
                    return consent.granted
        return self.assumed


def note(record: CustomerRecord, consent: Consent) -> None:
    """Note what a customer has said about a purpose, unless something later is known.

    Args:
        record: The customer's; changed in place.
        consent: With the time it was given at.
    """
    known = next((each for each in record.consents if each.purpose == consent.purpose), None)
    if known is None:
        record.consents.append(consent)
    elif _given(known) <= _given(consent):
        known.CopyFrom(consent)


def _given(consent: Consent) -> tuple[int, int]:
    return consent.given_at.seconds, consent.given_at.nanos
