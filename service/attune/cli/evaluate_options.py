"""The options of `attune evaluate`, as types: what they are called, and what its help says of them."""

from pathlib import Path
from typing import Annotated

import typer

from attune.cli.export import FileFormat

_LOG, _HOW, _OUTPUT = "The log", "How to estimate", "Output"

Source = Annotated[
    str,
    typer.Argument(
        help="The log: a placement's name, or a file or directory of attune export, of DSJSON, or, with --mapping, "
        "of CSV.",
        show_default=False,
    ),
]
Targets = Annotated[
    list[str],
    typer.Option(
        help="A policy to evaluate; repeat it for more. `uniform`; `fixed:OFFER`; `version:17`, a stored version, "
        "as it is, on what came after it (of files: `version:17@PLACEMENT`); or a YAML file: of placements, whose "
        "policies are begun anew and learn along the log, or of a sweep.",
        show_default=False,
    ),
]
Baseline = Annotated[str, typer.Option(help="What differences are from: `logged`, or the name of a target.")]
Format = Annotated[
    FileFormat | None,
    typer.Option("--format", help="What the files are (default: by their endings).", rich_help_panel=_LOG),
]
Mapping = Annotated[
    Path | None,
    typer.Option(
        help="YAML that says what the columns of CSV files are; examples/open-bandit.yaml explains it.",
        rich_help_panel=_LOG,
    ),
]
RewardFrom = Annotated[
    Path | None,
    typer.Option(
        help="Placement file whose reward spec folds outcomes into rewards (default: the placement's own; for files, a "
        "click is 1).",
        rich_help_panel=_LOG,
    ),
]
Limit = Annotated[
    int, typer.Option(min=0, help="Look at the first so many decisions only; 0: all.", rich_help_panel=_LOG)
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        help="Count rows that cannot be what was logged, and go on. Otherwise the first one ends it.",
        rich_help_panel=_LOG,
    ),
]
AnyOrder = Annotated[
    bool,
    typer.Option(
        "--any-order",
        help="Take files whose decisions are not in the order of time: for policies that do not learn.",
        rich_help_panel=_LOG,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Read the store of the `attune serve` in this directory (default: attune-data).", rich_help_panel=_LOG
    ),
]
RedisUrl = Annotated[
    str | None,
    typer.Option(help="Read this Redis or Valkey instead, for example redis://localhost:6379/0.", rich_help_panel=_LOG),
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.", rich_help_panel=_LOG)]
EstimatorNames = Annotated[
    list[str] | None,
    typer.Option(
        help="Only these estimators; repeat it for more, the first one is shown in the overview (default: all, first "
        "dr; for several slots cascade-dr).",
        rich_help_panel=_HOW,
    ),
]
WithModel = Annotated[
    bool,
    typer.Option(
        "--model/--no-model",
        help="Fit a reward model in a pass of its own. Without it, snips comes first, and there is no dr.",
        rich_help_panel=_HOW,
    ),
]
Confidence = Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of every interval.", rich_help_panel=_HOW)]
Resamples = Annotated[int, typer.Option(min=100, max=100_000, help="Resamples of the bootstrap.", rich_help_panel=_HOW)]
Range = Annotated[
    tuple[float, float] | None,
    typer.Option(
        help="The least and the most that a decision can earn, for intervals that are valid at every moment (default: "
        "the bounds of the reward spec, else 0 1).",
        rich_help_panel=_HOW,
    ),
]
SegmentBy = Annotated[
    list[str] | None,
    typer.Option(help="Also by value of this feature of the context; repeat it for more.", rich_help_panel=_HOW),
]
Seen = Annotated[
    bool,
    typer.Option("--seen", help="For stored versions, also count what they have learned from.", rich_help_panel=_HOW),
]
Seed = Annotated[
    int, typer.Option(min=0, help="Of whatever is drawn: the same seed gives the same report.", rich_help_panel=_HOW)
]
Force = Annotated[
    bool, typer.Option("--force", help="Show estimates although they are refused.", rich_help_panel=_OUTPUT)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.", rich_help_panel=_OUTPUT)]
Html = Annotated[
    Path | None, typer.Option(help="Also write the report to this file, as one page.", rich_help_panel=_OUTPUT)
]
