"""Authentication: from a request to an actor. A token in `Authorization: Bearer`, and nowhere else.

User name and password (`Basic`) are taken only where an endpoint says so: to get a first token. The local
administrator, who can read the data directory, shows `vgol_…` from loopback. Failures cost the peer, so guessing is
slow for it and cheap for us.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from typing import Final

from starlette.requests import HTTPConnection

from api.http.errors import TooMany
from api.services import tokens, users
from api.services.container import Services
from api.services.limits import Buckets
from api.services.work import ANONYMOUS, LOCAL_ADMIN, Actor
from schema.errors import Unauthenticated

LOCAL_PREFIX: Final = "vgol_"
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
_FAILURES_A_SECOND: Final = 1.0
_FAILURES_AT_ONCE: Final = 30.0


class BadCredentials(Unauthenticated):
    """Credentials nobody has, or no credentials where some are needed."""

    code = "access.unauthenticated"


class Doorkeeper:
    """Knows who asks. One per process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._failures = Buckets(_FAILURES_A_SECOND, _FAILURES_AT_ONCE, services.clock.monotonic)

    async def actor(self, connection: HTTPConnection, *, basic: bool = False) -> Actor:
        """Who asks; `ANONYMOUS` when no credentials are shown.

        Raises:
            BadCredentials: they are wrong, expired, revoked, or of an account that is disabled.
            TooMany: too many wrong ones came from this peer.
        """
        shown = connection.headers.getlist("authorization")
        if not shown:
            return ANONYMOUS
        key = peer_key(connection)
        if (wait := self._failures.wait_s(key)) > 0:
            raise TooMany("too many wrong credentials came from this address", retry_after_s=wait)
        try:
            if len(shown) > 1:
                raise BadCredentials("credentials are shown twice")
            return await self._known(connection, shown[0], basic=basic)
        except Unauthenticated:
            self._failures.spend(key)
            raise

    async def _known(self, connection: HTTPConnection, shown: str, *, basic: bool) -> Actor:
        scheme, _, value = shown.partition(" ")
        value = value.strip()
        if scheme.lower() == "bearer" and value.startswith(LOCAL_PREFIX):
            expected = LOCAL_PREFIX + self._services.local_secret
            if is_local(connection) and hmac.compare_digest(value.encode(), expected.encode()):
                return LOCAL_ADMIN
        elif scheme.lower() == "bearer":
            return await tokens.authenticate(self._services, value)
        elif scheme.lower() == "basic" and basic:
            name, password = _pair(value)
            return await users.authenticate(self._services, name, password)
        raise BadCredentials("the credentials are not accepted")


def peer_key(connection: HTTPConnection) -> str:
    """What a peer is counted by: its address, of IPv6 the /64 it stands in."""
    if connection.client is None:
        return "unknown"
    try:
        address = ipaddress.ip_address(connection.client.host)
    except ValueError:
        return connection.client.host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def is_local(connection: HTTPConnection) -> bool:
    """Whether the peer is on this machine and speaks for itself: behind a proxy everybody would be."""
    if connection.client is None or any(name in connection.headers for name in _FORWARDED):
        return False
    try:
        address = ipaddress.ip_address(connection.client.host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _pair(value: str) -> tuple[str, str]:
    try:
        name, separator, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise BadCredentials("the credentials are not accepted") from error
    if not separator:
        raise BadCredentials("the credentials are not accepted")
    return name, password
