"""`vigo fmt`: files are written at once or not at all, and never with another meaning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from api.cli.init import starter

Vigo = Callable[..., "tuple[int, str, str]"]

LOOSE = "roles:\n    web:   # all of them\n        vars: {a: 1}\n        configcrates: [nginx]\n"
TIDY = "roles:\n  web:     # all of them\n    configcrates: [nginx]\n    vars: {a: 1}\n"


@pytest.fixture
def fleet(tmp_path: Path, vigo: Vigo) -> Path:
    """The starter repository, in the canonical layout."""
    folder = tmp_path / "fleet"
    for name, content in starter().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    vigo("fmt", str(folder))
    return folder


def test_a_file_is_written_in_the_canonical_layout_with_its_permissions(vigo: Vigo, fleet: Path) -> None:
    roles = fleet / "roles.vgo"
    roles.write_text(LOOSE)
    roles.chmod(0o640)
    before = sorted(path.name for path in fleet.iterdir())

    code, out, err = vigo("fmt", str(fleet))

    assert (code, out) == (0, "roles.vgo\n")
    assert err.startswith("1 of ")
    assert roles.read_text() == TIDY
    assert roles.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in fleet.iterdir()) == before


def test_a_second_run_changes_nothing(vigo: Vigo, fleet: Path) -> None:
    stamps = {path: path.stat().st_ino for path in fleet.rglob("*.vgo")}

    code, out, err = vigo("fmt", str(fleet))

    assert (code, out) == (0, "")
    assert err.startswith("0 of ")
    assert {path: path.stat().st_ino for path in fleet.rglob("*.vgo")} == stamps
    assert vigo("fmt", str(fleet), "--check")[0] == 0


def test_check_lists_what_would_change_ends_2_and_writes_nothing(vigo: Vigo, fleet: Path) -> None:
    (fleet / "roles.vgo").write_text(LOOSE)

    code, out, _ = vigo("fmt", str(fleet), "--check")

    assert (code, out) == (2, "roles.vgo\n")
    assert (fleet / "roles.vgo").read_text() == LOOSE


def test_a_file_that_cannot_be_read_is_left_alone_with_its_diagnostic_and_the_others_are_written(
    vigo: Vigo, fleet: Path
) -> None:
    (fleet / "roles.vgo").write_text("roles: [\n")
    (fleet / "vigo.vgo").write_text("language:   1\n")

    code, out, err = vigo("fmt", str(fleet))

    assert code == 2
    assert "roles.vgo:" in out
    assert "error[yaml.syntax]" in out
    assert "1 left alone" in err
    assert (fleet / "roles.vgo").read_text() == "roles: [\n"
    assert (fleet / "vigo.vgo").read_text() == "language: 1\n"


def test_paths_choose_what_is_written(vigo: Vigo, fleet: Path) -> None:
    (fleet / "roles.vgo").write_text(LOOSE)
    (fleet / "vigo.vgo").write_text("language:   1\n")

    assert vigo("fmt", str(fleet / "configcrates"))[:2] == (0, "")
    assert vigo("fmt", str(fleet / "vigo.vgo"))[:2] == (0, "vigo.vgo\n")
    assert (fleet / "roles.vgo").read_text() == LOOSE


def test_what_is_no_config_file_is_an_error(vigo: Vigo, fleet: Path, tmp_path: Path) -> None:
    (fleet / "files").mkdir(exist_ok=True)
    (fleet / "files" / "a.vgo").write_text("a:   1\n")

    assert vigo("fmt", str(fleet / "files" / "a.vgo"))[0] == 1
    assert vigo("fmt", str(fleet / "missing.vgo"))[0] == 1
    assert vigo("fmt", str(tmp_path))[0] == 2
    assert (fleet / "files" / "a.vgo").read_text() == "a:   1\n"
