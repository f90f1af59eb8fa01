"""The executor's share of an update: what it refuses leaves everything as it was."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent import VERSION
from agent.boundary import Updated
from agent.crossing import CALLS
from agent.installation import Installation
from agent.objects import ObjectStore
from agent.replacing import Replacing
from schema import canonical
from schema.protocol import signing
from schema.protocol.artifacts import AgentBuild, Kind
from schema.protocol.signing import Domain

NEWER = f"{int(VERSION.split('.')[0]) + 1}.0"


class Frozen(Installation):
    """One of self-contained builds, which are quicker to make."""

    def build(self) -> AgentBuild:
        return super().build().model_copy(update={"kind": Kind.SELF_CONTAINED, "python": ""})


def packed(script: str, *, name: str = "vigo-agent/vigo-agent", kind: bytes = tarfile.REGTYPE) -> bytes:
    """A self-contained build that is a script of the shell."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        data = f"#!/bin/sh\n{script}\n".encode()
        entry.size, entry.mode, entry.type, entry.linkname = len(data), 0o755, kind, "/etc/passwd"
        archive.addfile(entry, io.BytesIO(data))
    return whole.getvalue()


class Bench:
    """An installation, a store of objects, and a server's key."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        (self.home / "versions" / "old").mkdir(parents=True)
        self.installation = Frozen(self.home)
        self.installation.put_in_force("old", 10, trial=False)
        (folder / "objects").mkdir()
        self.objects = ObjectStore(folder / "objects")
        self.key = Ed25519PrivateKey.generate()
        self.doubt = ""
        self.ended: list[bool] = []
        self.replacing = Replacing(
            self.installation, self.objects, self.key.public_key(), lambda: self.ended.append(True), lambda: self.doubt
        )

    def manifest(
        self, data: bytes = b"x", *, key: Ed25519PrivateKey | None = None, domain: Domain = Domain.ARTIFACT, **said: Any
    ) -> bytes:
        build = self.replacing.build
        assert build is not None
        body = {
            "format": 2, "name": "vigo-agent", "os": "linux", "kind": build.kind, "arch": build.arch,
            "libc": build.libc, "libc_min": "", "python": build.python, "version": NEWER, "sequence": 11,
            "sha256": hashlib.sha256(data).hexdigest(), "size": len(data),
        } | said  # fmt: skip
        return signing.sign(key or self.key, domain, canonical.dumps(body)).model_dump_json().encode()

    def update(self, manifest: bytes) -> Updated:
        return self.replacing.update(manifest)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_is_not_the_servers_word_or_not_for_this_agent_is_refused_and_nothing_is_stored(bench: Bench) -> None:
    good = bench.manifest()
    forged = json.loads(good) | {"body": json.loads(good)["body"].replace('"size":1', '"size":2')}
    for manifest, code in (
        (bench.manifest(key=Ed25519PrivateKey.generate()), "signature"),
        (bench.manifest(domain=Domain.CATALOG), "signature"),
        (json.dumps(forged).encode(), "signature"),
        (b"{}", "format"),
        (b"\xff", "format"),
        (bench.manifest(more=1), "format"),
        (bench.manifest(format=3), "format"),
        (bench.manifest(size=2**40), "format"),
        (bench.manifest(arch="mips"), "platform"),
        (bench.manifest(sequence=10), "rollback"),
        (bench.manifest(version="0.0.1"), "downgrade"),
    ):
        answer = bench.update(manifest)
        assert (answer.outcome, answer.code) == ("refused", code)
        assert bench.replacing.wanted == {}
    assert bench.installation.progress().current == "old"
    assert bench.installation.progress().floor == 10


def test_its_bytes_are_asked_for_and_only_those(bench: Bench) -> None:
    answer = bench.update(bench.manifest(b"data"))
    assert (answer.outcome, answer.sha256) == ("incomplete", hashlib.sha256(b"data").hexdigest())
    assert bench.replacing.wanted == {answer.sha256: 4}


def test_nothing_is_taken_while_a_change_is_not_confirmed(bench: Bench) -> None:
    bench.doubt = "connected"
    assert bench.update(bench.manifest()).code == "unconfirmed"


def test_another_length_than_was_signed_is_refused(bench: Bench) -> None:
    bench.objects.write(b"data")
    assert bench.update(bench.manifest(b"data", size=5)).code == "size"


def test_what_is_good_is_in_force_on_trial_and_nothing_more_is_begun(bench: Bench) -> None:
    data = packed(f"echo vigo-agent {NEWER}")
    bench.objects.write(data)
    answer = bench.update(bench.manifest(data))
    assert (answer.outcome, answer.version) == ("switched", NEWER), answer.message
    assert bench.replacing.leaving
    progress = bench.installation.progress()
    assert (progress.previous, progress.starts, progress.floor) == ("old", 0, 11)
    assert progress.current.startswith(f"{NEWER}-")
    assert bench.update(bench.manifest(data, sequence=12)).code == "installed"
    assert stat.S_IMODE((bench.home / "trial").stat().st_mode) == 0o600
    assert not (bench.home / "artifact").exists()


@pytest.mark.parametrize(
    "data",
    [
        packed("echo vigo-agent 0.0.1"),  # it says another version than was signed
        packed("exit 1"),
        packed(f"echo vigo-agent {NEWER}", name="vigo-agent/../../../escaped"),
        packed(f"echo vigo-agent {NEWER}", name="/escaped"),
        packed(f"echo vigo-agent {NEWER}", kind=tarfile.SYMTYPE),
        packed(f"echo vigo-agent {NEWER}", kind=tarfile.LNKTYPE),
        packed(f"echo vigo-agent {NEWER}", kind=tarfile.CHRTYPE),
        packed(f"echo vigo-agent {NEWER}")[:60],
        b"",
        b"no archive",
    ],
    ids=[
        "another version",
        "it does not run",
        "a name that leads out",
        "an absolute name",
        "a symbolic link",
        "a hard link",
        "a device",
        "cut short",
        "nothing",
        "no archive",
    ],
)
def test_an_artifact_that_is_signed_and_none_changes_nothing_and_leaves_nothing(bench: Bench, data: bytes) -> None:
    bench.objects.write(data)
    answer = bench.update(bench.manifest(data, size=max(1, len(data))))
    assert (answer.outcome, answer.code) == ("refused", "unpacked" if data else "size")
    assert [each.name for each in (bench.home / "versions").iterdir()] == ["old"]
    assert not (bench.home / "artifact").exists()
    assert not (bench.home.parent / "escaped").exists()
    assert not bench.replacing.leaving
    progress = bench.installation.progress()
    assert (progress.current, progress.on_trial, progress.floor) == ("old", False, 10)


def test_it_waits_for_the_run_that_is_under_way() -> None:
    """One lane does one thing after the other, whatever a link asks for."""
    assert CALLS["update"].lane == CALLS["converge"].lane == CALLS["put_back"].lane


def test_an_agent_that_was_installed_otherwise_takes_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    other = Replacing(None, bench.objects, bench.key.public_key(), lambda: None, lambda: "")
    assert other.update(bench.manifest()).code == "installed"
    assert other.build is None
