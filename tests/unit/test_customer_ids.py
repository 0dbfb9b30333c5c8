"""Customers are stored under a keyed hash of their id."""

import hashlib
import hmac

from attune.serving.customer_ids import CustomerIds

KEY, OTHER = bytes(range(32)), bytes(32)


def test_a_customer_is_half_an_hmac_of_the_id() -> None:
    expected = hmac.new(KEY, "Zoë".encode(), hashlib.sha256).digest()[:16]
    assert CustomerIds(KEY).of("Zoë") == (expected, None)


def test_another_key_makes_another_customer() -> None:
    now = CustomerIds(KEY, OTHER).of("c")
    assert now.key == CustomerIds(KEY).of("c").key
    assert now.former == CustomerIds(OTHER).of("c").key != now.key
    assert now.every == (now.key, now.former)
    assert CustomerIds(KEY).of("c").every == (now.key,)


def test_without_a_key_there_are_no_customers() -> None:
    assert not CustomerIds()
    assert CustomerIds(KEY)


def test_a_key_is_not_shown() -> None:
    assert KEY.hex() not in repr(CustomerIds(KEY))
    assert repr(KEY)[2:-1] not in repr(CustomerIds(KEY))
