"""Health: asks the URLs that a reviewed document names whether all is well after a wave.

Nothing else is asked: no other scheme, no other host by a redirect, no name from anywhere but the document. An answer
is read to a limit and not kept.
"""

from __future__ import annotations

import asyncio
import http.client
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from schema.rollouts import HealthCheck

MAX_BODY_BYTES: Final = 64 * 1024
MAX_REDIRECTS: Final = 3
AT_ONCE: Final = 4
_PORTS: Final = {"http": 80, "https": 443}
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
    """The status of the answer to one check.

    Raises:
        Unwell: there is none, or it leads elsewhere.
    """
    assert check.url is not None
    url = urlsplit(check.url)
    origin = url.hostname
    for _ in range(MAX_REDIRECTS + 1):
        if url.scheme not in _PORTS or url.hostname is None or url.hostname != origin:
            raise Unwell(f"leads to {url.scheme}://{url.hostname or ''}, which the document does not name")
        status, location = _get(url, check.timeout_s)
        if status not in _MOVED or not location or check.status == status:
            return status
        url = urlsplit(urljoin(url.geturl(), location))
    raise Unwell("leads on and on")


def _get(url: SplitResult, timeout_s: float) -> tuple[int, str]:
    assert url.hostname is not None
    try:
        port = url.port or _PORTS[url.scheme]
        if url.scheme == "https":
            context = ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                url.hostname, port, timeout=timeout_s, context=context
            )
        else:
            connection = http.client.HTTPConnection(url.hostname, port, timeout=timeout_s)
        try:
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            connection.request("GET", path, headers={"User-Agent": "vigo", "Connection": "close"})
            answer = connection.getresponse()
            answer.read(MAX_BODY_BYTES)
            return answer.status, answer.headers.get("Location", "")
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unwell(f"does not answer: {str(error) or type(error).__name__}") from error
