"""The URL of the store, read once: which server it names, and how to get in.

The forms for Sentinel and Cluster are the ones that other Python services accept (docket, Prefect, redis-sentinel-url):
redis-py itself has none. No message of this module repeats a part of the URL that may be a password.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote

Address = tuple[str, int]
"""Host and port."""

FORMS = (
    "redis://host:port/db, redis+sentinel://host:port,.../service, redis+cluster://host:port,... (rediss for TLS) "
    "or unix:///path"
)

_URL = re.compile(
    r"(?P<scheme>[a-z+]+)://"
    r"(?:(?P<username>[^:/?#]*)(?::(?P<password>[^/?#]*))?@)?"
    r"(?P<hosts>[^/?#@]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_HOST = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_MAX_PORT = 65535
_LOGIN = {"username", "password"}
_TLS = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"}
_SENTINEL_LOGIN = {"sentinel_username", "sentinel_password"}
_CERT_REQS = {"none", "optional", "required"}
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Kind(Enum):
    """What a URL names; the values are what follows `redis` or `rediss` in its scheme."""

    SERVER = ""
    SENTINEL = "+sentinel"
    CLUSTER = "+cluster"


_DEFAULT_PORTS = {Kind.SERVER: 6379, Kind.SENTINEL: 26379, Kind.CLUSTER: 6379}


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A URL of the store, read.

    Attributes:
        kind: One server, the Sentinels that know it, or some nodes of a cluster.
        addresses: Of the server, the Sentinels or the nodes; empty for a socket.
        path: Of a unix socket; empty for TCP.
        service: What the Sentinels call the server.
        db: Number of the database.
        login: `username` and `password`, as far as they are given.
        sentinel_login: The same for the Sentinels themselves.
        tls: Options that begin with `ssl_`; None without TLS.
    """

    kind: Kind
    addresses: tuple[Address, ...] = ()
    path: str = ""
    service: str = ""
    db: int = 0
    login: Mapping[str, str] = field(default_factory=dict, repr=False)
    sentinel_login: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: Mapping[str, Any] | None = None


def parse(url: str) -> StoreUrl:
    """Read a URL of the store.

    Raises:
        ValueError: It is none; the message says what was expected instead.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("it is not of one of these forms")
    parts = {name: value or "" for name, value in match.groupdict().items()}
    if parts["scheme"] == "unix":
        return _socket(parts)
    if "@" in parts["path"] + parts["query"]:
        raise ValueError("/, ?, # and @ in user and password have to be percent-encoded")
    base, plus, kind_name = parts["scheme"].partition("+")
    if base not in {"redis", "rediss"} or plus + kind_name not in {kind.value for kind in Kind}:
        raise ValueError("the scheme is none of these")
    return _network(Kind(plus + kind_name), parts, with_tls=base == "rediss")


def _socket(parts: Mapping[str, str]) -> StoreUrl:
    if parts["hosts"] or not parts["path"]:
        raise ValueError("a socket has an absolute path and no host")
    query = _query(parts["query"], _LOGIN | {"db"})
    return StoreUrl(Kind.SERVER, path=unquote(parts["path"]), db=_db(query.get("db", "")), login=_login(parts, query))


def _network(kind: Kind, parts: Mapping[str, str], *, with_tls: bool) -> StoreUrl:
    known = _LOGIN | (_TLS if with_tls else set()) | (_SENTINEL_LOGIN if kind is Kind.SENTINEL else set())
    query = _query(parts["query"], known if kind is Kind.CLUSTER else known | {"db"})
    path = unquote(parts["path"]).strip("/")
    service = ""
    if kind is Kind.SENTINEL:
        service, _, path = path.partition("/")
        if not service:
            raise ValueError("the path has to name the service that the Sentinels watch")
    db = _db(query.get("db", path))
    if kind is Kind.CLUSTER and db:
        raise ValueError("a cluster has database 0 only")
    return StoreUrl(
        kind,
        addresses=_addresses(parts["hosts"], kind),
        service=service,
        db=db,
        login=_login(parts, query),
        sentinel_login={name.removeprefix("sentinel_"): query[name] for name in _SENTINEL_LOGIN & query.keys()},
        tls=_tls(query) if with_tls else None,
    )


def _addresses(hosts: str, kind: Kind) -> tuple[Address, ...]:
    found = [_HOST.fullmatch(host) for host in hosts.split(",")]
    addresses = [(one["host"].strip("[]"), int(one["port"] or _DEFAULT_PORTS[kind])) for one in found if one]
    if len(addresses) != len(found) or not all(0 < port <= _MAX_PORT for _, port in addresses):
        raise ValueError(f"host:port is expected, with a port of 1 to {_MAX_PORT}")
    if kind is Kind.SERVER and len(addresses) > 1:
        raise ValueError("several hosts need +sentinel or +cluster in the scheme")
    return tuple(addresses)


def _query(text: str, known: set[str]) -> dict[str, str]:
    query = dict(parse_qsl(text, keep_blank_values=True))
    if not query.keys() <= known:
        raise ValueError(f"parameters of this form are {', '.join(sorted(known))}")
    return query


def _login(parts: Mapping[str, str], query: Mapping[str, str]) -> dict[str, str]:
    given = {name: unquote(parts[name]) or query.get(name, "") for name in _LOGIN}
    return {name: value for name, value in given.items() if value}


def _db(text: str) -> int:
    if text and not (text.isascii() and text.isdecimal()):
        raise ValueError("the database is a number")
    return int(text or 0)


def _tls(query: Mapping[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {name: query[name] for name in _TLS & query.keys()}
    if options.setdefault("ssl_cert_reqs", "required") not in _CERT_REQS:
        raise ValueError(f"ssl_cert_reqs is one of {', '.join(sorted(_CERT_REQS))}")
    check = options.get("ssl_check_hostname", "true").lower()
    if check not in _BOOLEANS:
        raise ValueError("ssl_check_hostname is true or false")
    options["ssl_check_hostname"] = _BOOLEANS[check] and options["ssl_cert_reqs"] != "none"
    return options


def problem(url: str) -> str:
    """Say what is wrong with a URL of the store; empty when nothing is."""
    try:
        parse(url)
    except ValueError as error:
        return str(error)
    return ""


def redacted(url: str) -> str:
    """Return the URL with `***` in place of user, password and parameters, of which one may be a password."""
    scheme, separator, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    if "?" in user or "/" in user:  # where the password ends is anybody's guess
        return f"{scheme}{separator}***"
    host, question_mark, parameters = place.partition("?")
    return f"{scheme}{separator}{'***' if user else ''}{at}{host}{question_mark}{'***' if parameters else ''}"
