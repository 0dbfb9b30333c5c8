"""Reads what `attune apply` is given: placements, offers and segments, from YAML, JSON and CSV files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from yaml.constructor import SafeConstructor

from attune.cli import offer_files, offer_sheets, placement_files, segment_files, yaml_files
from attune.cli.listed_nodes import holds
from attune.cli.offer_files import OfferEntry
from attune.cli.placement_files import Document, is_placement
from attune.cli.segment_files import SegmentEntry
from attune.errors import InvalidInputError, Violation


@dataclass(frozen=True, slots=True)
class Contents:
    """What files hold.

    Attributes:
        placements: The placements, in order.
        offers: The offers of the catalogue, in order.
        has_offers: Whether offers are spoken of at all; a list of none is a list.
        segments: The segments, in order.
    """

    placements: Sequence[Document]
    offers: Sequence[OfferEntry]
    has_offers: bool
    segments: Sequence[SegmentEntry] = ()


def read(files: Sequence[Path]) -> Contents:
    """Read all placements, offers and segments of all files.

    Raises:
        InvalidInputError: Something is wrong in any of them; the violations name file, line and field.
    """
    parts, violations = yaml_files.gathered(files, _read_file)
    placements = [document for part in parts for document in part.placements]
    offers = [entry for part in parts for entry in part.offers]
    segments = [entry for part in parts for entry in part.segments]
    violations += [*placement_files.repeated(placements), *offer_files.repeated(offers)]
    violations += segment_files.repeated(segments)
    if violations:
        raise InvalidInputError(*violations)
    return Contents(placements, offers, any(part.has_offers for part in parts), segments)


def check(entries: Sequence[OfferEntry]) -> None:
    """Check offers as the service does, so that none is sent where one that goes into a later call is wrong.

    Raises:
        InvalidInputError: With what is wrong, in which line.
    """
    from attune.api.catalog_validation import offer_violations  # noqa: PLC0415 - loads what placements alone do not need

    violations = [entry.located(wrong) for entry in entries for wrong in offer_violations(entry.offer)]
    if violations:
        raise InvalidInputError(*violations)


def _read_file(file: Path) -> list[Contents]:
    if file.suffix == ".csv":
        return [Contents([], offer_sheets.read(file), has_offers=True)]
    return [yaml_files.read(file, lambda loader, nodes: _contents(str(file), loader, nodes))]


def _contents(file: str, loader: SafeConstructor, nodes: Sequence[yaml.Node]) -> Contents:
    catalog = [node for node in nodes if holds(node, offer_files.KEY)]
    named = [node for node in nodes if holds(node, segment_files.KEY) and node not in catalog]
    placements, violations = placement_files.placements(file, loader, filter(is_placement, nodes))
    offers, more = offer_files.offers(file, loader, catalog)
    segments, yet_more = segment_files.segments(file, loader, named)
    violations += [*more, *yet_more]
    if not nodes:
        violations.append(
            Violation(file, "expected a placement, a list of offers or one of segments, got an empty file")
        )
    if violations:
        raise InvalidInputError(*violations)
    return Contents(placements, offers, bool(catalog), segments)
