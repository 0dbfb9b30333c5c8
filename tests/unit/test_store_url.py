"""URLs of the store: which forms are read, and that no message repeats a password."""

import pytest

from attune.store_url import Kind, StoreUrl, parse, problem, redacted

TLS = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
BOB = {"username": "bob", "password": "p@ss/1"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        # One server: everything left out, everything given, a password alone, an address with colons.
        ("redis://host", StoreUrl(Kind.SERVER, (("host", 6379),))),
        ("redis://bob:p%40ss%2F1@host:1/3", StoreUrl(Kind.SERVER, (("host", 1),), db=3, login=BOB)),
        ("redis://:secret@host/", StoreUrl(Kind.SERVER, (("host", 6379),), login={"password": "secret"})),
        ("redis://[::1]:7000?db=2", StoreUrl(Kind.SERVER, (("::1", 7000),), db=2)),
        # An @ in a password that nobody encoded: the last one counts, as in other clients.
        ("redis://:a@b@host", StoreUrl(Kind.SERVER, (("host", 6379),), login={"password": "a@b"})),
        # A socket, with an escaped path, a user and a database.
        ("unix:///run/a%20b.sock", StoreUrl(Kind.SERVER, path="/run/a b.sock")),
        ("unix://bob:p%40ss%2F1@/s?db=3", StoreUrl(Kind.SERVER, path="/s", db=3, login=BOB)),
        # TLS is checked unless the URL says otherwise; without certificates there is no name to check.
        ("rediss://host", StoreUrl(Kind.SERVER, (("host", 6379),), tls=TLS)),
        (
            "rediss://host?ssl_ca_certs=/ca.pem&ssl_check_hostname=no",
            StoreUrl(
                Kind.SERVER, (("host", 6379),), tls={**TLS, "ssl_ca_certs": "/ca.pem", "ssl_check_hostname": False}
            ),
        ),
        (
            "rediss://host?ssl_cert_reqs=none",
            StoreUrl(Kind.SERVER, (("host", 6379),), tls={"ssl_cert_reqs": "none", "ssl_check_hostname": False}),
        ),
        # Sentinel: a port of its own by default, a service, maybe a database, maybe another login for the Sentinels.
        ("redis+sentinel://a,b:5/shop", StoreUrl(Kind.SENTINEL, (("a", 26379), ("b", 5)), service="shop")),
        (
            "rediss+sentinel://bob:p%40ss%2F1@a/shop/4?sentinel_password=x",
            StoreUrl(Kind.SENTINEL, (("a", 26379),), "", "shop", 4, BOB, {"password": "x"}, TLS),
        ),
        # Cluster.
        ("redis+cluster://a:1,b", StoreUrl(Kind.CLUSTER, (("a", 1), ("b", 6379)))),
        ("rediss+cluster://bob:p%40ss%2F1@a/0", StoreUrl(Kind.CLUSTER, (("a", 6379),), login=BOB, tls=TLS)),
    ],
)
def test_every_form_is_read(url: str, expected: StoreUrl) -> None:
    assert parse(url) == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:6379", "it is not of one of these forms"),
        ("http://host", "the scheme is none of these"),
        ("redis+socket://host", "the scheme is none of these"),
        ("unix://host/secret", "a socket has an absolute path and no host"),
        ("unix://", "a socket has an absolute path and no host"),
        ("redis://", "host:port is expected, with a port of 1 to 65535"),
        ("redis://host:0", "host:port is expected, with a port of 1 to 65535"),
        ("redis://host:secret", "host:port is expected, with a port of 1 to 65535"),
        ("redis://::1", "host:port is expected, with a port of 1 to 65535"),
        ("redis://a,b", "several hosts need +sentinel or +cluster in the scheme"),
        ("redis://host/secret", "the database is a number"),
        ("redis+cluster://host/1", "a cluster has database 0 only"),
        ("redis+sentinel://host", "the path has to name the service that the Sentinels watch"),
        # Passwords with characters that end them too early.
        ("redis://user:sec/ret@host", "/, ?, # and @ in user and password have to be percent-encoded"),
        ("redis://user:sec?ret@host", "/, ?, # and @ in user and password have to be percent-encoded"),
        # Parameters that would change what attune promises, or that belong to another form.
        ("redis://host?retry_on_timeout=yes", "parameters of this form are db, password, username"),
        ("redis://host?ssl_ca_certs=x", "parameters of this form are db, password, username"),
        ("rediss://host?ssl_cert_reqs=maybe", "ssl_cert_reqs is one of none, optional, required"),
        ("rediss://host?ssl_check_hostname=maybe", "ssl_check_hostname is true or false"),
    ],
)
def test_what_is_wrong_is_said_without_the_password(url: str, said: str) -> None:
    assert problem(url) == said
    assert "sec" not in said


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:secret@host:6379/0", "redis://***@host:6379/0"),
        ("rediss://:sec@ret@host", "rediss://***@host"),
        ("redis://host", "redis://host"),
        ("redis://host/0?password=secret", "redis://host/0?***"),
        ("unix:///run/store.sock", "unix:///run/store.sock"),
        ("redis+sentinel://u:secret@a:1,b:2/shop?sentinel_password=x", "redis+sentinel://***@a:1,b:2/shop?***"),
        # Where user and password end cannot be told: nothing is shown.
        ("redis://host?password=a@secret", "redis://***"),
        ("redis://user:a/b@c?secret@host", "redis://***"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert redacted(url) == shown


def test_a_url_that_is_printed_by_accident_hides_its_passwords() -> None:
    assert "secret" not in repr(parse("redis+sentinel://u:secret@a/shop?sentinel_password=secret"))
