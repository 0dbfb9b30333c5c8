"""A Vowpal Wabbit workspace, and the actions that it has parsed. The only module that imports the library.

Its Python wrapper costs three times as much as the prediction itself, and parsing costs more than both: this module
calls the extension below the wrapper and keeps parsed actions, which predicts and learns the same bits.
"""

import tempfile
from collections import deque
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any

import vowpalwabbit
from vowpalwabbit.pyvw import pylibvw

from attune_models.types import PolicyError
from attune_models.vw_crossings import Layout
from attune_models.vw_places import Hashing, pairs_of

# The extension below the wrapper; see above. test_vw_kept.py watches over every one of these.
_parse = pylibvw.vw._parse  # noqa: SLF001
_predict = pylibvw.vw.predict_multi
_learn = pylibvw.vw.learn_multi
_finish = pylibvw.vw._finish_example_multi_ex  # noqa: SLF001
_set_weight = pylibvw.vw.set_weight
_make = pylibvw.example
_LABELS = pylibvw.vw.lContextualBandit

# An action takes 32 kB when it is kept, one with very many features up to thirty times as much: those are not kept.
_MAX_KEPT_ACTIONS = 4096
_MAX_KEPT_CHARACTERS = 2048
# Weights live in files for Vowpal Wabbit; a memory file system keeps the disk out of it where there is one.
_SCRATCH = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - mkdtemp makes a private directory in it


class VwModel:
    """A Vowpal Wabbit workspace and the actions that it has parsed.

    Most examples come from the workspace's pool and go back into it when they are finished. Those that are kept were
    made outside of it: finishing counts them, too, and leaves them as they are. Learning leaves no trace on an example
    without a label, so a kept one serves learning and predicting alike. The chosen action has a label and is parsed.
    """

    def __init__(self, arguments: str, *, pairs: bool, layout: Layout | None = None) -> None:
        """Start a workspace.

        Args:
            arguments: Vowpal Wabbit's; of ours alone, no text of a caller's may be in them.
            pairs: Whether pairs of categorical context features are features.
            layout: The namespaces of a list of crossings, where there is one.
        """
        self._pairs, self._layout = pairs, layout
        # The counters are preserved because they belong to the state: squarecb's gamma grows with them.
        self.workspace = vowpalwabbit.Workspace(f"{arguments} --quiet --preserve_performance_counters")
        self._kept: dict[str, Any] = {}
        self._met: set[str] = set()
        self._predicted: Sequence[str] = ()

    @classmethod
    def loaded(cls, arguments: str, state: bytes, *, pairs: bool, layout: Layout | None = None) -> "VwModel":
        """Start a workspace from a model file; see `__init__`.

        Raises:
            PolicyError: Vowpal Wabbit refuses it.
        """
        with tempfile.TemporaryDirectory(dir=_SCRATCH) as directory:
            path = Path(directory, "model")
            path.write_bytes(state)
            try:
                return cls(f"{arguments} --initial_regressor {path}", pairs=pairs, layout=layout)
            except RuntimeError as error:
                raise PolicyError(f"Vowpal Wabbit refuses the model: {error}") from error

    def action_scores(self, context: str, actions: Sequence[str]) -> list[float]:
        """Predict; one score for each action that Vowpal Wabbit has seen, in order."""
        self._predicted = actions
        examples = [*_parse(self.workspace, self._shared(context)), *self._examples(actions)]
        _predict(self.workspace, examples)
        scores: list[float] = examples[0].get_action_scores()
        _finish(self.workspace, examples)
        return scores

    def learn(self, context: str, actions: Sequence[str], chosen: int, label: str) -> None:
        """Learn from a label in Vowpal Wabbit's text format on one action."""
        lines = f"{self._shared(context)}\n{label} {self._line(actions[chosen])}"
        shared, labelled = _parse(self.workspace, lines)
        # Predicting and then learning one situation is meeting its actions once.
        meets = actions is not self._predicted
        examples = [shared, *self._examples([*actions[:chosen], *actions[chosen + 1 :]], meets=meets)]
        examples.insert(1 + chosen, labelled)
        _learn(self.workspace, examples)
        _finish(self.workspace, examples)

    @property
    def hashing(self) -> Hashing:
        """The library's hash functions."""
        return Hashing(self.workspace.hash_space, self.workspace.hash_feature)

    def replace(self, number: int, positions: Iterable[int], values: Iterable[float]) -> None:
        """Replace one number of some weights; see `attune_models.vw_file`."""
        # A loop that runs in C: there may be hundreds of thousands.
        deque(map(_set_weight, repeat(self.workspace), positions, repeat(number), values), maxlen=0)

    def save(self) -> bytes:
        """Return the model file."""
        with tempfile.TemporaryDirectory(dir=_SCRATCH) as directory:
            path = Path(directory, "model")
            self.workspace.save(str(path))
            return path.read_bytes()

    def _shared(self, context: str) -> str:
        if self._layout:
            return self._layout.shared_line(context)
        pairs = " ".join(pairs_of(context.split(" "))) if self._pairs else ""
        return f"shared |c {context} |p {pairs}" if pairs else f"shared |c {context}"

    def _line(self, action: str) -> str:
        return self._layout.action_line(action) if self._layout else f"|o {action}"

    def _examples(self, actions: Sequence[str], *, meets: bool = True) -> list[Any]:
        if len(set(actions)) < len(actions) or len(actions) > _MAX_KEPT_ACTIONS:
            # An example that stands twice in a situation makes Vowpal Wabbit write where it must not. And more than are
            # kept would drive each other out.
            return self._parsed(actions)
        kept = self._kept
        try:
            return [kept[action] for action in actions]
        except KeyError:
            examples = [kept.get(action) or (self._keep(action) if meets else None) for action in actions]
        passing = [action for action, example in zip(actions, examples, strict=True) if not example]
        parsed = iter(self._parsed(passing))
        return [example or next(parsed) for example in examples]

    def _parsed(self, actions: Sequence[str]) -> list[Any]:
        examples: list[Any] = _parse(self.workspace, "\n".join(map(self._line, actions))) if actions else []
        return examples

    def _keep(self, action: str) -> Any | None:
        """Keep an action that was met before; return nothing for one that was not, or is too long."""
        # Making an example outside of the pool takes ten times as long as parsing: it pays for what comes again.
        if action in self._met:
            if len(self._kept) >= _MAX_KEPT_ACTIONS:
                self._kept.clear()
            self._met.remove(action)
            example = self._kept[action] = _make(self.workspace, _LABELS, self._line(action))
            return example
        if len(action) <= _MAX_KEPT_CHARACTERS:
            if len(self._met) >= _MAX_KEPT_ACTIONS:
                self._met.clear()
            self._met.add(action)
        return None


@cache
def header_bytes(arguments: str) -> int:
    """Return how many bytes of a model file come before its weights: an untrained one is all header."""
    return len(VwModel(arguments, pairs=False).save())
