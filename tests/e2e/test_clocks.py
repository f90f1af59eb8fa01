"""A server whose wall clock jumps, an hour or ten years, forth and back: it goes on, and heals when the clock is right.

libfaketime gives the server's process a clock of its own; the monotonic one stays, as it does when somebody sets a clock.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path

import httpx
import pytest

from tests.e2e.site import BASE, Site, until

LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
needs_faketime = pytest.mark.skipif(LIBRARY is None, reason="needs libfaketime, which `just setup tests` installs")
HOUR, YEARS = 3_600, 10 * 365 * 86_400


class Clock:
    """The server's clock, as far from the right time as one likes."""

    def __init__(self, site: Site) -> None:
        self._file = site.path / "clock"
        self.off(0)
        site.environment |= {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def off(self, seconds: int) -> None:
        """From now on it is so far ahead."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)


@pytest.fixture
def jumping(empty_site: Site) -> tuple[Site, Clock]:
    clock = Clock(empty_site)
    empty_site.in_force_at_start()
    return empty_site, clock


@needs_faketime
def test_a_servers_clock_may_jump_an_hour_or_ten_years_and_back(jumping: tuple[Site, Clock]) -> None:
    site, clock = jumping
    web = site.agent("web01.example.com").joined()
    site.converged(web)
    assert site.server is not None
    pid = site.server.pid
    for number, ahead in enumerate((HOUR, -HOUR, YEARS, -YEARS, 0)):
        clock.off(ahead)
        until("the server has that time", lambda ahead=ahead: abs(_ahead_s(site) - ahead) < 60)
        greeting = f"at {number}"
        commit = site.commit({"configcrates/motd.vgo": BASE["configcrates/motd.vgo"].replace("hello", greeting)})
        until(
            "the commit is in force",
            lambda commit=commit: _ask(site, "/api/v1/config/status").json()["commit"] == commit,
        )
        if abs(ahead) < YEARS:  # by a clock that is years off no certificate of an agent counts, and should not
            until("the host follows", lambda g=greeting: web.read("/etc/site/motd") == f"{g} from web01.example.com\n")
    assert site.server.code is None
    assert site.server.pid == pid
    site.converged(web, commit)
    assert site.get("/api/v1/audit/verify")["valid"] is True
    versions = [each["generation"] for each in site.runs(web.hostname)]
    assert versions == sorted(versions, reverse=True)


def _ask(site: Site, path: str) -> httpx.Response:
    """As somebody asks whose clock is right, and who does not look at the server's certificate."""

    def answer() -> httpx.Response | None:
        with (
            contextlib.suppress(httpx.TransportError),
            httpx.Client(verify=_any_context(), timeout=10, trust_env=False) as client,
        ):
            return client.get(f"{site.url}{path}", headers={"Authorization": f"Bearer {site.credential}"})
        return None

    found = until("the server answers", answer)
    assert found.status_code == 200, found.text
    return found


def _ahead_s(site: Site) -> float:
    """How far the server is ahead of us by what it says itself."""
    said = parsedate_to_datetime(_ask(site, "/api/v1/config/status").headers["date"])
    return said.timestamp() - time.time()


@cache
def _any_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the default one reads the authorities of this machine first
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
