"""Telling the server what the host is: by digests first, then those traits that it has otherwise, at worst the whole.

Pure. Owns what was collected last and what was said of it on this connection. Nothing is known of the server but the
digest that it acknowledged last, so that neither side can lose what the other builds on.
"""

from __future__ import annotations

from enum import IntEnum

from agent.boundary import Collected
from agent.effects import Effect, KeepTraits, Level, Log, Send
from schema.protocol.messages import TRAITS_DELTA, Traits, TraitsDelta, TraitsDigests, TraitsNeed


class _Said(IntEnum):
    """What was said of a collection; each is said once."""

    DIGESTS = 1
    DELTA = 2
    WHOLE = 3


class Telling:
    """The traits as the server knows them, and as they are: told when the two differ in what is not volatile.

    Args:
        kept: digests (whole, stable) of the traits that the server acknowledged in an earlier life.
    """

    def __init__(self, kept: tuple[str, str] | None) -> None:
        self._acknowledged = kept
        self._current: Collected | None = None
        self._told: Collected | None = None
        """What is being told on this connection, or was told last."""
        self._said = _Said.DIGESTS
        self._takes_less = False
        self._wanted = False
        self._open = False

    @property
    def acknowledged(self) -> str | None:
        """Digest of the traits that the server acknowledged last."""
        return self._acknowledged[0] if self._acknowledged else None

    def opened(self, capabilities: list[str]) -> list[Effect]:
        """A connection is ready, to a server that can do this."""
        self._open, self._told = True, None
        self._takes_less = TRAITS_DELTA in capabilities
        return self._pump()

    def closed(self) -> None:
        """The connection is gone."""
        self._open = False

    def want(self) -> None:
        """Tell what is collected next even if only volatile traits changed."""
        self._wanted = True

    def collected(self, collected: Collected) -> list[Effect]:
        """The traits are these now."""
        self._current = collected
        return self._pump()

    def kept(self, digest: str) -> list[Effect]:
        """The server has the traits of this digest."""
        if self._told is None or digest != self._told.sha256:
            return []
        self._acknowledged = (digest, self._told.stable_sha256)
        return [KeepTraits(*self._acknowledged), *self._pump()]

    def needed(self, message: TraitsNeed) -> list[Effect]:
        """The server lacks some of what it was told of, or all that it once acknowledged."""
        if not self._open:
            return []
        told = self._told
        if told is not None and message.sha256 == told.sha256:
            return self._more(told, message.names)
        if message.sha256 == self.acknowledged:
            self._acknowledged = None
            return self._pump()
        return []

    def _pump(self) -> list[Effect]:
        current = self._current
        if not self._open or current is None or _same(current, self._told):
            return []
        if not self._wanted and self._acknowledged and current.stable_sha256 == self._acknowledged[1]:
            return []
        self._told, self._wanted = current, False
        if not self._takes_less or not current.digests:
            self._said = _Said.WHOLE
            return [Send(current.message)]
        self._said = _Said.DIGESTS
        told = TraitsDigests(
            sha256=current.sha256,
            collected_at=current.collected_at,
            digests=current.digests,
            errors=current.errors,
        )
        return [Send(told.model_dump_json())]

    def _more(self, told: Collected, names: list[str]) -> list[Effect]:
        """Say more of what is being told: what the server lacks; then, if that did not come out right, the whole."""
        if self._said is _Said.DIGESTS:
            self._said = _Said.DELTA
            return [Send(_delta(told, names).model_dump_json())]
        if self._said is _Said.DELTA:
            self._said = _Said.WHOLE
            return [Log(Level.INFO, "the server asks for all traits"), Send(told.message)]
        return []


def _same(current: Collected, told: Collected | None) -> bool:
    return told is not None and (current.sha256, current.stable_sha256) == (told.sha256, told.stable_sha256)


def _delta(told: Collected, names: list[str]) -> TraitsDelta:
    whole = Traits.model_validate_json(told.message)
    lacking = {name: whole.traits[name] for name in names if name in whole.traits}
    return TraitsDelta(
        sha256=whole.sha256,
        collected_at=whole.collected_at,
        traits=lacking,
        kept=sorted(whole.traits.keys() - lacking.keys()),
        errors=whole.errors,
    )
