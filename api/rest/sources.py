"""Sources over REST: what is followed, and the webhooks of forges."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from pydantic import Field

from api.http.areas import Area, Call
from api.services import hooks, sources
from api.services.graphs import MAX_AS_OF
from schema.access import Permission
from schema.sources import MAX_LISTED, HookTaken, PreviewRefs, Source

area = Area("sources")

MAX_HOOK: Final = 2 * 1024 * 1024
"""Bytes of a webhook. A forge may send more for a push of thousands of commits; the next poll notices that one."""


@area("GET", "/api/v1/sources", Permission.FLEET_READ)
async def followed_source(call: Call) -> Source:
    """Which repository is followed, when it was read last, and why it cannot be read."""
    return sources.described(call.app)


@area("GET", "/api/v1/sources/refs", Permission.FLEET_READ)
async def preview_refs(
    call: Call,
    name: Annotated[str | None, Field(min_length=1, max_length=MAX_AS_OF)] = None,
    offset: Annotated[int, Field(ge=0, le=10_000)] = 0,
    limit: Annotated[int, Field(ge=1, le=MAX_LISTED)] = 100,
) -> PreviewRefs:
    """Refs beside the tracked one, those that moved last first: whether each is valid, and whom it would change.

    Args:
        name: this one alone, by its short or full name.
        offset: how many to skip.
        limit: how many at most.
    """
    return sources.refs(call.app, name=name, offset=offset, limit=limit)


@area(
    "POST",
    "/api/v1/hooks/{provider}",
    Permission.PUBLIC,
    raises=[
        hooks.NoSuchProvider,
        hooks.NotSigned,
        hooks.Replayed,
        hooks.HookMalformed,
        hooks.OtherRepository,
        hooks.TooManyHooks,
    ],
    status=202,
    closed_by="hook_secret_file",
    max_body=MAX_HOOK,
)
async def take_hook(call: Call, provider: Annotated[str, Field(max_length=32)]) -> HookTaken:
    """Take a webhook of `github`, `gitlab`, `gitea` or `forgejo`, signed with our secret: look at the repository now.

    The signature is verified over the bytes as they came, before anything of them is read.

    Args:
        provider: `github`, `gitlab`, `gitea` or `forgejo`.
    """
    try:
        async with asyncio.timeout(call.app.settings.body_timeout_s):
            body = await call.request.body()
    except TimeoutError:
        body = b""  # which nobody has signed
    return await hooks.take(call.app, provider, dict(call.request.headers), body)
