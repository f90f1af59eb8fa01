"""`vigo init`: a config repository to start from, committed and valid."""

from __future__ import annotations

import contextlib
import subprocess
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli import output
from api.cli.exits import Exit, Problem

if TYPE_CHECKING:
    from reconciler.repository.write import Author


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to make it; not there yet, or empty.")],
) -> None:
    """Make a config repository to start from: a role, two configcrates, a host or two; committed to git.

    Ends 3 when DIR holds something already.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise Problem(f"{directory} is not empty", hint="give a directory that is not there yet", exit=Exit.CONFLICT)
    content = starter()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        commit = _commit(directory, content)
    except OSError as error:
        raise Problem(f"cannot write {directory}: {error.strerror or error}") from error
    output.line(f"{output.visible(directory)}: {len(content)} files, commit {commit[:12]}")
    output.line(f"\nnext:\n  cd {output.visible(directory)}\n  vigo validate\n  vigo trace web01.example.com --repo .")


def starter() -> dict[str, bytes]:
    """Path → bytes of every file of the starter repository."""
    return dict(_files(files("api.cli") / "starter", ""))


def _files(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        # Files that act on the tree they lie in (.pre-commit-config.yaml) are kept under another name in ours.
        name = prefix + entry.name.replace("dot-", ".", 1) if entry.name.startswith("dot-") else prefix + entry.name
        if entry.is_dir():
            found += _files(entry, f"{name}/")
        else:
            found.append((name, entry.read_bytes()))
    return found


def _commit(directory: Path, content: dict[str, bytes]) -> str:
    from reconciler.repository import write

    repository = write.init(directory)
    return write.commit(repository, write.DEFAULT_BRANCH, content, _author(), "Start from Vigo's starter repository")


def _author() -> Author:
    """The name that git would take, where it can be told; a commit needs one."""
    from reconciler.repository.write import Author

    found = {}
    for key in ("name", "email"):
        argv = ["git", "config", "--get", f"user.{key}"]
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(argv, capture_output=True, text=True, timeout=5, check=False)
            found[key] = done.stdout.strip()
    return Author(found.get("name") or "vigo init", found.get("email") or "vigo@localhost")
