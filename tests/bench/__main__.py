"""`just bench`: every figure that the project promises, beside the peers and limits it is held against.

Each `tests/bench/bench_<name>.py` has a function `run() -> Iterable[Figure]`. Measurements run one after the other, since
two cores shared by two of them would measure the sharing.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.figures import Figure, write


def main() -> int:
    names = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="just bench", description=__doc__)
    parser.add_argument("only", nargs="*", help=f"of {', '.join(names)}; all when none is named")
    parser.add_argument("--full", action="store_true", help="fleets of ten thousand where two thousand are the rule")
    arguments = parser.parse_args()
    if arguments.full:
        os.environ["VIGO_SWARM"] = "10000"
    chosen = arguments.only or names
    if unknown := set(chosen) - set(names):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    figures: list[Figure] = []
    for name in chosen:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        figures += importlib.import_module(f"tests.bench.bench_{name}").run()
    # In a pipe or a log, wide enough that a figure stays on its line.
    Console(width=None if sys.stdout.isatty() else 170).print(_table(figures))
    print(f"written to {write(figures)}")
    return 1 if any(figure.ok is False for figure in figures) else 0


def _table(figures: Sequence[Figure]) -> Table:
    table = Table(title="Vigo bench")
    for column in ("figure", "value", "target", "peer", "ratio", "ok"):
        table.add_column(column, justify="left" if column in ("figure", "peer") else "right")
    for figure in figures:
        peer = f"{figure.peer} {figure.peer_value:.4g} {figure.unit}" if figure.peer_value else figure.peer
        limit = [] if figure.target is None else [f"≤ {figure.target:g} {figure.unit}"]
        limit += [] if figure.ratio_target is None else [f"≤ {figure.ratio_target:g}x"]
        table.add_row(
            figure.name + (f"\n  {figure.note}" if figure.note else ""),
            f"{figure.value:.4g} {figure.unit}",
            ", ".join(limit),
            peer,
            "" if figure.ratio is None else f"{figure.ratio:.3g}x",
            {True: "yes", False: "NO", None: "–"}[figure.ok],
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
