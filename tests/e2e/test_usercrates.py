"""One crate for each user: from the commit into their homes, with who comes, and back out again."""

from __future__ import annotations

import os
from pathlib import Path

from tests.e2e.site import BASE, Agent, Site, until

ROOT = os.geteuid() == 0
UIDS = (
    {"alice": 61_001, "bob": 61_002, "carol": 61_003}
    if ROOT
    else dict.fromkeys(("alice", "bob", "carol"), os.geteuid())
)
PROFILE = """
name: profile
description: What everybody's shell begins with.
vars: {editor: vi}
users: ["*l*", bob]
resources:
  - name: bashrc
    type: file
    path: "{{ user.home }}/.bashrc"
    source: templates/bashrc.j2
    on_removal: revert
  - {name: bin, type: directory, path: "{{ user.home }}/.local/bin"}
  - {name: build, type: exec, command: make, creates: "{{ user.home }}/out"}
"""
CONFIG = {
    **BASE,
    "common.vgo": "usercrates: profile\nvars: {editor: nano}\n",
    "usercrates/profile.vgo": PROFILE,
    "templates/bashrc.j2": "export EDITOR={{ vars.editor }} # {{ user.name }} on {{ host.hostname }}\n",
}


def people(web: Agent, *names: str) -> None:
    """Put these users into the host's passwd, with a home each; nobody else may log in."""
    for name in names:
        home = web.path(f"/home/{name}")
        if not home.exists():
            home.mkdir(parents=True)
            give(home, name)
    etc = web.path("/etc")
    etc.mkdir(exist_ok=True)
    (etc / "login.defs").write_text("UID_MIN 1\nUID_MAX 70000\n")
    lines = [f"{name}:x:{UIDS[name]}:{UIDS[name]}::/home/{name}:/bin/bash\n" for name in names]
    (etc / "passwd").write_text(
        "root:x:0:0::/root:/bin/bash\nd:x:61009:1::/home/alice:/usr/sbin/nologin\n" + "".join(lines)
    )
    (etc / "group").write_text("".join(f"{name}:x:{UIDS[name]}:\n" for name in names))


def give(path: Path, name: str) -> None:
    if ROOT:
        os.chown(path, UIDS[name], UIDS[name])


def owners(web: Agent, *paths: str) -> set[int]:
    return {web.path(path).lstat().st_uid for path in paths}


def test_users_get_theirs_keep_it_theirs_and_lose_it_with_the_config(site: Site) -> None:
    web = site.agent("web01.example.com")
    people(web, "alice", "bob")
    web.path("/home/alice/.bashrc").write_text("her own\n")
    give(web.path("/home/alice/.bashrc"), "alice")
    web.joined()
    commit = site.commit(CONFIG, "a profile for everybody")
    run = site.converged(web, commit)

    assert web.read("/home/alice/.bashrc") == "export EDITOR=nano # alice on web01.example.com\n"
    assert web.read("/home/bob/.bashrc") == "export EDITOR=nano # bob on web01.example.com\n"
    assert owners(web, "/home/bob/.bashrc", "/home/bob/.local", "/home/bob/.local/bin") == {UIDS["bob"]}
    assert owners(web, "/home/alice/.bashrc") == {UIDS["alice"]}
    detail = site.get(f"/api/v1/runs/{run['id']}")
    by_id = {item["id"]: item for item in detail["resources"]}
    assert sorted(name for name in by_id if name.startswith("usercrate:")) == [
        f"usercrate:profile@{user}/{name}" for user in ("alice", "bob") for name in ("bashrc", "bin", "build")
    ]
    assert by_id["usercrate:profile@alice/build"]["reason"] == "exec cannot be confined to a directory"
    assert by_id["usercrate:profile@bob/bashrc"]["file"] == "usercrates/profile.vgo"

    trace = site.get("/api/v1/config/trace?usercrate=profile")
    assert [(each["hostname"], each["carrier"]) for each in trace["envoys"]] == [(web.hostname, "common.vgo")]

    people(web, "alice", "bob", "carol")
    until(
        "carol has hers", lambda: web.read("/home/carol/.bashrc") == "export EDITOR=nano # carol on web01.example.com\n"
    )
    assert owners(web, "/home/carol/.bashrc") == {UIDS["carol"]}

    web.path("/home/bob/.bashrc").unlink()
    until("bob's is back", lambda: web.read("/home/bob/.bashrc"))

    gone = site.commit({"common.vgo": "vars: {}\n"}, "nobody has a profile any more")
    site.converged(web, gone)
    assert web.read("/home/alice/.bashrc") == "her own\n"
    assert owners(web, "/home/alice/.bashrc") == {UIDS["alice"]}
    assert [web.read(f"/home/{name}/.bashrc") for name in ("bob", "carol")] == [None, None]
    assert web.path("/home/bob/.local/bin").is_dir()


def test_a_user_cannot_lead_the_agent_out_of_the_home(site: Site) -> None:
    web = site.agent("web01.example.com")
    people(web, "alice", "bob")
    web.path("/root/.local/bin").mkdir(parents=True)
    web.path("/home/alice/.local").symlink_to("../../root/.local")
    before = web.path("/root/.local/bin").stat()
    web.joined()
    commit = site.commit(CONFIG, "a profile for everybody")
    until("the run is told", lambda: [run for run in site.runs(web.hostname) if run["commit"] == commit])
    run = next(run for run in site.runs(web.hostname) if run["commit"] == commit)
    failed = {
        item["id"]: item["error"]
        for item in site.get(f"/api/v1/runs/{run['id']}")["resources"]
        if item["outcome"] == "failed"
    }
    assert failed == {
        "usercrate:profile@alice/bin": (
            "/home/alice/.local is a symbolic link: nothing is done through it on behalf of alice"
        )
    }
    after = web.path("/root/.local/bin").stat()
    assert (after.st_uid, after.st_mode, after.st_mtime_ns) == (before.st_uid, before.st_mode, before.st_mtime_ns)
    assert web.read("/home/bob/.bashrc")
