"""How often 95 % intervals cover the truth: `python -m benchmarks.coverage`.

A shop whose truth is known is logged again and again, by the uniform policy and by policies that learn as they go; see
`tests/support/known_truth.py`. Intervals of a fixed number of rounds should cover the target's value on 95 % of the
logs; a sequence should cover on 95 % of them at all times at once, and covers more, because it must hold for every
distribution. With 500 logs, a share is right to about 1 point.
"""

import argparse

import numpy as np
from tests.support.known_truth import COLLECTORS, ESTIMATORS, LARGEST, METHODS, SEQUENCES, covered, held


def row(name: str, logs: int, rounds: int) -> str:
    """Return a row of the table: what collected the logs, and the share that each interval covers."""
    intervals, sequences = [], []
    for seed in range(logs):
        log = COLLECTORS[name](rounds, seed)
        intervals.append(covered(log, seed).ravel())
        sequences.append(held(log, LARGEST[name]))
    shares = [*np.mean(intervals, axis=0), *np.mean(sequences, axis=0)]
    return f"| {name} | {' | '.join(f'{100.0 * share:.1f}' for share in shares)} |"


def main() -> None:
    """Print the table, row by row."""
    arguments = _arguments()
    columns = [f"{estimator.name}, {method}" for estimator in ESTIMATORS for method in METHODS] + list(SEQUENCES)
    print(f"share of {arguments.logs} logs of {arguments.rounds} rounds whose truth is covered, in percent\n")
    print(f"| logged by | {' | '.join(columns)} |")
    print("| --- " * (1 + len(columns)) + "|")
    for name in arguments.logged_by:
        print(row(name, arguments.logs, arguments.rounds), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--logged-by", nargs="+", choices=COLLECTORS, default=list(COLLECTORS))
    parser.add_argument("--logs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=1000, help="of each log (default 1000)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
