"""What hosts are handed: what the server's key has signed, the newest for each platform, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.cli import packing
from api.cli.exits import Problem
from api.services.bootstrap.builds import SIGNED, Builds, TooLarge, publish
from schema.protocol.artifacts import MAX_ARTIFACT_BYTES, AgentBuild, Kind, Platform

KEY = Ed25519PrivateKey.generate()
NAME = "vigo-agent-1.2.0-cp311-glibc-x86_64.pyz"
HERE = Platform(kind=Kind.ZIPAPP, arch="x86_64", libc="glibc", python="3.11")
NOW = 1_795_348_800_000_000


def published(folder: Path, *, name: str = NAME, data: bytes = b"agent", now: int = NOW) -> int:
    (folder / "in").mkdir(exist_ok=True)
    artifact = folder / "in" / name
    artifact.write_bytes(data)
    return publish(folder / "out", artifact, packing.draft_of(name), KEY, now=now).manifest.sequence


def test_the_newest_for_a_platform_is_handed_out_and_sequences_only_grow(tmp_path: Path) -> None:
    builds = Builds(tmp_path / "out", KEY)
    assert builds.newest(HERE, "2.36") is None
    first = published(tmp_path)
    second = published(tmp_path, name=NAME.replace("1.2.0", "1.3.0"), data=b"newer", now=NOW - 10**12)
    assert (first, second) == (NOW // 10**6, NOW // 10**6 + 1)
    published(tmp_path, name=NAME.replace("x86_64", "aarch64"), data=b"other")
    found = builds.newest(HERE, "2.36")
    assert found is not None
    assert (found.manifest.version, builds.data(found.manifest.sha256)) == ("1.3.0", b"newer")
    assert builds.newest(HERE, "2.36", above=second) is None
    assert builds.newest(HERE, "2.17") is None  # older than what it was built for
    assert builds.newest(AgentBuild(**HERE.model_dump(), sequence=0), "") is not None
    assert (tmp_path / "out" / NAME).stat().st_mode & 0o777 == 0o600


def test_what_this_key_has_not_signed_or_was_changed_since_is_not_there(tmp_path: Path) -> None:
    published(tmp_path)
    out = tmp_path / "out"
    assert Builds(out, Ed25519PrivateKey.generate()).all() == []
    (build,) = Builds(out, KEY).all()
    (out / NAME).write_bytes(b"tenga")
    assert Builds(out, KEY).data(build.manifest.sha256) is None
    (out / NAME).write_bytes(b"longer than it was")
    assert Builds(out, KEY).all() == []
    for text in (b"", b"{}", b"\xff" * 100_000):
        (out / (NAME + SIGNED)).write_bytes(text)
        assert Builds(out, KEY).all() == []
    (out / NAME).unlink()
    assert Builds(out, KEY).all() == []


def test_an_empty_or_a_huge_artifact_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        published(tmp_path, data=b"")
    huge = tmp_path / "in" / NAME
    with huge.open("wb") as file:
        file.truncate(MAX_ARTIFACT_BYTES + 1)
    with pytest.raises(TooLarge):
        publish(tmp_path / "out", huge, packing.draft_of(NAME), KEY, now=NOW)
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("name", ["agent.pyz", "vigo-agent-1.2-cp27-glibc-x86_64.pyz", f"{NAME}.signed", "../x"])
def test_a_name_that_says_not_what_it_is_is_no_build(name: str) -> None:
    with pytest.raises(Problem):
        packing.draft_of(name)


def test_what_is_no_checkout_is_not_built(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no checkout"):
        packing.zipapp(tmp_path, packing.here(), tmp_path)
