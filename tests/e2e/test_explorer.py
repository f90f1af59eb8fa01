"""The GraphQL explorer in a real browser, served by a real server, with no other host to load anything from."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from api.web import assets
from tests.e2e.browser import browsing, needs_chromium, token
from tests.e2e.site import Site

# Named as the query that the explorer opens with: GraphiQL sends the old name until it has read the new text.
QUERY = """query Trace {
  trace(hostname: "web01.example.com") { matched environment varSources { key value place { file line } } }
}"""

pytestmark = [
    needs_chromium,
    pytest.mark.skipif(bool(assets.missing()), reason=f"the explorer's bundles are not fetched: {assets.COMMAND}"),
]


def test_a_trace_is_asked_and_answered_in_the_explorer(site: Site, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    text = token(site, "explorer")
    with browsing(site, tmp_path / "profile") as browser:
        page = browser.page
        page.goto(site.url)
        page.get_by_role("link", name="GraphQL explorer").click()
        page.get_by_label("API token").fill("vgot_wrong")
        page.get_by_role("button", name="Use").click()
        expect(page.get_by_role("status")).to_contain_text("not accepted")
        browser.complaints.clear()  # the browser tells of the 401

        page.get_by_label("API token").fill(text)
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

    trace = answer["data"]["trace"]
    assert (trace["matched"], trace["environment"]) == (True, "production")
    assert {"key": "greeting", "value": "hello", "place": {"file": "configcrates/motd.vgo", "line": 3}} in trace[
        "varSources"
    ]
    assert browser.complaints == []
    assert browser.elsewhere == []
    assert (in_the_tab, forgotten) == (text, None)
    assert text not in stored
