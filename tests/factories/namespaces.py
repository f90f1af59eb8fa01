"""Resources converged on the real machine, in namespaces of their own: what they mount or set is gone when they end.

`/etc` and `/run` are copies; the network is an empty one. Only root can have such a place: see `as_root`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
_SETUP: Final = """
set -e
mount --make-rprivate /
cp -a /etc "$1/etc"
mount --bind "$1/etc" /etc
mount -t tmpfs -o mode=755 run /run
"""


def _possible() -> bool:
    if os.geteuid() != 0:
        return False
    try:
        return subprocess.run(["unshare", "-mn", "true"], capture_output=True, check=False, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


as_root: Final = pytest.mark.skipif(not _possible(), reason="needs root, and namespaces of its own")


def converge(where: Path, steps: Sequence[tuple[str, dict[str, Any]]], *, before: str = "") -> list[dict[str, Any]]:
    """Converge resources one after another, each twice, after a shell script that sets the scene.

    Returns what became of each: `outcome`, `diff`, `error`, `reason`, and `again`, the outcome of the second time.
    """
    script = f'{_SETUP}{before}\nexec "$2" -m tests.factories.namespaces'
    ran = subprocess.run(
        ["unshare", "-mn", "/bin/sh", "-c", script, "sh", str(where), sys.executable],
        input=json.dumps(steps),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout.splitlines()[-1])
    return found


def _inside() -> None:
    from agent.hosts import RealHost
    from agent.resources import TYPES
    from tests.strategies import machines

    host, found = RealHost("/"), []
    for name, spec in json.load(sys.stdin):
        kind = TYPES[name]
        ready = kind.prepare(kind.spec.model_validate(spec), machines.sources({}))
        host.memo.clear()
        if (reason := kind.skipped(host)) is not None:
            found.append({"outcome": "skipped", "reason": reason})
            continue
        first = kind.converge(host, ready, dry_run=False)
        host.memo.clear()
        again = kind.converge(host, ready, dry_run=False)
        found.append(
            {
                "outcome": first.outcome,
                "diff": first.diff,
                "error": first.error,
                "reason": first.reason,
                "again": again.outcome,
            }
        )
    print(json.dumps(found))


if __name__ == "__main__":
    _inside()
