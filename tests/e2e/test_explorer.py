"""The GraphQL explorer in a real browser, served by a real server, with no other host to load anything from."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from api.web import assets
from tests.e2e.site import Site

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
# Named as the query that the explorer opens with: GraphiQL sends the old name until it has read the new text.
QUERY = """query Trace {
  trace(hostname: "web01.example.com") { matched environment varSources { key value place { file line } } }
}"""

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; `just setup tests` installs it through apt"),
    pytest.mark.skipif(bool(assets.missing()), reason=f"the explorer's bundles are not fetched: {assets.COMMAND}"),
]


def test_a_trace_is_asked_and_answered_in_the_explorer(site: Site, tmp_path: Path) -> None:
    from playwright.sync_api import expect, sync_playwright

    token = site.ask("POST", "/api/v1/auth/tokens", json={"name": "explorer", "user": "admin"}).json()["token"]
    complaints: list[str] = []
    elsewhere: list[str] = []
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=CHROMIUM, headless=True, args=FLAGS, ignore_https_errors=True,
            viewport={"width": 1280, "height": 800},
        )  # fmt: skip
        page = context.pages[0]
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda sent: None if sent.url.startswith((site.url, "data:")) else elsewhere.append(sent.url)
        )

        page.goto(site.url)
        page.get_by_role("link", name="GraphQL explorer").click()
        page.get_by_label("API token").fill("vgot_wrong")
        page.get_by_role("button", name="Use").click()
        expect(page.get_by_role("status")).to_contain_text("not accepted")
        complaints.clear()  # the browser tells of the 401

        page.get_by_label("API token").fill(token)
        page.get_by_role("button", name="Use").click()
        editor = page.locator(".graphiql-query-editor .CodeMirror")
        expect(editor).to_be_visible()
        editor.evaluate("(element, text) => element.CodeMirror.setValue(text)", QUERY)
        page.get_by_role("button", name="Execute query (Ctrl-Enter)").click()
        result = page.locator(".result-window")
        expect(result).to_contain_text("varSources")
        answer = json.loads(page.evaluate("document.querySelector('.result-window .CodeMirror').CodeMirror.getValue()"))
        page.get_by_label("Show Documentation Explorer").click()
        expect(page.get_by_text("A GraphQL schema provides a root type")).to_be_visible()
        page.screenshot(path=os.environ.get("VIGO_SCREENSHOT") or tmp_path / "explorer.png")

        stored = page.evaluate("[location.href, document.cookie, JSON.stringify(localStorage)].join()")
        in_the_tab = page.evaluate("sessionStorage.getItem('vigo.token')")
        page.get_by_role("button", name="Forget it").click()
        expect(page.get_by_label("API token")).to_be_visible()
        forgotten = page.evaluate("sessionStorage.getItem('vigo.token')")
        context.close()

    trace = answer["data"]["trace"]
    assert (trace["matched"], trace["environment"]) == (True, "production")
    assert {"key": "greeting", "value": "hello", "place": {"file": "configcrates/motd.vgo", "line": 3}} in trace[
        "varSources"
    ]
    assert complaints == []
    assert elsewhere == []
    assert (in_the_tab, forgotten) == (token, None)
    assert token not in stored
