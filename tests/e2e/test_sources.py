"""A repository on a forge: its webhooks, a branch that is looked at before it is merged, and a remote that lies."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.repository import listing
from tests.e2e.site import BASE, Site, until
from tests.unit.reconciler.repository.git_server import Authority, GitServer

SECRET = "the secret of this story"
HOST = "web01.example.com"
CRATE = "configcrates/motd.vgo"


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[GitServer]:
    """A forge that serves the site's repository over https."""
    server = GitServer(tmp_path)
    authority = Authority(tmp_path / "authority")
    with server.serving(authority.issue("localhost")):
        yield server


@pytest.fixture
def remote_site(empty_site: Site, forge: GitServer) -> Site:
    """A site that follows the forge's repository, and hears of news by webhooks alone."""
    site = empty_site
    (site.path / "hook-secret").write_text(f"{SECRET}\n")
    site.followed = f"{forge.url}/repo/.git"
    site.environment = {
        "VIGO_REPO_CA_FILE": str(site.path / "authority/ca.pem"),
        "VIGO_PREVIEW": '["pr/*", "refs/pull/*/head"]',
        "VIGO_POLL_INTERVAL_S": "3600",
        "VIGO_HOOK_SECRET_FILE": str(site.path / "hook-secret"),
        "VIGO_HOOK_REPOSITORY": "acme/config",
    }
    site.in_force_at_start()
    return site


class Hooks:
    """The forge's webhooks, each another."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.sent = 0

    def push(self, *, secret: str = SECRET, name: str = "acme/config") -> httpx.Response:
        self.sent += 1
        return self.deliver(json.dumps({"repository": {"full_name": name}, "number": self.sent}).encode(), secret)

    def deliver(self, body: bytes, secret: str = SECRET) -> httpx.Response:
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={signature}"}
        with httpx.Client(
            verify=ssl.create_default_context(cafile=self.site.ca), timeout=20, trust_env=False
        ) as client:
            return client.post(f"{self.site.url}/api/v1/hooks/github", content=body, headers=headers)


def ref(site: Site, name: str, **fields: Any) -> dict[str, Any]:
    """Wait until a ref is listed with these fields."""

    def look() -> dict[str, Any] | None:
        for each in site.get("/api/v1/sources/refs")["refs"]:
            if each["name"] == name and all(each[key] == value for key, value in fields.items()):
                return dict(each)
        return None

    return until(f"{name} has {fields}", look)


def vigo(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VIGO_", "XDG_"))}
    own = {"HOME": str(site.path), "VIGO_DATA_DIR": str(site.data), "PYTHONDONTWRITEBYTECODE": "1"}
    return site.command("api", *arguments, environment=kept | own)


def test_a_branch_is_looked_at_before_it_is_merged_and_the_remotes_lies_change_nothing(
    remote_site: Site, forge: GitServer
) -> None:
    site, hooks = remote_site, Hooks(remote_site)
    base = site.get("/api/v1/config/status")["commit"]
    assert site.agent(HOST).enrol().returncode == 0
    assert site.get("/api/v1/sources/refs") == {"refs": [], "count": 0, "left_out": 0}

    # A branch appears. Nobody looks before somebody who has the secret says so.
    site.point("refs/heads/pr/7", base)
    broken = site.commit({CRATE: BASE[CRATE].replace("type: file", "type: fiel")}, "a slip", branch="pr/7")
    assert hooks.push(secret="another secret of nobody").status_code == 401
    assert hooks.push(name="acme/other").status_code == 403
    assert site.get("/api/v1/sources/refs")["count"] == 0
    taken = hooks.push()
    assert (taken.status_code, taken.json()) == (202, {"status": "accepted"})
    invalid = ref(site, "pr/7", state="invalid")
    assert (invalid["commit"], invalid["errors"], invalid["outlook"]) == (broken, 1, None)
    assert (invalid["author"], invalid["summary"]) == ("Jane <jane@example.com>", "a slip")
    assert invalid["diagnostics"][0]["file"] == CRATE
    shown = vigo(site, "refs", "pr/7")
    assert shown.returncode == 2
    assert "fiel" in shown.stdout

    # It is fixed, and says whom it would change.
    fixed = site.commit({CRATE: BASE[CRATE].replace("hello", "welcome")}, "another greeting", branch="pr/7")
    site.point("refs/pull/3/head", fixed)
    assert hooks.push().status_code == 202
    valid = until("it is worked out", lambda: (found := ref(site, "pr/7", state="valid"))["outlook"] and found)
    outlook = valid["outlook"]
    assert (outlook["against"], outlook["hosts"], outlook["changed"]) == (base, 1, 1)
    assert outlook["classes"][0]["hosts"] == [HOST]
    assert ref(site, "refs/pull/3/head", state="valid")["commit"] == fixed
    listed = vigo(site, "refs")
    assert listed.returncode == 0
    assert "1 of 1" in listed.stdout
    preview = site.get("/api/v1/preview?rev=pr/7")
    assert (preview["other"]["commit"], preview["changed"]) == (fixed, 1)
    assert "welcome" in json.dumps(site.get(f"/api/v1/config/trace?hostname={HOST}&asOf=pr/7"))
    assert site.get("/api/v1/config/status")["commit"] == base

    # It is merged, and gone. Each move is told once, however often it is said.
    merged = site.commit({CRATE: BASE[CRATE].replace("hello", "welcome")}, "another greeting")
    site.point("refs/heads/pr/7", None)
    body = b'{"repository": {"full_name": "acme/config"}, "number": "last"}'
    assert [hooks.deliver(body).status_code for _ in range(3)] == [202, 409, 409]
    site.in_force(merged)
    until(
        "it is gone",
        lambda: [each["name"] for each in site.get("/api/v1/sources/refs")["refs"]] == ["refs/pull/3/head"],
    )
    assert sorted(each["object_id"] for each in site.audit("source.move")) == [
        "main",
        *["refs/heads/pr/7"] * 3,
        "refs/pull/3/head",
    ]

    # The remote answers garbage: that is said, and what is in force stays.
    forge.garbage = True
    assert hooks.push().status_code == 202
    until("it is unreadable", lambda: site.get("/api/v1/sources")["state"] == "unreadable")
    status = site.get("/api/v1/config/status")
    assert (status["healthy"], status["commit"]) == (False, merged)
    assert status["unreadable"] in status["last_error"]
    assert vigo(site, "sources").returncode == 1
    forge.garbage = False
    last = site.commit({CRATE: BASE[CRATE].replace("hello", "at last")})
    hooks.push()
    site.in_force(last)
    source = site.get("/api/v1/sources")
    assert (source["state"], source["commit"], source["error"]) == ("reading", last, None)
    assert source["hooks"][0]["refused"] == 4
    assert site.get("/api/v1/config/status")["healthy"] is True


def test_n23_a_damaged_repository_keeps_what_is_in_force_and_heals_by_itself(site: Site) -> None:
    base = site.get("/api/v1/config/status")["commit"]
    text = BASE[CRATE].replace("hello", "torn").encode()
    blob = listing.blob_id(text)
    place = site.path / "repo/.git/objects" / blob[:2] / blob[2:]
    assert site.server is not None
    site.server.kill(signal.SIGSTOP)
    bad = site.commit({CRATE: text})
    place.rename(site.path / "away")
    site.server.kill(signal.SIGCONT)
    until("it is said", lambda: site.get("/api/v1/config/status").get("unreadable"))
    status = site.get("/api/v1/config/status")
    assert (status["healthy"], status["commit"]) == (False, base)
    assert site.get("/api/v1/sources")["error"]["code"] == "repository.damaged"
    (site.path / "away").rename(place)
    site.in_force(bad)
    until("all is well", lambda: site.get("/api/v1/config/status")["healthy"])
