"""The way of an update through the protocol core: offered by the server, judged by the executor, fetched, judged again.

One at a time; a newer offer takes the place of an older one. What fails is left alone: the server offers it again with
the next connection, and the executor refuses what it has tried.
"""

from __future__ import annotations

from agent.boundary import Stored, Updated
from agent.effects import Effect, Fetch, Level, Log, OfferUpdate
from schema.protocol.messages import Update


class Successor:
    """The update that is under way, or none."""

    def __init__(self) -> None:
        self._manifest = b""
        self._lacking = ""

    def offered(self, message: Update) -> list[Effect]:
        """The server offers one."""
        manifest = message.manifest.model_dump_json().encode()
        if manifest == self._manifest:
            return []
        self._manifest, self._lacking = manifest, ""
        return [OfferUpdate(manifest)]

    def judged(self, manifest: bytes, updated: Updated) -> list[Effect]:
        """The executor has looked at it."""
        if manifest != self._manifest:
            return []
        if updated.outcome == "incomplete" and not self._lacking:
            self._lacking = updated.sha256
            return [Fetch(updated.sha256)]
        self._manifest, self._lacking = b"", ""
        if updated.outcome == "switched":
            return [Log(Level.INFO, f"the agent begins anew as {updated.version}")]
        return [Log(Level.ERROR, f"an update is not taken ({updated.code or 'incomplete'}): {updated.message}")]

    def stored(self, stored: Stored) -> list[Effect] | None:
        """An object has come, or cannot be had; None where it is none of ours."""
        if not self._lacking or stored.sha256 != self._lacking:
            return None
        if stored.ok:
            return [OfferUpdate(self._manifest)]
        self._manifest, self._lacking = b"", ""
        return [Log(Level.ERROR, f"an update cannot be fetched: {stored.message}")]

    def closed(self) -> None:
        """The connection is gone: what is offered again is looked at again."""
        self._manifest, self._lacking = b"", ""
