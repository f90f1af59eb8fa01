"""A real browser on a site's pages: what it complains of and what it asks elsewhere is written down."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.site import PATIENCE_S, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
FLAGS = [
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here; `just setup tests` installs it through apt"
)


@dataclass
class Browser:
    """One tab of it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    """Errors of scripts, and what the browser itself calls an error."""
    elsewhere: list[str] = field(default_factory=list)
    """Addresses that are not of the site."""


@contextmanager
def browsing(site: Site, profile: Path) -> Iterator[Browser]:
    """A browser with nothing in it, on a desk's screen."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_S * 1_000)  # its own five seconds are too few where others are at work

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, headless=True, args=FLAGS, ignore_https_errors=True,
            viewport={"width": 1280, "height": 800},
        )  # fmt: skip
        browser = Browser(context.pages[0])
        page, complaints, elsewhere = browser.page, browser.complaints, browser.elsewhere
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda sent: None if sent.url.startswith((site.url, "data:")) else elsewhere.append(sent.url)
        )
        try:
            yield browser
        finally:
            context.close()


def token(site: Site, name: str) -> str:
    """A token to be pasted into a page."""
    answer = site.ask("POST", "/api/v1/auth/tokens", json={"name": name, "user": "admin"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])
