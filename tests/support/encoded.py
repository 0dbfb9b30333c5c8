"""Encoded features read back, to compare with what they were made of."""

from dataclasses import dataclass, field
from urllib.parse import unquote

from attune.v1 import features_pb2
from attune_models.types import FeatureSet


@dataclass
class Decoded:
    """What a line of tokens says; numbers as they are written."""

    numeric: dict[str, str] = field(default_factory=dict)
    categorical: dict[str, str] = field(default_factory=dict)
    tags: set[tuple[str, str]] = field(default_factory=set)
    dense: dict[tuple[str, int], str] = field(default_factory=dict)


def decode(line: str) -> Decoded:
    """Read a line back: what comes between the separators holds none, because it is percent-encoded."""
    decoded = Decoded()
    for token in line.split(" ") if line else []:
        if "=" in token:
            name, value = map(unquote, token.split("="))
            decoded.categorical[name] = value
        elif "~" in token:
            name, value = map(unquote, token.split("~"))
            decoded.tags.add((name, value))
        elif "@" in token:
            name, component, number = token.replace("@", ":").split(":")
            decoded.dense[unquote(name), int(component)] = number
        else:
            name, number = token.split(":")
            decoded.numeric[unquote(name)] = number
    return decoded


def written(number: float) -> str:
    """Write a number as Python does; what is so small that it counts as 0 is 0."""
    return repr(number) if abs(number) >= 1e-30 else "0.0"


def meaning(features: FeatureSet) -> Decoded:
    """What a feature set says, in the form in which `decode` says it."""
    return Decoded(
        {name: written(number) for name, number in features.numeric.items()},
        dict(features.categorical),
        {(name, value) for name, tags in features.tags.items() for value in tags.values},
        {
            (name, i): written(number)
            for name, vector in features.dense.items()
            for i, number in enumerate(vector.values)
        },
    )


def message(features: FeatureSet) -> features_pb2.Features:
    """The same features as a caller sends them."""
    return features_pb2.Features(
        numeric=features.numeric,
        categorical=features.categorical,
        tags={name: features_pb2.Tags(values=tags.values) for name, tags in features.tags.items()},
        dense={name: features_pb2.Vector(values=vector.values) for name, vector in features.dense.items()},
    )
