"""Packages in a Debian of their own, by its apt and dpkg: from the first to the last, and what goes wrong on the way."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.resources import TYPES
from agent.resources.types import Converged
from schema import openpgp
from schema.ids import sha256
from schema.protocol.reports import Outcome
from tests import roots
from tests.factories import repositories
from tests.roots import Rooted

pytestmark = [roots.needs_debian, roots.lacking("dpkg-deb")]

LOCK = "--option=DPkg::Lock::Timeout=120"
FAILING = "#!/bin/sh\n[ ! -e /broken ]\n"


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = roots.debian(tmp_path_factory.mktemp("roots"))
    repositories.debs(root / "srv/repo", [(name, version) for name in ("tiny", "small") for version in ("1.0", "2.0")])
    repositories.debs(root / "srv/fragile", [("fragile", "1.0")], {"postinst": FAILING})
    lines = [f"deb [trusted=yes] file:/srv/{name} ./\n" for name in ("repo", "fragile")]
    (root / "etc/apt/sources.list").write_text("".join(lines))
    return root


@pytest.fixture
def host(debian: Path) -> Iterator[Rooted]:
    host = Rooted(debian)
    yield host
    converge(host, package=["tiny", "small", "fragile"], state="purged")
    host.close()


def converge(host: Rooted, type_: str = "package", **spec: Any) -> Converged:
    """Dry run, converge, converge again: the first result, after which the second must find nothing to do."""
    kind = TYPES[type_]
    assert kind.skipped(host) is None
    ready = kind.prepare(kind.spec.model_validate(spec), lambda path: pytest.fail(path))
    host.memo.clear()
    shown: Converged = kind.converge(host, ready, dry_run=True)
    host.memo.clear()
    host.runs.clear()
    result: Converged = kind.converge(host, ready, dry_run=False)
    if result.outcome is not Outcome.FAILED:
        assert shown == result
        assert kind.converge(host, ready, dry_run=False).outcome is Outcome.UNCHANGED
    return result


def test_packages_from_the_beginning_to_the_end(host: Rooted) -> None:
    first = converge(host, package=["tiny", "small"])  # the lists are empty: they are fetched
    assert (first.outcome, first.error) == (Outcome.CHANGED, "")
    assert first.diff == "state of tiny: not-installed → present\nstate of small: not-installed → present"
    assert [run[-4:] for run in host.runs if "install" in run][-1] == ["install", "--", "tiny", "small"]
    pinned = converge(host, package="tiny", version="1.0", hold=True)
    assert (pinned.action, pinned.diff) == ("update", "version: 2.0 → 1.0\nhold: not held → held")
    latest = converge(host, package=["tiny", "small"], state="latest")
    assert (latest.outcome, latest.reason) == (Outcome.UNCHANGED, "held on the host, so not upgraded: tiny")
    assert "Held packages were changed" in converge(host, package="tiny", version="2.0").error
    assert (
        converge(host, package="tiny", state="latest", hold=False).diff == "version: 1.0 → 2.0\nhold: held → not held"
    )
    conf = host.root / "etc/tiny.conf"
    conf.write_text("changed by hand\n")
    assert converge(host, package="tiny", version="1.0").diff == "version: 2.0 → 1.0"
    assert conf.read_text() == "changed by hand\n"  # and nobody was asked
    assert converge(host, package="tiny", state="absent").action == "remove"
    assert conf.exists()
    assert converge(host, package=["tiny", "small"], state="purged").outcome is Outcome.CHANGED
    assert not conf.exists()


def test_of_several_that_cannot_all_be_had_none_is_installed(host: Rooted) -> None:
    failed = converge(host, package=["tiny", "ghost"])
    assert "Unable to locate package ghost" in failed.error
    assert converge(host, package="tiny", state="absent").outcome is Outcome.UNCHANGED


def test_what_an_interrupted_dpkg_left_is_finished_by_the_next_run(host: Rooted) -> None:
    broken = host.root / "broken"
    broken.touch()
    assert converge(host, package="fragile").outcome is Outcome.FAILED
    broken.unlink()
    result = converge(host, package="fragile")
    assert (result.outcome, result.diff) == (Outcome.CHANGED, "state: half-configured → present")


def test_a_lock_is_waited_for_and_then_complained_of(host: Rooted) -> None:
    with (host.root / "var/lib/dpkg/lock-frontend").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        host.instead = {LOCK: LOCK.replace("120", "1")}
        failed = converge(host, package="tiny")
        assert "lock (/var/lib/dpkg/lock-frontend), is another process using it?" in failed.error
        host.instead = {}
        released = threading.Timer(1.0, file.close)
        released.start()
        assert converge(host, package="tiny").error == ""
        released.join()


@roots.lacking("gpg", "gpgconf")
def test_a_repository_is_trusted_by_its_own_key_alone(host: Rooted, tmp_path: Path) -> None:
    where = host.root / "srv/my_signed"
    repositories.debs(where, [("tiny", "3.0")])
    key = repositories.signed(where, tmp_path / "a").decode()
    (fingerprint,) = openpgp.fingerprints(key.encode())
    spec = {"uris": "file:/srv/my_signed", "suites": "./", "key": key, "fingerprint": fingerprint}
    made = converge(host, "repository", repository="ours", **spec)
    assert (made.outcome, made.error) == (Outcome.CHANGED, "")
    assert converge(host, package="tiny", state="present", version="3.0").error == ""

    other = repositories.signed(where, tmp_path / "b").decode()
    written = (host.root / "etc/apt/sources.list.d/ours.sources").read_bytes()
    refused = converge(host, "repository", repository="ours", **{**spec, "uris": "file:///srv/my_signed"})
    assert "The following signatures couldn't be verified" in refused.error or "not signed" in refused.error
    assert (host.root / "etc/apt/sources.list.d/ours.sources").read_bytes() == written
    wrong = converge(host, "repository", repository="ours", **{**spec, "key": other})
    assert "which is not given" in wrong.error
    new = {"key": other, "fingerprint": openpgp.fingerprints(other.encode())}
    assert converge(host, "repository", repository="ours", **{**spec, **new}).error == ""

    assert converge(host, "repository", repository="ours", state="absent").action == "remove"
    assert list((host.root / "etc/apt/keyrings").iterdir()) == []


def test_alternatives_are_registered_chosen_and_removed(host: Rooted) -> None:
    for name in ("a", "b"):
        (host.root / "opt" / name).write_text(name)
    link, current = {"link": "/usr/bin/letter", "priority": 10}, host.root / "etc/alternatives/letter"
    assert converge(host, "alternatives", alternative="letter", path="/opt/a", state="auto", **link).error == ""
    assert converge(host, "alternatives", alternative="letter", path="/opt/b", **link).error == ""
    assert str(current.readlink()) == "/opt/b"
    assert converge(host, "alternatives", alternative="letter", path="/opt/a").diff == "path: /opt/b → /opt/a"
    assert (
        converge(
            host, "alternatives", alternative="letter", path="/opt/a", state="auto", link="/usr/bin/letter", priority=20
        ).error
        == ""
    )
    assert "is no alternative" in converge(host, "alternatives", alternative="letter", path="/opt/c").error
    for name in ("a", "b"):
        assert converge(host, "alternatives", alternative="letter", path=f"/opt/{name}", state="absent").error == ""
    assert not current.is_symlink()
    group = next(iter(sorted((host.root / "var/lib/dpkg/alternatives").iterdir())))
    assert (
        converge(host, "alternatives", alternative=group.name, state="auto").outcome is Outcome.UNCHANGED
    )  # one with slaves


def test_a_package_from_a_file_is_held_against_its_digest(host: Rooted) -> None:
    file = host.root / "srv/repo/tiny_1.0.deb"
    spec = {"package": "tiny", "version": "1.0", "path": "/srv/repo/tiny_1.0.deb"}
    refused = converge(host, "nonrepo_package", **spec, sha256="0" * 64)
    assert refused.error.endswith(f"not {'0' * 64}")
    made = converge(host, "nonrepo_package", **spec, sha256=sha256(file.read_bytes()))
    assert (made.action, made.diff, made.error) == ("install", "state: not-installed → 1.0", "")
    assert converge(host, "nonrepo_package", package="tiny", state="absent").action == "remove"
