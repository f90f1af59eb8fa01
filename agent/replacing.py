"""The executor's share of an update: verify what is offered, ask for its bytes, put it in force, begin anew.

Order: signature, form, platform, floor and version, nothing unconfirmed, digest, unpacked, started once; then the
switch. Called where runs are, one after the other, so that neither waits for the other half done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Timer
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from agent import VERSION, durable, updating
from agent.boundary import Updated
from agent.objects import ObjectMissing, ObjectStore
from agent.updating import Refusal, Unpackable
from schema.protocol.artifacts import AgentBuild, Manifest
from schema.protocol.reports import MAX_MESSAGE_CHARS
from schema.protocol.signed import Signed
from schema.protocol.signing import BadSignature, Domain, verify

if TYPE_CHECKING:
    from agent.installation import Installation

ANSWER_S: Final = 0.3
"""From the switch to the end of this process: long enough for the answer to be told."""

_log: Final = logging.getLogger("vigo.executor")


class Replacing:
    """How this agent becomes another.

    Args:
        installation: None where it was installed by other means: then nothing is taken.
        begin_anew: ends this process in favour of what is in force.
        doubt: not empty while a change that could cut the host off waits to be confirmed.
    """

    def __init__(
        self,
        installation: Installation | None,
        objects: ObjectStore,
        key: Ed25519PublicKey,
        begin_anew: Callable[[], None],
        doubt: Callable[[], str],
    ) -> None:
        self._installation: Final = installation
        self._objects: Final = objects
        self._key: Final = key
        self._begin_anew: Final = begin_anew
        self._doubt: Final = doubt
        self.build: Final[AgentBuild | None] = installation.build() if installation is not None else None
        if self.build is not None and self.build.returned:
            _log.warning("%s did not check in, and was taken back", self.build.returned)
        self.wanted: dict[str, int] = {}
        """Digest → size in bytes of what is to be stored for an update."""
        self.leaving = False
        """Whether another version is in force, and this one is to begin nothing more."""

    def update(self, manifest: bytes) -> Updated:
        """See `agent.boundary.Executor`."""
        try:
            return self._updated(manifest)
        except Refusal as refusal:
            self.wanted = {}
            return Updated(outcome="refused", code=refusal.code, message=refusal.message[:MAX_MESSAGE_CHARS])

    def heard(self, *, connected: bool) -> None:
        """How the link stands: once a server has greeted this process, it stays."""
        if connected and self._installation is not None and (name := self._installation.check_in()):
            _log.info("%s has checked in, and stays", name)

    def _updated(self, text: bytes) -> Updated:
        installation, build = self._installation, self.build
        if installation is None or build is None or self.leaving:
            raise Refusal("installed", "this agent was installed by other means, and is updated by those")
        manifest = self._read(text)
        updating.judge(
            manifest, installation.progress(), version=VERSION, platform=build, libc_version=build.libc_version
        )
        if self._doubt():
            raise Refusal("unconfirmed", "a change that could cut the host off is not confirmed yet")
        try:
            data = self._objects.read(manifest.sha256)
        except ObjectMissing:
            self.wanted = {manifest.sha256: manifest.size}
            return Updated(outcome="incomplete", version=manifest.version, sha256=manifest.sha256)
        self.wanted = {}
        if len(data) != manifest.size:
            raise Refusal("size", f"it has {len(data)} bytes, not {manifest.size}")
        name = self._take(installation, data, manifest)
        _log.info("%s is in force, on trial; this agent begins anew", name)
        self.leaving = True
        Timer(ANSWER_S, self._begin_anew).start()
        return Updated(outcome="switched", version=manifest.version)

    def _take(self, installation: Installation, data: bytes, manifest: Manifest) -> str:
        artifact = installation.home / "artifact"
        try:
            durable.write(artifact, data, synced=False)
            return installation.take(artifact, manifest)
        except Unpackable as error:
            raise Refusal("unpacked", str(error)) from error
        except OSError as error:
            raise Refusal("storage", f"it cannot be unpacked: {error.strerror or error}") from error
        finally:
            artifact.unlink(missing_ok=True)

    def _read(self, text: bytes) -> Manifest:
        try:
            return Manifest.model_validate_json(verify(self._key, Domain.ARTIFACT, Signed.model_validate_json(text)))
        except BadSignature as error:
            raise Refusal("signature", str(error)) from error
        except ValidationError as error:
            raise Refusal("format", f"it is no manifest: {error.error_count()} complaints") from error
