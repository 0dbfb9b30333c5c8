"""What the demo prints when it has ended: what was earned, what to remember, and that nothing was lost."""

from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from attune.demo.proof import Check
from attune.demo.result import Result
from attune.demo.summary import Interval, Stretch


def report(result: Result) -> Group:
    """Return everything that is printed at the end."""
    parts = (_earnings(result.stretches), _verdict(result), _proof(result.checks))
    return Group(*(Padding(part, (1, 0, 0, 0)) for part in parts))


def _earnings(stretches: Sequence[Stretch]) -> Table:
    table = Table(title="Reward per customer", title_style="bold", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    for heading, style in (("attune", "green"), ("control", "yellow"), ("best", "cyan"), ("chance", "dim")):
        table.add_column(heading, style=style, justify="right", no_wrap=True)
    table.add_column("lift % [95 %]", justify="right", no_wrap=True)
    table.add_column("regret (share)", justify="right", no_wrap=True)
    for stretch in stretches:
        rewards = (stretch.learned, stretch.control, stretch.best, stretch.uniform)
        regret = f"{stretch.regret:,.0f} ({stretch.regret_share:.0%})"
        table.add_row(stretch.name, *(f"{reward:.3f}" for reward in rewards), _lift(stretch.lift), regret)
    return table


def _verdict(result: Result) -> Text:
    """Return what a reader should remember."""
    end, whole = result.stretches[3], result.stretches[-1]
    lines = [_headline(whole)]
    lines.append(
        Text(f"Regret: {whole.regret_share:.0%} of the best possible in all, {end.regret_share:.0%} at the end.")
    )
    versions, recovery = result.versions, result.recovery
    lines.append(
        Text(f"Versions: {versions.used} versions of the model decided, version {versions.serving} serves now.")
    )
    if recovery.took_s is not None:
        replaced = f"version {recovery.version} was committed {recovery.took_s:.1f} s later"
        lines.append(Text(f"Learner: {recovery.killed} was killed with SIGKILL, {replaced}."))
    return Text("\n").join(lines + [Text(line) for line in _asides(result)])


def _headline(whole: Stretch) -> Text:
    if whole.lift is None:
        return Text("Too little data to compare attune with the control group.", "bold red")
    better = f"attune earned {1 + whole.lift.estimate:.1f} times what the control group earned"
    if whole.lift.low <= 0:
        return Text(f"{better}, which may be chance.", "bold red")
    return Text(f"{better}.", "bold green")


def _asides(result: Result) -> Iterator[str]:
    """Yield what did not go as planned."""
    if result.decisions < result.plan.customers:
        yield f"The machine could not keep up: {result.decisions:,} of {result.plan.customers:,} customers were served."
    for answer, times in result.repeats.items():
        yield f"Sent again: {times:,} requests ({answer})."
    if result.fallbacks:
        yield f"Fallback: {result.fallbacks:,} decisions were drawn uniformly before there was a model or without it."


def _proof(checks: Sequence[Check]) -> Text:
    lost = not all(check.holds for check in checks)
    lines = [Text("Something does not add up:" if lost else "Nothing is lost:", "bold red" if lost else "bold")]
    for check in checks:
        count = f"{check.expected:,}" if check.holds else f"{check.expected:,} against {check.actual:,}"
        verdict = Text("  ok    " if check.holds else "  FAIL  ", "green" if check.holds else "bold red")
        lines.append(verdict.append(f"{check.claim}: {count}", "default"))
    return Text("\n").join(lines)


def _lift(lift: Interval | None) -> str:
    """Return a relative lift and its interval in percent."""
    if lift is None:
        return "too little data"
    return f"{100 * lift.estimate:+.0f} [{100 * lift.low:+.0f}, {100 * lift.high:+.0f}]"
