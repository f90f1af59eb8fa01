"""A Debian in a directory, made by debootstrap in `.ci/setup tests`, as a machine of its own: programs run by chroot(8)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.hosts import HostFault, Ran, RealHost

DEBIAN = Path(__file__).parents[1] / "build" / "roots" / "debian"

needs_debian = pytest.mark.skipif(
    os.geteuid() != 0 or not DEBIAN.is_dir(),
    reason="needs root, and the Debian that `just setup tests` makes by debootstrap",
)


class Rooted(RealHost):
    """A directory that is a whole machine: not confined, for its programs run within it.

    Args:
        root: what stands for `/`.
        instead: words of argument lists → what they become, for what would take too long in a test.
    """

    def __init__(self, root: Path, instead: dict[str, str] | None = None) -> None:
        super().__init__(root)
        self.confined = False  # type: ignore[misc]
        self.instead = instead or {}
        self.runs: list[list[str]] = []
        self._machine = RealHost("/")

    def close(self) -> None:
        self._machine.close()
        super().close()

    def which(self, program: str) -> str | None:
        places = (
            [program]
            if program.startswith("/")
            else [f"/{each}/{program}" for each in ("usr/sbin", "usr/bin", "sbin", "bin")]
        )
        return next((each for each in places if os.access(self.root / each[1:], os.X_OK)), None)

    def run(self, argv: Sequence[str], **options: Any) -> Ran:
        program = self.which(argv[0])
        if program is None:
            raise HostFault(f"there is no program {argv[0]} on this host")
        self.runs.append(list(argv))
        words = [self.instead.get(word, word) for word in argv[1:]]
        return self._machine.run(["chroot", str(self.root), program, *words], **options)


def debian(where: Path) -> Path:
    """A copy of the Debian, below `where`."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(DEBIAN), str(where / "debian")], check=True)
    return where / "debian"


def lacking(*programs: str) -> Any:
    """A mark that skips where one of these programs is not on this machine."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(
        bool(missing), reason=f"needs {', '.join(missing)}, which `just setup tests` installs from Debian"
    )
