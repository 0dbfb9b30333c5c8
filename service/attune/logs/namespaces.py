"""Features as Vowpal Wabbit's JSON, and back again without loss.

Each kind is a namespace of its own, so that equal names do not collide; the namespaces of the context begin with `c`,
those of an offer with `o`, so that `--interactions co` crosses the one with the other:

    numeric      price = 9.5                "c_numeric": {"price": 9.5}
    categorical  device = mobile            "c_categorical": {"device": "mobile"}
    tags         interests = {run, yoga}    "c_tags": {"interests~run": 1, "interests~yoga": 1}
    dense        embedding = [.1, .2]       "c_dense": {"embedding@0": 0.1, "embedding@1": 0.2}

Arrays are never written: Vowpal Wabbit takes an array of strings in a namespace for something else. Neither are names
that it has a meaning for (`_multi`, `_label...`): a leading `_`, and `%`, `~`, `@` and control characters anywhere, are
percent-encoded in names and tags. A tag set or vector without values is written as a 0, which Vowpal Wabbit ignores.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from attune.v1.features_pb2 import Features

CONTEXT = "c"
OFFER = "o"

_SPECIAL = re.compile(r"^_|[%~@\x00-\x1f\x7f]")


def escaped(name: str) -> str:
    """Return a name that Vowpal Wabbit takes for nothing but a name."""
    return _SPECIAL.sub(lambda match: f"%{ord(match.group()):02X}", name)


def unescaped(name: str) -> str:
    """Reverse `escaped`."""
    return unquote(name, errors="strict")


def to_namespaces(prefix: str, features: Features) -> dict[str, dict[str, Any]]:
    """Write features.

    Args:
        prefix: `CONTEXT` or `OFFER`.
        features: Valid ones.

    Returns:
        A namespace for each kind that has any.
    """
    kinds: dict[str, dict[str, Any]] = {
        "numeric": {escaped(name): features.numeric[name] for name in sorted(features.numeric)},
        "categorical": {escaped(name): features.categorical[name] for name in sorted(features.categorical)},
        "tags": {},
        "dense": {},
    }
    for name in sorted(features.tags):
        values = sorted(set(features.tags[name].values))
        kinds["tags"] |= {f"{escaped(name)}~{escaped(value)}": 1 for value in values} or {escaped(name): 0}
    for name in sorted(features.dense):
        components = enumerate(features.dense[name].values)
        kinds["dense"] |= {f"{escaped(name)}@{i}": value for i, value in components} or {escaped(name): 0}
    return {f"{prefix}_{kind}": namespace for kind, namespace in kinds.items() if namespace}


def from_namespaces(prefix: str, namespaces: Mapping[str, Any]) -> Features:
    """Read what `to_namespaces` wrote.

    Raises:
        TypeError: Something is not of the type it is written with.
        ValueError: Something is not within the range it is written in.
    """
    features = Features()
    for name, number in _of(prefix, "numeric", namespaces).items():
        features.numeric[unescaped(name)] = number
    for name, text in _of(prefix, "categorical", namespaces).items():
        features.categorical[unescaped(name)] = text
    for key in _of(prefix, "tags", namespaces):
        name, separator, tag = key.partition("~")
        tags = features.tags[unescaped(name)]
        if separator:
            tags.values.append(unescaped(tag))
    for key, number in _of(prefix, "dense", namespaces).items():
        # In their order: it is the order in which they were written, and JSON objects keep it here.
        name, separator, _ = key.partition("@")
        vector = features.dense[unescaped(name)]
        if separator:
            vector.values.append(number)
    return features


def _of(prefix: str, kind: str, namespaces: Mapping[str, Any]) -> Mapping[str, Any]:
    namespace: Mapping[str, Any] = namespaces.get(f"{prefix}_{kind}", {})
    return namespace
