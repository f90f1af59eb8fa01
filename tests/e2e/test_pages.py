"""The pages in a real browser, served by a real server, with no other host to load anything from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from api.web import assets
from tests.e2e.browser import browsing, needs_chromium, token
from tests.e2e.site import BASE, Site, until

# Named as the query that the explorer opens with: GraphiQL sends the old name until it has read the new text.
QUERY = """query Trace {
  trace(hostname: "web01.example.com") { matched environment varSources { key value place { file line } } }
}"""

ROLLOUT = """\
waves:
  - {name: first, match: web01.example.com, approvals: 1}
"""

pytestmark = needs_chromium


@pytest.mark.skipif(bool(assets.missing()), reason=f"the explorer's bundles are not fetched: {assets.COMMAND}")
def test_a_trace_is_asked_and_answered_in_the_explorer(shared_site: Site, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    site = shared_site
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


def waiting(site: Site, commit: str) -> dict[str, Any] | None:
    """The rollout of a commit, when its first wave says what it waits for."""
    (newest,) = site.get("/api/v1/rollouts?limit=1")["rollouts"]
    waves = newest["progress"]["waves"]
    return newest if newest["commit"] == commit and waves and waves[0]["why"] else None


def test_a_rollout_is_looked_at_as_it_goes(shared_site: Site, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    site = shared_site
    site.converged(site.agent("web01.example.com").joined())
    crate = BASE["configcrates/motd.vgo"].replace("greeting: hello", "greeting: welcome")
    commit = site.commit({"rollout.vgo": ROLLOUT, "configcrates/motd.vgo": crate}, "a <b>bold</b> change")
    newest = until("its rollout waits", lambda: waiting(site, commit))
    with browsing(site, tmp_path / "profile") as browser:
        page = browser.page
        page.goto(site.url)
        page.get_by_role("link", name="Rollouts").click()
        page.get_by_label("API token").fill(token(site, "rollouts"))
        page.get_by_role("button", name="Use").click()
        expect(page.get_by_role("listitem").first).to_contain_text("a <b>bold</b> change")
        page.get_by_role("link", name=f"Rollout {newest['id']}", exact=True).click()

        wave = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="1. first"))
        expect(wave).to_contain_text("one person must approve this wave")
        expect(wave.get_by_role("progressbar", name="0 of 1 host healthy")).to_be_visible()
        expect(page.get_by_role("row", name="approval 1")).to_be_visible()
        page.get_by_text("approval, wave 1 (first): 1 host").click()

        # What comes is shown by itself, and what was opened stays so.
        hold = {"kind": "freeze", "match": "web09.example.com", "reason": "the audit"}
        assert site.ask("POST", "/api/v1/holds", json=hold).status_code == 201
        expect(page.get_by_text("web09.example.com until it is taken off, by local-admin: the audit")).to_be_visible()
        expect(page.get_by_role("group").get_by_text("web01.example.com")).to_be_visible()
        assert site.ask("POST", f"/api/v1/rollouts/{newest['id']}/pause").status_code == 200
        expect(page.get_by_role("status")).to_have_text(f"Rollout {newest['id']}: paused")

        page.set_viewport_size({"width": 375, "height": 800})
        width = page.evaluate("document.documentElement.scrollWidth")
        page.goto(f"{site.url}/rollouts/{newest['id'] + 1}")
        expect(page.get_by_role("status")).to_contain_text("there is no")

    assert width == 375
    assert (browser.complaints, browser.elsewhere) == ([], [])
