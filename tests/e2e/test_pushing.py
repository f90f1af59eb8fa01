"""A remote that the server writes to: what it commits is pushed, beside people's pushes, and to a branch where it must."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from reconciler.repository import write
from reconciler.repository.signatures import Verifier
from tests.e2e.site import BASE, Site, until
from tests.unit.reconciler.repository.git_server import Authority, GitServer

CRATE = "configcrates/motd.vgo"
TOKEN = "VIGOCANARY-of-the-forge"
WAIVER = {"framework": "nist", "control": "AC-1", "approved_by": "jane", "expires": "2099-12-31"}


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[GitServer]:
    """A forge that serves the site's repository over https to those who have its token, for reading and writing."""
    server = GitServer(tmp_path)
    server.token = "Basic " + base64.b64encode(f"vigo:{TOKEN}".encode()).decode()
    with server.serving(Authority(tmp_path / "authority").issue("localhost")):
        yield server


@pytest.fixture
def pushed(empty_site: Site, forge: GitServer) -> Site:
    """A site that follows the forge, and is told of nothing: what it knows it has fetched for its own pushes."""
    site = empty_site
    (site.path / "token").write_text(f"{TOKEN}\n")
    with (site.path / "repo/.git/config").open("a") as config:
        config.write("[core]\n\tbare = true\n[http]\n\treceivepack = true\n")
    site._repository = write.open_local(site.path / "repo/.git")
    site.followed = f"{forge.url}/repo/.git"
    site.environment = {
        "VIGO_REPO_CA_FILE": str(site.path / "authority/ca.pem"),
        "VIGO_REPO_TOKEN_FILE": str(site.path / "token"),
        "VIGO_REPO_USER": "vigo",
        "VIGO_POLL_INTERVAL_S": "3600",
    }
    site.in_force_at_start()
    return site


def waive(site: Site, reason: str) -> dict[str, Any]:
    answer = site.ask("POST", "/api/v1/waivers", json=WAIVER | {"reason": reason})
    assert answer.status_code in (200, 202), answer.text
    return dict(answer.json())


def test_what_the_server_writes_is_pushed_and_nobody_is_overwritten(pushed: Site, forge: GitServer) -> None:
    site, origin = pushed, write.open_local(pushed.path / "repo/.git")
    web = site.agent("web01.example.com").joined()
    site.converged(web)
    site.commit({CRATE: BASE[CRATE].replace("hello", "broken"), "compliance.vgo": "nist: [AC-1]\n"}, "a mistake")
    assert site.ask("POST", "/api/v1/config/reload", json={}).status_code == 200
    until("the mistake is there", lambda: web.read("/etc/site/motd") == "broken from web01.example.com\n")

    # Somebody pushes meanwhile, which nobody told the server: its commit goes on top of theirs.
    theirs = site.commit({"notes.txt": "kept"}, "somebody else's")
    told = site.ask("POST", "/api/v1/config/rollback/1", json={"reason": "It is broken."}).json()
    assert (told["status"], told["branch"]) == ("in_force", "main"), told
    assert origin.resolve("main") == told["commit"]
    raw = origin.git[told["commit"]].read_raw()
    assert f"\nparent {theirs}\n".encode() in raw
    by = Verifier().fingerprint(told["commit"], raw, tree=origin.tree_id(told["commit"]), parents=(theirs,))
    assert by == site.get("/api/v1/config/signer")["fingerprint"]
    until("the host is back", lambda: web.read("/etc/site/motd") == "hello from web01.example.com\n")

    # Two people at once: both are there, and what a third pushed between is as well.
    site.commit({"compliance.vgo": "nist: [AC-1]\n"}, "claims")

    def third() -> None:
        site.commit({"more.txt": "kept"}, "a third one's")

    forge.between = third
    with ThreadPoolExecutor(2) as people:
        both = list(people.map(lambda reason: waive(site, reason), ("first", "second")))
    assert [each["status"] for each in both] == ["in_force", "in_force"], both
    entries = origin.tree(origin.resolve("main")).entries()
    text = origin.tree(origin.resolve("main")).read(entries["waivers.vgo"].oid).decode()
    assert (text.count("reason: first\n"), text.count("reason: second\n"), "more.txt" in entries) == (1, 1, True)

    # The branch is protected there: a proposal, in the remote's words; and whoever may brings it in.
    hook = site.path / "repo/.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\nwhile read old new ref; do case $ref in refs/heads/main)"
        " echo 'GH006: Protected branch update failed for refs/heads/main.' >&2; exit 1;; esac; done\n"
    )
    hook.chmod(0o755)
    tip = origin.resolve("main")
    proposed = waive(site, "third")
    assert (proposed["status"], proposed["branch"][:5]) == ("proposed", "vigo/"), proposed
    assert "GH006" in proposed["message"]
    assert (origin.resolve("main"), origin.resolve(proposed["branch"])) == (tip, proposed["commit"])
    hook.unlink()
    promoted = site.ask("POST", "/api/v1/config/promote", json={"ref": proposed["branch"]}).json()
    assert (promoted["status"], origin.resolve("main")) == ("in_force", promoted["commit"]), promoted

    # A remote that is away is told at once, and nothing is left behind; back again, the same call goes through.
    forge.garbage = True
    refused = site.ask("POST", "/api/v1/waivers", json=WAIVER | {"reason": "fourth"})
    assert refused.status_code >= 400, refused.text
    assert origin.resolve("main") == promoted["commit"]
    forge.garbage = False
    assert waive(site, "fourth")["status"] == "in_force"
    assert "begun" not in {each["state"] for each in site.get("/api/v1/changes")["changes"]}

    for path in site.artifacts():
        assert TOKEN.encode() not in path.read_bytes(), path
