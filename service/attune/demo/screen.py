"""What the demo shows while it runs and when it ends: live in a terminal, a line every few seconds elsewhere."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from attune.demo.chart import Curve, Frame, Marker, draw_chart
from attune.demo.ledger import Ledger
from attune.demo.monitor import Monitor
from attune.demo.plan import WINDOW_S, Plan

WIDEST = 110
HEIGHT = 14
LOWEST = 5
# Of the live display: its border, title, time axis, counts and the lines between them.
OTHER_LINES = 11
LINE_EVERY_S = 4.0
CURVE_STYLES = {"attune": "bold green", "control group": "yellow", "best possible": "cyan"}


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known at a moment of the run.

    Attributes:
        plan: The settings of the run.
        ledger: What was decided and earned so far.
        monitor: What the service says of itself.
        elapsed_s: Seconds since the first customer.
    """

    plan: Plan
    ledger: Ledger
    monitor: Monitor
    elapsed_s: float

    def curves(self) -> list[Curve]:
        """Return the reward per decision over time; a reward is known when its window has closed."""
        until_s = self.elapsed_s - WINDOW_S
        decided = self.ledger.mode > 0
        values = {
            "attune": (self.ledger.reward, self.ledger.learned),
            "control group": (self.ledger.reward, self.ledger.control),
            "best possible": (self.ledger.best, decided),
        }
        return [
            Curve(name, CURVE_STYLES[name], self.ledger.curve(reward, group, until_s), dotted=name == "best possible")
            for name, (reward, group) in values.items()
        ]

    def latest(self) -> dict[str, float]:
        """Return the last known value of each curve; NaN before there is one."""
        known = {curve.name: curve.values[np.isfinite(curve.values)] for curve in self.curves()}
        return {name: float(values[-1]) if len(values) else math.nan for name, values in known.items()}

    def markers(self) -> list[Marker]:
        """Return what has happened so far."""
        happened = [
            (self.plan.kill_s, Marker(self.plan.kill_s / self.plan.seconds, "learner killed", "red")),
            (self.plan.change_s, Marker(self.plan.change_s / self.plan.seconds, "taste changes", "magenta")),
        ]
        return [marker for at_s, marker in happened if self.elapsed_s >= at_s]


class Screen(Protocol):
    """Where the demo is shown."""

    def open(self) -> None:
        """Begin to show."""

    def tell(self, what: str) -> None:
        """Show that something happened."""

    def show(self, scene: Scene) -> None:
        """Show how it stands."""

    def close(self) -> None:
        """End showing; what was shown last stays."""


class LiveScreen:
    """A chart that is drawn again and again, for a terminal."""

    def __init__(self, console: Console) -> None:
        """Show on `console`."""
        self._console = console
        self._live = Live(console=console, auto_refresh=False)
        self._told: list[str] = []
        self._scene: Scene | None = None

    def open(self) -> None:
        """Begin to draw."""
        self._live.start()

    def tell(self, what: str) -> None:
        """Add a line below the chart."""
        self._told.append(what)
        self._draw()

    def show(self, scene: Scene) -> None:
        """Draw how it stands."""
        self._scene = scene
        self._draw()

    def close(self) -> None:
        """Leave the last drawing on the terminal."""
        self._live.stop()

    def _draw(self) -> None:
        width = min(self._console.width, WIDEST)
        height = min(HEIGHT, max(LOWEST, self._console.height - len(self._told) - OTHER_LINES))
        told = Text("\n".join(self._told), "dim", no_wrap=True, overflow="ellipsis")
        content = told if self._scene is None else Group(picture(self._scene, width - 4, height), Text(), told)
        self._live.update(Panel(content, title="attune demo", width=width, border_style="blue"), refresh=True)


class PlainScreen:
    """A line every few seconds, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        """Print to `console`."""
        self._console = console
        self._next_s = LINE_EVERY_S
        self._scene: Scene | None = None

    def open(self) -> None:
        """Nothing to begin."""

    def tell(self, what: str) -> None:
        """Print that something happened."""
        self._console.print(what, highlight=False, soft_wrap=True)

    def show(self, scene: Scene) -> None:
        """Print how it stands, if the last line is some seconds old."""
        self._scene = scene
        if scene.elapsed_s < self._next_s:
            return
        self._next_s += LINE_EVERY_S
        latest = "  ".join(f"{name} {value:.2f}" for name, value in scene.latest().items())
        self.tell(f"{scene.elapsed_s:4.1f} s  {latest}  {_counts(scene)}")

    def close(self) -> None:
        """Print the chart once, where its characters can be printed."""
        if self._scene is not None and self._console.encoding.startswith("utf"):
            self._console.print(picture(self._scene, min(self._console.width, WIDEST)))


def picture(scene: Scene, width: int, height: int = HEIGHT) -> RenderableType:
    """Return the chart of a scene and the counts below it.

    Args:
        scene: What to show.
        width: In characters.
        height: Of the curves, in lines.
    """
    curves = scene.curves()
    ceiling = max(0.1, *(float(np.nanmax(curve.values, initial=0.0)) for curve in curves))
    frame = Frame(width, height, top=math.ceil(ceiling * 5) / 5, seconds=scene.plan.seconds)
    title = Text("Reward per customer: a click counts 1, a purchase 2 more", "bold")
    return Group(title, Text(), draw_chart(frame, curves, scene.markers()), Text(), Text(_counts(scene)))


def _counts(scene: Scene) -> str:
    status = scene.monitor.status
    return f"{scene.ledger.decisions:,} decisions, {status.outcomes:,} outcomes, model version {status.policy_version}"
