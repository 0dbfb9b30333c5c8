"""Time zones as IANA calls them: `Europe/Istanbul`."""

from collections.abc import Iterator
from functools import lru_cache
from zoneinfo import ZoneInfo

from attune.errors import Violation

_MOST_REMEMBERED = 2048


def time_zone_violations(field: str, name: str) -> Iterator[Violation]:
    """Yield what is wrong with the name of a time zone; none at all is right."""
    if name and not _is_known(name[:_LONGEST]):
        yield Violation(field, f'expected a time zone such as "Europe/Istanbul", got "{name[:_LONGEST]}"')


_LONGEST = 80


@lru_cache(_MOST_REMEMBERED)
def _is_known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # no such file, a path out of the database, a directory
        return False
    return True
