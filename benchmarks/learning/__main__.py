"""`python -m benchmarks.learning` (`make bench-learning`): what each policy learns, in six environments.

Prints the table and writes it to `benchmarks/learning.md` and, for programs, `benchmarks/learning.json`. The same seeds
give the same rewards. No service is started: what is played are the policies themselves.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.learning import runner, table
from benchmarks.learning.coupons import Coupons
from benchmarks.learning.digits import Digits
from benchmarks.learning.environments import Environment
from benchmarks.learning.mushrooms import Mushrooms
from benchmarks.learning.policies import POLICIES
from benchmarks.learning.readers import DRIFT_TO_KNOWN, DRIFT_TO_NEW, TOM_AND_ANNA
from benchmarks.open_bandit_rows import find_data

HERE = Path(__file__).parents[1]
PACKAGES = ("attune", "vowpalwabbit", "numpy", "scikit-learn", "scipy")


def main() -> int:
    """Play, print and write; returns the exit code."""
    arguments = _arguments()
    environments, left_out = _environments(arguments.where)
    described = machine.describe(packages=PACKAGES)
    # The slowest first; see `runner.run`.
    slowest_first = sorted(environments, key=lambda environment: environment.name != "coupon")
    policies = {name: spec for name, spec in POLICIES.items() if arguments.only in name}
    plays = list(runner.run(slowest_first, policies, range(1, arguments.seeds + 1), arguments.processes))
    plays.sort(key=lambda play: (play.environment, play.seed))
    text = table.markdown(plays, {each.name: each.about for each in environments}, left_out, described)
    sys.stdout.write(text)
    _write(arguments.to, text, plays, described)
    return 0


def _environments(where: str) -> tuple[list[Environment], list[str]]:
    """List the environments that are asked for, in the order of the columns, and the names of those without data."""
    environments: list[Environment] = [TOM_AND_ANNA, DRIFT_TO_KNOWN, DRIFT_TO_NEW, Digits()]
    data = find_data()
    left_out = [name for name in (Mushrooms.name, Coupons.name) if data is None and where in name]
    if left_out:
        sys.stderr.write("no mushrooms, no coupons: neither ../shared/data nor ATTUNE_REFERENCE_DATA is a directory\n")
    environments += [] if data is None else [Mushrooms(data), Coupons(data)]
    return [environment for environment in environments if where in environment.name], left_out


def _write(to: Path, text: str, plays: Sequence[runner.Play], described: dict[str, str]) -> None:
    figures = {"machine": described, "plays": [dataclasses.asdict(play) for play in plays]}
    (to / "learning.md").write_text(text, encoding="utf-8")
    (to / "learning.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="plays of each policy in each environment (default 5)")
    parser.add_argument("--processes", type=int, default=2, help="plays at the same time (default 2)")
    parser.add_argument("--only", default="", help="only policies with this in their name")
    parser.add_argument("--where", default="", help="only environments with this in their name")
    parser.add_argument("--to", type=Path, default=HERE, help="directory to write to (default benchmarks)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
