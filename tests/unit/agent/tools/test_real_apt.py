"""Packages by the real apt and dpkg, on an installation of their own with two versions of a tiny package."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agent.hosts import RealHost
from agent.resources import TYPES
from agent.resources.types import Converged
from agent.tools import packages
from schema.protocol.reports import Outcome
from schema.resources.package import PackageSpec
from tests.factories.undoing import undone

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: dpkg installs for root alone"),
    pytest.mark.skipif(
        any(shutil.which(program) is None for program in ("apt-get", "dpkg-deb")), reason="needs apt and dpkg-deb"
    ),
]


class OwnApt(RealHost):
    """The machine, but for where apt and dpkg keep and put things."""

    def __init__(self, base: Path) -> None:
        super().__init__("/")
        self.base = base

    def run(self, argv: Any, **options: Any) -> Any:
        settings = {"APT_CONFIG": str(self.base / "apt.conf"), "DPKG_ADMINDIR": str(self.base / "var/lib/dpkg")}
        options["env"] = {**(options.get("env") or {}), **settings}
        return super().run(argv, **options)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("repository")
    index = []
    for version in ("1.0", "2.0"):
        tree = where / f"tiny-{version}"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "etc").mkdir()
        (tree / "etc/tiny.conf").write_text(f"version {version}\n")
        control = f"Package: vigo-tiny\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n"
        (tree / "DEBIAN/control").write_text(control)
        (tree / "DEBIAN/conffiles").write_text("/etc/tiny.conf\n")
        deb = where / f"tiny_{version}.deb"
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(deb)], check=True, capture_output=True
        )
        data = deb.read_bytes()
        index.append(
            f"{control}Filename: ./{deb.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
        )
    index.append(_needing(where))
    (where / "Packages").write_text("\n".join(index))
    return where


def _needing(where: Path) -> str:
    """A package that needs the tiny one; what the index says of it."""
    control = (
        "Package: vigo-needing\nVersion: 1\nArchitecture: all\nDepends: vigo-tiny\nMaintainer: x <x@example.com>\n"
        "Description: x\n"
    )
    (where / "needing/DEBIAN").mkdir(parents=True)
    (where / "needing/DEBIAN/control").write_text(control)
    deb = where / "needing.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", str(where / "needing"), str(deb)], check=True, capture_output=True
    )
    data = deb.read_bytes()
    return f"{control}Filename: ./{deb.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"


@pytest.fixture
def host(tmp_path: Path, repository: Path) -> OwnApt:
    base = tmp_path / "apt"
    for name in (
        "etc/apt",
        "var/lib/dpkg/info",
        "var/lib/dpkg/updates",
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
        "var/log",
    ):
        (base / name).mkdir(parents=True)
    (base / "var/lib/dpkg/status").write_text("")
    (base / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file://{repository} ./\n")
    (base / "apt.conf").write_text(
        f'Dir "{base}";\nDir::State::status "{base}/var/lib/dpkg/status";\nAPT::Sandbox::User "root";\n'
        f'Dir::Log "{base}/var/log";\nDPkg::Options {{"--root={base}"; "--force-not-root"; "--log={base}/dpkg.log";}};\n'
        "#clear DPkg::Pre-Install-Pkgs;\n#clear DPkg::Post-Invoke;\n#clear APT::Update::Post-Invoke;\n"
        "#clear APT::Update::Post-Invoke-Success;\n"
    )
    return OwnApt(base)


def converge(host: OwnApt, **spec: Any) -> Converged:
    """Converge twice; the first result, after which the second must find nothing to do."""
    kind = TYPES["package"]
    ready = kind.spec.model_validate(spec)
    host.memo.clear()
    result: Converged = kind.converge(host, ready, dry_run=False)
    if result.outcome is not Outcome.FAILED:
        assert kind.converge(host, ready, dry_run=False).outcome is Outcome.UNCHANGED
    return result


def test_a_package_from_the_beginning_to_the_end(host: OwnApt) -> None:
    conf = host.base / "etc/tiny.conf"
    first = converge(host, package="vigo-tiny", version="1.0")  # the lists are empty: they are fetched
    assert (first.outcome, first.action, first.error) == (Outcome.CHANGED, "install", "")
    assert conf.read_text() == "version 1.0\n"
    assert converge(host, package="vigo-tiny").outcome is Outcome.UNCHANGED
    conf.write_text("changed by hand\n")
    upgraded = converge(host, package="vigo-tiny", version="2.0")
    assert (upgraded.action, upgraded.diff) == ("update", "version: 1.0 → 2.0")
    assert conf.read_text() == "changed by hand\n"  # and nobody was asked
    assert converge(host, package="vigo-tiny", version="1.0").diff == "version: 2.0 → 1.0"
    assert converge(host, package="vigo-tiny", state="absent").action == "remove"
    assert conf.exists()
    assert converge(host, package="vigo-tiny", state="purged").action == "purge"
    assert not conf.exists()


def test_a_name_is_never_a_pattern(host: OwnApt) -> None:
    result = converge(host, package="vigo-t.ny")
    assert result.outcome is Outcome.FAILED
    assert "Unable to locate package vigo-t.ny" in result.error
    assert (host.base / "var/lib/dpkg/status").read_text() == ""
    for pattern in ("^vigo-tiny$", "vigo-tin*", "vigo-tiny-", "-oDebug=1", "vigo tiny", "vigo-tiny=1.0", "vigo-tiny/x"):
        with pytest.raises(ValidationError):
            PackageSpec(package=pattern)


def test_a_version_that_nobody_has_is_an_error(host: OwnApt) -> None:
    result = converge(host, package="vigo-tiny", version="9.9")
    assert result.outcome is Outcome.FAILED
    assert "9.9" in result.error


def test_an_interrupted_dpkg_is_finished(host: OwnApt) -> None:
    converge(host, package="vigo-tiny")
    status = host.base / "var/lib/dpkg/status"
    status.write_text(status.read_text().replace("install ok installed", "install ok unpacked"))
    result = converge(host, package="vigo-tiny")
    assert (result.outcome, result.diff) == (Outcome.CHANGED, "state: unpacked → present")


def version(host: OwnApt) -> str | None:
    host.memo.clear()
    found = packages.needed(host).package(host, "vigo-tiny")
    return found.version if found.installed else None


def test_what_a_run_did_to_a_package_is_undone(host: OwnApt, tmp_path_factory: pytest.TempPathFactory) -> None:
    def undo(**spec: Any) -> dict[str, str]:
        return undone(host, "package", {"package": "vigo-tiny", **spec}, tmp_path_factory.mktemp("state"))

    assert undo(version="1.0") == {"package vigo-tiny": ""}
    assert version(host) is None
    converge(host, package="vigo-tiny", version="1.0", hold=True)
    assert undo(version="2.0", hold=True) == {"package vigo-tiny": ""}
    assert version(host) == "1.0"
    assert packages.state(host, "vigo-tiny")["held"]
    converge(host, package="vigo-tiny", hold=False)
    assert undo(state="purged") == {"package vigo-tiny": ""}
    assert version(host) == "1.0"


@pytest.mark.slow
def test_what_is_needed_by_now_or_cannot_be_had_any_more_is_said(
    host: OwnApt, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def needed() -> None:
        converge(host, package="vigo-needing")

    said = undone(host, "package", {"package": "vigo-tiny"}, tmp_path_factory.mktemp("state"), then=needed)
    assert said == {"package vigo-tiny": "it is needed by vigo-needing, which would go with it"}
    assert version(host) == "2.0"

    both = {"package": ["vigo-needing", "vigo-tiny"]}
    converge(host, **both, state="purged")
    said = undone(host, "package", both, tmp_path_factory.mktemp("state"))
    assert set(said.values()) == {""}
    assert version(host) is None

    converge(host, package="vigo-tiny", version="1.0")
    index = repository / "Packages"
    kept = index.read_text()
    try:

        def gone() -> None:
            index.write_text("\n".join(kept.split("\n\n")[1:]))
            host.run(["apt-get", "update"])

        said = undone(
            host, "package", {"package": "vigo-tiny", "version": "2.0"}, tmp_path_factory.mktemp("s"), then=gone
        )
    finally:
        index.write_text(kept)
    assert said["package vigo-tiny"].startswith("version 1.0 is not to be had any more: ")
    assert version(host) == "2.0"
