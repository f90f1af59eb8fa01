"""What the explorer loads is pinned, and fetched once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from api.web import assets


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty static folder."""
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    monkeypatch.setattr(assets, "VENDOR", tmp_path / "vendor")
    return tmp_path


def modules(folder: Path) -> Path:
    for place in assets.FILES.values():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(place)
    return folder


def test_every_package_is_pinned_by_its_digest_and_exact_version() -> None:
    wanted = json.loads((assets.HERE / "package.json").read_text())["dependencies"]
    locked = json.loads((assets.HERE / "package-lock.json").read_text())["packages"]

    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(info["integrity"].startswith("sha512-") for place, info in locked.items() if place)


def test_the_lock_names_no_registry() -> None:
    assert "resolved" not in (assets.HERE / "package-lock.json").read_text()


def test_installed_once_they_are_complete_until_the_pins_change(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not assets.complete()

    assets._install(modules(tmp_path_factory.mktemp("modules")))

    assert assets.complete()
    assert assets.missing() == []
    here = tmp_path_factory.mktemp("pins")
    for name in assets.PINS:
        shutil.copy(assets.HERE / name, here)
    (here / "package.json").write_text("{}")
    monkeypatch.setattr(assets, "HERE", here)
    assert not assets.complete()


def test_a_package_that_lacks_a_file_changes_nothing(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    source = modules(tmp_path_factory.mktemp("modules"))
    assets._install(source)
    (source / "graphiql" / "graphiql.min.js").unlink()

    with pytest.raises(assets.NoAssets, match=r"graphiql\.min\.js"):
        assets._install(source)

    assert assets.complete()
    assert [path.name for path in folder.iterdir()] == ["vendor"]


def test_without_npm_and_uv_the_message_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("UV", raising=False)

    assert assets.main() == 1
    assert "install Node.js, or: python3 -m pip install uv" in capsys.readouterr().err
