"""`python -m tests.bench.drifting DIRECTORY COUNT SAMPLES`: damages files that an agent keeps, one after the other.

A process of its own, so that nothing but the agent is waited for. Prints the seconds until each was right again.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Final

from tests.bench import peer_files

LIMIT_S: Final = 10.0
REST_S: Final = 0.2


def main(managed: Path, count: int, samples: int) -> None:
    files = list(peer_files.named(count))
    chosen = random.Random(count)  # the same files each time
    taken = []
    for _ in range(samples):
        name, content = chosen.choice(files[1:] or files)  # the first may be somebody else's by now
        taken.append(_repaired(managed / name, content))
        time.sleep(REST_S * (0.5 + chosen.random()))
    print(json.dumps(taken))


def _repaired(path: Path, content: str) -> float:
    """Seconds until a damaged file is as it should be."""
    began = time.perf_counter()
    path.write_text("drifted\n")
    while (took := time.perf_counter() - began) < LIMIT_S:
        if path.stat().st_size == len(content) and path.read_text() == content:
            return took
        time.sleep(0.001)
    return LIMIT_S


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
