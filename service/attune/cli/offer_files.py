"""Reads the offers of the catalogue from YAML and JSON files, and says in which line a mistake is.

They are a list under the key `offers`, in a file of their own or beside placements. Fields are those of the message
`attune.v1.CatalogOffer`, with `id` and `features` beside the others, as one would write them down; under `offer`, as
the message has them, they are understood as well.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml
from google.protobuf import json_format
from yaml.constructor import SafeConstructor

from attune.cli.listed_nodes import listed
from attune.cli.placement_nodes import NodeReader, field_of, is_within, line_of, unknown
from attune.errors import Violation
from attune.v1 import catalog_service_pb2, features_pb2
from attune.v1.catalog_service_pb2 import CatalogOffer

KEY = "offers"
_BELOW = "offer"
_CATALOG_OFFER = catalog_service_pb2.DESCRIPTOR.message_types_by_name["CatalogOffer"]
_OFFER = features_pb2.DESCRIPTOR.message_types_by_name["Offer"]
_FIELDS = [field.name for each in (_OFFER, _CATALOG_OFFER) for field in each.fields if field.name != _BELOW]
_INDEX = re.compile(r"^offers\[(\d+)\]\.?")


@dataclass(frozen=True, slots=True)
class OfferEntry:
    """An offer and where it came from.

    Attributes:
        offer: The offer, and where and when it may be shown.
        file: The file's name, as it was given.
        where: Which offer of the file it is, for example `offers[3]`.
        lines: The line of each field, one-based, by its path in the message; the offer's own by "".
        folded: Whether `id` and `features` stand beside the other fields.
    """

    offer: CatalogOffer
    file: str
    where: str
    lines: Mapping[str, int]
    folded: bool

    def located(self, violation: Violation) -> Violation:
        """Return a violation that was found in a request, with the file's name and line.

        Args:
            violation: Its field is a path in the request, for example `offers[7].offer.id`, or in the offer.
        """
        field = _INDEX.sub("", violation.field, count=1)
        known = max((said for said in self.lines if is_within(field, said)), key=len)
        path = _shown(f"{self.where}.{field}" if field else self.where, self.where, folded=self.folded)
        return Violation(f"{self.file}:{self.lines[known]}: {path}", violation.description)


def offers(file: str, loader: SafeConstructor, nodes: Iterable[yaml.Node]) -> tuple[list[OfferEntry], list[Violation]]:
    """Read the offers of a file.

    Args:
        file: Its name.
        loader: Makes values of nodes.
        nodes: The items that hold offers.

    Returns:
        Those in which nothing is wrong, and what is wrong in the others.
    """
    violations: list[Violation] = []
    entries: list[OfferEntry] = []
    for position, node in enumerate(listed(file, KEY, nodes, violations)):
        where = f"{KEY}[{position}]"
        unfolded, folded, unknown_fields = _unfolded(file, where, node)
        reader = NodeReader(loader, file, where)
        value = reader.message(unfolded, _CATALOG_OFFER)
        said = [Violation(_shown(each.field, where, folded=folded), each.description) for each in reader.violations]
        violations += (wrong := [*unknown_fields, *said])
        if not wrong:
            entries.append(OfferEntry(json_format.ParseDict(value, CatalogOffer()), file, where, reader.lines, folded))
    return entries, violations


def located(entries: Sequence[OfferEntry], violation: Violation) -> Violation:
    """Return a violation that was found in a request of these offers, with the file's name and line of the offer."""
    named = _INDEX.match(violation.field)
    return entries[int(named[1])].located(violation) if named else violation


def repeated(entries: Sequence[OfferEntry]) -> Iterator[Violation]:
    """Yield a violation for each offer that has the id of an earlier one."""
    first: dict[str, OfferEntry] = {}
    for entry in entries:
        earlier = first.setdefault(entry.offer.offer.id, entry)
        if earlier is not entry:
            where = f"{earlier.file}:{earlier.lines['']}"
            description = f'expected an id of its own, got "{entry.offer.offer.id}", which is taken in {where}'
            yield entry.located(Violation("offers[0].offer.id", description))


def _unfolded(file: str, where: str, node: yaml.Node) -> tuple[yaml.Node, bool, list[Violation]]:
    """Return an offer as the message has it, whether it was written in another way, and which fields do not exist."""
    if not isinstance(node, yaml.MappingNode) or any(key.value == _BELOW for key, _ in node.value):
        return node, False, []
    below, beside, violations = [], [], list[Violation]()
    for key, value in node.value:
        if field_of(_OFFER, key.value):
            below.append((key, value))
        elif field_of(_CATALOG_OFFER, key.value):
            beside.append((key, value))
        else:
            field = f"{file}:{line_of(key)}: {where}.{key.value}"
            violations.append(Violation(field, unknown(_FIELDS, str(key.value))))
    name = yaml.ScalarNode("tag:yaml.org,2002:str", _BELOW, node.start_mark, node.end_mark)
    inner = yaml.MappingNode(node.tag, below, node.start_mark, node.end_mark)
    outer = yaml.MappingNode(node.tag, [(name, inner), *beside], node.start_mark, node.end_mark)
    return outer, True, violations


def _shown(field: str, where: str, *, folded: bool) -> str:
    return field.replace(f"{where}.{_BELOW}", where, 1) if folded else field
