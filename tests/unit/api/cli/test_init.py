"""`vigo init` makes a repository to start from."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from api.cli.init import starter

Vigo = Callable[..., "tuple[int, str, str]"]


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", folder, *arguments], capture_output=True, text=True, check=True, timeout=20
    ).stdout


def test_it_is_committed_and_clean(vigo: Vigo, tmp_path: Path) -> None:
    code, out, err = vigo("init", str(tmp_path / "fleet"))

    assert (code, err) == (0, "")
    assert "vigo validate" in out
    assert git(tmp_path / "fleet", "status", "--porcelain") == ""
    assert git(tmp_path / "fleet", "ls-files").split() == sorted(starter())
    assert git(tmp_path / "fleet", "log", "--format=%s %D").strip() == (
        "Start from Vigo's starter repository HEAD -> main"
    )


def test_it_has_what_a_newcomer_needs() -> None:
    assert {
        ".pre-commit-config.yaml", "README.md", "common.vgo", "hosts.vgo", "roles.vgo", "vigo.vgo",
    } < set(starter())  # fmt: skip


def test_it_never_writes_into_what_is_there(vigo: Vigo, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")

    code, out, err = vigo("init", str(tmp_path))

    assert (code, out) == (3, "")
    assert err.startswith(f"error: {tmp_path} is not empty\n")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_where_it_may_not_write_it_says_so(vigo: Vigo, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("x")

    code, _, err = vigo("init", str(blocker / "fleet"))

    assert code == 1
    assert err.startswith("error: cannot write")
