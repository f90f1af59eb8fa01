"""Targets under atheris: `python -m tests.fuzz.run FOLDER SECONDS TARGET...`, one after the other.

New inputs that reach new code are kept in FOLDER/TARGET; one that fails is written beside it, as `crash-…`, `timeout-…`
or `oom-…`. Ends with how many targets failed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["api.http", "reconciler", "schema"], enable_loader_override=False):
    from tests.fuzz.oracles import TARGETS

from tests.fuzz.seeds import LONGEST, seeds

MEMORY_MB = 1024
SLOWEST_S = 10
SHORT_S = 10
"""A run that is shorter begins with a few seeds, or they would be all it does, and ends when it has tried enough."""
FEW = 10
ENOUGH = 2_000
"""Of targets that try a hundred thousand inputs in a second."""


def fuzz(target: str, home: Path, seconds: int) -> None:
    """Fuzz until the time is up; ends the process."""
    corpus = home / target
    corpus.mkdir(parents=True, exist_ok=True)
    known = seeds(target)
    short = seconds < SHORT_S
    for number, data in enumerate(known[:: 1 + len(known) // FEW] if short else known):
        (corpus / f"seed-{number}").write_bytes(data)
    options = [
        f"-max_total_time={seconds}",
        f"-runs={ENOUGH if short else -1}",
        f"-max_len={LONGEST}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-timeout={SLOWEST_S}",
        f"-artifact_prefix={home}/{target}-",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], TARGETS[target])
    atheris.Fuzz()


def main() -> None:
    """Each target in a process of its own, all of which share what was imported."""
    home, seconds, targets = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    failed = 0
    for target in targets:
        child = os.fork()
        if child == 0:
            fuzz(target, home, seconds)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        failed += status != 0
        print(f"{target}: {'failed' if status else 'passed'}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
