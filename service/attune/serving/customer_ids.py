"""From a customer's id to the keyed hash that stands for it: nothing that is stored has the id itself.

HMAC-SHA256 (RFC 2104; FIPS 198-1, 2008) under the key of the settings, cut to 128 bits. Who has the store but not the
key can neither find a customer nor try ids out.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from attune.store.keys import CUSTOMER_KEY_BYTES


class Customer(NamedTuple):
    """What stands for a customer.

    Attributes:
        key: The keyed hash of the id, CUSTOMER_KEY_BYTES.
        former: The hash under the former key; None where there is none.
    """

    key: bytes
    former: bytes | None = None

    @property
    def every(self) -> tuple[bytes, ...]:
        """The hashes that something may be stored under."""
        return (self.key,) if self.former is None else (self.key, self.former)


@dataclass(frozen=True, slots=True, repr=False)
class CustomerIds:
    """Hashes ids of customers; false where there is no key to do it with.

    Attributes:
        key: The key; empty for none.
        former_key: The key before that one; empty for none.
    """

    key: bytes = b""
    former_key: bytes = b""

    def __bool__(self) -> bool:
        """Whether anything can be stored of a customer."""
        return bool(self.key)

    @property
    def every(self) -> tuple[bytes, ...]:
        """The keys that something may be stored under, that of today first; empty: of before there was one."""
        return tuple(dict.fromkeys((self.key, self.former_key, b"")))

    def of(self, customer_id: str) -> Customer:
        """Return what stands for a customer.

        Args:
            customer_id: Not empty; what is not UTF-8 cannot come through the contract.
        """
        said = customer_id.encode()
        return Customer(_hash(self.key, said), _hash(self.former_key, said) if self.former_key else None)


def _hash(key: bytes, customer_id: bytes) -> bytes:
    # As HMAC is defined, with both halves of the key taken in before: the standard library takes four times as long.
    begun, ended = _keyed(key)
    inner, outer = begun.copy(), ended.copy()
    inner.update(customer_id)
    outer.update(inner.digest())
    return outer.digest()[:CUSTOMER_KEY_BYTES]


@lru_cache(4)
def _keyed(key: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    """Return the inner and the outer hash, which have taken in the key."""
    begun = hashlib.sha256()
    padded = (hashlib.sha256(key).digest() if len(key) > begun.block_size else key).ljust(begun.block_size, b"\0")
    begun.update(bytes(byte ^ 0x36 for byte in padded))
    return begun, hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))
