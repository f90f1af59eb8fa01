"""The agent's builds: files that `vigo agent build` made, each beside the manifest that this server's key has signed.

    vigo-agent-0.1.0-cp311-glibc-x86_64.pyz          the artifact
    vigo-agent-0.1.0-cp311-glibc-x86_64.pyz.signed   its manifest, as `schema.protocol.signed.Signed`, JSON

What is not signed is not there, whoever put it into the directory.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import ValidationError

from api.services.pki import keyfiles
from schema import canonical
from schema.errors import Invalid
from schema.protocol import signing
from schema.protocol.artifacts import MAX_ARTIFACT_BYTES, MAX_MANIFEST_BYTES, Manifest, Platform
from schema.protocol.signed import Signed
from schema.protocol.signing import BadSignature, Domain

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNED: Final = ".signed"
MAX_BUILDS: Final = 200
"""Manifests that are read; more of them are as if they were not there."""


class TooLarge(Invalid):
    """An artifact is larger than agents take, or empty."""

    code = "bootstrap.too_large"


class Build(NamedTuple):
    """One artifact and what is signed of it."""

    manifest: Manifest
    signed: Signed
    path: Path


class Builds:
    """What lies in one directory, read again when that has changed. May be used from several threads."""

    def __init__(self, directory: Path, key: Ed25519PrivateKey) -> None:
        self._directory: Final = directory
        self._key: Final = key.public_key()
        self._lock: Final = Lock()
        self._as_of: int | None = None
        self._found: list[Build] = []

    def all(self) -> list[Build]:
        """All of them, the newest first."""
        with self._lock:
            try:
                now = self._directory.stat().st_mtime_ns
            except OSError:
                return []
            if now != self._as_of:
                paths = sorted(self._directory.glob(f"*{SIGNED}"))[:MAX_BUILDS]
                found = [build for build in map(self._read, paths) if build is not None]
                found.sort(key=lambda each: (each.manifest.sequence, each.manifest.sha256), reverse=True)
                self._found, self._as_of = found, now
            return self._found

    def newest(self, platform: Platform, libc_version: str, *, above: int = -1) -> Build | None:
        """The newest for a platform, if its sequence is above this one."""
        for build in self.all():
            if build.manifest.runs_on(platform, libc_version):
                return build if build.manifest.sequence > above else None
        return None

    def data(self, sha256: str) -> bytes | None:
        """The bytes of an artifact; None where none has this digest."""
        for build in self.all():
            if build.manifest.sha256 == sha256:
                try:
                    data = build.path.read_bytes()
                except OSError:
                    return None
                return data if hashlib.sha256(data).hexdigest() == sha256 else None
        return None

    def _read(self, path: Path) -> Build | None:
        try:
            with path.open("rb") as file:
                signed = Signed.model_validate_json(file.read(2 * MAX_MANIFEST_BYTES))
            manifest = Manifest.model_validate_json(signing.verify(self._key, Domain.ARTIFACT, signed))
            artifact = path.with_name(path.name.removesuffix(SIGNED))
            return Build(manifest, signed, artifact) if artifact.stat().st_size == manifest.size else None
        except (OSError, ValidationError, BadSignature):
            return None


def sign(manifest: Manifest, key: Ed25519PrivateKey) -> Signed:
    """A manifest, signed."""
    return signing.sign(key, Domain.ARTIFACT, canonical.dumps(manifest.model_dump(mode="json")))


def publish(directory: Path, artifact: Path, draft: Manifest, key: Ed25519PrivateKey, *, now: int) -> Build:
    """Put an artifact into the directory that hosts are served from, with a signed manifest.

    Args:
        draft: the manifest, but for its digest, size and sequence.
        now: microseconds; a sequence is the second it was made in, or one above the greatest there is.

    Raises:
        TooLarge
        OSError: no space.
    """
    data = artifact.read_bytes()
    if not 0 < len(data) <= MAX_ARTIFACT_BYTES:
        raise TooLarge(f"{artifact} has {len(data)} bytes; agents take up to {MAX_ARTIFACT_BYTES}")
    keyfiles.make_private(directory)
    greatest = max((each.manifest.sequence for each in Builds(directory, key).all()), default=0)
    manifest = draft.model_copy(
        update={
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
            "sequence": max(greatest + 1, now // 1_000_000),
        }
    )
    signed = sign(manifest, key)
    path = directory / artifact.name
    keyfiles.replace(path, data)
    keyfiles.replace(path.with_name(path.name + SIGNED), signed.model_dump_json().encode())
    return Build(manifest, signed, path)
