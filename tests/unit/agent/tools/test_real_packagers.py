"""dnf, zypper and pacman as Debian packages them, each in a root and with a repository of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.hosts import Host, Ran, RealHost
from agent.resources import TYPES
from agent.resources.types import Converged
from schema.ids import sha256
from schema.protocol.reports import Outcome
from tests import roots
from tests.factories import repositories

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: packages are installed for root alone")

TINY = [("tiny", version) for version in ("1.0", "2.0")] + [("small", "1.0"), ("Other_one", "7")]


class Foreign(RealHost):
    """This machine with a root for another system's packages; of its files, those below the root are seen.

    Args:
        root: where packages are installed.
        options: by program, the words that send it to the root.
    """

    def __init__(self, root: Path, options: dict[str, Sequence[str]]) -> None:
        super().__init__(root)
        self.confined = False  # type: ignore[misc]
        self.options = options
        self.runs: list[list[str]] = []
        self._machine = RealHost("/")

    def close(self) -> None:
        self._machine.close()
        super().close()

    def which(self, program: str) -> str | None:
        return self._machine.which(program)

    def run(self, argv: Sequence[str], **options: Any) -> Ran:
        self.runs.append(list(argv))
        return self._machine.run([argv[0], *self.options.get(argv[0], ()), *argv[1:]], **options)


@pytest.fixture(scope="module")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("rpms")
    repositories.rpms(where, TINY)
    return where


def foreign(where: Path, release: str, options: dict[str, Sequence[str]]) -> Foreign:
    root = where / "root"
    (root / "etc").mkdir(parents=True, exist_ok=True)
    (root / "etc/os-release").write_text(release)
    return Foreign(root, options)


@pytest.fixture
def dnf(tmp_path: Path, rpms: Path) -> Foreign:
    root = tmp_path / "root"
    (root / "etc/yum.repos.d").mkdir(parents=True)
    (root / "etc/yum.repos.d/x.repo").write_text(f"[x]\nname=x\nbaseurl=file://{rpms}\ngpgcheck=0\n")
    into = [f"--installroot={root}", "--releasever=1", f"--setopt=reposdir={root}/etc/yum.repos.d"]
    return foreign(tmp_path, "ID=fedora\n", {"dnf": into, "rpm": [f"--root={root}"]})


@pytest.fixture
def zypper(tmp_path: Path, rpms: Path) -> Foreign:
    root = tmp_path / "root"
    (root / "etc/zypp/repos.d").mkdir(parents=True)
    (root / "etc/zypp/repos.d/x.repo").write_text(f"[x]\nname=x\nenabled=1\nbaseurl=file://{rpms}\ngpgcheck=0\n")
    found = foreign(
        tmp_path,
        'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n',
        {"zypper": [f"--root={root}", "--no-gpg-checks"], "rpm": [f"--root={root}"]},
    )
    # Debian's libsolv does not read a database of rpm that is empty.
    converge(found, package="Other_one")
    return found


@pytest.fixture
def pacman(tmp_path: Path) -> Foreign:
    root, where = tmp_path / "root", tmp_path / "packages"
    repositories.pacmans(where, [("tiny", "2.0-1"), ("small", "1.0-1"), ("Other_one", "7-1")])
    for name in ("var/lib/pacman", "cache", "hooks"):
        (root / name).mkdir(parents=True)
    (root / "pacman.conf").write_text(
        f"[options]\nArchitecture = auto\nSigLevel = Never\n[x]\nServer = file://{where}\n"
    )
    places = {
        "config": "pacman.conf",
        "dbpath": "var/lib/pacman",
        "cachedir": "cache",
        "hookdir": "hooks",
        "logfile": "log",
    }
    words = [f"--root={root}", *(f"--{option}={root}/{place}" for option, place in places.items())]
    return foreign(tmp_path, "ID=arch\n", {"pacman": words})


@pytest.fixture(
    params=[
        pytest.param("dnf", marks=roots.lacking("dnf", "rpmbuild", "createrepo_c")),
        pytest.param("zypper", marks=roots.lacking("zypper", "rpmbuild", "createrepo_c")),
    ]
)
def rpm_host(request: pytest.FixtureRequest) -> Iterator[Foreign]:
    host: Foreign = request.getfixturevalue(request.param)
    yield host
    host.close()


def converge(host: Host, type_: str = "package", **spec: Any) -> Converged:
    kind = TYPES[type_]
    assert kind.skipped(host) is None
    ready = kind.prepare(kind.spec.model_validate(spec), lambda path: pytest.fail(path))
    host.memo.clear()
    result: Converged = kind.converge(host, ready, dry_run=False)
    if result.outcome is not Outcome.FAILED:
        assert kind.converge(host, ready, dry_run=False).outcome is Outcome.UNCHANGED
    return result


def test_rpms_from_the_beginning_to_the_end(rpm_host: Foreign) -> None:
    host = rpm_host
    first = converge(host, package=["tiny", "small", "Other_one"])
    assert first.error == ""
    assert converge(host, package="tiny.noarch").outcome is Outcome.UNCHANGED
    assert converge(host, package="tiny", version="1.0").diff == "version: 2.0-1 → 1.0"
    assert converge(host, package="tiny", version="1.0-1").outcome is Outcome.UNCHANGED
    assert converge(host, package=["tiny", "small"], state="latest").diff == "version of tiny: 1.0-1 → 2.0-1"
    assert converge(host, package="tiny", version="1.0-1").diff == "version: 2.0-1 → 1.0-1"
    assert "ghost" in converge(host, package=["ghost", "tiny"]).error
    assert (
        converge(host, package=["tiny", "small"], state="absent").diff
        == "state of tiny: 1.0-1 → absent\nstate of small: 1.0-1 → absent"
    )
    assert converge(host, package="tiny", state="purged").outcome is Outcome.UNCHANGED


def test_a_repository_of_rpms_is_fetched_when_it_is_made(rpm_host: Foreign, rpms: Path) -> None:
    spec = {"repository": "ours", "uris": f"file://{rpms}", "unsigned": True}
    (rpm_host.root / "etc/pki/rpm-gpg").mkdir(parents=True)
    failed = converge(rpm_host, "repository", **{**spec, "uris": f"file://{rpms}/nowhere"})
    assert (failed.outcome, list(rpm_host.root.rglob("ours.repo"))) == (Outcome.FAILED, [])
    made = converge(rpm_host, "repository", **spec)
    assert (made.action, made.error) == ("create", "")
    assert converge(rpm_host, "repository", repository="ours", state="absent").action == "remove"


@roots.lacking("zypper", "rpmbuild", "createrepo_c")
def test_zypper_holds_by_a_lock(zypper: Foreign) -> None:
    assert converge(zypper, package="tiny", version="1.0", hold=True).error == ""
    held = converge(zypper, package="tiny", state="latest")
    assert (held.outcome, held.reason) == (Outcome.UNCHANGED, "held on the host, so not upgraded: tiny")
    assert converge(zypper, package="tiny", version="2.0").outcome is Outcome.FAILED
    assert converge(zypper, package="tiny", version="2.0", hold=True).diff == "version: 1.0-1 → 2.0"
    assert converge(zypper, package="tiny", hold=False).diff == "hold: held → not held"
    zypper.close()


@roots.lacking("dnf", "rpmbuild", "createrepo_c")
def test_dnf_without_versionlock_says_that_it_is_needed(dnf: Foreign) -> None:
    assert "versionlock" in converge(dnf, package="tiny", hold=True).error
    dnf.close()


@roots.lacking("pacman")
def test_pacmans_packages_from_the_beginning_to_the_end(pacman: Foreign) -> None:
    host = pacman
    first = converge(host, package=["tiny", "small"])  # there are no lists: they are fetched
    assert first.error == ""
    assert converge(host, package="tiny", version="2.0").outcome is Outcome.UNCHANGED
    assert "target not found: tiny=1.0" in converge(host, package="tiny", version="1.0").error
    old = host.root.parent / "old"
    repositories.pacmans(old, [("tiny", "1.0-1")])
    host.run(["pacman", "--upgrade", "--noconfirm", "--", str(old / "tiny-1.0-1-any.pkg.tar.gz")])
    assert converge(host, package=["tiny", "small"], state="latest").diff == "version of tiny: 1.0-1 → 2.0-1"
    assert "target not found: ghost" in converge(host, package=["ghost", "tiny"]).error
    assert converge(host, package=["tiny", "small"], state="absent").outcome is Outcome.CHANGED
    host.close()


def test_a_package_from_a_file(rpm_host: Foreign, rpms: Path) -> None:
    from_file(rpm_host, next(rpms.glob("noarch/tiny-1.0*")), "1.0")


@roots.lacking("pacman")
def test_a_package_from_a_file_of_pacmans(pacman: Foreign) -> None:
    from_file(pacman, pacman.root.parent / "packages/tiny-2.0-1-any.pkg.tar.gz", "2.0-1")
    pacman.close()


def from_file(host: Foreign, file: Path, version: str) -> None:
    """Installed by its path, which is the same for the tool and, below its root, for us."""
    below = host.root / str(file)[1:]
    below.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, below)
    below.chmod(0o644)
    spec = {"package": "tiny", "version": version, "path": str(file), "sha256": sha256(file.read_bytes())}
    assert converge(host, "nonrepo_package", **spec).error == ""
