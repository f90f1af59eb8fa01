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

from agent.hosts import RealHost
from tests.roots import DEBIAN, Rooted

ROOT: Final = Path(__file__).resolve().parents[2]
_SETUP: Final = """
set -e
mount --make-rprivate /
cp -a /etc "$1/etc"
mount --bind "$1/etc" /etc
mount -t tmpfs -o mode=755 run /run
"""


_DEBIAN: Final = """
set -e
mount --make-rprivate /
mount -t tmpfs over "$1"
mkdir "$1/upper" "$1/work" "$1/root" "$1/more"
for each in "$3"/*.deb; do dpkg-deb -x "$each" "$1/unpacked"; done
mkdir "$1/more/usr"
for each in "$1"/unpacked/*; do
    case "${each##*/}" in
    bin | sbin | lib*) cp -a "$each" "$1/more/usr/" ;;
    usr) cp -a "$each/." "$1/more/usr/" ;;
    *) cp -a "$each" "$1/more/" ;;
    esac
done
mount -t overlay -o "lowerdir=$1/more:$4,upperdir=$1/upper,workdir=$1/work" over "$1/root"
cd "$1/root"
mount -t proc proc proc
mount -t tmpfs -o mode=755 run run
"""
DEBS: Final = ROOT / "build" / "roots" / "debs"


def _possible() -> bool:
    if os.geteuid() != 0:
        return False
    try:
        return subprocess.run(["unshare", "-mn", "true"], capture_output=True, check=False, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


needs_debian: Final = pytest.mark.skipif(
    not (_possible() and DEBIAN.is_dir() and DEBS.is_dir()),
    reason="needs root, namespaces of its own, and what `just setup tests` has from Debian",
)
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


def converge_in_debian(
    where: Path, steps: Sequence[tuple[str, dict[str, Any]]], *, before: str = ""
) -> list[dict[str, Any]]:
    """Like `converge`, in the Debian of `tests.roots` with `DEBS` unpacked over it; `before` begins in its `/`."""
    script = f'{_DEBIAN}{before}\ncd {ROOT}; "$2" -m tests.factories.namespaces "$1/root"'
    arguments = [str(where), sys.executable, str(DEBS), str(DEBIAN)]
    ran = subprocess.run(
        ["unshare", "-mnpf", "--mount-proc", "/bin/sh", "-c", script, "sh", *arguments],
        input=json.dumps(steps),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout.splitlines()[-1])
    return found


def _inside() -> None:
    from agent.resources import TYPES
    from tests.strategies import machines

    host: RealHost = Rooted(Path(sys.argv[1])) if len(sys.argv) > 1 else RealHost("/")
    found = []
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
