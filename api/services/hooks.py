"""Hooks: a forge says that refs have moved. Who cannot prove to be that forge gets nothing but a refusal, and who can
gets the repository looked at a little earlier than it would have been.

In this order: the signature, over the bytes as they came; whether it was here before, or is old; the form; which
repository. A hook changes nothing by itself, so it is audited by what it led to: see `sources.record_moves`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from api.services.limits import Buckets
from reconciler import hooks
from reconciler.hooks import Provider
from schema.errors import Conflict, Exhausted, Fault, Forbidden, Invalid, NotFound, Unauthenticated
from schema.sources import HookTaken

if TYPE_CHECKING:
    from api.services.container import Services
    from api.services.sources import Board
    from schema.time import Clock

log = logging.getLogger("vigo.hooks")

MAX_AGE_S: Final = 300.0
"""Of a hook that says when it was sent; its clock and ours may differ by as much."""
REMEMBERED: Final = 10_000
"""Hooks that are known again when they come again."""
MAX_SECRETS_BYTES: Final = 64 * 1024
HOOKS_A_SECOND: Final = 2.0
HOOKS_AT_ONCE: Final = 60.0
_MAX_SHOWN: Final = 64


class NoSuchProvider(NotFound):
    """No forge of this name is known, or this server follows no repository."""

    code = "sources.no_such_provider"


class NotSigned(Unauthenticated):
    """The webhook is not signed with our secret."""

    code = "sources.not_signed"


class HookMalformed(Invalid):
    """The webhook is signed, and not in the form its provider gives them."""

    code = "sources.hook_malformed"


class OtherRepository(Forbidden):
    """The webhook is about another repository than the one that is followed."""

    code = "sources.other_repository"


class Replayed(Conflict):
    """The webhook was here before, or was sent more than five minutes ago."""

    code = "sources.replayed"


class TooManyHooks(Exhausted):
    """Webhooks come faster than the repository is looked at."""

    code = "sources.too_many_hooks"


class Doorstep:
    """Remembers which hooks have come. One per process; lives in the event loop's thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._seen: Final[OrderedDict[str, None]] = OrderedDict()
        self._rate: Final = Buckets(HOOKS_A_SECOND, HOOKS_AT_ONCE, clock.monotonic, keys=len(Provider))

    def check_new(self, verified: hooks.Verified) -> None:
        """Refuse what was here before, or was sent long ago; remember the rest.

        Raises:
            Replayed
        """
        if any(key in self._seen for key in verified.keys):
            raise Replayed("this webhook was here before")
        self.check_age(verified.sent_s)
        for key in verified.keys:
            self._seen[key] = None
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def check_age(self, sent_s: float | None) -> None:
        """Refuse what was sent long ago, where that is known.

        Raises:
            Replayed
        """
        if sent_s is not None and abs(self._clock.now() / 1_000_000 - sent_s) > MAX_AGE_S:
            raise Replayed(f"this webhook was not sent within {MAX_AGE_S / 60:.0f} minutes of now")

    def check_rate(self, provider: Provider) -> None:
        """Refuse what comes too fast.

        Raises:
            TooManyHooks
        """
        if not self._rate.spend(provider):
            raise TooManyHooks("webhooks come too fast", retry_after_s=self._rate.wait_s(provider))


async def take(services: Services, provider: str, headers: Mapping[str, str], body: bytes) -> HookTaken:
    """Judge a webhook, and have the repository looked at where refs may have moved.

    Args:
        headers: by lower-case name.

    Raises:
        NoSuchProvider, NotSigned, Replayed, HookMalformed, OtherRepository, TooManyHooks
    """
    board = services.sources
    if board is None or provider not in {each.value for each in Provider}:
        raise NoSuchProvider("there is nobody here for this webhook")
    try:
        taken, cause = await _judged(services, board, Provider(provider), headers, body)
    except Fault as fault:
        board.hook(provider, fault.code)
        raise
    board.hook(provider, taken.status)
    if taken.status == "accepted":
        board.poke(cause)
    return taken


async def _judged(
    services: Services, board: Board, provider: Provider, headers: Mapping[str, str], body: bytes
) -> tuple[HookTaken, str]:
    secrets = await asyncio.to_thread(_secrets, services.settings.hook_secret_file)
    verified = hooks.verify(provider, headers, body, secrets)
    if verified is None:
        raise NotSigned("the webhook is not signed with our secret")
    doorstep = services.hooks
    doorstep.check_rate(provider)
    doorstep.check_new(verified)
    try:
        what = await asyncio.to_thread(hooks.delivery, provider, headers, body)
    except hooks.Malformed as error:
        raise HookMalformed(f"the webhook is signed, but {error}") from error
    doorstep.check_age(what.sent_s)
    if not hooks.is_about(what, board.location, services.settings.hook_repository):
        raise OtherRepository(
            "the webhook is about another repository",
            hint="VIGO_HOOK_REPOSITORY says under which owner/name a forge knows the one that is followed",
        )
    shown = "".join(char for char in what.id if char.isalnum() or char in "-_")[:_MAX_SHOWN]
    return HookTaken(status="accepted" if what.moves else "ignored"), f"hook:{provider} {shown}".strip()


def _secrets(path: Path | None) -> list[str]:
    """Read anew each time: a secret that was replaced counts at once."""
    if path is None:
        return []
    try:
        with path.open("rb") as file:
            found = hooks.secrets_of(file.read(MAX_SECRETS_BYTES).decode("utf-8", "replace"))
    except OSError as error:
        log.warning("the secret of webhooks cannot be read: %s", error)
        return []
    if not found:
        log.warning("%s has no secret of %d characters or more: no webhook is taken", path, hooks.MIN_SECRET_CHARS)
    return found
