"""What the cases about git share."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.repository import write
from reconciler.repository.repository import Repository

AUTHOR = write.Author("Jane Doe", "jane@example.com")
Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """Run git's own program in a directory, with no configuration but the repository's."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    for who in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{who}_NAME": AUTHOR.name, f"GIT_{who}_EMAIL": AUTHOR.email}

    def run(where: Path, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=where, env=environment, capture_output=True, check=True, timeout=60
        )
        return done.stdout.decode().strip()

    return run


@pytest.fixture
def work(tmp_path: Path) -> Repository:
    """A work tree with one commit."""
    made = write.init(tmp_path / "work")
    write.commit(made, "main", {"vigo.vgo": b"language: 1\n"}, AUTHOR, "first")
    return made
