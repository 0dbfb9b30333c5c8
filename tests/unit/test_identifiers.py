"""Names of features that look like direct identifiers are told from those that do not."""

import tracemalloc

import pytest

from attune.api.identifiers import ContextNames, identifier_violations, looks_identifying
from attune.api.time_zones import time_zone_violations
from attune.errors import InvalidInputError
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from messages import features


@pytest.mark.parametrize(
    "name",
    [
        "email",
        "Email",
        "e-mail",
        "E_MAIL",
        "emailAddress",
        "customer.email",
        "billing.phone_number",
        "first name",
        "IBAN",
    ],
)
def test_an_identifier_is_found_however_it_is_written(name: str) -> None:
    assert looks_identifying(name)


@pytest.mark.parametrize(
    "name",
    [
        "email_opens",
        "email.opens",
        "product_name",
        "phones",
        "device",
        "age",
        "city",
        "country",
        "named",
        "said.size",
        "",
    ],
)
def test_what_only_has_to_do_with_one_is_none(name: str) -> None:
    assert not looks_identifying(name)


def test_each_is_named_unless_it_is_allowed() -> None:
    sent = features(numeric={"phone": 1.0}, categorical={"email": "a@b.c", "city": "x"}, tags={"name": ["Eve"]})
    found = list(identifier_violations("context", sent, {"phone"}))
    assert [violation.field for violation in found] == ['context.categorical["email"]', 'context.tags["name"]']
    assert "customers.identifiers_allowed" in found[0].description
    # Not the value: errors end up in logs.
    assert not any("a@b.c" in str(violation) or "Eve" in str(violation) for violation in found)


def test_what_is_remembered_of_contexts_does_not_grow_with_what_callers_make_up() -> None:
    names = ContextNames()

    def asked(i: int, **more: str) -> DecideEnvelope:
        # Others of the same words each time: what is remembered of single words is not what this is about.
        words = {f"{j} {'x' * 200}": "y" * 200 for j in range(100) if j != i}
        return DecideEnvelope(context=[features(categorical=words | more).SerializeToString()])

    names.check(asked(0))
    names.check(asked(1))
    tracemalloc.start()
    for i in range(2, 20):
        names.check(asked(i))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 100_000
    for _ in range(2):
        with pytest.raises(InvalidInputError, match="email"):
            names.check(asked(0, email="a@b.c"))


@pytest.mark.parametrize("name", ["", "Europe/Istanbul", "UTC", "America/Argentina/Ushuaia"])
def test_a_time_zone_is_known(name: str) -> None:
    assert list(time_zone_violations("time_zone", name)) == []


@pytest.mark.parametrize(
    "name",
    ["Mars/Olympus", "europe", "../../etc/passwd", "/etc/localtime", "Europe", "\0", "x" * 5000, "Europe/Istanbul\n"],
)
def test_a_time_zone_is_none(name: str) -> None:
    [violation] = time_zone_violations("time_zone", name)
    assert violation.field == "time_zone"
    assert violation.description.startswith('expected a time zone such as "Europe/Istanbul", got "')
    assert len(violation.description) < 200
