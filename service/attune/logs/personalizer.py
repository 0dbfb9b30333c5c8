"""The lines that Azure Personalizer and other services on Vowpal Wabbit logged: what they say, in our terms.

Features are nested as somebody liked them; a feature's name becomes its path, `OUserAgent.DeviceType`. Names that begin
with `_` are left out, as Vowpal Wabbit leaves them out. An action's id is its `_tag`, or the `id` in its namespace `i`,
or a digest of its features: the same action has the same id in every line.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any

from attune.logs.kept import Kept, ReadOffer
from attune.logs.readings import RowError
from attune.v1.features_pb2 import Features, Offer

_MOST_DEPTH = 20
_KEPT: Kept[ReadOffer] = Kept()


def features(namespaces: Mapping[str, Any]) -> Features:
    """Read features.

    Raises:
        RowError: A value is of a type that has no meaning as a feature.
    """
    found = Features()
    _add_members(found, "", namespaces, 0)
    return found


def offers(multi: Sequence[Any]) -> list[ReadOffer]:
    """Read the actions of a line.

    Raises:
        RowError: One is no object, or has a feature without a meaning.
    """
    return [_KEPT.get(repr(action), partial(_offer, i, action)) for i, action in enumerate(multi)]


def _offer(i: int, action: object) -> ReadOffer:
    if not isinstance(action, dict):
        raise RowError(f"c._multi[{i}]: expected an object, got {type(action).__name__}")
    # The namespace `i` says which action it is: every offer is learned by its id here anyway.
    known = {name: value for name, value in action.items() if name != "i"}
    offer = Offer(id=_id_of(action), features=features(known))
    return ReadOffer(offer.id, offer.SerializeToString(deterministic=True))


def _id_of(action: Mapping[str, Any]) -> str:
    namespace = action.get("i")
    named = action.get("_tag") or (namespace.get("id") if isinstance(namespace, dict) else None)
    if isinstance(named, str) and named:
        return named
    text = json.dumps(action, sort_keys=True)
    return f"action-{blake2b(text.encode(), digest_size=8).hexdigest()}"


def _add(found: Features, name: str, value: Any, depth: int) -> None:
    if depth > _MOST_DEPTH:
        raise RowError(f"c.{name[:80]}: expected features nested at most {_MOST_DEPTH} deep, got more")
    if value is None:
        return
    if isinstance(value, bool):
        found.categorical[_free(found.categorical, name)] = "true" if value else "false"
    elif isinstance(value, str):
        found.categorical[_free(found.categorical, name)] = value
    elif isinstance(value, int | float):
        found.numeric[_free(found.numeric, name)] = _double(name, value)
    elif isinstance(value, dict):
        _add_members(found, name, value, depth)
    else:
        _add_all(found, name, value, depth)


def _add_members(found: Features, path: str, members: Mapping[str, Any], depth: int) -> None:
    for name, value in members.items():
        if not name.startswith("_"):
            _add(found, f"{path}.{name}" if path else name, value, depth + 1)


def _add_all(found: Features, name: str, values: list[Any], depth: int) -> None:
    if values and all(isinstance(value, str) for value in values):
        found.tags[_free(found.tags, name)].values.extend(values)
    elif values and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        found.dense[_free(found.dense, name)].values.extend(_double(name, value) for value in values)
    elif all(value is None or isinstance(value, dict) for value in values):
        for value in values:
            _add(found, name, value, depth + 1)
    else:
        raise RowError(f"c.{name}: expected an array of objects, of texts or of numbers, got a mixed one")


def _double(name: str, value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise RowError(
            f"c.{name}: expected a number between -1e6 and 1e6, got an integer of hundreds of digits"
        ) from None


def _free(kind: Any, name: str) -> str:
    """Return the name, or, where it is taken, the name with a number: two objects of one array may have equal names."""
    free, n = name, 0
    while free in kind:
        n += 1
        free = f"{name}[{n}]"
    return free
