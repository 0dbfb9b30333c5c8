"""The schema guard: learns from the traffic what features look like, and finds what is strange.

    decisions -> a window of 500 (schema_window) -> findings against earlier windows (schema_findings)
                                                 -> added to what earlier windows were like (schema_reference)

A context counts once for every decision. An offer counts once in a window, however many decisions it is a candidate
in: a catalogue of twenty offers is twenty observations. Memory and state are bounded, whatever names and values come.
The guard changes nothing: neither decisions nor learning depend on it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attune_models.schema_findings import Finding, Problem, Source, judge
from attune_models.schema_reference import Reference
from attune_models.schema_window import MAX_FEATURES, MAX_NAME, Key, Kind, SourceWindow
from attune_models.types import Action, Features

WINDOW = 500
"""Decisions in a window. At 500, a shift with a stability index of .25 is far beyond chance."""
MAX_FINDINGS = 100
_MAX_OFFERS = 100
_MAX_OFFERS_PER_WINDOW = 2000
_FORGOTTEN_SHARE = 0.01
_LAYOUT = "attune-schema-1"
_MAX_DETAIL = 300
_URGENCY = {problem: i for i, problem in enumerate(Problem)}


class SchemaError(ValueError):
    """A state of the guard is damaged."""


class SchemaGuard:
    """What the features of a placement look like.

    Attributes:
        findings: What was strange about the last full window, the most urgent first; at most 100.
        windows: How many windows were full so far.
    """

    def __init__(self, window: int = WINDOW) -> None:
        """Know nothing yet.

        Args:
            window: Decisions in a window, at least 1.
        """
        self.findings: tuple[Finding, ...] = ()
        self.windows = 0
        self._window = window
        self._references: dict[Source, dict[Key, Reference]] = {source: {} for source in Source}
        self._begin()

    def observe(self, context: Features, offers: Sequence[Action]) -> bool:
        """Look at a decision.

        Args:
            context: What was known about the situation.
            offers: The candidates; of more than 100 at once some are looked at, others the next time.

        Returns:
            Whether a window is full: then `findings` are new.
        """
        contexts, seen = self._current[Source.CONTEXT], self._current[Source.OFFER]
        turn = contexts.observations
        contexts.observe(context)
        contexts.look_for_ids(context)
        for offer in _some(offers, turn):
            if offer.id not in self._offers and len(self._offers) < _MAX_OFFERS_PER_WINDOW:
                self._offers.add(offer.id)
                seen.observe(offer.features)
        if offers:
            offer = offers[turn % len(offers)]
            seen.look_for_ids(offer.features, offer.id)
        if contexts.observations < self._window:
            return False
        self._close()
        return True

    def dumps(self) -> bytes:
        """Return what earlier windows were like, and the findings; the window under way is not part of it."""
        state = {
            "layout": _LAYOUT,
            "windows": self.windows,
            "findings": [[f.source.name, f.name, f.problem.name, f.detail] for f in self.findings],
            "features": {
                source.name: [[key.name, *reference.facts()] for key, reference in references.items()]
                for source, references in self._references.items()
            },
        }
        return json.dumps(state, allow_nan=False, ensure_ascii=True, separators=(",", ":")).encode()

    def loads(self, state: bytes) -> None:
        """Go on from what `dumps` returned, with a new window.

        Raises:
            SchemaError: The bytes are no such state; nothing is changed.
        """
        try:
            windows, findings, references = _read(json.loads(state))
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise SchemaError(f"expected a state of the schema guard, got something else: {error!r}") from error
        self.windows, self.findings, self._references = windows, findings, references
        self._begin()

    def _begin(self) -> None:
        self._current = {source: SourceWindow(self._references[source].keys()) for source in Source}
        self._offers: set[str] = set()

    def _close(self) -> None:
        found: list[Finding] = []
        for source, window in self._current.items():
            if window.observations:
                references = self._references[source]
                if self.windows:
                    found += judge(source, window, references)
                self._references[source] = _with(window, references)
        found.sort(key=lambda finding: (_URGENCY[finding.problem], finding.source.name, finding.name))
        self.findings = tuple(found[:MAX_FINDINGS])
        self.windows += 1
        self._begin()


def _some(offers: Sequence[Action], turn: int) -> Iterator[Action]:
    """Yield at most 100 of the offers, others in each turn."""
    stride = -(-len(offers) // _MAX_OFFERS)
    # By position: who hands over offers that are read only when they are looked at reads no others.
    yield from (offers[i] for i in range(turn % stride, len(offers), stride)) if stride else ()


def _with(window: SourceWindow, references: Mapping[Key, Reference]) -> dict[Key, Reference]:
    """Return references that include a window, without the features that hardly come."""
    result = {}
    for key in [*references, *(key for key in window.features if key not in references)]:
        reference = references.get(key) or Reference(key.kind)
        reference.add(window.features.get(key), window.observations)
        if reference.share >= _FORGOTTEN_SHARE:
            result[key] = reference
    return result


def _read(state: Any) -> tuple[int, tuple[Finding, ...], dict[Source, dict[Key, Reference]]]:
    if state["layout"] != _LAYOUT or not isinstance(state["windows"], int) or state["windows"] < 0:
        raise ValueError(f"expected layout {_LAYOUT}, got {state['layout']!r}")
    findings = tuple(
        Finding(Source[source], _text(name, MAX_NAME), Problem[problem], _text(detail, _MAX_DETAIL))
        for source, name, problem, detail in state["findings"]
    )
    references = {source: dict(map(_reference, state["features"][source.name])) for source in Source}
    if len(findings) > MAX_FINDINGS or max(map(len, references.values())) > MAX_FEATURES:
        raise ValueError("expected a bounded state")
    return state["windows"], findings, references


def _reference(facts: Sequence[Any]) -> tuple[Key, Reference]:
    name, kind, *_ = facts
    return Key(Kind[kind], _text(name, MAX_NAME)), Reference.from_facts(facts[1:])


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"expected text of at most {most} characters, got {str(value)[:80]!r}")
    return value
