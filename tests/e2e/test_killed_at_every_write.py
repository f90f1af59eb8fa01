"""A full run that is killed at any of its writes is finished by the next one: nothing is half done, left over or lost.

The agent is a real one, and strace(1) kills it just before the call that would have changed something: those of its
acceptance of a target, of its run over resources of many types, and of its own notes. A sample of the calls in every
run of the tests; each of them in `just soak`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.executor import LocalExecutor
from agent.hosts import RealHost
from schema.protocol.messages import Target
from schema.protocol.reports import RunStatus, Trigger
from schema.time import DAY
from tests.factories import namespaces
from tests.factories.agents import enrolled
from tests.factories.archives import tar
from tests.factories.gateway import Authority
from tests.factories.kills import Settings, Told, chosen, killing, needs_strace
from tests.factories.targets import Signer, raw

UNSTABLE = r"/(passwd|group|shadow|gshadow|subuid|subgid)-$|/\.pwd\.lock$|/etc/mtab$"
TOOL = {"bin/tool": {"data": b"#!/bin/sh\n" * 40, "mode": 0o755}, "share/of/tool": b"one" * 5_000, "README": b"first"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxd85NK7XkyAB0C5GpthCnfzOx3k3fdjT1ziRFLQqDR jane@laptop"


def before(root: Path) -> None:
    """What stands there before any agent."""
    for path, text in {
        "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nweb:x:990:991:Web:/srv:/usr/sbin/nologin\n",
        "etc/group": "root:x:0:\nweb:x:991:\n",
        "etc/hosts": "127.0.0.1 localhost\n",
        "etc/kept.conf": "by hand\n",
        "etc/edited.conf": "alpha = 1\nbeta = 2\n",
        "etc/blocks.conf": "first\nlast\n",
        "etc/app.ini": "[main]\nlevel = low\n[other]\nx = 1\n",
        "etc/app.json": '{"level": 1, "more": {"a": 1}}\n',
        "etc/app.yaml": "# kept\nlevel: 1\nmore: {a: 1}\n",
        "etc/app.toml": "# kept\nlevel = 1\n",
        "srv/store/stray": "not ours\n",
        "srv/store/below/stray": "not ours\n",
        "srv/tree/one/two": "x" * 3000,
        "srv/target": "of two names\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def resources(generation: int) -> list[dict[str, Any]]:
    """Of many types; every one of them has something to do in the second generation."""
    first = generation == 1
    made: list[dict[str, Any]] = [
        {"name": "plain", "type": "file", "path": "/etc/plain", "content": f"generation {generation}\n" * 400},
        {"name": "mode", "type": "file", "path": "/etc/mode", "content": "same\n", "mode": "0644" if first else "0600"},
        {"name": "kept", "type": "file", "path": "/etc/kept.conf", "content": f"{generation}\n", "backup": True},
        {"name": "below", "type": "directory", "path": "/srv/made/far/below", "mode": "0755" if first else "0750"},
        {"name": "link", "type": "symlink", "path": "/etc/link", "target": f"/etc/{'plain' if first else 'mode'}"},
        {"name": "name", "type": "hardlink", "path": "/srv/name", "target": "/srv/target" if first else "/srv/kept-target", "force": True},
        {"name": "line", "type": "file_line", "path": "/etc/edited.conf", "match": "^alpha", "line": f"alpha = {generation}0"},
        {"name": "block", "type": "blockinfile", "path": "/etc/blocks.conf", "block": f"generation {generation}\n"},
        {"name": "ini", "type": "ini", "path": "/etc/app.ini", "section": "main", "option": "level", "value": f"{generation}"},
        {"name": "json", "type": "json_file", "path": "/etc/app.json", "merge": {"level": generation, "new": [generation]}},
        {"name": "yaml", "type": "yaml_file", "path": "/etc/app.yaml", "set": {"more.a": generation}},
        {"name": "toml", "type": "toml_file", "path": "/etc/app.toml", "set": {"level": generation}},
        {"name": "replaced", "type": "replace", "path": "/etc/beta.conf", "pattern": "beta = \\d+", "replacement": f"beta = {generation}"},
        {"name": "tool", "type": "archive", "path": "/opt/tool", "source": f"files/tool{generation}.tar.gz"},
        {"name": "job", "type": "cron", "job": "nightly", "schedule": f"{generation} 2 * * *", "command": "/usr/local/bin/backup"},
        {"name": "db", "type": "host_entry", "host": "db.internal", "address": f"10.0.0.{generation}"},
        {"name": "limits", "type": "limits", "limits": "90-app", "entries": [f"app soft nofile {generation}024"]},
        {"name": "banner", "type": "banner", "banner": "issue", "content": f"generation {generation}\n"},
        {"name": "store", "type": "directory", "path": "/srv/store", "purge": not first},
    ]  # fmt: skip
    if first:
        made += [
            {"name": "goes", "type": "file", "path": "/etc/goes", "content": "for a while\n", "on_removal": "revert"},
            {"name": "returns", "type": "file", "path": "/etc/beta.conf.old", "content": "ours\n", "on_removal": "revert"},
        ]  # fmt: skip
    else:
        made += [
            {"name": "fresh", "type": "file", "path": "/srv/fresh/deep/file", "content": "new\n" * 3},
            {"name": "gone", "type": "file", "path": "/etc/unwanted", "state": "absent"},
            {"name": "tree", "type": "directory", "path": "/srv/tree", "state": "absent", "force": True},
        ]
    return made


def target(signer: Signer, generation: int, wanted: Sequence[Mapping[str, Any]]) -> Target:
    """What a server would offer."""
    crate = signer.crate("many", wanted)
    content = {
        f"files/tool{number}.tar.gz": signer.object(
            tar({**TOOL, "README": b"of %d" % number, f"only{number}": b""}, "w:gz")
        )
        for number in (generation,)
    }
    return signer.target(
        [crate], generation=generation, catalog={"content": content}, expires=SystemClock().now() + DAY
    )


def begun(where: Path, generation: Sequence[Mapping[str, Any]]) -> None:
    """A machine with an agent that has just been enrolled, and what its server offers."""
    signer = Signer()
    state = where / "given" / "state"
    enrolled(state, Authority(), signer, gateway_url="wss://localhost:1/agent/v1", root=Path("/"))
    offered(where, signer, target(signer, 1, generation), generation)


def offered(where: Path, signer: Signer, wanted: Target, resources: Sequence[Mapping[str, Any]]) -> None:
    (where / "target").write_bytes(raw(wanted))
    (where / "objects").mkdir()
    for digest, data in signer.objects.items():
        (where / "objects" / digest).write_bytes(data)
    (where / "types").write_text(json.dumps(sorted({each["type"] for each in resources})))


def prepared(where: Path, generations: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    """A host that the first target is in force on, and what is needed to go on to the second."""
    root = where / "work" / "root"
    signer = Signer()
    state = enrolled(where / "work" / "state", Authority(), signer, gateway_url="wss://localhost:1/agent/v1", root=root)
    executor = LocalExecutor(state, RealHost(root), RealHost(root), clock=SystemClock())
    first = raw(target(signer, 1, generations[0]))
    executor.offer(first)
    for data in signer.objects.values():
        executor.store(data)
    executor.offer(first)
    report = executor.run(Trigger.ONCE)
    assert report is not None
    assert report.status is RunStatus.CONVERGED, [each for each in report.resources if each.error]
    executor.keep(report)
    executor.close()
    offered(where, signer, target(signer, 2, generations[1]), generations[1])
    (where / "work").rename(where / "given")


def complaints(found: Mapping[tuple[str, int], Told]) -> str:
    """What is wrong, by the call before which the agent was killed."""
    return "\n".join(f"{name} {number}: {each}" for (name, number), told in found.items() for each in told.complaints)


@needs_strace
def test_a_run_over_files_killed_at_any_write_is_finished_by_the_next(tmp_path: Path) -> None:
    root = tmp_path / "work" / "root"
    root.mkdir(parents=True)
    before(root)
    (root / "srv/kept-target").write_text("of two names, later\n")
    (root / "etc/beta.conf").write_text("beta = 7\n")
    (root / "etc/beta.conf.old").write_text("what was there\n")
    (root / "etc/unwanted").write_text("what nobody wants\n")
    prepared(tmp_path, [resources(1), resources(2)])
    settings = Settings(bound=[], shared=r"^/srv/(made|store|tree)|^/opt/tool$", unstable=UNSTABLE)
    (tmp_path / "settings").write_text(json.dumps(settings))
    with killing(tmp_path) as lives:
        points = lives.points()
        assert len(points) > 200
        tried = chosen(points, 10)
        found = {point: lives.killed_at(point) for point in tried}
        failed = {
            (f"{fault} at {name}", number): lives.killed_at((name, number), f"error={fault}")
            for fault in ("ENOSPC", "EIO")
            for name, number in chosen(points, 2)
        }
    assert not complaints(found | failed)
    assert {told.ended for told in found.values()} == {9}
    assert {told.ended for told in failed.values()} <= {0, 1, 90}


NAMESPACE = """
set -e
mount --make-rprivate /
for each in /run /var/log /var/mail /var/spool; do mount -t tmpfs -o mode=755 none "$each"; done
shift
exec "$@"
"""
COPIED = [
    "alternatives",
    "default",
    "login.defs",
    "nsswitch.conf",
    "pam.conf",
    "pam.d",
    "security",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "sysctl.conf",
    "sysctl.d",
    "sudoers",
    "sudoers.d",
    "debian_version",
    "os-release",
    "modprobe.d",
    "cron.d",
    "localtime",
    "timezone",
    "mtab",
]


def machine(root: Path) -> None:
    """What of this machine its programs need, and accounts of its own."""
    etc = root / "etc"
    for path in (etc, root / "srv" / "app", root / "home"):
        path.mkdir(parents=True)
    for name in COPIED:
        if os.path.lexists(f"/etc/{name}"):
            subprocess.run(["cp", "-a", f"/etc/{name}", str(etc)], check=True)
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\nold:x:1900:1900::/srv:/bin/sh\n")
    (etc / "shadow").write_text("root:*:19000:0:99999:7:::\nold:!:19000:0:99999:7:::\n")
    (etc / "group").write_text("root:x:0:\nadm:x:4:old\nold:x:1900:\n")
    (etc / "gshadow").write_text("root:*::\nadm:*::old\nold:!::\n")
    for name in ("shadow", "gshadow"):
        (etc / name).chmod(0o600)
    (etc / "hosts").write_text("127.0.0.1 localhost\n")
    (etc / "fstab").write_text("# by hand\n")
    (etc / "hostname").write_text("before\n")
    shutil.copy("/bin/true", root / "srv/app/server")


def of_a_machine() -> list[dict[str, Any]]:
    """Resources that programs and the kernel have a part in. The programs end: see docs/hostile-input.md."""
    return [
        {"name": "team", "type": "group", "group": "team", "gid": 1700},
        {"name": "jane", "type": "user", "user": "jane", "uid": 1701, "group": "team", "groups": ["adm"],
         "shell": "/bin/sh", "create_home": False},
        {"name": "home", "type": "directory", "path": "/home/jane", "owner": "jane", "group": "team", "mode": "0700"},
        {"name": "gone", "type": "user", "user": "old", "state": "absent"},
        {"name": "key", "type": "ssh_key", "user": "jane", "key": KEY},
        {"name": "host", "type": "known_host", "user": "jane", "host": "git.example.com", "key": KEY.rpartition(" ")[0]},
        {"name": "rights", "type": "sudoers", "sudoers": "team", "rules": ["%team ALL=(root) NOPASSWD: /bin/true"]},
        {"name": "forward", "type": "sysctl", "key": "net.ipv4.ip_forward", "value": "1"},
        {"name": "db", "type": "host_entry", "host": "db.internal", "address": "10.0.0.5"},
        {"name": "name", "type": "hostname", "hostname": "after"},
        {"name": "scratch", "type": "mount", "path": "/srv/scratch", "device": "tmpfs", "fstype": "tmpfs", "options": ["size=1m"]},
        {"name": "low", "type": "capability", "path": "/srv/app/server", "permitted": ["net_bind_service"]},
        {"name": "logs", "type": "acl", "path": "/srv/app", "groups": {"adm": "r-x"}},
        {"name": "limits", "type": "limits", "limits": "90-app", "entries": ["@team soft nofile 1024"]},
        {"name": "ssh", "type": "firewall", "rule": "ssh", "protocol": "tcp", "ports": 22},
        {"name": "conf", "type": "file", "path": "/srv/app/conf", "content": "new\n", "owner": "jane", "group": "team",
         "mode": "0640", "notify": ["load"]},
        {"name": "load", "type": "exec", "command": "cp /srv/app/conf /srv/app/loaded", "refreshonly": True, "on_notify_only": True},
    ]  # fmt: skip


@needs_strace
@namespaces.as_root
def test_a_run_of_programs_killed_at_any_write_is_finished_by_the_next(tmp_path: Path) -> None:
    machine(tmp_path / "given" / "root")
    begun(tmp_path, of_a_machine())
    settings = Settings(
        bound=["/etc", "/srv", "/home"],
        shared=r"^/etc/(passwd|shadow|group|gshadow|subuid|subgid|fstab|hosts)|^/home|^/srv|^/etc/sysctl|^kernel",
        unstable=UNSTABLE + r"|^/etc/[a-z]+\.(lock|\d+)$",
        reset="echo 0 >/proc/sys/net/ipv4/ip_forward; hostname before; nft flush ruleset 2>/dev/null || true",
        live="cat /proc/sys/net/ipv4/ip_forward; hostname; nft list ruleset 2>/dev/null; grep -c ' /srv/scratch ' /proc/mounts; :",
    )
    (tmp_path / "settings").write_text(json.dumps(settings))
    with killing(tmp_path, namespace=NAMESPACE) as lives:
        points = lives.points()
        assert len(points) > 100
        found = {point: lives.killed_at(point) for point in chosen(points, 3)}
    assert not complaints(found)
