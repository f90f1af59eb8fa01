"""Going back: one call, a commit that git itself verifies, and hosts that follow it; also when the server is killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

from api.services.changes.writing import WAIT_S
from reconciler.repository import write
from reconciler.repository.signatures import Verifier
from tests.e2e.site import BASE, Site, until


def vigo(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    return site.command("api", *arguments, "--data-dir", str(site.data), environment=os.environ)


def git(where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True, timeout=30)


def test_a_rollback_is_a_signed_commit_and_hosts_go_back(site: Site) -> None:
    web = site.agent("web01.example.com").joined()
    site.converged(web)
    first = site.get("/api/v1/config/version")
    changed = BASE["configcrates/motd.vgo"].replace("greeting: hello", "greeting: broken")
    bad = site.commit({"configcrates/motd.vgo": changed}, "a mistake")
    until("the mistake is there", lambda: web.read("/etc/site/motd") == "broken from web01.example.com\n")

    body = {"reason": "It is broken."}
    answer = site.ask("POST", f"/api/v1/config/rollback/{first['version']}", json=body)

    told = answer.json()
    assert (answer.status_code, told["status"], told["branch"]) == (200, "in_force", "main"), answer.text
    until("the host is back", lambda: web.read("/etc/site/motd") == "hello from web01.example.com\n")
    site.converged(web, told["commit"])

    work = site.path / "repo"
    repository = write.open_local(work)
    raw = repository.git[told["commit"]].read_raw()
    tree = repository.tree_id(told["commit"])
    by = Verifier().fingerprint(told["commit"], raw, tree=tree, parents=(bad,))
    assert by == site.get("/api/v1/config/signer")["fingerprint"]
    if shutil.which("ssh-keygen") is not None:  # git asks it
        allowed = site.path / "allowed-signers"
        allowed.write_text(vigo(site, "config", "signer").stdout)
        configured = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}")
        verified = git(work, *configured, "verify-commit", "HEAD")
        assert 'Good "git" signature for vigo-server' in verified.stderr
    assert git(work, "log", "-1", "--format=%P %an %cn").stdout.split() == [bad, "local-admin", "vigo-server"]
    assert git(work, "status", "--porcelain").stdout == ""  # what is checked out has followed
    assert git(work, "diff", "--stat", first["commit"], "HEAD").stdout == ""
    assert [entry["type"] for entry in (*site.audit("change.begin"), *site.audit("change.commit"))] == [
        "change_begin",
        "change_commit",
    ]

    # And forward again, from the command line.
    listed = vigo(site, "config", "versions").stdout
    assert "a mistake" in listed
    forward = vigo(site, "config", "rollback", str(first["version"] + 1), "--reason", "it was right after all")
    assert (forward.returncode, forward.stdout) == (
        0,
        f"in force: version {told['version'] + 1}, commit {git(work, 'rev-parse', 'HEAD').stdout[:12]}\n",
    )
    until("the host is there again", lambda: web.read("/etc/site/motd") == "broken from web01.example.com\n")
    nothing = vigo(site, "config", "rollback", str(first["version"] + 1))
    assert nothing.returncode == 3
    assert "has the files of version 2" in nothing.stderr


@pytest.mark.parametrize("kills", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_a_server_killed_while_it_commits_makes_each_change_once(site: Site, kills: int) -> None:
    """Waivers are asked for under keys while the server is killed; asked again, each is there exactly once."""
    site.commit({"compliance.vgo": "nist: [AC-1]\n"}, "claims")
    new = {"framework": "nist", "control": "AC-1", "approved_by": "jane", "expires": "2099-12-31"}
    asked = [f"reason {number}" for number in range(4 + kills)]
    waiting = list(asked)
    for round_ in range(kills + 1):
        answers: dict[str, str] = {}

        def ask(reason: str, answers: dict[str, str] = answers) -> None:
            headers = {"Idempotency-Key": reason, "Authorization": f"Bearer {site.credential}"}
            try:
                # Longer than a server waits before it says that it goes on.
                with httpx.Client(verify=site._context, timeout=2 * WAIT_S, trust_env=False) as client:
                    answer = client.post(f"{site.url}/api/v1/waivers", json=new | {"reason": reason}, headers=headers)
            except httpx.HTTPError as error:
                answers[reason] = repr(error)
            else:
                answers[reason] = "" if answer.status_code == 200 else f"{answer.status_code} {answer.text}"

        threads = [threading.Thread(target=ask, args=(reason,)) for reason in waiting]
        for thread in threads:
            thread.start()
        if round_ < kills:
            assert site.server is not None
            threads[0].join(0.15 * (round_ % 3 + 1))
            site.server.kill()
            site.server.wait()
        for thread in threads:
            thread.join()
        waiting = [reason for reason in waiting if answers[reason]]
        if round_ < kills:
            site.start()
    assert {reason: answers[reason] for reason in waiting} == {}
    repository = write.open_local(site.path / "repo")
    tree = repository.tree(repository.resolve("main"))
    text = tree.read(tree.entries()["waivers.vgo"].oid).decode()
    assert [text.count(f"reason: {reason}\n") for reason in asked] == [1] * len(asked)
    assert git(site.path / "repo", "status", "--porcelain").stdout == ""
    until(
        "what was open is settled",
        lambda: all(each["state"] != "begun" for each in site.get("/api/v1/changes")["changes"]),
    )
    assert site.get("/api/v1/audit/verify")["valid"] is True
