"""Trust, with real processes: who signed what comes into force, two people where two are asked for, and a branch that was
rewound leaves everything where it is until somebody takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.e2e.site import BASE, Site, until
from tests.factories import commits
from tests.factories.commits import Key, ed25519_key

ALICE, BOB = ed25519_key(101), ed25519_key(102)


def push(site: Site, files: Mapping[str, str], *parents: str, by: Key | None) -> str:
    """A commit of these files beside the base's, and the branch at it."""
    commit = commits.write(site._repository, BASE | files, *parents, by=by)
    site.point("refs/heads/main", commit)
    return commit


def greeting(word: str) -> dict[str, str]:
    return {"configcrates/motd.vgo": BASE["configcrates/motd.vgo"].replace("hello", word)}


def status(site: Site, state: str, commit: str) -> dict[str, Any]:
    """The config's status once a commit is kept out for this."""

    def look() -> dict[str, Any] | None:
        found = site.get("/api/v1/config/status")
        newest = site.get("/api/v1/signers/log")["moves"][0]
        return found if (found["failed_commit"], newest["result"]) == (commit, state) else None

    return until(f"{commit[:12]} is {state}", look)


def person(site: Site, name: str, role: str) -> str:
    """An account's token."""
    new = {"username": name, "password": f"quite a long one for {name}", "role": role}
    assert site.ask("POST", "/api/v1/users", json=new).status_code == 201
    login = (name, new["password"])
    answer = site.ask("POST", "/api/v1/auth/tokens", token="", auth=login, json={"name": "test", "expires_in": "1h"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def sent(site: Site, method: str, path: str, body: dict[str, Any], token: str | None = None) -> dict[str, Any]:
    answer = site.ask(method, path, json=body, token=token)
    assert answer.status_code in {200, 202}, answer.text
    return dict(answer.json())


def test_what_nobody_who_may_has_signed_reaches_nobody(site: Site) -> None:
    site._repository.git.set_head("refs/heads/elsewhere")  # no files are checked out that the server would have to keep
    base = site.get("/api/v1/config/status")["commit"]
    alice, bob = person(site, "alice", "admin"), person(site, "bob", "admin")
    web = site.agent("web01.example.com").joined()
    site.converged(web, base)
    for name, key in (("alice", ALICE), ("bob", BOB)):
        sent(site, "POST", "/api/v1/signers", {"principal": name, "key": key.line}, alice)
    rules = [{"paths": ["**"], "signers": ["alice", "bob"]}]
    policy = {"required": True, "rules": rules, "two_person": ["hosts.vgo"]}
    assert sent(site, "PUT", "/api/v1/signers/policy", {"policy": policy, "reason": "ours"}, alice)["status"] == "done"

    unsigned = push(site, greeting("unsigned"), base, by=None)
    found = status(site, "untrusted", unsigned)
    assert (found["healthy"], found["commit"], found["signatures"]) == (False, base, "required")
    assert found["diagnostics"][0]["code"] == "signers.signature"
    assert unsigned[:12] in found["last_error"]
    judged = site.get(f"/api/v1/signers/commits/{unsigned}")
    assert (judged["trusted"], judged["base"], judged["commits"]) == (False, base, 1)

    signed = push(site, greeting("signed"), base, by=ALICE)
    site.in_force(signed)
    version = site.get("/api/v1/config/status")["version"]
    site.converged(web, signed)
    assert web.read("/etc/site/motd") == "signed from web01.example.com\n"

    # Two people, also after the server was killed in between; and not the one who signed.
    hosts = {"hosts.vgo": BASE["hosts.vgo"] + "    vars: {greeting: four}\n"}
    waiting = push(site, greeting("signed") | hosts, signed, by=ALICE)
    assert status(site, "untrusted", waiting)["diagnostics"][0]["code"] == "signers.second-person"
    assert site.server is not None
    site.server.kill()
    site.start()
    assert status(site, "untrusted", waiting)["commit"] == signed
    approvals = "/api/v1/signers/approvals"
    sent(site, "POST", approvals, {"commit": waiting}, alice)
    status(site, "untrusted", waiting)
    sent(site, "POST", approvals, {"commit": waiting, "reason": "read it"}, bob)
    site.in_force(waiting)
    site.converged(web, waiting)
    assert web.read("/etc/site/motd") == "four from web01.example.com\n"

    # What the server commits for somebody is theirs: alone they do not change what takes two either.
    back = site.ask("POST", f"/api/v1/config/rollback/{version}", token=bob, json={"reason": "too many"})
    answer = back.json()
    assert (back.status_code, answer["status"]) == (202, "proposed"), back.text
    assert "nobody but bob (by vigo-server) stands for it" in answer["message"]
    asked = answer["commit"]
    sent(site, "POST", approvals, {"commit": asked}, bob)
    assert site.get(f"/api/v1/signers/commits/{asked}")["trusted"] is False
    sent(site, "POST", approvals, {"commit": asked}, alice)
    assert site.get(f"/api/v1/signers/commits/{asked}")["trusted"] is True
    site.point("refs/heads/main", asked)
    site.in_force(asked)
    waiting = asked

    revoke = [each["id"] for each in site.get("/api/v1/signers")["signers"] if each["principal"] == "alice"]
    sent(site, "PUT", f"/api/v1/signers/keys/{revoke[0]}/revocation", {"reason": "the laptop is gone"}, bob)
    stolen = push(site, greeting("stolen"), waiting, by=ALICE)
    assert "is revoked" in status(site, "untrusted", stolen)["last_error"]
    site.in_force(push(site, greeting("bob's"), waiting, by=BOB))
    kinds = [entry["type"] for entry in site.get("/api/v1/audit?limit=200")["events"]]
    assert {"signer_add", "policy_change", "commit_approve", "signer_revoke", "ref_move", "config_refuse"} <= set(kinds)


def test_a_branch_that_is_rewound_or_deleted_leaves_the_fleet_where_it_is(site: Site) -> None:
    base = site.get("/api/v1/config/status")["commit"]
    newer = push(site, greeting("newer"), base, by=None)
    site.in_force(newer)
    site.point("refs/heads/main", None)
    gone = until("it is said that it is gone", lambda: _unreadable(site))
    assert "is gone" in gone["unreadable"]
    assert (gone["commit"], gone["healthy"]) == (newer, False)
    site.point("refs/heads/main", base)
    assert status(site, "diverged", base)["commit"] == newer
    accept = {"commit": base, "reason": "back on purpose"}
    assert sent(site, "POST", "/api/v1/config/accept", accept)["status"] == "done"
    site.in_force(base)
    found = site.get("/api/v1/config/status")
    assert (found["healthy"], found.get("unreadable"), found["signatures"]) == (True, None, "not required")

    # Once, and not for another: what was taken back diverges when it comes again on another line.
    other = commits.write(site._repository, BASE | greeting("other"), message="another line\n")
    site.point("refs/heads/main", other)
    status(site, "diverged", other)
    assert site.server is not None
    site.server.kill()
    site.start()
    assert status(site, "diverged", other)["commit"] == base
    assert site.ask("POST", "/api/v1/config/accept", json={"commit": newer, "reason": "x"}).status_code == 409
    log = [(move["new"], move["result"]) for move in site.get("/api/v1/signers/log")["moves"]]
    assert log[:4] == [(other, "diverged"), (base, "in_force"), (None, "deleted"), (newer, "in_force")]


def _unreadable(site: Site) -> dict[str, Any] | None:
    found = site.get("/api/v1/config/status")
    return found if found.get("unreadable") else None
