"""Health: asks the URLs that a reviewed document names whether all is well after a wave.

Nothing else is asked: no other scheme, no other host by a redirect, no name from anywhere but the document, and no
address where a server should not be sent to (`may_ask`). Of an answer the head is read, to a limit.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from schema.rollouts import HealthCheck

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_ADDRESSES: Final = 8
"""Of one name that are tried."""
MAX_REDIRECTS: Final = 3
AT_ONCE: Final = 12
"""As many as a wave may have checks, and some that look up a name for longer than they may: who waits for a thread
would seem not to answer."""
_PORTS: Final = {"http": 80, "https": 443}
_METADATA: Final = frozenset(
    map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"))
)
"""Of clouds, beside those that are addresses of the link."""
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


class Unwell(Exception):
    """It is not well, and why."""


class Health:
    """Asks, a few at once, in threads of its own."""

    def __init__(self) -> None:
        self._threads: Final = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="vigo-health")

    async def ask(self, checks: Sequence[HealthCheck]) -> str:
        """What is not well, in a sentence; empty when all is. Takes as long as the checks are patient."""
        found = await asyncio.gather(*[self._one(check) for check in checks])
        return "; ".join(said for said in found if said)

    def close(self) -> None:
        """Ask no more; what is under way ends by its own time limit."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _one(self, check: HealthCheck) -> str:
        assert check.url is not None
        why = ""
        for attempt in range(check.attempts):
            if attempt:
                await asyncio.sleep(check.interval_s)
            try:
                asked = asyncio.get_running_loop().run_in_executor(self._threads, ask, check)
                status = await asyncio.wait_for(asked, check.timeout_s)
            except TimeoutError:
                why = f"no answer within {check.timeout_s} s"
                continue
            except Unwell as error:
                why = str(error)
                continue
            if status == check.status if check.status is not None else 200 <= status < 300:
                return ""
            why = f"answered {status}"
        return f"{check.url} {why}, {check.attempts} times" if check.attempts > 1 else f"{check.url} {why}"


def ask(check: HealthCheck) -> int:
    """The status of the answer to one check. Ends within the check's time, however slowly somebody answers; to find an
    address may take longer.

    Raises:
        Unwell: there is none, or it leads elsewhere.
    """
    assert check.url is not None
    url = origin = urlsplit(check.url)
    deadline = time.monotonic() + check.timeout_s
    for _ in range(MAX_REDIRECTS + 1):
        if not _is_within(origin, url):
            raise Unwell(f"leads to {url.scheme}://{url.hostname or ''}, which the document does not name")
        status, location = _get(url, deadline)
        if status not in _MOVED or not location or check.status == status:
            return status
        try:
            url = urlsplit(urljoin(url.geturl(), location))
        except ValueError as error:
            raise Unwell("leads to what is no address") from error
    raise Unwell("leads on and on")


def _is_within(origin: SplitResult, url: SplitResult) -> bool:
    """Whether an address is the document's, or one on the same host that whoever is there may lead to: its usual ports,
    and never from an encrypted connection to one that is not."""
    try:
        first, port = origin.port or _PORTS[origin.scheme], url.port or _PORTS[url.scheme]
    except (KeyError, ValueError):
        return False
    return (
        url.hostname is not None
        and url.hostname == origin.hostname
        and url.username is None
        and port in {first, *_PORTS.values()}
        and (url.scheme, origin.scheme) != ("http", "https")
    )


def _get(url: SplitResult, deadline: float) -> tuple[int, str]:
    """Status and `Location`; the body is not read."""
    assert url.hostname is not None
    try:
        port = url.port or _PORTS[url.scheme]
        with _connect(url.hostname, port, deadline) as plain:
            if url.scheme == "https":
                plain.settimeout(_left(deadline))
                context = ssl.create_default_context()
                with context.wrap_socket(plain, server_hostname=url.hostname) as sealed:
                    return _exchange(sealed, url, port, deadline)
            return _exchange(plain, url, port, deadline)
    except TimeoutError as error:
        raise Unwell("no answer in time") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unwell(f"does not answer: {str(error) or type(error).__name__}") from error


def _connect(host: str, port: int, deadline: float) -> socket.socket:
    """A connection to where a name leads now: looked up once, so that what was looked at is what is asked."""
    last: OSError = OSError("the name has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[:MAX_ADDRESSES]:
        if not may_ask(host, str(address[0])):
            raise Unwell(f"leads to {address[0]}, where no health is asked for")
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(_left(deadline))
            connection.connect(address)
        except TimeoutError:
            connection.close()
            raise
        except OSError as error:
            connection.close()
            last = error
        else:
            return connection
    raise last


def may_ask(host: str, address: str) -> bool:
    """Whether health may be asked for at an address that a host's name leads to.

    Never where clouds keep the credentials of their machines, nor at any address of the link; at this machine's own
    services only where the document says so in plain words, not by a name that leads there.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        found = inner or found
    if found.is_link_local or found.is_multicast or found.is_unspecified or found in _METADATA:
        return False
    return not found.is_loopback or host in _HERE


def _exchange(connection: socket.socket, url: SplitResult, port: int, deadline: float) -> tuple[int, str]:
    asking = http.client.HTTPConnection(url.hostname or "", port)
    asking.sock = connection
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    connection.settimeout(_left(deadline))
    asking.request("GET", path, headers={"User-Agent": "vigo", "Connection": "close"})
    held = b""
    while True:
        head, end, rest = held.partition(b"\r\n\r\n")
        if end:
            answer = http.client.HTTPResponse(_Said(head + end), method="GET")  # type: ignore[arg-type]
            answer.begin()
            if answer.status >= http.client.OK:
                return answer.status, answer.headers.get("Location", "")
            held = rest  # what goes before an answer
            continue
        if len(held) > MAX_HEAD_BYTES:
            raise Unwell("answers without end")
        connection.settimeout(_left(deadline))
        more = connection.recv(8192)
        if not more:
            raise Unwell("does not answer: the connection ended")
        held += more


class _Said:
    """What was read already, as `http.client` takes it."""

    def __init__(self, said: bytes) -> None:
        self._said: Final = said

    def makefile(self, *_: object) -> io.BytesIO:
        """To read it from."""
        return io.BytesIO(self._said)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
